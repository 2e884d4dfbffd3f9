"""Keeps every version of the rules that comes into use, and looks which node did not take the newest. Never in the way of a call.

What is to be kept waits while the store is away. Which rules other nodes use is told over Redis where there is one, and through the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from ctiroute.errors import StoreConflict, StoreError
from ctiroute.model import NodeRules, RulesVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

    from ctiroute.app.rule_keeper import Change
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

BEAT_S = 5.0  # between two looks at the other nodes
HEARD = timedelta(seconds=3 * BEAT_S)  # a node that said nothing for so long is not asked for: it may be switched off
GRACE = timedelta(seconds=10)  # a roll-out takes its time from node to node
AGAIN_S = 2.0  # until the store is tried again
WAITING = 50  # versions that wait for the store; each may be some MB


class RuleHistory:
    """The past of the rules, and their present on all nodes."""

    def __init__(
        self,
        store: Store,
        node: str,
        clock: Callable[[], datetime],
        registry: CollectorRegistry,
        heard: Callable[[], Mapping[str, tuple[str, float]]],
        *,
        tells: bool,
    ) -> None:
        """`heard` gives node -> (version, since when in seconds of the epoch) as told over Redis.

        `tells` says that other nodes may look into the store: the embedded one has a single node, which writes nothing for itself.
        """
        self._store = store
        self._node = node
        self._clock = clock
        self._heard = heard
        self._tells = tells
        self._waiting: deque[RulesVersion] = deque(maxlen=WAITING)
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._here: NodeRules | None = None
        self._latest: RulesVersion | None = None
        self._nodes: dict[str, NodeRules] = {}
        self._lagging: frozenset[str] = frozenset()
        self._behind = Gauge("ctiroute_rules_behind", "1: this node does not use the newest rules", ["node"], registry=registry)

    def taken(self, change: Change) -> None:
        """Take note of rules that have come into use here."""
        now = self._clock()
        if self._here is not None:  # what came later is later, also when the clock was set back
            now = max(now, self._here.since + timedelta(microseconds=1))
        self._here = NodeRules(self._node, change.version, now, now)
        self._waiting.append(RulesVersion(change.version, now, change.who, change.how, self._node, change.texts))
        self._idle.clear()
        self._some.set()

    @property
    def here(self) -> NodeRules | None:
        """Which rules this node uses, and since when; None before there are any."""
        return self._here

    async def written(self) -> None:
        """Wait until what was taken is kept."""
        await self._idle.wait()

    def behind(self) -> Mapping[str, str]:
        """Return node -> in words what it uses in place of the newest rules, for every node that had the time to take them."""
        latest, now = self._latest, self._clock()
        if latest is None or now - latest.used_at < GRACE:
            return {}
        newest = f"the newest are {latest.version}, in use on {latest.node} since {latest.used_at:%Y-%m-%d %H:%M:%S} UTC"
        return {
            name: f"uses rules {each.version}; {newest}"
            for name, each in sorted(self._nodes.items())
            if each.version != latest.version and each.since < now - GRACE
        }

    async def run(self) -> None:
        """Keep and look until cancelled."""
        while True:
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._some.wait()
            except TimeoutError:
                pass
            if not await self._step():
                await asyncio.sleep(AGAIN_S)

    async def _step(self) -> bool:
        """Write what waits, and look at the others; False: the store did not answer. Never raises."""
        self._some.clear()
        try:
            await self._write()
            await self._look()
        except StoreError as error:
            log.warning("versions of the rules cannot be kept or compared: %s", error)
            self._some.set() if self._waiting else None
            return False
        except Exception:  # whatever it is, it is tried again
            log.exception("versions of the rules cannot be kept or compared")
            return False
        return True

    async def _write(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            try:
                await self._store.put_rules_version(first)
            except StoreConflict as error:
                log.warning("version %s of the rules is not kept: %s", first.version, error)
            if self._waiting and self._waiting[0] is first:
                self._waiting.popleft()
        self._idle.set()

    async def _look(self) -> None:
        now, here = self._clock(), self._here
        nodes: dict[str, NodeRules] = {}
        if self._tells:
            if here is not None:
                await self._store.put_node_rules(NodeRules(here.node, here.version, here.since, now))
            nodes = {each.node: each for each in await self._store.get_node_rules(now - HEARD)}
        for name, (version, since_s) in self._heard().items():
            told = NodeRules(name, version, datetime.fromtimestamp(since_s, UTC), now)
            if since_s and (name not in nodes or nodes[name].since < told.since):
                nodes[name] = told
        if here is not None:
            nodes[here.node] = here
        latest = await self._store.get_rules_versions(1)
        self._nodes, self._latest = nodes, latest[0] if latest else None
        self._show()

    def _show(self) -> None:
        lagging = self.behind()
        for name in self._lagging - lagging.keys():
            self._behind.remove(name)
            log.info("node %s uses the newest rules now, or is gone", name)
        for name in lagging.keys() - self._lagging:
            self._behind.labels(name).set(1)
            log.warning("node %s %s", name, lagging[name])
        self._lagging = frozenset(lagging)
