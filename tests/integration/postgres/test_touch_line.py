"""Imports look for their next touches while the last ones are written: whoever writes in between, each touch is there once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.model import OfferTerms
from ctiroute.store.postgres.line import Line, Written
from ctiroute.store.postgres.schema import TOUCHES_LOCK
from ctiroute.store.postgres.store import PostgresStore
from tests.integration.postgres.people import touch, until
from tests.integration.postgres.test_together import LOCKED, at_work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ctiroute.model import Touch

WRITE_T1007 = """
    INSERT INTO touches (touch_id, identifier_key, campaign_id, medium, sent_at, status, title, text, terms, fields)
    SELECT 'T1007', identifier_key, campaign_id, medium, sent_at - interval '1 hour', status, 'theirs', text, terms, fields
    FROM touches WHERE touch_id = 'T7'
"""
MANY = 1000  # from so many on a batch is looked for before its turn


def batch(start: int, offer: str = "") -> list[Touch]:
    """Return touches by number."""
    return [replace(touch(f"T{number}"), offer=OfferTerms(offer)) for number in range(start, start + MANY)]


@pytest.fixture
async def other(store: PostgresStore) -> AsyncIterator[PostgresStore]:
    """Another program on the same database."""
    opened = PostgresStore(store.url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def written(store: PostgresStore) -> None:
    """Write a batch: what is found out with none before is found out under the lock."""
    await store.put_touches(batch(0))


@pytest.fixture
async def holder(store: PostgresStore) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection that holds the lock of those who write touches; it is let go of by `COMMIT`."""
    connection = await asyncpg.connect(store.url)
    await connection.execute("BEGIN")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", TOUCHES_LOCK)
    yield connection
    await connection.close()


async def titles(admin: asyncpg.Connection, *names: str) -> list[tuple[str, str]]:
    """Return id and offer of some touches, and see that there are no two of any."""
    assert await admin.fetchval("SELECT count(*) = count(DISTINCT touch_id) FROM touches")
    return [
        (row[0], row[1]) for row in await admin.fetch("SELECT touch_id, title FROM touches WHERE touch_id = ANY ($1) ORDER BY 1", names)
    ]


async def test_batches_one_behind_the_other(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """New ones, known ones, and ones of which some were in the batch just before."""
    added = await asyncio.gather(
        store.put_touches(batch(0, "first")),
        store.put_touches(batch(1000, "first")),
        store.put_touches(batch(1500, "second")),
        store.put_touches(batch(2500, "second")),
        store.put_touches(batch(0, "third")),
    )
    assert [*added] == [1000, 1000, 500, 1000, 0]
    assert await titles(admin, "T1499", "T1500", "T2500", "T999") == [
        ("T1499", "first"), ("T1500", "second"), ("T2500", "second"), ("T999", "third"),
    ]  # fmt: skip


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("knows_of_numbers", [True, False], ids=["a program like ours", "the version before it"])
async def test_somebody_else_writes_in_between(
    store: PostgresStore, other: PostgresStore, admin: asyncpg.Connection, holder: asyncpg.Connection, *, knows_of_numbers: bool
) -> None:
    """What was found before the turn does not hold then, and is found out anew."""
    writing: list[asyncio.Task[int]] = []
    loop = asyncio.get_running_loop()
    if knows_of_numbers:
        writing.append(loop.create_task(other.put_touches([replace(touch("T1007"), offer=OfferTerms("theirs"))]), name="theirs"))
        await until(at_work(admin, 1, LOCKED))
    writing.append(loop.create_task(store.put_touches(batch(1000, "ours")), name="ours"))
    await until(at_work(admin, len(writing), LOCKED))
    if not knows_of_numbers:
        await holder.execute(WRITE_T1007)
    await holder.execute("COMMIT")
    assert (await asyncio.gather(*writing))[-1] == MANY - 1
    assert await titles(admin, "T1006", "T1007") == [("T1006", "ours"), ("T1007", "ours")]


@pytest.mark.usefixtures("written")
async def test_what_was_found_before_the_turn_is_not_asked_again(
    store: PostgresStore, admin: asyncpg.Connection, holder: asyncpg.Connection
) -> None:
    """Nobody else wrote: the touches are copied in without a second look. Seen from one that came by a way of no program's."""
    writing = asyncio.get_running_loop().create_task(store.put_touches(batch(1000)), name="ours")
    await until(at_work(admin, 1, LOCKED))
    await holder.execute("SET LOCAL session_replication_role = replica")
    await holder.execute(WRITE_T1007)
    await holder.execute("COMMIT")
    assert await writing == MANY


@pytest.mark.usefixtures("written")
async def test_who_waits_is_in_nobodys_way(store: PostgresStore, admin: asyncpg.Connection, holder: asyncpg.Connection) -> None:
    """Whoever makes room for a month needs the table for himself for a moment, while a batch waits for its turn."""
    writing = asyncio.get_running_loop().create_task(store.put_touches(batch(1000)), name="ours")
    await until(at_work(admin, 1, LOCKED))
    await holder.execute("SET LOCAL lock_timeout = '1s'")
    await holder.execute("LOCK TABLE touches IN ACCESS EXCLUSIVE MODE")
    await holder.execute("COMMIT")
    assert await writing == MANY


@pytest.mark.usefixtures("written")
async def test_a_batch_that_fails_has_others_find_out_anew(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """It had its number, and wrote nothing; the one behind it waited with what it had found."""
    unfit = [*batch(1000)[1:], replace(touch("T1000"), customer_id="\udcff")]
    results = await asyncio.gather(store.put_touches(unfit), store.put_touches(batch(1500)), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert results[1] == MANY
    assert await titles(admin, "T1100", "T1500") == [("T1500", "")]


async def test_only_a_write_that_was_kept_is_one_to_follow() -> None:
    """One that failed took one number or two: with one more of somebody else it would look like two."""
    for fails in (True, False):
        line = Line()
        async with AsyncExitStack() as waits:
            with suppress(ValueError):
                async with line.place() as first:
                    await first.take_turn()
                    first.let_next(Written(10, frozenset()))
                    second = await waits.enter_async_context(line.place())
                    assert not second.follows_directly(12)
                    if fails:
                        raise ValueError
            await second.take_turn()
            assert second.follows_directly(12) is not fails
            assert not second.follows_directly(13)


async def test_nobody_overtakes() -> None:
    """The next one makes itself ready while one writes; all others wait for that, and whoever leaves lets them go on."""
    line, told = Line(), list[str]()
    first_may_end = asyncio.Event()

    async def write(name: str, *, fails: bool = False) -> None:
        async with line.place() as place:
            told.append(f"{name} ready")
            if fails:
                raise ValueError(name)
            await place.take_turn()
            await place.take_turn()
            told.append(f"{name} writes")
            place.let_next(Written(len(told), frozenset()))
            if name == "a":
                await first_may_end.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(write("a"), name="a")
        failing = asyncio.get_running_loop().create_task(write("b", fails=True), name="b")
        group.create_task(write("c"), name="c")
        group.create_task(write("d"), name="d")

        async def are_ready() -> bool:
            return "c ready" in told

        await until(are_ready)
        assert told == ["a ready", "a writes", "b ready", "c ready"]
        first_may_end.set()
    assert isinstance(failing.exception(), ValueError)
    assert told[4:] == ["c writes", "d ready", "d writes"]
