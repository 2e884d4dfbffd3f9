"""What a change would have meant for callers: an estimate from recorded waits, with what speaks against believing it.

For each call that would have gone to another queue its own wait, as recorded, is set against the mean wait of the calls that really were in
that other queue in the same hour of the day (of all its calls, where that hour has too few). So it says what these callers would have met
had the lines been as they were, and not what their coming would have done to the lines: `docs/explanation/replay.md`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from ctiroute.model import Outcome
from ctiroute.web.api.rules_found import Estimate, Shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctiroute.model import CallRecord

MIN_HOUR = 10  # calls with a known end, for an hour of a queue to be taken by itself
MIN_QUEUE = 30  # for a queue to be said anything of
TOO_MUCH = 1.2  # times the calls of a queue's busiest hour: from there on its waits would not have been what they were
_HOUR_S = 3600
_95 = 1.96  # standard errors to either side that hold 95 of 100


@dataclass(slots=True)
class _Waits:
    """Waits of some calls of a queue, until somebody answered or the caller left; and how many left."""

    calls: int = 0
    total: float = 0.0
    squares: float = 0.0
    left: int = 0

    def add(self, wait_s: float, *, left: bool) -> None:
        self.calls += 1
        self.total += wait_s
        self.squares += wait_s * wait_s
        self.left += left

    def merge(self, other: _Waits) -> None:
        self.calls += other.calls
        self.total += other.total
        self.squares += other.squares
        self.left += other.left

    @property
    def mean(self) -> float:
        return self.total / self.calls if self.calls else 0.0

    @property
    def variance(self) -> float:
        return max(0.0, (self.squares - self.total * self.total / self.calls) / (self.calls - 1)) if self.calls > 1 else 0.0


class WhatIf:
    """Gathers waits while calls go by, and sets them against each other at the end."""

    def __init__(self) -> None:
        self._by_hour: defaultdict[tuple[str, int], _Waits] = defaultdict(_Waits)  # (queue, UTC hour of the day)
        self._moved: defaultdict[tuple[str, str], defaultdict[int, _Waits]] = defaultdict(lambda: defaultdict(_Waits))
        self._unknown: defaultdict[str, int] = defaultdict(int)

    def observe(self, record: CallRecord) -> None:
        """Take the wait of a call in the queue it really was in."""
        if record.queue is None or record.received_at is None:
            return
        wait = wait_of(record)
        if wait is not None:
            self._by_hour[record.queue, record.received_at.hour].add(wait, left=record.outcome is Outcome.ABANDONED)

    def moved(self, record: CallRecord, before: str | None, after: str | None, *, as_then: bool) -> None:
        """Take a call that would have gone elsewhere; `as_then`: it really took the way that the current rules give."""
        if after is None:
            return self._say_nothing("they would leave for no queue, and what comes there is not recorded")
        if before == after:
            return self._say_nothing("they stay in their queue, and only their turn changes")
        wait = wait_of(record)
        if not as_then or record.received_at is None:
            return self._say_nothing("they took another way then than the current rules give")
        if wait is None:
            return self._say_nothing("their own wait is not recorded")
        self._moved[before or "", after][record.received_at.hour].add(wait, left=record.outcome is Outcome.ABANDONED)
        return None

    def estimate(self, busiest: Mapping[str, tuple[int, int]]) -> Estimate:
        """Return the estimate. `busiest`: by queue, calls in its busiest hour before and after."""
        unknown = dict(self._unknown)
        shifts: list[Shift] = []
        whole: defaultdict[str, _Waits] = defaultdict(_Waits)
        for (queue, _), waits in self._by_hour.items():
            whole[queue].merge(waits)
        for (before, after), hours in self._moved.items():
            if whole[after].calls < MIN_QUEUE:
                why = f"fewer than {MIN_QUEUE} calls with a known wait were in queue {after}"
                unknown[why] = unknown.get(why, 0) + sum(waits.calls for waits in hours.values())
            else:
                shifts.append(self._shift(before, after, hours, whole[after]))
        return Estimate(
            shifts=tuple(sorted(shifts, key=lambda shift: -shift.calls)),
            unknown=unknown,
            doubts=tuple(_doubts(shifts, busiest)),
        )

    def _shift(self, before: str, after: str, hours: Mapping[int, _Waits], whole: _Waits) -> Shift:
        calls, waited, left = 0, 0.0, 0
        would, would_leave, variance = 0.0, 0.0, 0.0
        pooled = 0  # calls that are judged by the whole queue share its error
        for hour, moved in hours.items():
            calls, waited, left = calls + moved.calls, waited + moved.total, left + moved.left
            there = self._by_hour.get((after, hour), whole)
            if there.calls < MIN_HOUR:
                there = whole
            would += moved.calls * there.mean
            would_leave += moved.calls * there.left / there.calls
            variance += moved.calls * there.variance  # each caller's own luck
            if there is whole:
                pooled += moved.calls
            else:
                variance += moved.calls**2 * there.variance / there.calls  # how well the mean is known
        variance += pooled**2 * whole.variance / whole.calls
        return Shift(before, after, calls, waited / calls, would / calls, _95 * sqrt(variance) / calls, left / calls, would_leave / calls)

    def _say_nothing(self, why: str) -> None:
        self._unknown[why] += 1


def wait_of(record: CallRecord) -> float | None:
    """Return how long a caller waited until somebody answered or he left, in seconds; None: not known."""
    if record.received_at is None:
        return None
    if record.answered_at is not None:
        until = record.answered_at
    elif record.outcome is Outcome.ABANDONED and record.ended_at is not None:
        until = record.ended_at
    else:
        return None
    wait = (until - record.received_at).total_seconds()
    return wait if 0 <= wait < 24 * _HOUR_S else None  # a clock that was set


def _doubts(shifts: Iterable[Shift], busiest: Mapping[str, tuple[int, int]]) -> Iterable[str]:
    for queue in dict.fromkeys(shift.after for shift in shifts):
        before, after = busiest.get(queue, (0, 0))
        if after > before * TOO_MUCH:
            yield (
                f"queue {queue} would have had {after} calls in its busiest hour instead of {before}: "
                "callers there would have waited longer than estimated, unless more operators had served it"
            )
    for shift in shifts:
        if abs(shift.would_wait_s - shift.waited_s) <= shift.error_s:
            yield f"from {shift.before or 'other ways'} to {shift.after}: the difference is within the error, so it may be none"
