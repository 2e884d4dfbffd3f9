"""The closed loop of a running node, put together: calls are attributed, other systems told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ctiroute.app.attributing import Attributor
from ctiroute.connectors.announce.courier import Courier
from ctiroute.connectors.announce.metrics import AnnounceMetrics
from ctiroute.connectors.announce.outbox import Outbox, test_delivery
from ctiroute.errors import StoreError
from ctiroute.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from random import Random

    from prometheus_client import CollectorRegistry

    from ctiroute.app.tasks import Tasks
    from ctiroute.settings import Settings
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

COUNT_S = 30.0  # between two counts of what stands in the outbox


class ClosedLoop:
    """What a node does for the closed loop."""

    def __init__(self, store: Store, settings: Settings, registry: CollectorRegistry, clock: Callable[[], datetime], rng: Random) -> None:
        self.outbox = Outbox(store, settings.webhooks)
        self._store = store
        self._clock = clock
        self._metrics = AnnounceMetrics(registry)
        self.attributor = Attributor(store, self.outbox, settings.closed_loop, settings.language, registry, clock)
        self.couriers = tuple(Courier(each, store, self.outbox.news[each.name], self._metrics, clock, rng) for each in settings.webhooks)
        self._dead: dict[str, int] = {}

    def start(self, tasks: Tasks) -> None:
        """Begin."""
        tasks.start(self.attributor.run(), "attribution of calls", lasting=True)
        for courier in self.couriers:
            tasks.start(courier.run(), f"webhook {courier.webhook.name}", lasting=True)
        if self.couriers:
            tasks.start(self._count(), "count of webhooks", lasting=True)

    async def drain(self, limit_s: float) -> None:
        """Let what is being told be told, for at most so long."""
        async with asyncio.TaskGroup() as group:
            for courier in self.couriers:
                group.create_task(courier.drain(limit_s), name=f"drain {courier.webhook.name}")

    def webhooks(self) -> Mapping[str, tuple[Sequence[str], str]]:
        """Return name -> which events it wants, and why the last attempt of this node failed."""
        return {each.webhook.name: (each.webhook.events, each.fault) for each in self.couriers}

    async def test(self, name: str) -> str | None:
        """Put a test event in the outbox of one webhook; None: there is no such."""
        if name not in self.outbox.news:
            return None
        delivery = test_delivery(name, self._clock())
        await self._store.put_deliveries([delivery])
        self.outbox.told([delivery])
        return delivery.event_id

    def warnings(self) -> Mapping[str, str]:
        """Return what is worth a look: receivers that are away, and what was given up."""
        away = {f"webhook {each.webhook.name}": each.fault for each in self.couriers if each.fault}
        given_up = "events given up: {}; see ctiroute webhook list --state dead"
        lost = {f"webhook {name}": given_up.format(count) for name, count in self._dead.items() if count}
        return {**lost, **away}

    async def count(self) -> None:
        """Count what stands in the outbox. Raises `StoreError`."""
        counted = {(each.webhook, each.state): each for each in await self._store.backlogs()}
        now = self._clock()
        for courier in self.couriers:
            name = courier.webhook.name
            for state in (DeliveryState.WAITING, DeliveryState.DEAD):
                found = counted.get((name, state))
                self._metrics.backlog.labels(name, state.value).set(found.count if found else 0)
            waiting, dead = counted.get((name, DeliveryState.WAITING)), counted.get((name, DeliveryState.DEAD))
            self._metrics.oldest.labels(name).set(max(0.0, (now - waiting.oldest_at).total_seconds()) if waiting else 0.0)
            self._dead[name] = dead.count if dead else 0

    async def _count(self) -> None:
        while True:
            try:
                await self.count()
            except StoreError as error:
                log.warning("what stands in the outbox cannot be counted: %s", error)
            await asyncio.sleep(COUNT_S)
