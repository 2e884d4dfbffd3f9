"""Retention and erasure on a real server: whole months, locks, several nodes, and the marks that keep a copy in step."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import CallRecord, Customer, Cuts, Identifier, IdentifierKind, Medium, OfferTerms, Purged, Subject, Touch, TouchStatus
from ctiroute.store.postgres import PostgresStore
from ctiroute.store.postgres.schema import PURGE_LOCK

if TYPE_CHECKING:
    import asyncpg

    from tests.real.postgres import PostgresServer

NOW = datetime.now(UTC)
CUT = datetime(NOW.year - 1, 3, 10, 12, tzinfo=UTC)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
EMAIL = Identifier(IdentifierKind.EMAIL, "olena@example.com")


def touch(touch_id: str, at: datetime, identifier: Identifier = PHONE) -> Touch:
    """Return a touch sent at a time."""
    return Touch(touch_id, "autumn", "", Medium.SMS, identifier, at, TouchStatus.SENT, OfferTerms())


async def months(admin: asyncpg.Connection) -> set[str]:
    """Return the partitions of last year."""
    names = [row[0] for row in await admin.fetch("SELECT relname FROM pg_class WHERE relname ~ '^touches_[0-9]{4}_[0-9]{2}$'")]
    return {name[-2:] for name in names if name[-7:-3] == str(CUT.year)}


async def left(admin: asyncpg.Connection) -> list[str]:
    """Return the touches there are."""
    return [row[0] for row in await admin.fetch("SELECT touch_id FROM touches ORDER BY touch_id")]


async def purge_all(store: PostgresStore, cuts: Cuts) -> Purged:
    """Purge until nothing is left."""
    total = Purged()
    for _ in range(100):
        gone = await store.purge(cuts, 100)
        if not gone.total:
            return total
        total += gone
    raise AssertionError("it never ends")


@pytest.fixture
async def year(store: PostgresStore) -> PostgresStore:
    """Keep touches of several months, before, around and after the cut."""
    ages = {"a": (1, 5), "b": (2, 28), "c": (3, 1), "d": (3, 10), "e": (3, 11), "f": (4, 1)}
    await store.put_touches([touch(name, datetime(CUT.year, month, day, tzinfo=UTC)) for name, (month, day) in ages.items()])
    return store


async def test_months_that_are_over_are_dropped_and_the_rest_of_one_goes_row_by_row(year: PostgresStore, admin: asyncpg.Connection) -> None:
    """A month that has not wholly ended before the cut stays, without what is older."""
    assert await months(admin) == {"01", "02", "03", "04"}
    cuts = Cuts(touches=CUT)
    assert await year.count_expired(cuts) == Purged(touches=4)
    assert await purge_all(year, cuts) == Purged(touches=4)
    assert await months(admin) == {"03", "04"}
    assert await left(admin) == ["e", "f"]
    await year.put_touches([touch("late", datetime(CUT.year, 1, 7, tzinfo=UTC))])
    assert await left(admin) == ["e", "f", "late"], "what is imported afterwards is kept, wherever"


async def test_a_month_out_of_the_search_path_is_purged_row_by_row_and_kept(year: PostgresStore, admin: asyncpg.Connection) -> None:
    """An old month that an administrator moved to a schema of its own cannot be dropped by its name: its touches go, the purge ends."""
    january = f"touches_{CUT.year}_01"
    await admin.execute(f"CREATE SCHEMA old; ALTER TABLE {january} SET SCHEMA old")
    assert (await purge_all(year, Cuts(touches=CUT))).touches == 4
    assert await left(admin) == ["e", "f"]
    assert await admin.fetchval("SELECT to_regclass($1) IS NOT NULL", f"old.{january}")


async def test_a_month_that_somebody_reads_at_length_is_left_alone_and_look_ups_go_on(
    year: PostgresStore, admin: asyncpg.Connection
) -> None:
    """Dropping waits a tenth of a second and no longer: whoever comes after waits with it. Row by row it goes all the same."""
    async with admin.transaction():
        await admin.fetch("SELECT count(*) FROM touches")  # and the lock is held until the transaction ends
        began = asyncio.get_running_loop().time()
        assert (await purge_all(year, Cuts(touches=CUT))).touches == 4
        assert asyncio.get_running_loop().time() - began < 10
        assert await months(admin) == {"01", "02", "03", "04"}
    assert await purge_all(year, Cuts(touches=CUT)) == Purged()
    assert await months(admin) == {"03", "04"}


async def test_a_node_that_owns_no_tables_removes_touches_one_by_one(
    server: PostgresServer, database: str, year: PostgresStore, admin: asyncpg.Connection
) -> None:
    """Rights on rows are enough; the months stay, empty."""
    await admin.execute("CREATE ROLE clerk LOGIN")
    try:
        await admin.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk; GRANT CREATE ON SCHEMA public TO clerk"
        )
        await admin.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk")
        clerk = PostgresStore(server.url(database).replace("postgres@", "clerk@"))
        await clerk.open()
        assert (await purge_all(clerk, Cuts(touches=CUT))).touches == 4
        await clerk.close()
        assert await left(admin) == ["e", "f"]
    finally:
        await admin.execute("DROP OWNED BY clerk; DROP ROLE clerk")


async def test_one_node_purges_at_a_time(year: PostgresStore, admin: asyncpg.Connection) -> None:
    """While somebody else does, there is nothing to do."""
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock($1)", PURGE_LOCK)
        assert await year.purge(Cuts(touches=CUT), 100) == Purged()
    assert (await purge_all(year, Cuts(touches=CUT))).touches == 4


async def test_many_nodes_that_purge_at_once_count_each_record_once(url: str, year: PostgresStore, admin: asyncpg.Connection) -> None:
    """And none waits for another for ever."""
    nodes = [PostgresStore(url) for _ in range(4)]
    await asyncio.gather(*(node.open() for node in nodes))
    counts = await asyncio.gather(*(purge_all(node, Cuts(touches=CUT)) for node in nodes))
    rest = await purge_all(year, Cuts(touches=CUT))
    assert sum(one.touches for one in (*counts, rest)) == 4
    assert await left(admin) == ["e", "f"]
    await asyncio.gather(*(node.close() for node in nodes))


async def test_keys_of_a_dropped_month_that_nothing_else_needs_go_too(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """Rows of a dropped table pass no trigger."""
    other = Identifier(IdentifierKind.EMAIL, "petro@example.com")
    old, new = datetime(CUT.year, 1, 5, tzinfo=UTC), datetime(CUT.year, 4, 5, tzinfo=UTC)
    await store.put_touches([touch("a", old, EMAIL), touch("b", old, other), touch("c", new, other)])
    assert await purge_all(store, Cuts(touches=CUT)) == Purged(touches=2, identifiers=1)
    assert [row[0] for row in await admin.fetch("SELECT value FROM identifiers")] == ["petro@example.com"]


async def test_keys_are_not_removed_under_an_import_that_is_about_to_use_them(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """An import has named an e-mail and not yet written its touch: the purge waits, gives up for now, and does it another time."""
    await store.put_touches([touch("a", NOW, EMAIL)])
    await store.put_touches([touch("a", NOW, PHONE)])  # nothing refers to the e-mail now
    async with admin.transaction():
        await admin.execute("INSERT INTO identifiers (kind, value) VALUES ('email', 'olena@example.com') ON CONFLICT DO NOTHING")
        assert await store.purge(Cuts(), 100) == Purged()
    assert await store.purge(Cuts(), 100) == Purged(identifiers=1)


async def test_whoever_keeps_a_copy_is_told_of_an_erasure(store: PostgresStore) -> None:
    """The person's own identifiers, one that only a touch of theirs was sent to, and whoever shares a number with them."""
    former, shared = Identifier(IdentifierKind.PHONE, "+380630000001"), Identifier(IdentifierKind.PHONE, "+380440000002")
    neighbour = Identifier(IdentifierKind.PHONE, "+380500000003")
    await store.dirty.follow()
    await store.put_customers(
        [Customer("K1", "Olena", None, {}, (PHONE, EMAIL, shared)), Customer("K2", "Petro", None, {}, (shared, neighbour))]
    )
    by_name = Touch("T", "autumn", "", Medium.SMS, former, NOW, TouchStatus.SENT, OfferTerms(), customer_id="K1")
    await store.put_touches([by_name])
    await store.record_calls([CallRecord("x:1", caller_phone=former.value, customer_id="K1", received_at=NOW)])
    async with store.dirty.take(1000):
        pass
    await store.erase(Subject(customer_ids=("K1",)), NOW)
    async with store.dirty.take(1000) as dirty:
        assert {PHONE, former, shared, neighbour} <= set(dirty)


