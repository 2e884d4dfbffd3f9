"""A clock that hardly moves while this program is kept from running, for judging others.

When the machine took the processor away from us for a second, it was not the store that was silent: its answers lie in our socket.
"""

from __future__ import annotations

import asyncio

BEAT_S = 0.05
MOST_S = 2 * BEAT_S  # that count between two beats, however long it was in truth
LAST_BEATS = 40  # after it was last asked: two seconds, longer than any answer is waited for


class AwakeClock:
    """Seconds during which the running event loop turned. Beats only while it is asked."""

    def __init__(self) -> None:
        self._awake_s = 0.0  # at the last beat
        self._beat_at = 0.0  # the event loop's clock
        self._beats_left = 0
        self._timer: asyncio.TimerHandle | None = None

    def time(self) -> float:
        """Return seconds since an arbitrary moment. To be called in the event loop."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._beats_left = LAST_BEATS
        if self._timer is None:  # nobody waited for an answer meanwhile, so all of it counts
            self._awake_s += now - self._beat_at
            self._beat_at = now
            self._timer = loop.call_at(now + BEAT_S, self._beat)
        return self._awake_s + min(now - self._beat_at, MOST_S)

    def close(self) -> None:
        """Stop beating."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._awake_s += min(now - self._beat_at, MOST_S)
        self._beat_at = now
        self._beats_left -= 1
        self._timer = loop.call_at(now + BEAT_S, self._beat) if self._beats_left > 0 else None
