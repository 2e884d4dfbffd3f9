"""One loop timer for many sessions that all wait the same length of time.

A timer for each session costs a heap entry on every call, though nearly all calls end long before it fires. Sessions that wait equally
long fire in the order in which they began, so one timer for the oldest is enough.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable

log = logging.getLogger(__name__)

T = TypeVar("T", bound="Hashable")

_SLACK_S: Final = 0.001  # uvloop's clock and timers count whole milliseconds: what is this near is due


class FifoTimer(Generic[T]):
    """Calls `fire(item)` once for each item that is still there `delay_s` after it was added."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay_s: float, fire: Callable[[T], None]) -> None:
        self._loop = loop
        self._delay_s = delay_s
        self._fire = fire
        self._due: dict[T, float] = {}  # item -> loop time; in order, for all wait equally long
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: T, now: float) -> None:
        """Start the wait of an item. `now` is the loop's time and never goes back from one call to the next."""
        self._due[item] = now + self._delay_s
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._delay_s, self._run)

    def discard(self, item: T) -> None:
        """Let an item go; it need not be there."""
        self._due.pop(item, None)

    def close(self) -> None:
        """Let all go."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        limit = self._loop.time() + _SLACK_S
        late = []
        for item, due in self._due.items():
            if due > limit:
                break
            late.append(item)
        for item in late:
            if self._due.pop(item, None) is not None:  # firing one may have ended another
                try:
                    self._fire(item)
                except Exception:  # whatever befalls one session, the others' deadlines hold
                    log.exception("a deadline could not be carried out")
        if self._due and self._timer is None:
            self._timer = self._loop.call_at(next(iter(self._due.values())), self._run)
