"""Migrations on a real server: many nodes at once, halves, newer schemas."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.errors import StoreError
from ctiroute.store.postgres import PostgresStore
from ctiroute.store.postgres.schema import Migration, load_migrations, schema_version, upgrade
from ctiroute.store.postgres.statements import SQL
from tests.integration.postgres.people import PHONE, query, touch

if TYPE_CHECKING:
    from tests.real.postgres import PostgresServer

NEWEST = load_migrations()[-1].number


async def test_many_nodes_that_start_at_once_make_one_schema(url: str) -> None:
    """Ten of them; each migration runs once, each month is made once."""
    stores = [PostgresStore(url) for _ in range(10)]
    assert [await store.schema_version() for store in stores[:1]] == [0]
    await asyncio.gather(*(store.open() for store in stores))
    assert {await store.schema_version() for store in stores} == {NEWEST}
    await asyncio.gather(*(store.put_touches([touch(f"T{number}")]) for number, store in enumerate(stores)))
    assert len((await stores[0].find_caller(query())).touches) == 10
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_migration_that_fails_leaves_nothing_of_itself(admin: asyncpg.Connection) -> None:
    """Half a migration is none, and the ones before it stay."""
    known = load_migrations()
    broken = Migration(NEWEST + 1, 1, "broken.sql", "CREATE TABLE half (n int); SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await upgrade(admin, (*known, broken))
    assert await schema_version(admin) == NEWEST
    assert await admin.fetchval("SELECT to_regclass('half')::text") is None


async def test_a_newer_schema_is_worked_with_when_it_says_so_and_refused_otherwise(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """While a cluster is upgraded node by node, the older ones go on; a schema they would misread stops them at the start."""
    await admin.execute("INSERT INTO schema_versions (number, oldest, name) VALUES ($1, $2, 'next.sql')", NEWEST + 1, NEWEST)
    older = PostgresStore(store.url)
    await older.open()
    await older.check()
    await older.close()
    await admin.execute("UPDATE schema_versions SET oldest = number WHERE number = $1", NEWEST + 1)
    refused = PostgresStore(store.url)
    with pytest.raises(StoreError, match="install the ctiroute that wrote it"):
        await refused.open()


async def test_a_node_that_may_make_no_tables_works_all_the_same(
    server: PostgresServer, database: str, store: PostgresStore, admin: asyncpg.Connection
) -> None:
    """With rights to read and write only: touches of a month without a partition are kept with the others."""
    await admin.execute("DROP ROLE IF EXISTS writer")
    await admin.execute("CREATE ROLE writer LOGIN")
    await admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer")
    await admin.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer")
    poor = PostgresStore(f"postgresql://writer@127.0.0.1:{server.port}/{database}")
    await poor.open()
    long_ago = touch(sent_at=datetime(2025, 1, 1, tzinfo=UTC))
    await poor.put_touches([long_ago])
    assert (await poor.find_caller(query(PHONE, long_ago.sent_at))).touches == (long_ago,)
    assert await admin.fetchval("SELECT count(*) FROM touches_other") == 1
    assert await poor.put_touches([replace(long_ago, touch_id=f"T{number}") for number in range(2, 2002)]) == 2000
    await poor.close()


async def test_every_statement_prepares(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """None names a column that is not there."""
    for name, statement in SQL.items():
        await admin.prepare(statement, name=name)
