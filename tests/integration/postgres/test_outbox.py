"""Marks of what has changed: who is marked, that a mark is given once and outlives a crash, and bulk reading."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import (
    CallerQuery,
    CallRecord,
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    Receipt,
    TouchStatus,
)
from ctiroute.store.postgres import PostgresStore
from tests.integration.postgres.people import DAY, EMAIL, NOW, OLENA, PHONE, query, touch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

OTHER = Identifier(IdentifierKind.PHONE, "+380501111111")
VISITOR = Identifier(IdentifierKind.VISITOR, "v\0 1")
PETRO = Customer("K2", "Petro", None, {}, (OTHER, EMAIL))


async def taken(store: PostgresStore, limit: int = 100) -> set[Identifier]:
    """Take and remove marks."""
    async with store.dirty.take(limit) as identifiers:
        return set(identifiers)


async def test_while_nobody_follows_nothing_is_marked(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """Without a copy the outbox stays empty; whoever follows for the first time, or after an hour, is told that marks were lost."""
    await store.put_touches([touch()])
    assert await admin.fetchval("SELECT count(*) FROM outbox") == 0
    assert not await store.dirty.follow()
    assert await store.dirty.follow()
    await store.put_touches([touch()])
    assert await taken(store) == {PHONE}
    await admin.execute("UPDATE outbox_reader SET seen_at = now() - interval '2 hours'")
    await store.put_touches([touch()])
    assert await taken(store) == set()
    another = PostgresStore(store.url)
    await another.open()
    assert not await another.dirty.follow()
    await another.close()


async def test_following_waits_for_writers_that_have_not_seen_it(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """A transaction that began before, and marks nothing, has ended before the copy is filled."""
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("SELECT pg_current_xact_id()")
    following = asyncio.get_running_loop().create_task(store.dirty.follow(), name="follow")
    done, _ = await asyncio.wait([following], timeout=0.3)
    assert not done
    await transaction.commit()
    assert not await asyncio.wait_for(following, 5)


async def test_everybody_is_marked_whose_answer_changes(store: PostgresStore) -> None:
    """Each kind of write marks those who are answered otherwise by it, over every identifier of the customers concerned."""
    await store.dirty.follow()
    await store.put_customers([OLENA])
    assert await taken(store) == {PHONE, EMAIL}
    await store.put_customers([PETRO])
    assert await taken(store) == {PHONE, OTHER, EMAIL}, "they share an e-mail, so each is a candidate for it"
    await store.put_touches([touch("T1")])
    assert await taken(store) == {PHONE, EMAIL}
    await store.put_touches([touch("T1", VISITOR)])
    assert await taken(store) == {PHONE, EMAIL, VISITOR}, "the one it was sent to before, too"
    await store.add_receipts([Receipt("T1", TouchStatus.READ, NOW)])
    assert await taken(store) == {VISITOR}
    await store.put_interactions([Interaction("I1", "K2", Medium.WEB, "credit", "", InteractionStatus.OPEN, NOW, NOW)])
    assert await taken(store) == {OTHER, EMAIL, PHONE}
    await store.put_interactions([Interaction("I1", None, Medium.WEB, "credit", "", InteractionStatus.OPEN, NOW, NOW, identifier=VISITOR)])
    assert await taken(store) == {OTHER, EMAIL, PHONE, VISITOR}
    await store.record_calls([CallRecord("x:1", caller_phone=OTHER.value, received_at=NOW)])
    assert OTHER in await taken(store)
    await store.record_calls([CallRecord("x:1", ended_at=NOW)])
    assert OTHER in await taken(store), "the end of a call names no phone"
    await store.put_customers([Customer("K1", "Olena", None, {}, (PHONE,))])
    assert await taken(store) >= {PHONE, EMAIL}, "an identifier he has no more"
    assert await taken(store) == set()


async def test_marks_are_given_in_order_up_to_the_limit_to_one_at_a_time_and_again_after_a_failure(store: PostgresStore) -> None:
    """Fifty marks of one write and ten of another: nothing twice, nothing lost, nobody waits for anybody."""
    await store.dirty.follow()
    phones = [Identifier(IdentifierKind.PHONE, f"+3806700000{number}") for number in range(10, 70)]
    await store.put_touches([touch(f"T{phone.value}", phone) for phone in phones[:50]])
    await store.put_touches([touch(f"T{phone.value}", phone) for phone in phones[50:]])
    assert 0 <= await store.dirty.lag_s() < 5
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what fails
        async with store.dirty.take(100) as identifiers:
            assert set(identifiers) == set(phones)
            raise ZeroDivisionError
    async with store.dirty.take(20) as first:
        assert list(first) == phones[:20]
        async with store.dirty.take(20) as second:
            assert set(second).isdisjoint(first)
        await store.put_touches([touch("again", phones[0])])
    seen: list[Identifier] = [*first, *second]
    while some := await taken(store, 7):
        assert len(some) <= 7
        seen += some
    assert sorted(seen) == sorted([*phones, phones[0]])
    assert await store.dirty.lag_s() == 0.0


async def test_a_mark_that_stands_for_more_than_the_limit_loses_nobody(store: PostgresStore) -> None:
    """A number in the records of many customers: all of their answers change with it."""
    await store.dirty.follow()
    theirs = [Identifier(IdentifierKind.PHONE, f"+3806700000{number}") for number in range(10, 40)]
    await store.put_customers([Customer(f"K{number}", "", None, {}, (PHONE, own)) for number, own in enumerate(theirs)])
    while await taken(store):
        pass
    await store.put_touches([touch()])
    assert await taken(store, 7) == {PHONE, *theirs}
    assert await taken(store, 7) == set()


async def test_bulk_reading_answers_as_one_look_up_each(store: PostgresStore) -> None:
    """In the order of the questions, strangers and repetitions included."""
    await store.put_customers([OLENA, PETRO])
    await store.put_touches([touch("T1"), touch("T2", EMAIL), touch("T3", OTHER, NOW - DAY), touch("T4", VISITOR)])
    stranger = Identifier(IdentifierKind.PHONE, "+380999999999")
    queries = [query(who) for who in (PHONE, stranger, OTHER, VISITOR, EMAIL, PHONE)]
    reading = await store.dirty.read_facts(queries)
    assert reading.facts == tuple([await store.find_caller(each) for each in queries])
    assert abs(reading.as_of - NOW) < timedelta(minutes=5)


async def test_all_that_is_known_is_listed_page_by_page(store: PostgresStore) -> None:
    """Exactly those whom a look-up with the same windows finds, each once."""
    old = NOW - 30 * DAY
    late = Identifier(IdentifierKind.PHONE, "+380670000077")
    await store.put_customers([OLENA])
    await store.put_touches([touch("T1", VISITOR), touch("T2", OTHER, old), touch("T3")])
    await store.record_calls([CallRecord("x:1", caller_phone=late.value, received_at=NOW), CallRecord("x:2", caller_phone="anonymous")])
    since = NOW - DAY
    pages: list[Sequence[Identifier]] = []
    while page := await store.dirty.known_identifiers(pages[-1][-1] if pages else None, since, since, since, 2):
        pages.append(page)
    listed = [identifier for page in pages for identifier in page]
    assert set(listed) == {PHONE, EMAIL, VISITOR, late}
    assert len(listed) == 4
    for who in (*listed, OTHER):
        facts = await store.find_caller(CallerQuery(who, since, since, since))
        assert (facts.customers or facts.touches or facts.calls or facts.interactions) or who == OTHER
