"""A database that is not there, comes back, goes silent, or hands over to its standby."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.store.postgres import PostgresStore
from ctiroute.store.postgres.keeper import PING_EVERY_S, PING_S
from ctiroute.store.postgres.schema import TOUCHES_LOCK
from tests.integration.postgres.people import OLENA, locked, query, touch, until
from tests.real import postgres
from tests.real.postgres_pair import caught_up, pair, promote
from tests.real.proxy import Faults, FaultyLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.real.postgres import PostgresServer

HEALED_S = 5.0


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """Start a PostgreSQL that may be stopped."""
    with postgres.running(("fsync=off",)) as server:  # what is committed outlives a crash of the server, though not of the machine
        yield server


def finds(store: PostgresStore) -> Callable[[], Awaitable[bool]]:
    """Return a condition: the store answers, and rightly."""

    async def found() -> bool:
        try:
            async with asyncio.timeout(1.0):
                return (await store.find_caller(query())).customers == (OLENA,)
        except (StoreUnavailable, TimeoutError):
            return False

    return found


@pytest.fixture
async def stores() -> AsyncIterator[list[PostgresStore]]:
    """Close what a test opens."""
    opened: list[PostgresStore] = []
    yield opened
    for store in opened:
        await store.close()


async def test_a_store_opens_without_its_database_and_works_when_that_comes(
    own_server: PostgresServer, stores: list[PostgresStore]
) -> None:
    """Up in two seconds, refusing at once and in words; whole within five after the database is there."""
    own_server.stop()
    store = PostgresStore(own_server.url())
    stores.append(store)
    started = time.perf_counter()
    await store.open()
    assert time.perf_counter() - started < 2.0
    for work in (store.find_caller(query()), store.put_customers([OLENA]), store.check(), store.get_operators()):
        started = time.perf_counter()
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
            await work
        assert time.perf_counter() - started < 0.1
    await asyncio.to_thread(own_server.start)

    async def writes() -> bool:
        try:
            return await store.put_customers([OLENA]) == 1
        except StoreUnavailable:
            return False

    assert await until(writes) < HEALED_S
    assert (await store.find_caller(query())).customers == (OLENA,)


async def test_a_restart_under_load_heals_and_leaves_no_link_stuck(own_server: PostgresServer, stores: list[PostgresStore]) -> None:
    """Crash and recovery while calls come in: nothing but `StoreUnavailable` on the way, and then all links answer."""
    store = PostgresStore(own_server.url())
    stores.append(store)
    await store.open()
    await store.put_customers([OLENA])
    stop = asyncio.Event()
    served = 0

    async def call() -> None:
        nonlocal served
        while not stop.is_set():
            try:
                assert (await store.find_caller(query())).customers == (OLENA,)
                served += 1
            except StoreUnavailable:
                await asyncio.sleep(0.01)  # as callers come, not as fast as a loop turns

    async def more(than: int) -> bool:
        return served >= than + 100

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(call(), name=f"caller {number}")
        await until(lambda: more(0))  # under load
        await asyncio.to_thread(own_server.restart)
        assert await until(finds(store)) < HEALED_S
        healed = served
        await until(lambda: more(healed))
        stop.set()
    async with asyncio.timeout(1.0):
        await asyncio.gather(*(store.find_caller(query()) for _ in range(50)))


async def test_a_silent_database_is_noticed_and_healed_from(own_server: PostgresServer, stores: list[PostgresStore]) -> None:
    """Nothing is refused, nothing answered: soon calls hear so at once, and are served again soon after the line works."""
    async with FaultyLink("127.0.0.1", own_server.port) as line:
        store = PostgresStore(f"postgresql://postgres@127.0.0.1:{line.port}/postgres")
        stores.append(store)
        await store.open()
        await store.put_customers([OLENA])
        line.fails(Faults(blackhole=True))

        async def refuses_at_once() -> bool:
            try:
                async with asyncio.timeout(0.05):
                    await store.find_caller(query())
            except StoreUnavailable:
                return True
            except TimeoutError:
                return False
            return False

        assert await until(refuses_at_once) < PING_EVERY_S + PING_S + 1.0
        line.works()
        assert await until(finds(store)) < HEALED_S
        await store.close()


async def test_who_is_cancelled_ends_while_the_database_is_silent(own_server: PostgresServer, stores: list[PostgresStore]) -> None:
    """In a transaction, too: that it cannot be ended takes not the place of the cancellation, or a service could never stop."""
    async with FaultyLink("127.0.0.1", own_server.port) as line:
        store = PostgresStore(f"postgresql://postgres@127.0.0.1:{line.port}/postgres")
        stores.append(store)
        await store.open()
        async with locked(own_server.url(), "customers"):
            writing = asyncio.get_running_loop().create_task(store.put_customers([OLENA]), name="write")
            await until(lambda: waits_for_a_lock(own_server))
            line.fails(Faults(blackhole=True))
            writing.cancel()
            await asyncio.wait((writing,), timeout=PING_EVERY_S + PING_S + 1.0)
        assert writing.cancelled()
        line.works()


async def test_a_store_opens_while_an_import_hangs(own_server: PostgresServer, stores: list[PostgresStore]) -> None:
    """Whoever holds the lock of touches (another node that was stopped, say) has neither a start nor a fail-over wait."""
    first = PostgresStore(own_server.url())
    stores.append(first)
    await first.open()
    for months in ("kept", "dropped"):
        importing = await asyncpg.connect(own_server.url())
        if months == "dropped":  # as in the first minutes of a month that nobody made ahead
            name = await importing.fetchval("SELECT max(relname) FROM pg_class WHERE relname ~ '^touches_[0-9]{4}_[0-9]{2}$'")
            await importing.execute(f"DROP TABLE {name}")
        async with importing.transaction():
            await importing.execute("SELECT pg_advisory_xact_lock($1)", TOUCHES_LOCK)
            store = PostgresStore(own_server.url())
            stores.append(store)
            started = time.perf_counter()
            await store.open()
            assert time.perf_counter() - started < 2.0
            assert (await store.find_caller(query())).customers == ()
        await importing.close()


async def test_an_idle_link_is_kept_alive(own_server: PostgresServer, stores: list[PostgresStore]) -> None:
    """A firewall that forgets idle links after some minutes never sees one."""
    store = PostgresStore(own_server.url())
    stores.append(store)
    await store.open()
    assert store._others is not None
    async with store._others.link() as link:
        idle_s = await link.connection.fetchval("SELECT setting::integer FROM pg_settings WHERE name = 'tcp_keepalives_idle'")
    assert 0 < idle_s <= 60


async def waits_for_a_lock(server: PostgresServer) -> bool:
    """Say whether anybody waits for a table."""
    connection = await asyncpg.connect(server.url())
    waiting = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
    await connection.close()
    return bool(waiting)


async def test_the_primary_is_found_among_hosts_and_found_again_after_a_fail_over(stores: list[PostgresStore]) -> None:
    """The standby is never written to; when it is promoted, it is used within ten seconds, and no read-only error is shown."""
    with pair() as (primary, standby):
        hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
        store = PostgresStore(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
        stores.append(store)
        await store.open()
        await store.put_customers([OLENA])
        await caught_up(primary, standby)
        primary.stop(signal.SIGQUIT)
        started = time.perf_counter()
        with pytest.raises(StoreUnavailable) as caught:
            await store.put_touches([touch()])
        said = [str(caught.value)]
        await promote(standby)

        async def writes() -> bool:
            try:
                await store.put_touches([touch()])
            except StoreUnavailable as error:
                said.append(str(error))
                return False
            return True

        await until(writes)
        assert time.perf_counter() - started < 10.0
        assert not [words for words in said if "read-only" in words]
        facts = await store.find_caller(query())
        assert (facts.customers, facts.touches) == ((OLENA,), (touch(),))


async def test_a_lone_standby_is_no_store(stores: list[PostgresStore]) -> None:
    """With only a standby to be had the store is away, and says why."""
    with pair() as (primary, standby):
        await asyncio.to_thread(primary.stop)
        store = PostgresStore(standby.url())
        stores.append(store)
        await store.open()
        with pytest.raises(StoreUnavailable, match="is a standby"):
            await store.check()


def test_a_store_closed_right_after_it_was_opened_says_nothing(own_server: PostgresServer, caplog: pytest.LogCaptureFixture) -> None:
    """Its links are still on their way then, and the driver complains of one that is cut off, at the latest when the loop ends."""

    async def open_and_close() -> None:
        store = PostgresStore(own_server.url())
        await store.open()
        await store.close()

    for _ in range(10):
        asyncio.run(open_and_close())
    gc.collect()  # what nobody heard is told when it is thrown away
    assert not caplog.records
