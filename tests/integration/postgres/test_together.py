"""Callers who ask at the same time: one statement answers them, and each hears what he would have heard alone."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ctiroute.errors import StoreError, StoreUnavailable
from ctiroute.model import (
    CallerFacts,
    CallerQuery,
    Claim,
    Customer,
    Identifier,
    IdentifierKind,
    Medium,
    Merge,
    OfferTerms,
    Touch,
    TouchStatus,
)
from ctiroute.store.postgres import PostgresStore, together
from ctiroute.store.postgres.faults import DRIVER
from ctiroute.store.postgres.link import Link
from ctiroute.store.postgres.pool import MEND_S
from tests.integration.history import keep_history
from tests.integration.postgres.people import NOW, OLENA, PHONE, locked, query, until
from tests.real.proxy import Faults, FaultyLink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    import asyncpg
    import pytest

    from tests.real.postgres import PostgresServer

STRANGER = Identifier(IdentifierKind.PHONE, "+380509999999")
MINUTES = 8 * 24 * 60  # of history
BACKENDS = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()
"""
LOCKED = "AND wait_event_type = 'Lock'"


def phone(number: int) -> Identifier:
    """Return one of a few numbers."""
    return Identifier(IdentifierKind.PHONE, f"+38067000000{number}")


def ago(minutes: int) -> datetime:
    """Return a time in the past."""
    return NOW - timedelta(minutes=minutes)


POOL = (phone(1), phone(2), phone(3), Identifier(IdentifierKind.EMAIL, "a@example.com"), Identifier(IdentifierKind.PHONE, "anonymous"))

some_identifiers = st.lists(st.sampled_from(POOL), min_size=1, max_size=3, unique=True).map(tuple)
customers = st.lists(some_identifiers, max_size=5).map(
    lambda keys: [Customer(f"C{number}", f"Name {number}", "uk", {"segment": "vip"}, each) for number, each in enumerate(keys)]
)
told_together = st.lists(st.tuples(some_identifiers, st.booleans()), max_size=2)
minutes = st.integers(1, MINUTES)
history = st.lists(
    st.tuples(minutes, st.sampled_from(["touch", "touch", "interaction", "call"]), st.sampled_from(POOL), st.integers(0, 6), st.booleans()),
    max_size=60,
    unique_by=lambda it: it[0],  # of two things of the same moment either may come first
)
queries = st.lists(
    st.tuples(st.sampled_from([*POOL, STRANGER]), minutes, minutes, minutes, st.integers(1, 20)).map(
        lambda it: CallerQuery(it[0], ago(it[1]), ago(it[2]), ago(it[3]), it[4])
    ),
    min_size=2,
    max_size=together.MOST + 8,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking a population would take minutes
)
@given(customers=customers, told=told_together, history=history, asked=queries)
async def test_many_at_once_are_answered_as_each_alone(
    store: PostgresStore, admin: asyncpg.Connection, customers: list[Customer], told: list[Any], history: list[Any], asked: list[Any]
) -> None:
    """Shared numbers, customers who are one, strangers, other identifiers, repetitions, and windows and limits of any kind."""
    await ready(store)  # a link that is being made would have to wait for the emptying, and be given up
    await admin.execute("TRUNCATE customers, customer_identifiers, identifiers, touches, interactions, calls, denied_links CASCADE")
    await store.put_customers(customers)
    for identifiers, verified in told:
        await store.link_identifiers(identifiers, "C0", Claim("crm", NOW if verified else None, NOW))
    if len(customers) > 1:
        await store.change_identity(Merge("C0", "C1"), NOW, "admin")
    await keep_history(store, customers, history, NOW)
    alone = [await store.find_caller(each) for each in asked]
    assert await asyncio.gather(*(store.find_caller(each) for each in asked)) == alone


async def ready(store: PostgresStore) -> None:
    """Wait until the links are there and free that are made ahead: one that is being made looks something up, too."""
    await store.find_caller(query())

    async def are_made() -> bool:
        pool = store._calls
        return pool is not None and not pool._coming and len(pool._free) == len(pool._links)

    await until(are_made)


