"""The stores under the contract: one parameter for each scheme, each on an empty store of its own."""

from __future__ import annotations

from itertools import count
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
_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """Start a PostgreSQL for the whole run."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres_server: postgres.PostgresServer) -> str:
    """Make the empty store once; a copy of it is quicker than running the migrations for each test."""
    name = "ctiroute_template"
    postgres.psql(postgres_server, f"CREATE DATABASE {name}")
    return name


@pytest.fixture(params=SCHEMES)
async def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give the URL of a store that is empty and nobody else's."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path / 'ctiroute.db'}"
        return
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
    name = f"store_{next(_numbers)}"
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"CREATE DATABASE {name}")
    yield server.url(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """Give an open, empty store."""
    opened = open_store(store_url)
    await opened.open()
    yield opened
    await opened.close()
