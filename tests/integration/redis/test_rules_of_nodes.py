"""Two nodes that do not use the same rules: both say which of them is behind, and both go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctiroute.app.rule_history import GRACE
from tests.unit.app.office import Clock, office

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.redis import RealRedis
    from tests.unit.app.office import Office

WAIT_S = 30.0  # several beats of either


async def until_warned(node: Office, names: set[str]) -> None:
    """Wait until readiness warns of these nodes, and of no other."""
    async with asyncio.timeout(WAIT_S):
        while True:
            status, said = await node.ready()
            assert (status, said["status"]) == (200, "ok")
            if set(said.get("warnings", {})) == {f"rules of {name}" for name in names}:
                return
            await asyncio.sleep(0.1)  # another node tells nobody what it says next


async def until_counted(node: Office, name: str) -> None:
    """Wait until the metric says so, too: it is set when the node looks at the others next, and readiness by the clock."""
    async with asyncio.timeout(WAIT_S):
        while node.metric("ctiroute_rules_behind", node=name) != 1:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)


async def test_both_nodes_name_the_one_that_is_behind(tmp_path: Path, redis: RealRedis) -> None:
    """As soon as a roll-out has had its time; neither is taken out of service for it, and it is over when both have the rules."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        (folder / "rules").mkdir(parents=True)
        (folder / "rules" / "a.yml").write_text("default: {menu: main}\n", encoding="utf-8")
    clock, store = Clock(), f"sqlite://{tmp_path / 'shared.db'}"
    async with (
        office(folders[0], clock=clock, store=store, redis=redis.url, rules=folders[0] / "rules") as one,
        office(folders[1], clock=clock, store=store, redis=redis.url, rules=folders[1] / "rules") as two,
    ):
        behind = two.service.node.name
        clock.move(seconds=60)
        new = "default: {menu: other}\n"
        (folders[0] / "rules" / "a.yml").write_text(new, encoding="utf-8")
        assert await one.service.rules.reload()
        await one.service.history.written()
        clock.move(seconds=GRACE.total_seconds() + 1)
        await asyncio.gather(until_warned(one, {behind}), until_warned(two, {behind}))
        await until_counted(one, behind)
        (folders[1] / "rules" / "a.yml").write_text(new, encoding="utf-8")
        assert await two.service.rules.reload()
        await asyncio.gather(until_warned(one, set()), until_warned(two, set()))
        assert len(await one.service.store.get_rules_versions(10)) == 2  # the same rules on a second node are no news