def at_work(admin: asyncpg.Connection, count: int, state: str = "") -> Callable[[], Awaitable[bool]]:
    """Return the condition that the server works on so many statements."""

    async def are_there() -> bool:
        return int(await admin.fetchval(f"SELECT count(*) {BACKENDS} {state}")) == count

    return are_there


async def ask_behind(store: PostgresStore, count: int) -> list[asyncio.Task[CallerFacts]]:
    """Begin one look-up, and others that come while it is under way."""
    loop = asyncio.get_running_loop()
    first = loop.create_task(store.find_caller(query()), name="first")
    await asyncio.sleep(0)
    return [first, *(loop.create_task(store.find_caller(query(who)), name="next") for who in (PHONE, STRANGER) * (count // 2))]


async def test_those_who_come_meanwhile_are_asked_for_in_one_statement(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty callers in the same moment cost two statements, and each has his own answer."""
    await store.put_customers([OLENA])
    await ready(store)
    statements: list[str] = []
    run = Link.run

    async def noted(self: Link, name: str, *values: object) -> list[asyncpg.Record]:
        if values[0]:  # for somebody: a link that is made prepares its statements
            statements.append(name)
        return await run(self, name, *values)

    monkeypatch.setattr(Link, "run", noted)
    answers = await asyncio.gather(*(store.find_caller(query(who)) for who in (PHONE, STRANGER) * 20))
    assert answers == [CallerFacts((OLENA,)), CallerFacts()] * 20
    assert statements == ["find_together", "find_together"]


async def test_the_next_are_asked_for_before_those_before_them_hear(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done with an answer takes longer than finding it: the server works meanwhile."""
    await ready(store)
    begun: list[str] = []
    heard: list[int] = []
    run = Link.run

    async def noted(self: Link, name: str, *values: object) -> list[asyncpg.Record]:
        begun.append(name)
        return await run(self, name, *values)

    monkeypatch.setattr(Link, "run", noted)
    count = together.MOST + 8
    for _ in range(count):
        store.find_soon(query(), lambda _: heard.append(len(begun)))

    async def have_heard() -> bool:
        return len(heard) == count

    await until(have_heard)
    assert heard == [2] * count


async def test_who_gives_up_takes_nobody_along_and_the_last_one_ends_the_statement(
    store: PostgresStore, url: str, admin: asyncpg.Connection
) -> None:
    """Nine of ten hang up: the tenth is answered. All ten do: the server works for nobody."""
    await store.put_customers([OLENA])
    await ready(store)

    async with locked(url, "customers"):
        calls = await ask_behind(store, 10)
        await until(at_work(admin, 2, LOCKED))  # the first, and the rest
        stays = calls.pop(1)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
    assert (await stays).customers == (OLENA,)
    await ready(store)
    async with locked(url, "customers"):
        calls = await ask_behind(store, 10)
        await until(at_work(admin, 2, LOCKED))  # the first, and the rest
        for call in calls:
            call.cancel()
        assert await until(at_work(admin, 0)) < MEND_S, "a link that is given up ends its statement too, but later"
    assert all(call.cancelled() for call in calls)
    assert (await store.find_caller(query())).customers == (OLENA,)


async def test_those_who_wait_for_a_link_have_one_made_for_all(store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one more with each 2 ms in which it is not there yet."""
    monkeypatch.setattr(together, "LINK_PATIENCE_S", 60.0)  # however slow the machine is
    await store.put_customers([OLENA])
    await ready(store)
    pool = store._calls
    assert pool is not None
    taken = list(iter(pool.take_now, None))
    async with locked(url, "customers"):  # where a link that is made waits, too
        calls = await ask_behind(store, 10)
        await asyncio.sleep(20 * together.PATIENCE_S)
        assert pool._coming == 1
    assert (await asyncio.gather(*calls))[1].customers == (OLENA,)
    for link in taken:
        pool.give(link)


async def test_a_link_that_is_let_go_of_leaves_no_work_behind(store: PostgresStore, url: str, admin: asyncpg.Connection) -> None:
    """The driver's request to cancel goes with the link: the server has to notice that nobody is there."""
    await ready(store)
    pool = store._calls
    assert pool is not None
    link = pool.take_now()
    assert link is not None
    async with locked(url, "customers"):
        work = asyncio.get_running_loop().create_task(link.run("find_caller", None, NOW, NOW, NOW, 0), name="work")
        await until(at_work(admin, 1, LOCKED))
        link.abort()
        await until(at_work(admin, 0))
    await asyncio.wait({work})
    assert isinstance(work.exception(), DRIVER)
    pool.give(link)


async def test_a_statement_that_fails_is_tried_again_for_each(store: PostgresStore, url: str, admin: asyncpg.Connection) -> None:
    """The server ends the one that many wait for: nobody hears of it but who was asked for alone."""
    await store.put_customers([OLENA])
    await ready(store)

    async def are_ended() -> bool:
        return int(await admin.fetchval(f"SELECT count(pg_cancel_backend(pid)) {BACKENDS} AND query LIKE '%WITH ORDINALITY%'")) >= 1

    async with locked(url, "customers"):
        calls = [
            asyncio.get_running_loop().create_task(store.find_caller(query(who)), name="call")
            for who in (PHONE, STRANGER) * (together.MOST // 2)
        ]
        await until(are_ended)
    assert await asyncio.gather(*calls) == [CallerFacts((OLENA,)), CallerFacts()] * (together.MOST // 2)


async def test_a_failure_that_lasts_is_told_to_each_in_its_own_words(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """One error each, not one for all: whoever raises it adds his own traceback."""
    await store.put_customers([OLENA])
    await ready(store)
    await admin.execute("ALTER TABLE campaigns RENAME TO elsewhere")
    errors = await asyncio.gather(*(store.find_caller(query()) for _ in range(10)), return_exceptions=True)
    await admin.execute("ALTER TABLE elsewhere RENAME TO campaigns")
    assert all(isinstance(error, StoreUnavailable) for error in errors)
    assert len({id(error) for error in errors}) == 10
    assert "cannot look the caller up" in str(errors[0])
    assert await store.find_caller(query()) == CallerFacts((OLENA,))


async def test_a_row_that_cannot_be_read_is_its_callers_trouble_alone(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """A newer version has written a medium that we do not know."""
    await store.put_customers([OLENA])
    other = phone(1)
    await store.put_touches([Touch("t", "c", "C", Medium.SMS, other, NOW, TouchStatus.SENT, OfferTerms())])
    await admin.execute("UPDATE touches SET medium = 99")
    answers = await asyncio.gather(*(store.find_caller(query(who)) for who in (PHONE, other) * 5), return_exceptions=True)
    assert answers[::2] == [CallerFacts((OLENA,))] * 5
    assert all(isinstance(error, StoreError) for error in answers[1::2])


async def test_a_slow_statement_holds_up_only_those_it_is_for(server: PostgresServer, database: str) -> None:
    """Over a line of 400 ms there and back, who comes while a statement is under way is not made to wait for its end."""
    async with FaultyLink("127.0.0.1", server.port) as line:
        store = PostgresStore(f"postgresql://postgres@127.0.0.1:{line.port}/{database}")
        await store.open()
        await store.put_customers([OLENA])
        await ready(store)
        line.fails(Faults(latency_s=0.2))
        first = asyncio.get_running_loop().create_task(store.find_caller(query()), name="first")
        await asyncio.sleep(0.02)
        started = time.perf_counter()
        assert (await store.find_caller(query())).customers == (OLENA,)
        took = time.perf_counter() - started
        line.works()
        await first
        await store.close()
    assert took < 0.7, "the first statement would have had to end before, and then one more to go there and back"


async def test_too_many_who_wait_are_refused_at_once(store: PostgresStore, url: str) -> None:
    """Behind a stuck table memory is bounded, and all is well afterwards."""
    await store.put_customers([OLENA])
    await ready(store)
    async with locked(url, "customers"):
        count = 2000
        calls = [asyncio.get_running_loop().create_task(store.find_caller(query()), name="call") for _ in range(count)]
        done, _ = await asyncio.wait(calls, timeout=1.0)
        assert 0 < len(done) < count
        assert all("others wait" in str(call.exception()) for call in done)
    answers = await asyncio.gather(*(call for call in calls if call not in done))
    assert set(map(len, (answer.customers for answer in answers))) == {1}
