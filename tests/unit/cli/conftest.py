"""The command line as a person meets it: `main(argv)` on real files and a real store in a temporary directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ctiroute.cli import main
from ctiroute.cli.output import err, out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("CTIROUTE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for console in (out, err):  # which have asked for their width already
        monkeypatch.setattr(console, "_width", 100)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of a box of its own."""
    path = tmp_path / "ctiroute.yml"
    path.write_text(f"data_dir: {tmp_path / 'data'}\nrules: {tmp_path / 'rules'}\n", encoding="utf-8")
    return path


@pytest.fixture
def ctiroute(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command and return what it said; argparse's own exits count as codes."""

    def run(*argv: object) -> Said:
        capsys.readouterr()
        try:
            code = main([str(word) for word in argv])
        except SystemExit as stop:
            code = 0 if stop.code is None else int(stop.code)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
