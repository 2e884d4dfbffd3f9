"""Rule files that change while the service runs: a change of good files is one swap, bad ones leave the good rules working, loudly."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app.rule_keeper import RuleKeeper
from ctiroute.errors import RulesError
from ctiroute.model import ToQueue
from tests.unit.app.office import office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

GOOD = "rules:\n  - name: {name}\n    when: {{}}\n    then: {{queue: promo}}\ndefault: {{menu: main}}\n"
BAD = "rules:\n  - name: later\n    when: {}\n    then: {que: promo}\ndefault: {menu: main}\n"
WAIT_S = 10.0  # the promise is one second; a machine that runs other tests beside may need more


def names(keeper: RuleKeeper) -> list[str]:
    """Return the names of the rules in use."""
    return [rule.name for rule in keeper.current().rules]


async def until(condition: Callable[[], bool]) -> float:
    """Wait until something is so, and return how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - a file's change has no event but the one under test
            await asyncio.sleep(0.005)
    return loop.time() - began


@asynccontextmanager
async def watching(keeper: RuleKeeper) -> AsyncIterator[None]:
    """Let a keeper watch for the time of a block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keeper.watch(), name="watch")
        try:
            yield
        finally:
            task.cancel()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one good file."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yml").write_text(GOOD.format(name="first"), encoding="utf-8")
    return rules


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of its own."""
    return CollectorRegistry()


@pytest.fixture
def keeper(folder: Path, registry: CollectorRegistry) -> RuleKeeper:
    """Return a keeper that has read the folder."""
    made = RuleKeeper(folder, registry)
    made.load()
    return made


def good(registry: CollectorRegistry) -> float | None:
    """Return the metric."""
    return registry.get_sample_value("ctiroute_rules_good")


def test_there_must_be_rules_to_begin_with(tmp_path: Path) -> None:
    """At the first load nothing can be fallen back on: a mistake is an error, and asking before it is a mistake of ours."""
    keeper = RuleKeeper(tmp_path / "nowhere", CollectorRegistry())
    with pytest.raises(RulesError, match=r"nowhere.*cannot be read"):
        keeper.load()
    with pytest.raises(RuntimeError):
        keeper.current()


async def test_bad_files_leave_the_rules_in_use(
    folder: Path, keeper: RuleKeeper, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """Every mistake is logged with its place, the fault names the first and counts the rest, the metric is 0; good files end that."""
    before = keeper.current()
    (folder / "a.yml").write_text(BAD, encoding="utf-8")
    (folder / "b.yml").write_text("rules:\n  - nam: x\n", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        assert not await keeper.reload()
    assert keeper.current() is before
    assert keeper.fault.startswith(f"{folder / 'a.yml'}:4:12: ")
    assert "more)" in keeper.fault
    assert f"{folder / 'b.yml'}:2:" in caplog.text
    assert good(registry) == 0
    (folder / "b.yml").unlink()
    (folder / "a.yml").write_text(GOOD.format(name="second"), encoding="utf-8")
    assert await keeper.reload()
    assert (keeper.fault, good(registry), names(keeper)) == ("", 1, ["second"])


async def test_a_folder_that_vanishes_leaves_the_rules_in_use(folder: Path, keeper: RuleKeeper) -> None:
    """Files that were taken away are a fault as any other."""
    shutil.rmtree(folder)
    assert not await keeper.reload()
    assert "cannot be read" in keeper.fault
    assert names(keeper) == ["first"]


async def test_a_saved_file_is_in_use_at_once(folder: Path, keeper: RuleKeeper) -> None:
    """Writing in place and saving by rename, as editors do, are both seen; so is a change of a script."""
    async with watching(keeper):
        await settled(folder, keeper)
        (folder / "a.yml").write_text(GOOD.format(name="in-place"), encoding="utf-8")
        await until(lambda: names(keeper) == ["in-place"])
        other = folder / "a.yml~"
        other.write_text(GOOD.format(name="renamed"), encoding="utf-8")
        os.replace(other, folder / "a.yml")  # noqa: PTH105 - what editors call
        await until(lambda: names(keeper) == ["renamed"])


async def test_one_file_saved_by_rename_is_seen_again_and_again(folder: Path, registry: CollectorRegistry) -> None:
    """Rules in a single file are followed although every save puts a new file in its place."""
    file = folder / "a.yml"
    keeper = RuleKeeper(file, registry)
    keeper.load()
    async with watching(keeper):
        await settled(folder, keeper)
        for name in ("second", "third"):
            other = folder / "new"
            other.write_text(GOOD.format(name=name), encoding="utf-8")
            os.replace(other, file)  # noqa: PTH105 - what editors call
            await until(lambda name=name: names(keeper) == [name])  # type: ignore[misc]  # mypy knows no default in a lambda


async def test_a_folder_put_in_place_of_another_is_seen(folder: Path, keeper: RuleKeeper) -> None:
    """A deployment that swaps the whole folder is followed, and so is what is saved in the new one."""
    async with watching(keeper):
        await settled(folder, keeper)
        new = folder.with_name("new")
        new.mkdir()
        (new / "a.yml").write_text(GOOD.format(name="swapped"), encoding="utf-8")
        folder.rename(folder.with_name("old"))  # noqa: ASYNC240 - a moment, in a test
        new.rename(folder)
        await until(lambda: names(keeper) == ["swapped"])
        (folder / "a.yml").write_text(GOOD.format(name="saved"), encoding="utf-8")
        await until(lambda: names(keeper) == ["saved"])


async def test_a_bad_file_saved_while_running(tmp_path: Path, folder: Path) -> None:
    """Within a second readiness names file, line and column, the metric is 0, and calls go on by the old rules; mended, all is well."""
    async with office(tmp_path / "data", rules=folder) as room:
        await settled(folder, room.service.rules)
        assert await room.ready() == (200, {"status": "ok", "faults": {}})
        (folder / "a.yml").write_text(BAD, encoding="utf-8")
        took = await until(lambda: room.metric("ctiroute_rules_good") == 0)
        print(f"noticed after {took:.2f} s")  # noqa: T201 - for who reads a slow run
        status, said = await room.ready()
        assert status == 503
        assert said["faults"]["rules"].startswith(f"{folder / 'a.yml'}:4:12: ")
        assert (await room.route("lab:1.1")).destination == ToQueue("promo")
        (folder / "a.yml").write_text(GOOD.format(name="mended"), encoding="utf-8")
        await until(lambda: room.metric("ctiroute_rules_good") == 1)
        assert await room.ready() == (200, {"status": "ok", "faults": {}})
        assert (await room.route("lab:1.2")).rule == "mended"


async def settled(folder: Path, keeper: RuleKeeper) -> None:
    """Save until a save is noticed: from then on the watch is known to work."""
    async with asyncio.timeout(WAIT_S):
        number = 0
        while not keeper.current().rules[0].name.startswith("warm"):
            (folder / "a.yml").write_text(GOOD.format(name=f"warm-{number}"), encoding="utf-8")
            number += 1
            await asyncio.sleep(0.3)  # longer than one save takes to be noticed
