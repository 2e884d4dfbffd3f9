"""Legs whose end went unheard on a switch that lists no channels."""

from __future__ import annotations

from datetime import UTC, datetime

from ctiroute.connectors.asterisk.ami_orphans import KEEP, MAX_LEGS, Orphans
from ctiroute.model import LegEnded, LegStarted, SwitchSnapshot


def test_orphans_end_hours_after_the_gap() -> None:
    """On a switch that lists no channels, legs from before a gap end after a bounded time, however often the link flaps."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    orphans = Orphans()
    for leg in ("a", "b", "c"):
        orphans.heard(LegStarted("call", leg, "", "", "", now))
    orphans.doubt(now)
    orphans.doubt(now + KEEP / 2)
    orphans.heard(LegEnded("call", "b", now))
    orphans.heard(LegStarted("call", "d", "", "", "", now))
    assert orphans.due(now + KEEP / 2) == []
    ended = orphans.due(now + KEEP)
    assert [(event.call_id, event.leg_id) for event in ended] == [("call", "a"), ("call", "c")]
    for event in ended:
        orphans.heard(event)
    assert orphans.due(now + KEEP * 2) == []


def test_orphans_are_settled_by_a_snapshot_and_bounded() -> None:
    """A snapshot ends all doubt; memory does not grow with the number of calls."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    orphans = Orphans()
    for number in range(MAX_LEGS + 10):
        orphans.heard(LegStarted("call", str(number), "", "", "", now))
    assert len(orphans._legs) == MAX_LEGS
    orphans.doubt(now)
    orphans.heard(SwitchSnapshot("hq", (), now))
    assert orphans.due(now + KEEP) == []
