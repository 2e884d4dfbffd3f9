"""One PostgreSQL and one Valkey for the run, and a database of its own for each test; tests that stop a server start their own."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

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
    async with postgres.empty_database(postgres_server, f"faults_{next(_numbers)}") as name:
        yield name
