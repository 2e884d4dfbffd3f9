"""`ctiroute reasons` shows what was learnt."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.service import utc_now
from ctiroute.cli import main
from ctiroute.model import ReasonTally
from ctiroute.reasons.tally import PEOPLE, period_of
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Return settings of a store from which something was learnt."""
    (tmp_path / "ctiroute.yml").write_text(f"data_dir: {tmp_path}\n", encoding="utf-8")
    week = period_of(utc_now())

    async def fill() -> None:
        store = SqliteStore(tmp_path / "ctiroute.db")
        await store.open()
        tallies = [
            ReasonTally(week, '["calls",0,[["touch","autumn-sms","sms",4]],null]', 40.0),
            ReasonTally(week, '["calls",0,[["touch","autumn-sms","sms",4]],0]', 10.0),
            ReasonTally(week, '["time","touch","autumn-sms","sms",4]', 1000.0),
            ReasonTally(week, PEOPLE, 100_000.0),
        ]
        await store.put_reason_tallies(tallies)
        await store.close()

    asyncio.run(fill())
    return str(tmp_path / "ctiroute.yml")


def test_curves_are_listed_and_shown_one_by_one(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what they rest on; a campaign nobody has heard of is the answer no."""
    assert main(["reasons", "show", "-c", config]) == 0
    assert "autumn-sms" in capsys.readouterr().out
    assert main(["reasons", "show", "autumn-sms", "-c", config]) == 0
    assert "15m" in capsys.readouterr().out
    assert main(["reasons", "show", "winter", "-c", config]) == 1
    assert "nothing was learnt of 'winter'" in capsys.readouterr().err


def test_a_script_reads_json(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every stretch of every curve."""
    assert main(["reasons", "show", "--json", "-c", config]) == 0
    told = json.loads(capsys.readouterr().out)
    (curve,) = told["curves"]
    assert (curve["key"], curve["medium"], curve["confirmed"]) == ("autumn-sms", "sms", 10)
    assert curve["calls"] == pytest.approx(50, abs=1)
    assert len(curve["curve"]) == 18
    assert (told["calls"], told["confirmed"]) == (50.0, 10.0)


def test_learning_at_once_says_what_was_counted(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No call is kept here, so none is counted."""
    assert main(["reasons", "learn", "-c", config]) == 0
    assert capsys.readouterr().out.startswith("0 calls counted; curves rest on 50")
