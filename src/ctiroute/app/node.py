"""This node among others: all that Redis gives, built from the settings, or nothing where there is none.

The one place that knows which links there are: one for look-ups, so that no call waits behind anything else; one for all that is
written; one that waits for news.
"""

from __future__ import annotations

import logging
import secrets
import socket
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING

from ctiroute.app.neighbours import Alone
from ctiroute.app.relay import Relay, RelayMetrics
from ctiroute.app.shared import LISTEN_S, Shared, SharedMetrics
from ctiroute.engine.source import Backed
from ctiroute.errors import StoreError
from ctiroute.store.outbox import MarksDirty
from ctiroute.store.redis import HotCopy, SharedMemory, open_link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.app.neighbours import Neighbours
    from ctiroute.app.relay import Reach
    from ctiroute.app.tasks import Tasks
    from ctiroute.model import Identifier
    from ctiroute.store.base import Store
    from ctiroute.store.redis.shared import Presence

log = logging.getLogger(__name__)

LISTEN_LONGER_S = 2.0  # than the server is asked to wait for news


class Node:
    """What this node shares with the others, and the copy it falls back on."""

    def __init__(
        self,
        url: str,
        store: Store,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
        reach: Callable[[], Reach],
        here: Callable[[], Presence],
    ) -> None:
        """Take the URL of Redis, "" for none; `reach` and `here` are asked when it runs.

        Raises `StoreError` when the URL cannot be used. Nothing is connected to yet.
        """
        self.name = f"{socket.gethostname()}-{secrets.token_hex(3)}"
        self.source: Store | Backed = store
        self.neighbours: Neighbours = Alone()
        self.shared: Shared | None = None
        self.relay: Relay | None = None
        relay_metrics, shared_metrics = RelayMetrics(registry), SharedMetrics(registry)
        self._copy: HotCopy | None = None
        self._links = []
        if not url:
            return
        rng = Random()  # noqa: S311 - spreads waits, guards nothing
        work, news = open_link(url, "work", rng), open_link(url, "news", rng, timeout_s=LISTEN_S + LISTEN_LONGER_S)
        self._links = [work, news]
        self.neighbours = self.shared = Shared(SharedMemory(work, news), self.name, clock, rng, shared_metrics, here)
        if isinstance(store, MarksDirty):  # the embedded store answers by itself, and is never away
            look_ups = open_link(url, "calls", rng)
            self._links.append(look_ups)
            self._copy = copy = HotCopy(look_ups, work, clock)
            self.relay = Relay(copy, store.dirty, reach, self.name, clock, rng, relay_metrics)
            self.source = Backed(store, copy)

    def start(self, tasks: Tasks) -> None:
        """Begin to share, and to keep the copy."""
        if self.shared is not None:
            tasks.start(self.shared.run(), "other nodes", lasting=True)
        if self.relay is not None:
            tasks.start(self.relay.run(), "hot copy", lasting=True)

    async def forget(self, identifiers: Iterable[Identifier]) -> None:
        """Take somebody who was erased out of the copy. What is still known of these identifiers is read again by the marks."""
        if self._copy is not None:
            try:
                await self._copy.forget(identifiers)
            except StoreError as error:
                log.warning("an erasure reaches the hot copy when Redis is back: %s", error)

    async def close(self) -> None:
        """Say goodbye, and let go of the links. To be called when nothing runs any more."""
        async with AsyncExitStack() as stack:
            for link in self._links:
                stack.push_async_callback(link.close)
            if self.shared is not None:
                await self.shared.leave()
