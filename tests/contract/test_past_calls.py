"""Calls of a stretch of time are read page by page; what was learnt of rules on trial is kept by run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import CallRecord, Outcome, ShadowReport, Status
from ctiroute.store.places import SHADOW_KEPT, place_of

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


def call(number: int, **changes: object) -> CallRecord:
    """Return a call; three come at each moment."""
    values: dict[str, object] = {
        "call_id": f"pbx:{number:03d}",
        "pbx": "pbx",
        "caller_phone": "short" if number % 5 == 0 else f"+38067{number:07d}",
        "received_at": NOW + timedelta(microseconds=number // 3),
        "status": Status.ROUTED,
        "rule": "r",
        "queue": "promo",
        "outcome": Outcome.ANSWERED,
        "answered_at": NOW + HOUR,
        "snapshot": b"{}" if number % 2 else None,
    }
    return CallRecord(**(values | changes))  # type: ignore[arg-type]  # built from names


async def pages(store: Store, since: datetime, until: datetime, limit: int) -> list[CallRecord]:
    """Return all calls of a stretch of time."""
    found: list[CallRecord] = []
    while page := await store.calls_between(since, until, place_of(found[-1]) if found else None, limit):
        assert len(page) <= limit
        found += page
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
async def test_pages_of_any_size_hold_each_call_once(store: Store, limit: int) -> None:
    """Whole records in the order of time, though many came at one moment, and one has an empty id."""
    calls = [call(0, call_id=""), *(call(number) for number in range(1, 20))]
    await store.record_calls([*reversed(calls)])
    assert await pages(store, NOW, NOW + HOUR, limit) == calls


async def test_only_calls_of_the_time_asked_for(store: Store) -> None:
    """The first moment counts, the last does not; a call we only heard the end of is found by that."""
    await store.record_calls(
        [
            call(1, received_at=NOW - timedelta(microseconds=1)),
            call(2, received_at=NOW),
            call(3, received_at=None, answered_at=None, ended_at=NOW + HOUR / 2),
            call(4, received_at=NOW + HOUR),
        ]
    )
    assert [one.call_id for one in await pages(store, NOW, NOW + HOUR, 10)] == ["pbx:002", "pbx:003"]
    assert await pages(store, NOW + 2 * HOUR, NOW + HOUR, 10) == []


async def test_a_run_tells_again_in_place_of_what_it_told(store: Store) -> None:
    """The latest first; runs not heard of for long are forgotten."""
    await store.put_shadow_report(ShadowReport("old", NOW - SHADOW_KEPT - HOUR, b"0"))
    await store.put_shadow_report(ShadowReport("a", NOW, b"1"))
    await store.put_shadow_report(ShadowReport("b", NOW + HOUR, b"2"))
    await store.put_shadow_report(ShadowReport("a", NOW + 2 * HOUR, b'{"calls": 3}'))
    assert await store.get_shadow_reports() == [ShadowReport("a", NOW + 2 * HOUR, b'{"calls": 3}'), ShadowReport("b", NOW + HOUR, b"2")]
