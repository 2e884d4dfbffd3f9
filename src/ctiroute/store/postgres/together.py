"""Callers who ask at the same time are looked up together: one statement for many. Knows links and rows; knows no deadlines.

Nobody waits for company. Whoever finds the database idle is asked for at once; while that runs others gather, and the next statement asks
for all of them, before those answered hear their answers. Most of what a look-up costs is not its rows but its statement, on both sides of
the line: the busier it is, the less each caller costs.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError, StoreUnavailable
from ctiroute.model import CallerFacts
from ctiroute.store.postgres import rows
from ctiroute.store.postgres.faults import DRIVER, readable, translate
from ctiroute.store.postgres.finding import facts_asked_for, question, question_of_many, rows_of_each
from ctiroute.store.postgres.pool import MAX_WAITING, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from asyncpg import Record

    from ctiroute.model import CallerQuery
    from ctiroute.store.postgres.link import Link
    from ctiroute.store.postgres.pool import Pool
    from ctiroute.store.postgres.rows import Row

    Told = Callable[[CallerFacts | Exception], None]

log = logging.getLogger(__name__)

MOST = 32  # callers in one statement; beyond, each costs no less, and the first would wait for the last
PATIENCE_S = 0.002  # for the statement under way, which takes less: after that those who wait take one more link
LINK_PATIENCE_S = 0.1  # for a link that is being made, which takes some 20 ms, before one more is: it serves all who wait by then

_DOING = "look the caller up"


class Together:
    """Looks callers up over the links of a pool, in at most `links` statements at a time: in one, but when that takes long."""

    def __init__(self, pool: Pool, links: int) -> None:
        self._pool = pool
        self._links = links
        self._waiting: deque[_Caller] = deque()
        self._running = 0  # statements for whoever waits
        self._taking = 0  # those of them that wait for a link
        self._begun_at = 0.0  # the newest of them; the event loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, query: CallerQuery, told: Told) -> Callable[[], None]:
        """Call `told` once, and later, with what is known about one identifier or with what went wrong.

        Returns what lets go of it: `told` is not called then, and a statement that nobody else waits for ends on the server, too.
        """
        key = rows.key_of(query.identifier)
        caller = _Caller(self, key, query, told)
        loop = asyncio.get_running_loop()
        if key is None:
            caller.group = _Group(self._start(self._find_any(caller), loop), 1)
        elif len(self._waiting) >= MAX_WAITING:
            loop.call_soon(caller.tell, StoreUnavailable(f"{MAX_WAITING} others wait for the database already"))
        else:
            self._waiting.append(caller)
            self._go_on(loop)
        return caller.leave

    async def close(self) -> None:
        """Wait for the statements under way, which end with their links."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self, caller: _Caller) -> None:
        """Let go of one who waits."""
        if caller in self._waiting:
            self._waiting.remove(caller)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to those who wait: now, or when the statements under way take long."""
        if not self._running:
            self._start_next(loop)
        elif self._timer is None and self._running < self._links:
            self._timer = loop.call_at(self._begun_at + self._patience_s(), self._lose_patience, loop)

    def _patience_s(self) -> float:
        return LINK_PATIENCE_S if self._taking else PATIENCE_S

    def _lose_patience(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin one more statement, unless the newest is young."""
        self._timer = None
        if self._waiting:
            waited_s = loop.time() - self._begun_at
            if self._running < self._links and waited_s > self._patience_s() / 2:  # half of it: uvloop counts whole milliseconds
                self._start_next(loop)
            self._go_on(loop)

    def _start_next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._running += 1
        self._begun_at = loop.time()
        self._start(self._find_waiting(), loop)

    def _start(self, work: Coroutine[object, object, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        task = loop.create_task(work, name=_DOING)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _find_waiting(self) -> None:
        """Ask for those who wait, as soon as there is a link."""
        callers: list[_Caller] = []
        found: list[Record] | None = None
        try:
            try:
                link = self._pool.take_now() or await self._take()
            except StoreError as error:
                while self._waiting:
                    self._waiting.popleft().tell(unavailable(error))
                return
            callers = self._next()
            if callers:
                found = await self._ask(callers, link)
            else:
                self._pool.give(link)
        finally:
            self._running -= 1
            if self._waiting:
                self._go_on(asyncio.get_running_loop())
        if found is not None:
            if self._waiting:
                await asyncio.sleep(0)  # the next statement goes out first: the server works while these hear their answers
            _tell(callers, found)

    async def _take(self) -> Link:
        """Wait for a link; only then does the statement begin."""
        loop = asyncio.get_running_loop()
        self._taking += 1
        try:
            return await self._pool.take()
        finally:
            self._taking -= 1
            self._begun_at = loop.time()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = loop.call_at(self._begun_at + self._patience_s(), self._lose_patience, loop)

    async def _find_any(self, caller: _Caller) -> None:
        """Ask for one whose key has to be looked up first."""
        try:
            link = self._pool.take_now() or await self._pool.take()
        except StoreError as error:
            caller.tell(error)
        else:
            found = await self._ask([caller], link)
            if found is not None:
                caller.tell_found(found)

    def _next(self) -> list[_Caller]:
        """Return whom the next statement is for."""
        waiting = self._waiting
        if waiting and waiting[0].alone:
            return [waiting.popleft()]
        callers: list[_Caller] = []
        while waiting and len(callers) < MOST and not waiting[0].alone:
            callers.append(waiting.popleft())
        return callers

    async def _ask(self, callers: list[_Caller], link: Link) -> list[Record] | None:
        """Return the rows for these callers, asked for in one statement; None: it went wrong, and they are seen to."""
        task = asyncio.current_task()
        group = _Group(task, len(callers))
        for caller in callers:
            caller.group = group
        try:
            if len(callers) == 1:
                statement, values = question(callers[0].query)
            else:
                statement, values = question_of_many(callers)
            found = await link.run(statement, *values)
        except asyncio.CancelledError as error:
            self._pool.give_up(link, error)
            if task is None or task.cancelling():
                raise  # nobody waits for it any more
            self._failed(callers, StoreUnavailable(f"cannot {_DOING}: lost its connection"))
        except Exception as error:  # noqa: BLE001 - whatever it is, each of them has to hear of it
            self._pool.give_up(link, error)
            self._failed(callers, error)
        else:
            self._pool.give(link)
            return found
        return None

    def _failed(self, callers: list[_Caller], error: Exception) -> None:
        """Tell one what went wrong; ask for several once more, one by one: what is wrong with one of them costs no other."""
        if len(callers) == 1:
            callers[0].tell(_failure(error))
            return
        for caller in reversed(callers):
            if caller.wait_alone():
                self._waiting.appendleft(caller)


class _Caller:
    """One who waits to be told."""

    __slots__ = ("_by", "_told", "alone", "group", "key", "query")

    def __init__(self, by: Together, key: int | None, query: CallerQuery, told: Told) -> None:
        self._by = by
        self._told: Told | None = told  # None: he was told, or has gone
        self.key = key
        self.query = query
        self.group: _Group | None = None  # None: he is not asked for
        self.alone = False  # whether to be asked for alone: it went wrong together with others

    def leave(self) -> None:
        """Let go of him."""
        if self._told is None:
            return
        self._told = None
        if self.group is None:
            self._by.forget(self)
        else:
            self.group.leave()

    def wait_alone(self) -> bool:
        """Wait again; False: he has gone."""
        self.group, self.alone = None, True
        return self._told is not None

    def tell(self, result: CallerFacts | Exception) -> None:
        """Tell him, if he is still there."""
        told, self._told = self._told, None
        if told is None:
            return
        try:
            told(result)
        except Exception:  # whatever befalls one, the others hear their answers
            log.exception("an answer could not be taken")

    def tell_found(self, found: Sequence[Row]) -> None:
        """Tell him what these rows say."""
        if self._told is None:
            return
        result: CallerFacts | Exception
        try:
            with readable():
                result = facts_asked_for(found, self.query) if found else CallerFacts()
        except Exception as error:  # noqa: BLE001 - a row that cannot be read is his alone
            result = error
        self.tell(result)


class _Group:
    """Those whom one statement is for."""

    __slots__ = ("_left", "_task")

    def __init__(self, task: asyncio.Task[None] | None, count: int) -> None:
        self._task = task
        self._left = count

    def leave(self) -> None:
        """Let one go; with the last one the statement ends."""
        self._left -= 1
        if self._left == 0 and self._task is not None:
            self._task.cancel()


def _tell(callers: Sequence[_Caller], found: list[Record]) -> None:
    """Tell callers what the rows say that were found for them."""
    if len(callers) == 1:
        callers[0].tell_found(found)
        return
    for caller, his in zip(callers, rows_of_each(found, len(callers)), strict=True):
        caller.tell_found(his)


def _failure(error: Exception) -> CallerFacts | Exception:
    """Return what one is told of an error of the driver."""
    if isinstance(error.__cause__, UnicodeEncodeError):
        return CallerFacts()  # lone surrogates are in no stored key
    if not isinstance(error, DRIVER):
        return error
    ours = translate(error, _DOING)
    ours.__cause__ = error
    return ours
