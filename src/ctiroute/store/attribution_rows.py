"""Attributions as rows, and reports from rows: the same for every back end. Times are integer microseconds."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from ctiroute.model import AttributedBy, Attribution, CampaignReport, HourOfReport, Outcome, TouchStatus
from ctiroute.store.delivery_rows import from_number
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

SECOND = 1_000_000  # microseconds
HOUR = 3600 * SECOND


def attribution_values(attribution: Attribution) -> tuple[Any, ...]:
    """Return an attribution for `put_attribution`."""
    return (
        attribution.call_id,
        attribution.by.value,
        to_microseconds(attribution.received_at),
        to_microseconds(attribution.ended_at),
        attribution.revision,
        attribution.touch_id,
        attribution.interaction_id,
        attribution.campaign,
        _number(attribution.touched_at),
        attribution.customer_id,
        _number(attribution.answered_at),
        None if attribution.outcome is None else attribution.outcome.value,
        attribution.queue,
        attribution.operator_id,
        attribution.code,
        attribution.skipped_menu,
    )


def attribution_of(row: Sequence[Any]) -> Attribution:
    """Return an attribution from a row."""
    call_id, by, received_at, ended_at, revision, touch_id, interaction_id, campaign, touched_at = row[:9]
    customer_id, answered_at, outcome, queue, operator_id, code, skipped_menu = row[9:]
    return Attribution(
        call_id=call_id,
        by=AttributedBy(by),
        received_at=from_number(received_at),
        ended_at=from_number(ended_at),
        revision=revision,
        touch_id=touch_id,
        interaction_id=interaction_id,
        campaign=campaign,
        touched_at=_time(touched_at),
        customer_id=customer_id,
        answered_at=_time(answered_at),
        outcome=None if outcome is None else Outcome(outcome),
        queue=queue,
        operator_id=operator_id,
        code=code,
        skipped_menu=bool(skipped_menu),
    )


def report_of(
    campaign: str,
    title: str,
    span: tuple[datetime, datetime],
    window: timedelta,
    statuses: Iterable[tuple[TouchStatus, int]],
    callers: int,
    calls: Iterable[Sequence[Any]],
    waits: Iterable[tuple[int, int]],
) -> CampaignReport:
    """Return a report from counts.

    `calls` are rows of (hour since the touch, outcome, code, said by, past the menu, calls, answered, seconds talked); `waits` are rows of
    (whole seconds that an answered caller waited, calls), the shortest first.
    """
    outcomes, codes, told = Counter[str](), Counter[str](), Counter[str]()
    hours, answers = Counter[int](), Counter[int]()
    skipped, talked = 0, 0.0
    for hour, outcome, code, by, past_menu, count, answered, seconds in calls:
        outcomes[outcome or "none"] += count
        codes[code] += count
        told[by] += count
        hours[int(hour)] += count
        answers[int(hour)] += answered
        skipped += count if past_menu else 0
        talked += float(seconds)
    answered_calls = answers.total()
    spread = list(waits)
    return CampaignReport(
        campaign=campaign,
        title=title,
        since=span[0],
        until=span[1],
        window_s=window.total_seconds(),
        touches=dict(sorted(((status, count) for status, count in statuses), key=lambda each: list(TouchStatus).index(each[0]))),
        calls=hours.total(),
        callers=callers,
        answered=answered_calls,
        skipped_menu=skipped,
        waited_p50_s=percentile(spread, 0.5),
        waited_p90_s=percentile(spread, 0.9),
        talked_mean_s=talked / answered_calls if answered_calls else None,
        outcomes=dict(sorted(outcomes.items())),
        codes=dict(sorted((code, count) for code, count in codes.items() if code)),
        attributed_by={AttributedBy(by): count for by, count in sorted(told.items())},
        hours=tuple(HourOfReport(hour, hours[hour], answers[hour]) for hour in sorted(hours)),
    )


def percentile(spread: Sequence[tuple[int, int]], share: float) -> float | None:
    """Return the least value that `share` of all do not exceed; `spread`: (value, how often), the least first. None: there are none."""
    left = math.ceil(sum(count for _, count in spread) * share)
    for value, count in spread:
        left -= count
        if left <= 0:
            return float(value)
    return None


def _number(at: datetime | None) -> int | None:
    return None if at is None else to_microseconds(at)


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_number(microseconds)
