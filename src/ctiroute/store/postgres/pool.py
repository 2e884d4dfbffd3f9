"""A bounded number of links, handed out and taken back without a round trip.

Not asyncpg's pool: that one sends RESET each time a connection comes back, which is a second round trip for each look-up. Ours
need none, because a link's only state are its prepared statements. A link whose statement was cut off is mended or dropped before
anybody gets it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError, StoreUnavailable
from ctiroute.store.postgres.faults import DRIVER, is_link_lost
from ctiroute.store.postgres.link import CLOSE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from ctiroute.store.postgres.link import Link

log = logging.getLogger(__name__)

MEND_S = 1.0  # for a cancelled statement to end on the server; a link that takes longer is dropped
MAX_WAITING = 512  # for a link at once; more mean that the database does not keep up, and waiting would only eat memory


class Pool:
    """Links to one database. `open` and `shut` say whether it is there; the keeper knows."""

    def __init__(self, connect: Callable[[], Awaitable[Link]], size: int, trouble: Callable[[], object], *, ahead: int = 0) -> None:
        """Take how to make a link, how many at most, whom to tell that a link was lost, and how many to make before somebody asks."""
        self._connect = connect
        self._size = size
        self._trouble = trouble
        self._ahead = ahead
        self._free: list[Link] = []  # the last one used is used next: its caches are warm on both sides
        self._links: set[Link] = set()
        self._coming = 0
        self._waiting: deque[asyncio.Future[Link]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._why: StoreError | None = StoreUnavailable("the store is not open")

    def open(self) -> None:
        """Hand out links from now on."""
        self._why = None
        for _ in range(self._ahead):
            self._grow()

    def shut(self, why: StoreError) -> None:
        """Let go of all links, those in use too, and refuse until `open`: whoever waits hears it at once."""
        self._why = why
        for link in self._links:
            link.abort()
        self._links.clear()
        self._free.clear()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(unavailable(why))

    async def close(self) -> None:
        """End all links in order."""
        links = tuple(self._free)
        await asyncio.gather(*(link.close() for link in links))
        self.shut(StoreUnavailable("the store is not open"))
        tasks = tuple(self._tasks)
        if tasks:  # links on their way let go by themselves; cancelled at once, the driver would complain of what it still waited for
            await asyncio.wait(tasks, timeout=CLOSE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """Give a link for a while."""
        link = self.take_now() or await self.take()
        try:
            yield link
        except BaseException as error:
            self.give_up(link, error)
            raise
        self.give(link)

    def take_now(self) -> Link | None:
        """Return a free link; None: there is none, `take` waits for one."""
        while self._free:
            link = self._free.pop()
            if not link.is_closed:
                return link
            self._links.discard(link)
        return None

    async def take(self) -> Link:
        """Return a link as soon as there is one. Raises `StoreUnavailable`. How long to wait is the caller's to say, by cancelling."""
        if self._why is not None:
            raise unavailable(self._why)
        if len(self._waiting) >= MAX_WAITING:
            raise StoreUnavailable(f"{MAX_WAITING} others wait for the database already")
        future: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._grow()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give(future.result())  # it came in the same moment
            raise
        finally:
            if not future.done() or future.cancelled():
                self._forget(future)

    def give(self, link: Link) -> None:
        """Take a link back that is as it was."""
        if link not in self._links:  # shut in the meantime
            link.abort()
            return
        if link.is_closed:
            self._drop(link)
            return
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(link)
                return
        self._free.append(link)

    def give_up(self, link: Link, error: BaseException) -> None:
        """Take a link back that failed: mend it when a statement was cut off, drop it when the connection is lost."""
        if link.is_closed or is_link_lost(error):
            self._drop(link)
            self._trouble()
        else:
            self._start(self._mend(link), "mend a database link")

    async def _mend(self, link: Link) -> None:
        try:
            async with asyncio.timeout(MEND_S):
                await link.settle()
        except DRIVER:
            self._drop(link)
            self._trouble()
        except BaseException:
            self._drop(link)
            raise
        else:
            self.give(link)

    def _drop(self, link: Link) -> None:
        self._links.discard(link)
        link.abort()
        if self._waiting:
            self._grow()

    def _grow(self) -> None:
        if self._why is None and len(self._links) + self._coming < self._size:
            self._coming += 1
            self._start(self._add(), "connect to the database")

    async def _add(self) -> None:
        try:
            link = await self._connect()
        except StoreError as error:
            log.warning("%s", error)
            self._trouble()
            if not self._links:  # nobody is going to give one back
                self._refuse(error)
            return
        finally:
            self._coming -= 1
        if self._why is not None:
            link.abort()
            return
        self._links.add(link)
        self.give(link)

    def _refuse(self, why: StoreError) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(unavailable(why))

    def _forget(self, future: asyncio.Future[Link]) -> None:
        try:
            self._waiting.remove(future)
        except ValueError:  # handed out, or refused, already
            return

    def _start(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def unavailable(why: StoreError) -> StoreUnavailable:
    """Return a refusal of its own for one of many who hear the same: a traceback would grow on a shared one."""
    fresh = StoreUnavailable(str(why))
    fresh.__cause__ = why
    return fresh
