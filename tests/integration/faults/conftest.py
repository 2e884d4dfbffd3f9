"""One PostgreSQL and one Valkey for the run, and a database of its own for each test; tests that stop a server start their own."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.real import postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """Start a PostgreSQL for the whole run."""
    with postgres.running() as server:
        yield server


@pytest.fixture
async def database(postgres_server: postgres.PostgresServer) -> AsyncIterator[str]:
    """Give an empty database."""
    name = f"faults_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_server.url())
    await admin.execute(f"CREATE DATABASE {name}")
    yield name
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
