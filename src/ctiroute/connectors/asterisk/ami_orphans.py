"""Legs whose end may have gone unheard: known before the link broke, on a switch that will not list its channels.

With the right to CoreShowChannels a snapshot settles this at once, and nothing here is used. Without it, a call that ended in
the gap would stay on a screen for ever; so what was known before the gap is given a bounded time to end by itself, then it is ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.model import LegEnded, LegStarted, SwitchSnapshot

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import CallEvent

KEEP = timedelta(hours=2)  # after the link is back; few calls are longer, and one that is loses its pop, not its voice
MAX_LEGS = 50_000  # the oldest is forgotten first; a switch has not so many channels


class Orphans:
    """Follows which legs are up, for one switch."""

    __slots__ = ("_doubted", "_legs")

    def __init__(self) -> None:
        self._legs: dict[str, str] = {}  # leg_id -> call_id, oldest first
        self._doubted: dict[str, datetime] = {}  # leg_id -> when it is taken for ended, soonest first

    def heard(self, event: CallEvent) -> None:
        """Learn from what is passed on."""
        if isinstance(event, LegStarted):
            if len(self._legs) >= MAX_LEGS:
                del self._legs[next(iter(self._legs))]
            self._legs[event.leg_id] = event.call_id
        elif isinstance(event, LegEnded):
            self._legs.pop(event.leg_id, None)
            self._doubted.pop(event.leg_id, None)
        elif isinstance(event, SwitchSnapshot):
            self._legs = {leg.leg_id: leg.call_id for leg in event.legs}
            self._doubted.clear()

    def doubt(self, now: datetime) -> None:
        """Take note that the link is back without a snapshot: any leg known so far may have ended."""
        for leg_id in self._legs:
            self._doubted.setdefault(leg_id, now + KEEP)  # a link that flaps does not put it off

    def due(self, now: datetime) -> list[LegEnded]:
        """Return the ends to pass on now: of legs doubted for so long that they are taken for ended."""
        ended: list[LegEnded] = []
        for leg_id, due_at in self._doubted.items():
            if now < due_at:
                break
            ended.append(LegEnded(self._legs.get(leg_id, leg_id), leg_id, now))
        return ended
