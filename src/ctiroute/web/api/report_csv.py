"""A campaign's report as a table for spreadsheets. Pure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ctiroute.store.importing.rejects import neutralise

if TYPE_CHECKING:
    from ctiroute.model import CampaignReport


def as_csv(report: CampaignReport) -> str:
    """Return the report as (what, of what, number) in CSV, with nothing in it that a spreadsheet would execute."""
    rows: list[tuple[str, str, object]] = [
        ("campaign", report.campaign, report.title),
        ("since", "", report.since.isoformat()),
        ("until", "", report.until.isoformat()),
        ("window_s", "", report.window_s),
        *(("touches", status.value, count) for status, count in report.touches.items()),
        ("calls", "", report.calls),
        ("callers", "", report.callers),
        ("answered", "", report.answered),
        ("skipped_menu", "", report.skipped_menu),
        ("waited_p50_s", "", report.waited_p50_s),
        ("waited_p90_s", "", report.waited_p90_s),
        ("talked_mean_s", "", report.talked_mean_s),
        *(("outcome", outcome, count) for outcome, count in report.outcomes.items()),
        *(("code", code, count) for code, count in report.codes.items()),
        *(("attributed_by", by.value, count) for by, count in report.attributed_by.items()),
        *(("hour_calls", str(each.hour), each.calls) for each in report.hours),
        *(("hour_answered", str(each.hour), each.answered) for each in report.hours),
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("what", "of", "value"))
    writer.writerows((what, neutralise(of), neutralise(value) if isinstance(value, str) else value) for what, of, value in rows)
    return text.getvalue()
