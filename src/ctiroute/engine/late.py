"""Look-ups that go on after their caller was decided, bounded in number and time.

What they find completes a pop that is on a screen already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from ctiroute.engine.guarded import Asked

MAX_LATE = 500  # at once; more mean a source that is down, and waiting for it would only eat memory
LATE_LIMIT_S = 10.0  # a late look-up is given up after that: by then the call is usually answered


class Late:
    """Holds late look-ups until they end."""

    def __init__(self) -> None:
        self._timers: dict[Asked, asyncio.TimerHandle] = {}

    def follow(self, asked: Asked, loop: asyncio.AbstractEventLoop) -> None:
        """Let a look-up go on for a while; where there are too many, give it up."""
        if len(self._timers) >= MAX_LATE:
            asked.cancel()
        else:
            self._timers[asked] = loop.call_at(asked.at + LATE_LIMIT_S, self._give_up, asked)

    def arrived(self, asked: Asked) -> None:
        """Let go of a look-up that has ended."""
        timer = self._timers.pop(asked, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Let go of all of them."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _give_up(self, asked: Asked) -> None:
        self._timers.pop(asked, None)
        asked.time_out(f"no answer in {LATE_LIMIT_S:g} s")
