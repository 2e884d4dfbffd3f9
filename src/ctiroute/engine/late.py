"""Look-ups that go on after their caller was decided, bounded in number. What they find completes a pop that is on a screen already."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.engine.source import Answer

MAX_LATE = 500  # at once; more mean a source that is down, and waiting for it would only eat memory


class Late:
    """Holds late look-ups until they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Answer]] = set()

    def follow(self, task: asyncio.Task[Answer], arrived: Callable[[Answer], object]) -> None:
        """Call `arrived` with the answer when it comes; where there are too many, give the look-up up."""
        if len(self._tasks) >= MAX_LATE:
            task.cancel()
            return

        def done(ended: asyncio.Task[Answer]) -> None:
            self._tasks.discard(ended)
            if not ended.cancelled():
                arrived(ended.result())

        self._tasks.add(task)
        task.add_done_callback(done)

    async def close(self) -> None:
        """Let go of all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