async def test_markers_are_seen_in_the_order_of_their_numbers(url: str, store: PostgresStore) -> None:
    """Erasures at once on several nodes: a node that has seen a number has seen all before it."""
    nodes = [PostgresStore(url) for _ in range(4)]
    await asyncio.gather(*(node.open() for node in nodes))
    seen: list[int] = []
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number, node in enumerate(nodes * 5):
            group.create_task(node.erase(Subject(customer_ids=(f"K{number}",)), NOW), name=f"erase {number}")
        while len(seen) < 20:
            seen += [marker.erasure_id for marker in await store.erasures_after(seen[-1] if seen else 0)]
            await asyncio.sleep(0.001)  # as a node asks again and again: that is what is tried
    assert len(seen) == len(set(seen)) == 20
    assert seen == sorted(seen)
    await asyncio.gather(*(node.close() for node in nodes))


async def test_an_erasure_beside_imports_takes_nothing_of_theirs(store: PostgresStore) -> None:
    """Both write the same tables; neither fails, and the other customers' touches are all there."""
    others = [Identifier(IdentifierKind.EMAIL, f"{number}@example.com") for number in range(50)]
    await store.put_customers([Customer("K1", "Olena", None, {}, (PHONE, EMAIL))])

    async def import_all() -> None:
        for batch in range(10):
            await store.put_touches([touch(f"{batch} {number}", NOW + timedelta(seconds=batch), one) for number, one in enumerate(others)])

    async with asyncio.timeout(50), asyncio.TaskGroup() as group:
        group.create_task(import_all(), name="import")
        for _ in range(5):
            await store.put_touches([touch("hers", NOW), touch("hers too", NOW, EMAIL)])
            assert (await store.erase(Subject((PHONE,)), None)).touches >= 1
            await store.put_customers([Customer("K1", "Olena", None, {}, (PHONE, EMAIL))])
    assert await store.count_expired(Cuts(touches=NOW + timedelta(days=1))) == Purged(touches=500, identifiers=50)
