"""Those who write touches, one after the other, and what the one who waits may know of the one before it.

In the order of asking, which the database's own lock does not keep. While one writes, the next one makes itself ready: it looks for its
touches in the database, so that nobody has to wait for that. What it found still holds in its turn if nothing was written meanwhile but
what the one before it wrote: its ids are known here, and that there was nobody else is seen from the numbers that each write takes
from the database under its lock. Of a write that failed nobody knows how many it took, so it says nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_NUMBERS_A_WRITE: Final = 2  # one with the lock, and one that the table counts by itself


@dataclass(slots=True)
class Written:
    """What was written last by this process, or is being written."""

    number: int
    touch_ids: frozenset[str]
    is_kept: bool = False  # it was written to the end


class Line:
    """Gives turns, one at a time."""

    def __init__(self) -> None:
        self.next = asyncio.Lock()
        self.turn = asyncio.Lock()
        self.last: Written | None = None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Wait to be the next one; leaving the block ends the turn, and what was written is kept unless it is left by an exception."""
        await self.next.acquire()
        place = Place(self)
        try:
            yield place
            place.keep()
        finally:
            place.leave()


class Place:
    """A place in the line: first the next one's, then the turn."""

    def __init__(self, line: Line) -> None:
        self.before = line.last
        self._line = line
        self._written: Written | None = None
        self._is_next = True
        self._has_turn = False

    async def take_turn(self) -> None:
        """Wait for the turn. Asked again, because a transaction runs again, it does nothing."""
        if not self._has_turn:
            await self._line.turn.acquire()
            self._has_turn = True

    def let_next(self, written: Written | None) -> None:
        """Let the next one make itself ready: we have the database's lock. None: it gets to know nothing of what we write."""
        self._line.last = self._written = written
        if self._is_next:
            self._is_next = False
            self._line.next.release()

    def follows_directly(self, number: int) -> bool:
        """Say whether nobody wrote between the one before us and our write, which has this number."""
        before = self.before
        return before is not None and before.is_kept and number == before.number + _NUMBERS_A_WRITE

    def keep(self) -> None:
        """Take note that what we wrote is kept."""
        if self._written is not None:
            self._written.is_kept = True

    def leave(self) -> None:
        """Let go."""
        if self._is_next:
            self._line.next.release()
        if self._has_turn:
            self._line.turn.release()
