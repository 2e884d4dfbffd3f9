"""Terminal sessions in the pages still happen as they were recorded."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ctiroute.cli import main
from tests.unit.docs.sessions import ROOT, commands, fits, pages
from tests.unit.docs.try_rules import settle

if TYPE_CHECKING:
    from pathlib import Path

SETTLED = {"try-rules": settle}  # pages whose sessions need more than the shipped rules, and what makes it


def test_there_are_sessions() -> None:
    """An empty list would pass the test below."""
    assert sum(len(commands(page)) for page in pages()) > 12


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_session_happens_as_recorded(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command of the page, one after the other, in a folder with the shipped rules."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    if page.stem in SETTLED:
        SETTLED[page.stem](tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name in os.environ:
        if name.startswith("CTIROUTE_"):
            monkeypatch.delenv(name)
    for command in commands(page):
        if command.line.startswith("ctiroute "):
            capsys.readouterr()
            main(shlex.split(command.line.removeprefix("ctiroute ")))
            said = capsys.readouterr()
            printed = (said.out + said.err).replace(f"{tmp_path}/", "")  # settings make paths absolute
        else:
            done = subprocess.run(["bash", "-euc", command.line], capture_output=True, text=True, check=True, timeout=10)  # noqa: S603, S607 - our own page
            printed = done.stdout
        assert fits(printed.splitlines(), command.printed), f"{command.place}: $ {command.line}\n{printed}"


def test_another_output_would_be_noticed() -> None:
    """What was recorded is compared line by line, but for what is left out."""
    assert fits(["a", "b", "rules 0123456789ab", "d"], ("a", "…", "rules abcdef012345", "d"))
    assert fits(["a"], ("a", "…"))
    assert not fits(["a", "b"], ("a",))
    assert not fits(["a"], ("b", "…"))
