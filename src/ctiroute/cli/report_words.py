"""A campaign's report for people and programs: lines with bars, JSON, SVG. Pure."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from ctiroute.model import AttributedBy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.model import CampaignReport

_BARS = 24  # at most: hours are put together when there are more
_WIDTH = 44  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BY = {
    AttributedBy.REASON: "an operator said so",
    AttributedBy.DECISION: "the rule was about it",
    AttributedBy.WINDOW: "it was the latest touch",
}


def lines(report: CampaignReport) -> Iterator[str]:
    """Yield the report line by line."""
    yield f"{report.title or report.campaign} ({report.campaign})"
    yield f"touches sent from {report.since:%Y-%m-%d %H:%M} until {report.until:%Y-%m-%d %H:%M} UTC, calls within {_span(report.window_s)}"
    yield ""
    statuses = ", ".join(f"{count:,} {status.value}" for status, count in report.touches.items())
    yield f"touches    {report.sent:>9,}  {statuses}"
    yield f"callers    {report.callers:>9,}  {_share(report.callers, report.sent)} of the touches"
    yield f"calls      {report.calls:>9,}  " + ", ".join(f"{_BY[by]}: {count:,}" for by, count in report.attributed_by.items() if by in _BY)
    yield f"answered   {report.answered:>9,}  {_share(report.answered, report.calls)} of the calls"
    yield f"past menu  {report.skipped_menu:>9,}  {_share(report.skipped_menu, report.calls)} of the calls"
    if report.waited_p50_s is not None and report.waited_p90_s is not None and report.talked_mean_s is not None:
        yield f"waited     {_clock(report.waited_p50_s):>9}  half of the answered no longer; {_clock(report.waited_p90_s)} nine of ten"
        yield f"talked     {_clock(report.talked_mean_s):>9}  on average"
    yield from _counts("outcomes", report.outcomes)
    yield from _counts("wrap-up codes", report.codes)
    if report.hours:
        yield ""
        yield "calls since the touch"
        yield from bars(report)


def bars(report: CampaignReport) -> Iterator[str]:
    """Yield a bar for each hour after the touch, or for several together."""
    rows = grouped(report)
    most = max((calls for *_, calls, _ in rows), default=0)
    for first, last, calls, answered in rows:
        when = f"{first}-{last} h" if last > first + 1 else f"{first} h"
        yield f"{when:>9}  {_bar(calls / most if most else 0.0):<{_WIDTH}}  {calls:,} ({answered:,} answered)"


def grouped(report: CampaignReport) -> list[tuple[int, int, int, int]]:
    """Return (first hour, hour after the last, calls, answered), hours without calls among them."""
    if not report.hours:
        return []
    end = report.hours[-1].hour + 1
    step = -(-end // _BARS)
    found = [[start, min(start + step, end), 0, 0] for start in range(0, end, step)]
    for each in report.hours:
        found[each.hour // step][2] += each.calls
        found[each.hour // step][3] += each.answered
    return [(first, last, calls, answered) for first, last, calls, answered in found]


def as_json(report: CampaignReport) -> dict[str, object]:
    """Return the report as JSON holds it."""
    values = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(report).items()}
    return {**values, "sent": report.sent}


def as_svg(report: CampaignReport) -> str:
    """Return the bars as a picture, without a script or anything fetched."""
    rows, width, height = grouped(report), 640, 240
    most = max((calls for *_, calls, _ in rows), default=0) or 1
    step = width / max(1, len(rows))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 60}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(report.title or report.campaign)}: calls since the touch</title>",
    ]
    for place, (first, _, calls, answered) in enumerate(rows):
        for count, colour in ((calls, "#9bb8d3"), (answered, "#2f6aa3")):
            tall = height * count / most
            place_of = f'x="{place * step + 1:.1f}" y="{20 + height - tall:.1f}" width="{max(1.0, step - 2):.1f}" height="{tall:.1f}"'
            parts.append(f'<rect {place_of} fill="{colour}"/>')
        parts.append(f'<text x="{place * step + step / 2:.1f}" y="{height + 36}" text-anchor="middle">{first}</text>')
    said = f"hours since the touch; dark: answered; most: {most}"
    parts.append(f'<text x="{width / 2:.0f}" y="{height + 54}" text-anchor="middle">{said}</text></svg>')
    return "\n".join(parts) + "\n"


def _counts(name: str, counts: object) -> Iterator[str]:
    items = list(dict(counts).items())  # type: ignore[call-overload] # a mapping
    if items:
        yield f"{name}: " + ", ".join(f"{key} {count:,}" for key, count in sorted(items, key=lambda each: -each[1]))


def _bar(share: float) -> str:
    eighths = round(share * _WIDTH * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:g} h" if hours >= 1 else f"{seconds / 60:g} min"
