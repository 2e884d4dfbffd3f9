"""The ways to the database that every part of the store uses: its links, how they are opened and closed, a read, a transaction."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.store.postgres.address import parse_address
from ctiroute.store.postgres.faults import AGAIN, DRIVER, give_way, mapped, translate
from ctiroute.store.postgres.keeper import Keeper
from ctiroute.store.postgres.link import connect
from ctiroute.store.postgres.pool import Pool
from ctiroute.store.postgres.schema import schema_version
from ctiroute.store.postgres.together import Together

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from ctiroute.store.postgres.link import Link

T = TypeVar("T")

LOOK_UP_LINKS = 8  # for calls; each is a process of the server, and more than a few for each of its cores only take turns
LINKS_AHEAD = 2  # of those: the first calls after a start or an outage come all at once, and a link takes as long as ten look-ups
OTHER_LINKS = 4  # for all else, so that an import never has a call wait
OPEN_S = 1.5  # to wait at the start for a database that may be away
TRIES = 4  # of a transaction that met another one


class PostgresWays:
    """Links to one database, or to the several hosts of one. Open and use it in one event loop."""

    def __init__(self, url: str) -> None:
        self.url = url  # may hold a password
        self._address = parse_address(url)
        self._keeper: Keeper | None = None
        self._calls: Pool | None = None
        self._together: Together | None = None
        self._others: Pool | None = None

    # --- life

    async def open(self) -> None:
        """Connect and bring the schema up to date, or go on trying that in the background when the database is away.

        Raises `StoreError` when a newer ctiroute made the schema and this one cannot work with it.
        """
        self._calls = Pool(self._connect_for_calls, LOOK_UP_LINKS, self._look, ahead=LINKS_AHEAD)
        self._together = Together(self._calls, LOOK_UP_LINKS)
        self._others = Pool(self._connect, OTHER_LINKS, self._look)
        self._keeper = Keeper(self._connect, (self._calls, self._others))
        try:
            await self._keeper.start(OPEN_S)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the database. Harmless when not open."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.stop()
        calls, self._calls = self._calls, None
        others, self._others = self._others, None
        together, self._together = self._together, None
        await asyncio.gather(*(pool.close() for pool in (calls, others) if pool is not None))
        if together is not None:
            await together.close()

    async def check(self) -> None:
        """Raise `StoreUnavailable` unless a row can be written and read now."""
        await self._write("write", lambda link: link.run("put_heartbeat"))
        await self._read("get_heartbeat")

    async def schema_version(self) -> int:
        """Return the number of the newest migration that has run; may be asked before `open`, and then changes nothing."""
        with mapped("read the schema's version"):
            if self._others is not None:
                async with self._others.link() as link:
                    return await schema_version(link.connection)
            link = await self._connect()
            try:
                return await schema_version(link.connection)
            finally:
                await link.close()

    # --- what the parts of the store use

    async def _read(self, name: str, *values: object) -> list[asyncpg.Record]:
        pool = self._others
        if pool is None:
            raise StoreUnavailable("the store is not open")
        with mapped(f"read ({name})"):
            async with pool.link() as link:
                return await link.run(name, *values)

    async def _write(self, doing: str, work: Callable[[Link], Awaitable[T]]) -> T:
        """Run `work` in one transaction. All or nothing; it runs again when another transaction was in its way.

        What it reads behind a lock has to be of after it, whatever the server's default is.
        """
        pool = self._others
        if pool is None:
            raise StoreUnavailable("the store is not open")
        for left in reversed(range(TRIES)):
            try:
                async with pool.link() as link, link.connection.transaction(isolation="read_committed"):
                    return await work(link)
            except DRIVER as error:
                give_way(error)
                if not left or not isinstance(error, AGAIN):
                    raise translate(error, doing) from error
        raise AssertionError("the last try returns or raises")

    async def _connect(self) -> Link:
        return await connect(self._address)

    async def _connect_for_calls(self) -> Link:
        """Connect, and have the look-ups planned: no call waits for that."""
        link = await connect(self._address)
        try:
            with mapped("prepare the look-ups"):
                async with asyncio.timeout(OPEN_S):
                    now = datetime.now(UTC)
                    await link.run("find_caller", None, now, now, now, 0)
                    await link.run("find_together", [], now, now, now, 0)
        except BaseException:
            link.abort()
            raise
        return link

    def _look(self) -> None:
        if self._keeper is not None:
            self._keeper.look()
