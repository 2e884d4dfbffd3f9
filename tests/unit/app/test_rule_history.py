"""What came into use is kept, also when the store was away; a node that did not take the newest rules is named, and only then."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.rule_history import GRACE, RuleHistory
from ctiroute.app.rule_keeper import Change
from ctiroute.model import NodeRules, RulesVersion
from ctiroute.store.sqlite.store import SqliteStore
from tests.unit.app.office import WAIT_S, Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SECOND = timedelta(seconds=1)


class Nodes:
    """One store, and as many nodes on it as a test wants."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.clock = Clock()
        self.registry = CollectorRegistry()
        self.heard: dict[str, tuple[str, float]] = {}
        self.here = RuleHistory(store, "here", self.clock, self.registry, lambda: self.heard, tells=True)

    def takes(self, version: str, how: str = "save") -> None:
        """Let this node take rules."""
        self.here.taken(Change(version, "olena", how, {"a.yml": version}))

    async def other(self, node: str, version: str, *, since: timedelta = timedelta()) -> None:
        """Let another node say in the store which rules it has been using for so long."""
        await self.store.put_node_rules(NodeRules(node, version, self.clock.now - since, self.clock.now))

    async def other_took(self, node: str, version: str) -> None:
        """Let another node keep a version of its own."""
        await self.store.put_rules_version(RulesVersion(version, self.clock.now, "taras", "save", node, {}))
        await self.other(node, version)

    def metric(self, node: str) -> float | None:
        """Return whether a node is behind, as the metric says."""
        return self.registry.get_sample_value("ctiroute_rules_behind", {"node": node})


@asynccontextmanager
async def nodes(folder: Path) -> AsyncIterator[Nodes]:
    """Give a store and a node on it."""
    store = SqliteStore(folder / "ctiroute.db")
    await store.open()
    try:
        yield Nodes(store)
    finally:
        await store.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what a loop has done has no event
            await asyncio.sleep(0.005)


async def test_a_node_that_did_not_take_the_newest_rules_is_named(tmp_path: Path) -> None:
    """After a while that a roll-out may take; here and there alike, and no more once it has them."""
    async with nodes(tmp_path) as at:
        at.takes("v1", "start")
        await at.other("there", "v1", since=60 * SECOND)
        at.clock.move(seconds=60)
        at.takes("v2")
        await at.other("there", "v1", since=60 * SECOND)
        assert await at.here._step()
        assert at.here.behind() == {}
        at.clock.move(seconds=GRACE.total_seconds() + 1)
        await at.other("there", "v1", since=60 * SECOND)
        assert await at.here._step()
        assert at.here.behind() == {"there": "uses rules v1; the newest are v2, in use on here since 2026-11-20 10:01:00 UTC"}
        assert (at.metric("there"), at.metric("here")) == (1, None)
        await at.other("there", "v2")
        assert await at.here._step()
        assert (at.here.behind(), at.metric("there")) == ({}, None)
        await at.other_took("there", "v3")
        at.clock.move(seconds=GRACE.total_seconds() + 1)
        await at.other("there", "v3")
        assert await at.here._step()
        assert list(at.here.behind()) == ["here"]


async def test_a_node_that_is_gone_is_not_behind(tmp_path: Path) -> None:
    """What said nothing for a while is switched off, and is no reason to worry."""
    async with nodes(tmp_path) as at:
        await at.other("there", "v0")
        at.takes("v1")
        at.clock.move(seconds=3600)
        assert await at.here._step()
        assert at.here.behind() == {}


async def test_what_is_told_over_redis_counts_when_it_is_newer(tmp_path: Path) -> None:
    """It comes sooner than a row of the store; a node of an older version, which does not say since when, is taken from the store."""
    async with nodes(tmp_path) as at:
        at.takes("v1")
        await at.here._step()
        at.clock.move(seconds=60)
        await at.other("there", "v0", since=60 * SECOND)
        at.heard = {"there": ("v1", (at.clock.now - 20 * SECOND).timestamp()), "old": ("v0", 0.0)}
        assert await at.here._step()
        assert at.here.behind() == {}
        at.heard = {"third": ("v0", (at.clock.now - 20 * SECOND).timestamp())}
        assert await at.here._step()
        assert list(at.here.behind()) == ["there", "third"]


async def test_versions_wait_for_a_store_that_is_away(tmp_path: Path) -> None:
    """All of them, in order, and nothing breaks meanwhile."""
    async with nodes(tmp_path) as at:
        await at.store.close()
        for version in ("v1", "v2", "v1"):
            at.takes(version)
        assert not await at.here._step()
        await at.store.open()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(at.here.run(), name="history")
            async with asyncio.timeout(WAIT_S):
                await at.here.written()
            task.cancel()
        assert [each.version for each in await at.store.get_rules_versions(10)] == ["v1", "v2", "v1"]
        found = await at.store.get_rules_version("v2")
        assert found is not None
        assert (found.who, found.files) == ("olena", {"a.yml": "v2"})


async def test_a_single_node_writes_nothing_for_itself(tmp_path: Path) -> None:
    """The embedded store has no other reader: no row every few seconds."""
    async with nodes(tmp_path) as at:
        alone = RuleHistory(at.store, "alone", at.clock, CollectorRegistry(), dict, tells=False)
        alone.taken(Change("v1", "", "start", {}))
        assert await alone._step()
        assert await at.store.get_node_rules(at.clock.now - SECOND) == []
        assert len(await at.store.get_rules_versions(10)) == 1
