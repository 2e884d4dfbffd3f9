"""One connection to the primary, with the statements it keeps. Knows hosts and roles; knows no rows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from ctiroute.errors import StoreError, StoreUnavailable
from ctiroute.store.postgres.faults import DRIVER, translate
from ctiroute.store.postgres.statements import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg.prepared_stmt import PreparedStatement

    from ctiroute.store.postgres.address import Address

CONNECT_S = 1.5  # for one host: name, handshake, sign-in. A primary that takes longer decides no call in time either
CLOSE_S = 1.0

# The look-up is planned once for each connection and runs some hundred times a second. A plan for any value is as good as one for the
# value at hand, because partitions are left out when it runs; and planning it costs five times what running it does. Empty partitions
# would be read whole (they look cheap), which loses the order, and with it the LIMIT.
#
# A link that is let go of takes the driver's request to cancel along: the server has to notice for itself that nobody waits, which it
# does not do behind a lock unless told to. Not every system it runs on can (Windows cannot), and then says so.
_SETTINGS = """
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off;
    SET statement_timeout = '60s'; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
    DO $$ BEGIN SET client_connection_check_interval = '1s'; EXCEPTION WHEN others THEN NULL; END $$
"""


class Link:
    """One connection. `run` keeps statements prepared where nothing in between would mix them up."""

    def __init__(self, connection: asyncpg.Connection, *, keeps_statements: bool) -> None:
        self.connection = connection
        self.keeps_statements = keeps_statements
        self._statements: dict[str, PreparedStatement] = {}

    @property
    def is_closed(self) -> bool:
        """Whether it is of no more use."""
        return bool(self.connection.is_closed())

    async def run(self, name: str, *values: object) -> list[asyncpg.Record]:
        """Run a named statement: one round trip from its second time on."""
        statement = self._statements.get(name) or await self.prepare(name)
        found: list[asyncpg.Record] = await statement.fetch(*values)
        return found

    async def run_all(self, name: str, values: Sequence[Sequence[object]]) -> list[asyncpg.Record]:
        """Run a named statement for each of `values` in few round trips, and return the rows of all."""
        statement = self._statements.get(name) or await self.prepare(name)
        found: list[asyncpg.Record] = await statement.fetchmany(values)
        return found

    async def run_many(self, name: str, values: Sequence[Sequence[object]]) -> None:
        """Run a named statement for each of `values`, in few round trips."""
        statement = self._statements.get(name) or await self.prepare(name)
        await statement.executemany(values)

    async def prepare(self, name: str) -> PreparedStatement:
        """Prepare a named statement.

        Without a name of its own (behind a pooler, where the next transaction may be on another server connection) the driver sends the
        statement's text again each time, in the same round trip.
        """
        statement = await self.connection.prepare(SQL[name], name=name if self.keeps_statements else "")
        self._statements[name] = statement
        return statement

    async def settle(self) -> None:
        """Wait until a cancelled statement has ended on the server too, so that the next one is answered with its own answer."""
        await self.connection.execute("SELECT 1")

    def abort(self) -> None:
        """Let go at once."""
        self.connection.terminate()

    async def close(self) -> None:
        """Say goodbye."""
        with suppress(*DRIVER):
            await self.connection.close(timeout=CLOSE_S)
        if not self.connection.is_closed():
            self.connection.terminate()


async def connect(address: Address) -> Link:
    """Return a link to the primary. All hosts are asked at once: the first that is the primary wins, whichever others hang.

    Raises `StoreUnavailable`.
    """
    if len(address.hosts) <= 1:
        return await _connect_to(address, *address.hosts)
    loop = asyncio.get_running_loop()
    waiting = {loop.create_task(_connect_to(address, host), name=f"connect to {host[0]}") for host in address.hosts}
    errors: list[StoreError] = []
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            links = [task.result() for task in done if task.exception() is None]
            for late in links[1:]:  # two primaries: one of them is about to be told that it is none
                late.abort()
            if links:
                return links[0]
            errors += [error for task in done if isinstance(error := task.exception(), StoreError)]
    finally:
        for task in waiting:
            task.cancel()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, Link):
                outcome.abort()
    raise StoreUnavailable("; ".join(str(error) for error in errors)) from errors[0]


async def _connect_to(address: Address, host: tuple[str, int] | None = None) -> Link:
    where = address if host is None else f"{host[0]}:{host[1]}"
    place: dict[str, Any] = {} if host is None else {"host": host[0], "port": host[1]}
    connection: asyncpg.Connection | None = None
    try:
        async with asyncio.timeout(CONNECT_S):
            # The driver's own cache of statements stays off: what is kept, and under which name, is said in `Link.prepare`.
            connection = await asyncpg.connect(address.dsn, **place, statement_cache_size=0, timeout=CONNECT_S)
            # A pooler shows another process number than the server that answers. In one answer, so that both are of one server.
            is_standby, server_pid = await connection.fetchrow("SELECT pg_is_in_recovery(), pg_backend_pid()") or (True, 0)
            if is_standby:
                raise StoreUnavailable(f"{where} is a standby")
            is_pooled = server_pid != connection.get_server_pid()
            if not is_pooled:
                await connection.execute(_SETTINGS)
            link = Link(connection, keeps_statements=not is_pooled if address.prepared is None else address.prepared)
            connection = None
            return link
    except TimeoutError as error:
        raise StoreUnavailable(f"cannot connect to {where}: no answer in {CONNECT_S:g} s") from error
    except (*DRIVER, ValueError) as error:
        raise translate(error, f"connect to {where}") from error
    finally:
        if connection is not None:
            connection.terminate()
