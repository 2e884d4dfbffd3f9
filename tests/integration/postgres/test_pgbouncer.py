"""Through PgBouncer in transaction mode, of a version that keeps no prepared statements."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import CallerFacts, CallRecord, Identifier, IdentifierKind
from ctiroute.store.postgres import PostgresStore
from ctiroute.store.postgres.address import parse_address
from ctiroute.store.postgres.link import connect
from tests.integration.postgres.people import NOW, OLENA, PHONE, query, touch
from tests.real import pgbouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.real.postgres import PostgresServer

pytestmark = pytest.mark.skipif(not pgbouncer.is_installed(), reason="PgBouncer is not installed")


@pytest.fixture(scope="module")
def bouncer(server: PostgresServer) -> Iterator[int]:
    """Start a PgBouncer."""
    with pgbouncer.running(server) as port:
        yield port


@pytest.fixture
def pooled_url(bouncer: int, database: str) -> str:
    """Give the URL of an empty database behind it."""
    return f"postgresql://postgres@127.0.0.1:{bouncer}/{database}"


@pytest.fixture
async def pooled(pooled_url: str) -> AsyncIterator[PostgresStore]:
    """Give an open store behind it."""
    opened = PostgresStore(pooled_url)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_pooler_is_recognised(pooled_url: str, url: str) -> None:
    """Nobody has to say so: statements are kept on a direct connection, and not on one that is shared."""
    kept = []
    for each in (pooled_url, url, pooled_url + "?prepared_statements=yes"):
        link = await connect(parse_address(each))
        kept.append(link.keeps_statements)
        await link.close()
    assert kept == [False, True, True]


async def test_many_at_once_over_few_shared_connections_mix_nothing_up(pooled: PostgresStore) -> None:
    """Look-ups, batches and merges side by side: each gets its own answer, nothing is lost."""
    phones = [Identifier(IdentifierKind.PHONE, f"+38067000{number:04d}") for number in range(50)]
    await pooled.put_customers([OLENA])

    async def use(number: int) -> None:
        mine = touch(f"T{number}", phones[number])
        assert await pooled.put_touches([mine]) == 1
        await pooled.record_calls([CallRecord(f"x:{number}", caller_phone=phones[number].value, received_at=NOW)])
        facts = await pooled.find_caller(query(phones[number]))
        assert facts.touches == (mine,)
        assert [call.call_id for call in facts.calls] == [f"x:{number}"]
        assert await pooled.find_caller(query(PHONE)) == CallerFacts((OLENA,))

    await asyncio.gather(*(use(number) for number in range(50)))


async def test_a_cancelled_look_up_leaves_the_shared_connections_whole(pooled: PostgresStore) -> None:
    """Cancelled at any moment; afterwards everybody gets his own answer."""
    await pooled.put_customers([OLENA])
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(pooled.find_caller(query()), name=f"look up {number}") for number in range(60)]
    for number, task in enumerate(tasks):
        if number % 2:
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    answers = await asyncio.gather(*(pooled.find_caller(query()) for _ in range(60)))
    assert answers == [CallerFacts((OLENA,))] * 60
