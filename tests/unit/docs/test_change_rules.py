"""docs/how-to/change-rules.md: its sessions happen as recorded, beside a running service."""

from __future__ import annotations

import asyncio
import getpass
import io
import os
import re
import shlex
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import aiohttp

from ctiroute.cli import main
from tests.unit.app.office import WAIT_S, Office, office
from tests.unit.docs.sessions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = ROOT / "docs" / "how-to" / "change-rules.md"
_BLOCK = re.compile(r"^```console live\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What differs from one run to the next, and widths that follow from it.
_VARIES = (
    (re.compile(r"\b[0-9a-f]{12}\b"), "(version)"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "(time)"),
    (re.compile(r"\d{8}T\d{6}Z"), "(stamp)"),
    (re.compile(r"[\w.-]+-[0-9a-f]{6}(?= *│)"), "(node)"),
    (re.compile(rf"\b(?:olena|{re.escape(getpass.getuser())})\b"), "(who)"),
    (re.compile(r"[─━┏┓┳┡╇┩└┴┘]+"), ""),
    (re.compile(r" +"), " "),
)


def plain(text: str) -> list[str]:
    """Return the lines of an output without what varies."""
    for pattern, put in _VARIES:
        text = pattern.sub(put, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def recorded() -> list[tuple[str, str]]:
    """Return (command, output) of every session, in order."""
    found = []
    for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, printed = part.partition("\n")
            found.append((line, printed))
    return found


async def carried_out(line: str, folder: Path, room: Office, latest: str) -> str:
    """Return what a command prints. One that writes to the rules ends when the service has read them."""
    if line.startswith("curl -s "):
        async with (
            aiohttp.ClientSession() as client,
            client.get(line.rsplit(maxsplit=1)[-1].replace("http://127.0.0.1:8080", room.url)) as answer,
        ):
            return await answer.text()
    words = shlex.split(re.sub(r"\b[0-9a-f]{12}\b", latest, line))
    before = readings(room)
    said = await asyncio.to_thread(by_us, words[1:]) if words[0] == "ctiroute" else await asyncio.to_thread(by_a_shell, line, folder)
    if "rollback" in words or re.search(r" rules/\S*$", line):
        async with asyncio.timeout(WAIT_S):
            while readings(room) == before or room.service.rules.fault.endswith("ctiroute rules rollback` again"):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
            await room.service.history.written()
    return said


def by_us(words: list[str]) -> str:
    """Return what a command of ours says, in this process: starting a Python for each costs a second."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        main(words)
    return out.getvalue() + err.getvalue()


def by_a_shell(line: str, folder: Path) -> str:
    """Return what any other command says."""
    done = subprocess.run(["bash", "-euc", line], cwd=folder, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603, S607 - our own page
    return done.stdout + done.stderr


def readings(room: Office) -> float:
    """Return how many times the service has read its rules."""
    return sum(room.metric("ctiroute_rules_reloads_total", result=result) for result in ("changed", "bad", "same"))


async def test_the_sessions_happen_as_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command, one after the other, in a folder with the shipped rules that a service uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name in os.environ:
        if name.startswith("CTIROUTE_"):
            monkeypatch.delenv(name)
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    (tmp_path / "ctiroute.yml").write_text(f"data_dir: {tmp_path / 'data'}\nrules: {tmp_path / 'rules'}\n", encoding="utf-8")
    steps = recorded()
    assert len(steps) >= 8
    async with office(tmp_path / "data", rules=tmp_path / "rules") as room:
        await warmed_up(room)
        for line, printed in steps:
            said = await carried_out(line, tmp_path, room, room.service.rules.current().version)
            assert plain(said.replace(f"{tmp_path}/", "")) == plain(printed), line


async def warmed_up(room: Office) -> None:
    """Wait until the service watches its folder: it reads it once more then."""
    async with asyncio.timeout(WAIT_S):
        while not readings(room):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
