"""The stores under the contract: one parameter for each scheme, each test on an empty store that is nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.store import open_store
from tests.real import postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from ctiroute.store.base import Store

SCHEMES = ("sqlite", "postgresql")

# A database for each test costs a hundred files; emptying the few rows of one costs a hundredth of that.
EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT oid::regclass FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_versions'
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """Start a PostgreSQL for the whole run."""
    with postgres.running() as server:
        postgres.psql(server, "CREATE DATABASE contract")
        yield server


@pytest.fixture(params=SCHEMES)
async def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give the URL of a store that is empty and nobody else's."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path / 'ctiroute.db'}"
        return
    url = request.getfixturevalue("postgres_server").url("contract")
    yield url
    connection = await asyncpg.connect(url)
    await connection.execute(EMPTY)
    await connection.close()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """Give an open, empty store."""
    opened = open_store(store_url)
    await opened.open()
    yield opened
    await opened.close()
