"""One PostgreSQL for these tests, an empty database for each."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.store.postgres import PostgresStore
from tests.real import postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.PostgresServer]:
    """Start a PostgreSQL for all of them."""
    with postgres.running() as started:
        yield started


@pytest.fixture
async def database(server: postgres.PostgresServer) -> AsyncIterator[str]:
    """Give the name of an empty database."""
    async with postgres.empty_database(server, f"store_{next(_numbers)}") as name:
        yield name


@pytest.fixture
def url(server: postgres.PostgresServer, database: str) -> str:
    """Give the URL of an empty database."""
    return server.url(database)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    """Give an open, empty store."""
    opened = PostgresStore(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def admin(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection of somebody else."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()
