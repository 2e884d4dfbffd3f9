"""The stores under the contract: one parameter for each scheme, each on an empty store of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ctiroute.store.base import Store

SCHEMES = ("sqlite",)


@pytest.fixture(params=SCHEMES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a store that is empty and nobody else's."""
    assert request.param == "sqlite"
    return f"sqlite://{tmp_path / 'ctiroute.db'}"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """Give an open, empty store."""
    opened = open_store(store_url)
    await opened.open()
    yield opened
    await opened.close()
