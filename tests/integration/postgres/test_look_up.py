"""The look-up as the server sees it: one round trip, planned once, only indices and partitions that matter, ended when nobody waits."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerFacts, Identifier, IdentifierKind
from ctiroute.store.postgres import PostgresStore, ways
from ctiroute.store.postgres.address import parse_address
from ctiroute.store.postgres.link import connect
from tests.integration.postgres.people import DAY, EMAIL, NOW, OLENA, PHONE, locked, query, touch, until
from tests.integration.postgres.plans import nodes
from tests.real.proxy import Faults, FaultyLink

if TYPE_CHECKING:
    from tests.real.postgres import PostgresServer

EXPLAIN = """
    EXPLAIN (ANALYZE, FORMAT JSON)
    EXECUTE find_caller(380671234567, now() - interval '3 days', now() - interval '3 days', now() - interval '3 days', 20)
"""
ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"
MINE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def test_only_partitions_inside_the_window_are_read_by_index_and_planned_once(store: PostgresStore, url: str) -> None:
    """Of two years of touches the last three days are looked at; nothing is read whole, nothing but a few rows sorted."""
    await store.put_customers([OLENA])
    await store.put_touches([touch(f"T{month}", sent_at=NOW - month * 30 * DAY) for month in range(24)])
    link = await connect(parse_address(url))
    for _ in range(8):
        await link.run("find_caller", 380671234567, NOW - 3 * DAY, NOW, NOW, 20)
    (row,) = json.loads(await link.connection.fetchval(EXPLAIN))
    plans = await link.connection.fetchrow("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'find_caller'")
    await link.close()

    found = list(nodes(row["Plan"]))
    assert plans[0] >= 8
    assert plans[1] == 0
    assert {node["Node Type"] for node in found}.isdisjoint({"Seq Scan", "Bitmap Heap Scan", "Sort", "Hash Join", "Merge Join"})
    months = {node["Relation Name"] for node in found if node.get("Relation Name", "").startswith("touches_2")}
    assert (NOW - 3 * DAY).strftime("touches_%Y_%m") in months
    assert len(months) <= 5, "this month, perhaps the last, and what is made ahead"
    assert any(node.get("Subplans Removed", 0) >= 20 for node in found)


async def test_a_look_up_is_one_round_trip(server: PostgresServer, database: str) -> None:
    """Over a line of 100 ms there and back, a look-up takes that once."""
    async with FaultyLink("127.0.0.1", server.port) as line:
        opened = PostgresStore(f"postgresql://postgres@127.0.0.1:{line.port}/{database}")
        await opened.open()
        await opened.put_customers([OLENA])
        await opened.put_touches([touch()])
        await opened.find_caller(query())
        line.fails(Faults(latency_s=0.05))
        started = time.perf_counter()
        facts = await opened.find_caller(query())
        took = time.perf_counter() - started
        line.works()
        await opened.close()
    assert facts == CallerFacts((OLENA,), (touch(),))
    assert 0.1 <= took < 0.19


async def test_a_cancelled_look_up_ends_on_the_server_and_poisons_nothing(
    store: PostgresStore, url: str, admin: asyncpg.Connection
) -> None:
    """The caller hung up: within 100 ms the server does nothing any more, and the next answers are the right ones."""
    await store.put_customers([OLENA])
    assert (await store.find_caller(query())).customers == (OLENA,)

    async def are_made() -> bool:
        return store._calls is not None and not store._calls._coming  # a link that is being made looks something up, too

    await until(are_made)
    async with locked(url, "customers"):

        async def active() -> int:
            return int(await admin.fetchval(ACTIVE))

        async def is_waiting() -> bool:
            return await active() == 1

        async def is_idle() -> bool:
            return await active() == 0

        waiting = asyncio.get_running_loop().create_task(store.find_caller(query()), name="look up")
        await until(is_waiting)
        waiting.cancel()
        assert await until(is_idle) < 0.1
    with pytest.raises(asyncio.CancelledError):
        await waiting
    stranger = Identifier(IdentifierKind.PHONE, "+380509999999")
    answers = await asyncio.gather(*(store.find_caller(query(who)) for who in (PHONE, stranger) * 20))
    assert answers == [CallerFacts((OLENA,)), CallerFacts()] * 20


async def test_connections_are_bounded_and_whoever_waits_for_one_waits_as_long_as_he_likes(
    store: PostgresStore, url: str, admin: asyncpg.Connection
) -> None:
    """A hundred calls meet a stuck table: no more links than there may be, all are let go at their deadline, and then all is well."""
    await store.put_customers([OLENA])
    async with locked(url, "customers"):
        started = time.perf_counter()

        async def call() -> CallerFacts | None:
            try:
                async with asyncio.timeout(0.3):
                    return await store.find_caller(query())
            except TimeoutError:
                return None

        assert await asyncio.gather(*(call() for _ in range(100))) == [None] * 100
        assert time.perf_counter() - started < 1.0
        assert await admin.fetchval(MINE) <= ways.LOOK_UP_LINKS + ways.OTHER_LINKS + 1
    answers = await asyncio.gather(*(store.find_caller(query()) for _ in range(100)))
    assert answers == [CallerFacts((OLENA,))] * 100
    assert await admin.fetchval(MINE) <= ways.LOOK_UP_LINKS + ways.OTHER_LINKS + 1


async def test_a_link_that_was_ended_by_the_server_is_replaced(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """An administrator ends all connections: at most the look-ups in flight notice."""
    await store.put_customers([OLENA])
    await store.find_caller(query())
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def is_found() -> bool:
        try:
            return (await store.find_caller(query())).customers == (OLENA,)
        except StoreUnavailable:
            return False

    assert await until(is_found) < 5.0


async def test_what_no_key_can_be_is_nobody_and_what_cannot_be_kept_is_a_conflict(store: PostgresStore) -> None:
    """Texts longer than an index holds, digits beyond a bigint, digits of other scripts: found as nobody, none is an error."""
    await store.put_customers([OLENA])
    for value in ("+" + "9" * 40, "+" + "٣" * 12, "+0671234567", "+", "x" * 100_000, "380671234567"):
        assert await store.find_caller(query(Identifier(IdentifierKind.PHONE, value))) == CallerFacts()
    assert (await store.find_caller(query(EMAIL))).customers == (OLENA,)


async def test_a_touch_outside_every_partition_is_found_and_moves_into_its_month_when_that_is_made(
    store: PostgresStore, admin: asyncpg.Connection
) -> None:
    """A time far off makes no table; the row is found all the same, also after its month got a partition."""
    far = NOW + timedelta(days=400)
    await store.put_touches([touch(sent_at=far)])
    assert await admin.fetchval("SELECT count(*) FROM touches_other") == 1
    assert (await store.find_caller(query())).touches == (touch(sent_at=far),)
    assert await admin.fetchval("SELECT make_touches_partition($1)", far)
    assert await admin.fetchval("SELECT count(*) FROM touches_other") == 0
    assert (await store.find_caller(query())).touches == (touch(sent_at=far),)
    assert await store.put_touches([touch(sent_at=NOW)]) == 0
    assert (await store.find_caller(query())).touches == (touch(sent_at=NOW),)


async def test_a_month_that_cannot_be_made_now_holds_up_nobody(store: PostgresStore, url: str) -> None:
    """A backup reads everything for hours: touches of a new month are kept and found, and calls do not wait."""
    await store.put_customers([OLENA])
    backup = await asyncpg.connect(url)
    async with backup.transaction():
        await backup.execute("LOCK TABLE touches IN ACCESS SHARE MODE")
        started = time.perf_counter()
        long_ago = touch(sent_at=NOW - 300 * DAY)
        putting = asyncio.get_running_loop().create_task(store.put_touches([long_ago]), name="put")
        while not putting.done():
            await store.find_caller(query())
        assert await putting == 1
        assert time.perf_counter() - started < 2.0
        assert (await store.find_caller(query(since=NOW - 365 * DAY))).touches == (long_ago,)
    await backup.close()
