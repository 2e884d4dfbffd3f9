"""`ctiroute rules replay`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.replay import Replay
from ctiroute.store import open_store
from tests.unit.app.history import plain_calls, record_of, rules
from tests.unit.app.test_replay import AFTER, BEFORE, by_hand_after, by_hand_before

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ctiroute.model import CallRecord
    from tests.unit.cli.conftest import Said

WEEK = ("--since", "2026-11-16", "--until", "2026-11-23")
CALLS = 600


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with a week of calls, made once."""
    folder = tmp_path_factory.mktemp("week")

    async def fill() -> None:
        store = open_store(f"sqlite://{folder / 'ctiroute.db'}")
        await store.open()
        ruleset = rules(BEFORE)
        await store.record_calls([record_of(call, ruleset) for call in plain_calls(CALLS)])
        await store.close()

    asyncio.run(fill())
    return folder


@pytest.fixture
def site(tmp_path: Path, config: Path, week: Path) -> Path:
    """Return the settings of a box with a week of calls, its rules, and a candidate beside them."""
    for name, text in (("rules", BEFORE), ("candidate", AFTER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yml").write_text(text, encoding="utf-8")
    shutil.copytree(week, tmp_path / "data")
    return config


def test_it_says_which_calls_would_go_elsewhere(site: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Counts, ways with their rules, masked numbers, load, rules without calls, and an estimate called one."""
    moved = sum(by_hand_before(call) != by_hand_after(call) for call in plain_calls(CALLS))
    said = ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *WEEK)
    assert (said.code, said.err) == (0, "")
    assert f"{moved:,} would go elsewhere" in said.out
    assert "from menu main  (default)" in said.out
    assert "to   queue vip  (vip)" in said.out
    assert "+38067•••" in said.out
    assert not any(call.number in said.out for call in plain_calls(CALLS) if call.number)
    assert "busiest hour" in said.out
    assert "ESTIMATE" in said.out
    assert "  nobody" in said.out


def test_scripts_may_fail_on_a_change(site: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 1 with a change, 0 without; the whole report as JSON."""
    changed = ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *WEEK, "--fail-if-changed", "--json")
    found = json.loads(changed.out)
    assert changed.code == 1
    assert found["changed"] == found["moved"] + found["shown"] > 0
    assert found["complete"] is True
    assert len(found["load"][0]["before"]) == 24
    same = ctiroute("rules", "replay", tmp_path / "rules", "-c", site, *WEEK, "--fail-if-changed")
    assert same.code == 0
    assert "nothing would change" in same.out


def test_rules_that_no_call_can_reach_are_named(site: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """With the rule that takes their calls; for scripts, too."""
    narrow = "  - {name: gold-sms, when: {customer: {attributes: {segment: gold}}, touch: {within: 1h}}, then: {queue: gold}}\n"
    wide = "  - {name: gold, when: {customer: {attributes: {segment: gold}}}, then: {queue: gold}}\n"
    (tmp_path / "candidate" / "rules.yml").write_text(BEFORE.replace("default:", wide + narrow + "default:"), encoding="utf-8")
    said = ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *WEEK)
    assert "rules that no call can reach any more:\n  gold-sms (gold takes all its calls)\n" in said.out
    assert "before either" not in said.out
    found = json.loads(ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *WEEK, "--json").out)
    assert found["unreachable"] == [{"rule": "gold-sms", "by": "gold", "new": True}]
    assert "gold-sms" not in found["never"]


def test_against_and_limit(site: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Any two rule sets may be compared; a limit is said."""
    said = ctiroute("rules", "replay", tmp_path / "rules", "--against", tmp_path / "candidate", "-c", site, *WEEK, "--limit", 50)
    assert said.code == 0
    assert "50 calls of" in said.out
    assert "not all" in said.out


def test_a_candidate_with_a_mistake_is_named(site: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Place and remedy, exit code 1, nothing replayed."""
    (tmp_path / "candidate" / "rules.yml").write_text(AFTER.replace("queue: help", "que: help"), encoding="utf-8")
    said = ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *WEEK)
    assert (said.code, said.out) == (1, "")
    assert "rules.yml:13:" in said.err
    assert "the candidate cannot be used: 1 mistake" in said.err


@pytest.mark.parametrize(
    "words", [("--days", "0"), ("--since", "yesterday"), ("--since", "2026-11-23", "--until", "2026-11-16"), ("--limit", "0")]
)
def test_a_stretch_that_is_none_is_2(words: tuple[str, ...], site: Path, tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """With the reason."""
    said = ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *words)
    assert said.code == 2
    assert said.err


def test_without_a_store_there_is_nothing_to_replay(tmp_path: Path, config: Path, ctiroute: Callable[..., Said]) -> None:
    """It says so, and makes none."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yml").write_text(BEFORE, encoding="utf-8")
    said = ctiroute("rules", "replay", tmp_path / "rules", "-c", config)
    assert said.code != 0
    assert "no store" in said.err
    assert not (tmp_path / "data" / "ctiroute.db").exists()


def test_ctrl_c_prints_what_was_found_so_far(
    site: Path, tmp_path: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report of the calls up to there, and exit code 1."""
    judge = Replay.judge
    seen: list[str] = []

    def interrupted(self: Replay, record: CallRecord) -> None:
        judge(self, record)
        seen.append(record.call_id)
        if len(seen) == 10:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Replay, "judge", interrupted)
    said = ctiroute("rules", "replay", tmp_path / "candidate", "-c", site, *WEEK)
    assert said.code == 1
    assert "calls of 2026-11-16" in said.out
    assert "stopped" in said.out
