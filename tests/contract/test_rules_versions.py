"""Every store keeps which rules came into use, who changed them, and which node uses which."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import NodeRules, RulesVersion
from ctiroute.store.rules_rows import KEPT

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
FILES = {"10-a.yml": "default: {menu: main}\n", "scripts/Осінь.md": "“Hello”\n\0 😀\r\n"}
FIRST = RulesVersion("aaaaaaaaaaaa", NOW, "olena\0", "save", "node-1", FILES)


def used(version: str, minutes: int, **changes: object) -> RulesVersion:
    """Return a use of rules some minutes after the first."""
    return replace(FIRST, version=version, used_at=NOW + timedelta(minutes=minutes), **changes)  # type: ignore[arg-type] # by name


async def listed(store: Store, limit: int = 100) -> list[str]:
    """Return the versions that came into use, the latest first."""
    return [each.version for each in await store.get_rules_versions(limit)]


async def test_a_version_comes_back_as_it_was(store: Store) -> None:
    """Files byte by byte, asked for by version; lists leave the files out, and an unknown version is None."""
    await store.put_rules_version(FIRST)
    assert await store.get_rules_version(FIRST.version) == FIRST
    assert await store.get_rules_versions(10) == [replace(FIRST, files={})]
    assert await store.get_rules_version("b" * 12) is None


async def test_the_same_rules_on_a_second_node_are_no_news(store: Store) -> None:
    """The first node that took them stands there; rules that come back after others stand there again."""
    for number, version in enumerate("aabba"):
        await store.put_rules_version(used(version, number, node=f"node-{number}"))
    assert await listed(store) == ["a", "b", "a"]
    assert [each.node for each in await store.get_rules_versions(10)] == ["node-4", "node-2", "node-0"]
    assert await listed(store, 1) == ["a"]
    await store.put_rules_version(used("b", 2, node="node-2"))  # told again, after a store that was away
    assert await listed(store) == ["a", "b", "a"]


async def test_a_node_that_starts_with_old_rules_does_not_make_them_the_latest(store: Store) -> None:
    """A node that was switched off for a day brings nothing new; rules nobody ever saw are kept also at a start."""
    for number, (version, how) in enumerate([("a", "start"), ("b", "save"), ("a", "start"), ("c", "start")]):
        await store.put_rules_version(used(version, number, how=how))
    assert await listed(store) == ["c", "b", "a"]


async def test_the_oldest_are_forgotten(store: Store) -> None:
    """What is kept is bounded."""
    for number in range(KEPT + 3):
        await store.put_rules_version(used(f"v{number}", number, files={"a.yml": str(number)}))
    versions = await listed(store, 1000)
    assert (len(versions), versions[0], versions[-1]) == (KEPT, f"v{KEPT + 2}", "v3")
    assert await store.get_rules_version("v2") is None


async def test_which_node_uses_which_rules(store: Store) -> None:
    """Each node has one row, the newest; one that says nothing for a while is left out, and for a day is forgotten."""
    one = NodeRules("node-1", "a", NOW, NOW)
    two = NodeRules("node-2", "a", NOW, NOW + timedelta(seconds=5))
    await store.put_node_rules(one)
    await store.put_node_rules(two)
    assert await store.get_node_rules(NOW) == [one, two]
    assert await store.get_node_rules(NOW + timedelta(seconds=1)) == [two]
    later = NodeRules("node-2", "b", NOW + timedelta(days=2), NOW + timedelta(days=2))
    await store.put_node_rules(later)
    assert await store.get_node_rules(NOW - timedelta(days=9)) == [later]
