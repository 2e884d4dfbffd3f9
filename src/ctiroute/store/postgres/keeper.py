"""Sees to it that there is a database: connects, brings the schema up to date, watches, and begins anew when it is lost.

All in the background: a service whose database is away starts all the same. The watch has a link of its own, so that it notices a
database that went silent (nothing is refused, nothing is answered) while look-ups only become late, and a primary that is none any more.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError, StoreUnavailable
from ctiroute.store.postgres import partitions
from ctiroute.store.postgres.faults import DRIVER, give_way, translate
from ctiroute.store.postgres.link import CLOSE_S
from ctiroute.store.postgres.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ctiroute.store.postgres.link import Link
    from ctiroute.store.postgres.pool import Pool

log = logging.getLogger(__name__)

PING_EVERY_S = 1.0
PING_S = 2.0  # a database that does not say in so long whether it is the primary decides no call
AGAIN_FIRST_S, AGAIN_MOST_S = 0.1, 1.0  # between attempts to connect
HOUSEKEEPING_S = 3600.0
HOUSE_S = 30.0  # for that: nobody watches meanwhile


class Keeper:
    """One task for the life of a store."""

    def __init__(self, connect: Callable[[], Awaitable[Link]], pools: Sequence[Pool]) -> None:
        self._connect = connect
        self._pools = pools
        self._trouble = asyncio.Event()
        self._connected = asyncio.Event()
        self._settled = asyncio.Event()  # the first attempt is over, either way
        self._refusal: StoreError | None = None  # why the first attempt failed for good
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self.is_up = False

    async def start(self, patience_s: float) -> None:
        """Start, and wait until the store works or the first attempt has failed, at most `patience_s` for an answer at all.

        A schema that is being brought up to date is waited for. Raises `StoreError` when this ctiroute cannot work with what is there.
        """
        self._task = asyncio.get_running_loop().create_task(self._run(), name="database keeper")
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._settled.wait()
        if self._connected.is_set():
            await self._settled.wait()
        if self._refusal is not None:
            raise self._refusal

    async def stop(self) -> None:
        """Stop watching."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_S)
            if self._link is not None:  # a transaction is being ended, and nobody answers
                self._link.abort()
            await asyncio.gather(task, return_exceptions=True)

    def look(self) -> None:
        """Look at once whether the database is still there: somebody lost a link."""
        self._trouble.set()

    async def _run(self) -> None:
        wait_s = AGAIN_FIRST_S
        while True:
            why: StoreError
            try:
                self._link = link = await self._connect()
                self._connected.set()
                await upgrade(link.connection)
                await self._keep_house(link)
                self._open()
                wait_s = AGAIN_FIRST_S
                why = await self._watch(link)
            except StoreUnavailable as error:
                why = error
            except StoreError as error:
                why = error
                self._refusal = self._refusal or (None if self._settled.is_set() else error)
            except DRIVER as error:
                give_way(error)
                why = translate(error, "use the database")
            except Exception as error:  # whatever it is, the database has to be kept
                log.exception("the database's keeper broke")
                why = StoreUnavailable(f"the database cannot be used: {error!r}")
            finally:
                if self._link is not None:
                    self._link.abort()
                    self._link = None
            self._shut(why)
            await asyncio.sleep(wait_s)
            wait_s = min(AGAIN_MOST_S, wait_s * 2)

    def _open(self) -> None:
        for pool in self._pools:
            pool.open()
        self.is_up = True
        if self._settled.is_set():
            log.info("the database is there")
        self._settled.set()

    def _shut(self, why: StoreError) -> None:
        if self.is_up or not self._settled.is_set():
            log.warning("the database is away: %s", why)
        self.is_up = False
        for pool in self._pools:
            pool.shut(why)
        self._connected.clear()
        self._settled.set()

    async def _watch(self, link: Link) -> StoreError:
        """Return why the database is of no more use, as soon as that is so."""
        loop = asyncio.get_running_loop()
        house_at = loop.time() + HOUSEKEEPING_S
        while True:
            self._trouble.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await self._trouble.wait()
            try:
                async with asyncio.timeout(PING_S):
                    is_standby = await link.connection.fetchval("SELECT pg_is_in_recovery()")
            except TimeoutError:
                return StoreUnavailable(f"the database has not answered for {PING_S:g} s")
            if is_standby:
                return StoreUnavailable("the server is a standby now, looking for the primary")
            if loop.time() >= house_at:
                try:
                    async with asyncio.timeout(HOUSE_S):
                        await self._keep_house(link)
                except TimeoutError:
                    return StoreUnavailable(f"the database has not made room for touches within {HOUSE_S:g} s")
                house_at = loop.time() + HOUSEKEEPING_S

    async def _keep_house(self, link: Link) -> None:
        await partitions.make(link.connection, partitions.months_around(datetime.now(UTC)))
