"""When to stop asking a source that fails, and when to try it again. Pure: times and chance are arguments, nothing is asked here.

    closed ──half of the last look-ups failed or were slow──► open ──its wait is over──► half-open
      ▲                                                        ▲                            │ one look-up at a time
      └────────────────────── it was answered in time ─────────┴──── it was not ────────────┘

Silence is counted as soon as it has lasted too long, not when it ends: a source that never answers would never be counted else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class BreakerState(StrEnum):
    """Whether a source may be asked."""

    CLOSED = "closed"  # by everybody
    HALF_OPEN = "half-open"  # by one at a time, to see whether it is back
    OPEN = "open"  # by nobody


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """What a breaker takes for a failure, and how patient it is."""

    slow_s: float  # no answer for so long is a failure, whatever comes later
    window: int = 10  # look-ups that are remembered: few, so that an outage is noticed at one call a second, too
    failures: int = 5  # of them open the breaker: half, so that single mishaps of a source in good health never do
    first_wait_s: float = 0.25  # a hiccup that is over (a checkpoint, a fail-over in the source itself) costs no more callers than this
    longest_wait_s: float = 1.5  # waits double up to this: with its spread and the look-up itself, a source that is back is used in 2.5 s
    spread: float = 0.2  # share by which a wait is longer or shorter, so that nodes do not knock together


@dataclass(slots=True, eq=False)
class Permit:
    """Leave to ask once. Give it back: `Breaker.answered`, `failed` or `forgotten`."""

    asked_at: float
    is_probe: bool  # the breaker is half-open, and this look-up decides what becomes of it


class Breaker:
    """The breaker of one source. `now` is any monotonic clock in seconds, always the same one."""

    def __init__(self, policy: BreakerPolicy, chance: Callable[[], float], changed: Callable[[BreakerState], object]) -> None:
        """`chance` returns values from 0 up to 1; `changed` is told each new state."""
        self._policy = policy
        self._chance = chance
        self._changed = changed
        self.state = BreakerState.CLOSED
        self._outcomes: deque[bool] = deque(maxlen=policy.window)  # the newest look-ups while closed; True: answered in time
        self._asked: dict[Permit, None] = {}  # not answered yet and not counted yet, oldest first
        self._waits = 0  # how often in a row it has opened
        self._try_at = 0.0  # from then on, one may try

    def permit(self, now: float) -> Permit | None:
        """Return leave to ask, or None: do not."""
        self._count_silence(now)
        if self.state is BreakerState.CLOSED:
            permit = Permit(now, is_probe=False)
        elif self.state is BreakerState.OPEN and now >= self._try_at:
            permit = Permit(now, is_probe=True)
            self._become(BreakerState.HALF_OPEN)
        else:
            return None
        self._asked[permit] = None
        return permit

    def answered(self, permit: Permit, now: float) -> None:
        """Take note of an answer. One that comes too late changes nothing: its silence has been counted."""
        self._count_silence(now)
        self._count(permit, now, in_time=True)

    def failed(self, permit: Permit, now: float) -> None:
        """Take note that the source said it cannot answer."""
        self._count_silence(now)
        self._count(permit, now, in_time=False)

    def forgotten(self, permit: Permit, now: float) -> None:
        """Take note that nobody waits for the answer any more: it says nothing of the source, if it was not slow already."""
        self._count_silence(now)
        if permit in self._asked:
            del self._asked[permit]
            if permit.is_probe:
                self._become(BreakerState.OPEN)  # whoever comes next may try

    def _count_silence(self, now: float) -> None:
        while self._asked:
            oldest = next(iter(self._asked))
            too_late = oldest.asked_at + self._policy.slow_s
            if now < too_late:
                return
            self._count(oldest, too_late, in_time=False)

    def _count(self, permit: Permit, now: float, *, in_time: bool) -> None:
        """Count one look-up, unless it has been counted or was begun before the last change of state."""
        if permit not in self._asked:
            return
        del self._asked[permit]
        if not permit.is_probe:
            self._outcomes.append(in_time)
            if self._outcomes.count(False) >= self._policy.failures:
                self._open(now)
        elif in_time:
            self._waits = 0
            self._become(BreakerState.CLOSED)
        else:
            self._open(now)

    def _open(self, now: float) -> None:
        policy = self._policy
        wait = min(policy.longest_wait_s, policy.first_wait_s * 2**self._waits)
        self._waits = min(self._waits + 1, 16)  # far beyond the longest wait; a power has no end else
        self._try_at = now + wait * (1 + policy.spread * (2 * self._chance() - 1))
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self._outcomes.clear()
        self._asked.clear()  # what was asked before says nothing of the time after
        self._changed(state)
