"""The hours in which a customer is left in peace, by the clock on his wall. Pure: zones are data, `now` is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from ctiroute.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

_MOVES = 8  # of a time from the end of one zone's quiet hours into another's, before no common hour is believed in
_MIDNIGHT = time(0)


class QuietHours(Value, frozen=True):
    """From one time of day to another, which may be of the next day: 20:00-09:00. `start` equal to `end`: none."""

    start: time
    end: time

    def holds(self, at: datetime) -> bool:
        """Say whether it is quiet at an aware time, by that time's own zone."""
        clock = at.time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


NEVER_QUIET = QuietHours(_MIDNIGHT, _MIDNIGHT)


def next_allowed(at: datetime, zones: Sequence[ZoneInfo], quiet: QuietHours) -> datetime:
    """Return the first moment from `at` on (aware) that is quiet in none of the zones, in UTC.

    A number may belong to several zones, and then each of them may be the customer's. Where they have no hour in common, the first zone
    alone counts.
    """
    found = _in_all(at, zones, quiet)
    return found if found is not None else _end_of_quiet(at, zones[0], quiet)


def _in_all(at: datetime, zones: Sequence[ZoneInfo], quiet: QuietHours) -> datetime | None:
    moment = at.astimezone(UTC)
    for _ in range(_MOVES * len(zones) + 1):
        later = max((_end_of_quiet(moment, zone, quiet) for zone in zones), default=moment)
        if later == moment:
            return moment
        if later - at > timedelta(days=2):
            return None
        moment = later
    return None


def _end_of_quiet(at: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """Return `at`, or when the quiet hours end that it is in. A clock that is put forward over that end has its first minute behind it."""
    local = at.astimezone(zone)
    if not quiet.holds(local):
        return at.astimezone(UTC)
    day = local.date() if local.time() < quiet.end else local.date() + timedelta(days=1)
    ending = datetime.combine(day, quiet.end, zone).astimezone(UTC)
    # In the hour that a clock shows twice, the first reading of `end` may lie before us: then the second is meant.
    return ending if ending > at else datetime.combine(day, quiet.end.replace(fold=1), zone).astimezone(UTC)
