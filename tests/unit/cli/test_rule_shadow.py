"""`ctiroute rules shadow`."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.shadow import Findings
from ctiroute.model import ShadowReport
from ctiroute.store import open_store
from ctiroute.web.api.rules_found import Pair, Sample
from tests.unit.app.history import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said


def tell(path: Path, *reports: tuple[str, Findings]) -> None:
    """Keep what runs learnt, an hour apart."""

    async def keep() -> None:
        store = open_store(f"sqlite://{path / 'ctiroute.db'}")
        await store.open()
        for number, (run, found) in enumerate(reports):
            await store.put_shadow_report(ShadowReport(run, FIRST + timedelta(hours=number), msgspec.json.encode(found)))
        await store.put_shadow_report(ShadowReport("of another version", FIRST, b"[]"))
        await store.close()

    path.mkdir(exist_ok=True)
    asyncio.run(keep())


def found(candidate: str, moved: int, fault: str = "") -> Findings:
    """Return what one run learnt."""
    sample = (Sample("pbx:1", FIRST, "+38067•••4567"), "menu main", "queue vip")
    return Findings(candidate, "live0", FIRST, fault, {"same": 10, "moved": moved}, (Pair("default", "vip", {"moved": moved}, (sample,)),))


def test_what_all_nodes_told_is_added_up(tmp_path: Path, config: Path, ctiroute: Callable[..., Said]) -> None:
    """Of the versions told of last; earlier ones on request."""
    tell(tmp_path / "data", ("a/1", found("old", 100)), ("a/2", found("new", 2)), ("b/1", found("new", 3)))
    said = ctiroute("rules", "shadow", "-c", config)
    assert (said.code, said.err) == (0, "")
    assert "default -> vip: 5 moved" in said.out
    assert "+38067•••4567" in said.out
    assert "old" not in said.out
    everything = json.loads(ctiroute("rules", "shadow", "-c", config, "--all", "--json").out)
    assert [(trial["candidate"], trial["calls"]["moved"]) for trial in everything["trials"]] == [("new", 5), ("old", 100)]


def test_a_candidate_that_cannot_be_used_is_1(tmp_path: Path, config: Path, ctiroute: Callable[..., Said]) -> None:
    """With its place."""
    tell(tmp_path / "data", ("a/1", found("new", 2, "next.yml:3:1: wrong")))
    said = ctiroute("rules", "shadow", "-c", config)
    assert said.code == 1
    assert "next.yml:3:1: wrong" in said.out


def test_nothing_on_trial_is_1(tmp_path: Path, config: Path, ctiroute: Callable[..., Said]) -> None:
    """It says what to do."""
    tell(tmp_path / "data")
    said = ctiroute("rules", "shadow", "-c", config)
    assert said.code == 1
    assert "shadow" in said.out
