"""Background work that nobody awaits: named, held, logged when it breaks, ended at the stop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = logging.getLogger(__name__)


class Tasks:
    """A set of running tasks. Unlike a TaskGroup, one that breaks takes no other with it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self.broken: set[str] = set()  # names of tasks meant to run for ever that ended by an exception

    def start(self, coroutine: Coroutine[Any, Any, object], name: str, *, lasting: bool = False) -> asyncio.Task[Any]:
        """Run a coroutine in the background; a `lasting` one is not meant to end, and health says so when it broke."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        if lasting:
            task.add_done_callback(self._broke)
        return task

    async def cancel(self) -> None:
        """Cancel what still runs, and wait for it."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _broke(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.broken.add(task.get_name())

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s broke", task.get_name(), exc_info=error)
