"""A real embedded store behind a connector, its metrics, and waiting for what is about to happen."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.intake import Keeping
from ctiroute.connectors.asking import Asking
from ctiroute.connectors.webhook.metrics import ConnectorMetrics
from ctiroute.errors import StoreUnavailable
from ctiroute.store import open_store
from ctiroute.store.base import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ctiroute.connectors.asking import Source
    from ctiroute.connectors.webhook.mapping import Brought
    from ctiroute.connectors.webhook.ports import Tally
    from ctiroute.model import Interaction

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WAIT_S = 10.0


@dataclass
class House:
    """A store and what connectors are given."""

    store: Store
    keeping: Keeping
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    away: bool = False  # the store takes nothing just now
    taken: int = 0  # how often something was given to it

    def __post_init__(self) -> None:
        self.metrics = ConnectorMetrics(self.registry)

    async def take(self, brought: Brought) -> Tally:
        """See `Taking`; away when the test says so."""
        self.taken += 1
        if self.away:
            raise StoreUnavailable("the disk is full")
        return await self.keeping.take(brought)

    async def find(self, source: str, external_id: str) -> Interaction | None:
        """Return what is kept of a conversation."""
        return await self.store.find_interaction(source, external_id)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that is about to be so."""
        async with asyncio.timeout(WAIT_S):
            while True:
                if holds():
                    return
                await asyncio.sleep(0.01)  # what is waited for happens on the other side of a socket, or in a thread: nobody tells us

    def counted(self, connector: str, result: str) -> float:
        """Return how many arrivals ended so."""
        return self.registry.get_sample_value("ctiroute_connector_arrivals_total", {"connector": connector, "result": result}) or 0.0


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """Open a store in a folder; what an earlier one kept there is still there."""
    store = open_store(f"sqlite://{folder / 'ctiroute.db'}")
    await store.open()
    try:
        yield House(store, Keeping(store, lambda: NOW))
    finally:
        await store.close()


@asynccontextmanager
async def asked(source: Source, at: House, *, refused_s: float = 0.05) -> AsyncIterator[Asking]:
    """Ask a source for as long as the block runs."""
    rng = Random(1)  # noqa: S311 - spreads waits
    asking = Asking(source, at.metrics, lambda: NOW, rng, first_s=0.01, longest_s=0.05, refused_s=refused_s)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(asking.run(), name="asking")
        try:
            yield asking
        finally:
            task.cancel()
