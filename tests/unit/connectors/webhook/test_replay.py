"""Requests that were taken are remembered, within bounds."""

from __future__ import annotations

from datetime import timedelta

from ctiroute.connectors.webhook.replay import Remembered
from tests.unit.connectors.webhook.mappings import NOW

TOLERANCE = timedelta(minutes=5)


def test_the_same_again_and_another_under_its_name() -> None:
    """The one changes nothing, the other is a forgery."""
    remembered = Remembered()
    assert remembered.seen("s", b"a", NOW) is None
    remembered.keep("s", b"a", NOW, TOLERANCE)
    assert remembered.seen("s", b"a", NOW) is True
    assert remembered.seen("s", b"b", NOW) is False
    assert remembered.seen("t", b"a", NOW) is None


def test_what_nobody_would_believe_any_more_is_forgotten() -> None:
    """A signed time ahead of ours by the tolerance is believed for twice as long."""
    remembered = Remembered()
    remembered.keep("s", b"a", NOW, TOLERANCE)
    assert remembered.seen("s", b"a", NOW + 2 * TOLERANCE - timedelta(seconds=1)) is True
    assert remembered.seen("s", b"a", NOW + 2 * TOLERANCE) is None


def test_memory_is_bounded() -> None:
    """The oldest go first."""
    remembered = Remembered(max_remembered=3)
    for number in range(10):
        remembered.keep(str(number), b"a", NOW, TOLERANCE)
    assert [number for number in range(10) if remembered.seen(str(number), b"a", NOW)] == [7, 8, 9]
