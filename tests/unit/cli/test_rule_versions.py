"""`rules versions|diff|rollback` on a real store and a real folder."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.rule_files import compile_texts, read_with_texts
from ctiroute.app.rule_rollback import version_there
from ctiroute.cli import main
from ctiroute.model import RulesVersion
from ctiroute.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TEXTS = [{"a.yml": f"default: {{menu: {name}}}\n"} for name in ("one", "two")]
ONE, TWO = (compile_texts(texts).version for texts in TEXTS)


class Place:
    """Settings, a folder of rules and a store in which two versions are kept; the second is in the folder."""

    def __init__(self, folder: Path) -> None:
        self.rules = folder / "rules"
        self.rules.mkdir()
        self.settings = folder / "ctiroute.yml"
        self.settings.write_text(f"data_dir: {folder / 'data'}\nrules: {self.rules}\n", encoding="utf-8")
        self.url = f"sqlite://{folder / 'data' / 'ctiroute.db'}"
        asyncio.run(self._fill())
        (self.rules / "a.yml").write_text(TEXTS[1]["a.yml"], encoding="utf-8")

    def run(self, *words: str) -> int:
        """Run a command; returns its exit code."""
        return main(["rules", *words, "-c", str(self.settings)])

    def versions(self) -> list[RulesVersion]:
        """Return what the store keeps."""

        async def read() -> list[RulesVersion]:
            store = open_store(self.url)
            await store.open()
            try:
                return await store.get_rules_versions(10)
            finally:
                await store.close()

        return asyncio.run(read())

    async def _fill(self) -> None:
        store = open_store(self.url)
        await store.open()
        for number, texts in enumerate(TEXTS):
            used_at = NOW + timedelta(hours=number)
            await store.put_rules_version(RulesVersion((ONE, TWO)[number], used_at, "olena", "save", "node-1", texts))
        await store.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with two versions."""
    return Place(tmp_path)


def test_versions_are_listed_the_latest_first(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, and as JSON with everything but the files."""
    assert place.run("versions") == 0
    table = capsys.readouterr().out
    assert table.index(TWO) < table.index(ONE)
    assert "olena" in table
    assert place.run("versions", "--limit", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"version": TWO, "used_at": "2026-11-01T13:00:00+00:00", "how": "save", "who": "olena", "node": "node-1"}
    ]


def test_what_changed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A version against the one before, two versions, and what is in the folder; the exit code says whether anything did."""
    changed = f"--- {ONE}/a.yml\n+++ {TWO}/a.yml\n@@ -1 +1 @@\n-default: {{menu: one}}\n+default: {{menu: two}}\n"
    assert place.run("diff", TWO[:4]) == 1
    assert capsys.readouterr().out == changed
    assert place.run("diff", ONE, TWO) == 1
    assert capsys.readouterr().out == changed
    assert (place.run("diff", TWO, "now"), place.run("diff", "now")) == (0, 0)
    assert capsys.readouterr().out == ""
    (place.rules / "b.yml").write_text("lists: {x: [y]}\n", encoding="utf-8")
    assert place.run("diff", "now") == 1
    assert capsys.readouterr().out.startswith("--- /dev/null\n+++ now/b.yml\n")
    assert place.run("diff", "0000") == 1
    assert "names no version that is kept" in capsys.readouterr().err


def test_back_to_the_version_before(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it does, asks on a terminal, needs --yes elsewhere, and keeps that it was done and by whom."""
    assert place.run("rollback") == 2
    assert "add --yes" in capsys.readouterr().err
    assert place.run("rollback", "--dry-run") == 0
    assert "write  a.yml" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for answer, code, version in (("n", 1, TWO), ("", 1, TWO), ("y", 0, ONE)):
        monkeypatch.setattr("builtins.input", lambda answer=answer: answer)
        assert place.run("rollback") == code
        assert version_there(place.rules) == version
    assert [(each.version, each.how) for each in place.versions()] == [(ONE, "rollback"), (TWO, "save"), (ONE, "save")]
    assert place.run("rollback", TWO, "--yes") == 0
    assert read_with_texts(place.rules).texts == TEXTS[1]


def test_there_is_nothing_to_go_back_to(place: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An unknown version changes nothing; without any, the message says since when versions are kept."""
    assert place.run("rollback", "ffffffffffff", "--yes") == 1
    assert "names no version that is kept" in capsys.readouterr().err
    assert version_there(place.rules) == TWO
    (tmp_path / "new.yml").write_text(f"data_dir: {tmp_path / 'new'}\nrules: {place.rules}\n", encoding="utf-8")
    place.settings = tmp_path / "new.yml"
    assert place.run("versions") == 0
    assert "no version is kept yet" in capsys.readouterr().out
    assert place.run("rollback", "--yes") == 1
    assert "no earlier version is kept" in capsys.readouterr().err
