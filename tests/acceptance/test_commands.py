"""The installed commands against a service that runs as its own process, without any Asterisk: what a newcomer does in the first hour."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import aiohttp
import pytest

from tests.real.ports import free_port

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path
    from types import TracebackType

START_S, STOP_S, RUN_S = 20.0, 8.0, 30.0
RULES = """\
rules:
  - name: autumn
    when: {touch: {campaign: "autumn-*", within: 1h}}
    then: {queue: promo, priority: 10, pop: {headline: "About {touch.offer.title}"}}
default: {menu: main}
"""
SCENARIO = """\
phones:
  - {extension: "1001", answer_after: 2, talk: 3}
queues:
  promo: {phones: ["1001"], ring: 5}
calls:
  - {from: "+380671234567", to: "0800500500", name: Iryna}
  - {from: "+380930000000", to: "0800500500", after: 8}
"""


async def command(*arguments: str) -> tuple[int, str, str]:
    """Run one `ctiroute` command to its end; return its code and what it said."""
    process = await start(*arguments)
    async with asyncio.timeout(RUN_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(*arguments: str) -> Process:
    """Start one `ctiroute` command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ctiroute.cli", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
    )


class Box:
    """A folder with settings and rules, and `ctiroute serve` on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = str(folder / "ctiroute.yml")
        self.agi_port, self.web_port, self.ami_port = free_port(), free_port(), free_port()
        (folder / "rules").mkdir()
        self.write_rules(RULES)
        (folder / "ctiroute.yml").write_text(
            f"data_dir: data\nrules: rules\nregion: UA\nfastagi: {{port: {self.agi_port}}}\nweb: {{port: {self.web_port}}}\n"
            f"asterisk: [{{name: lab, port: {self.ami_port}, username: ctiroute, secret: ctiroute}}]\n",
            encoding="utf-8",
        )
        self.process: Process | None = None
        self.log = ""

    def write_rules(self, text: str) -> None:
        """Write the one file of rules."""
        (self.folder / "rules" / "rules.yml").write_text(text, encoding="utf-8")

    def write(self, name: str, text: str) -> str:
        """Write a file beside the settings; return its path."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    def left(self) -> list[str]:
        """Return the sockets and half-written files that are in the data folder."""
        return [path.name for path in (self.folder / "data").iterdir() if path.suffix in {".sock", ".db-wal", ".db-shm"}]

    async def __aenter__(self) -> Self:
        self.process = await start("serve", "-c", self.config)
        async with asyncio.timeout(START_S):
            await self.told("calls at agi://")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process is not None and self.process.returncode is None:
            await self.end(signal.SIGTERM)
        if error is not None:
            sys.stderr.write(self.log)

    async def told(self, words: str) -> None:
        """Read the log up to a line with these words."""
        assert self.process is not None
        assert self.process.stderr is not None
        async with asyncio.timeout(START_S):
            while line := (await self.process.stderr.readline()).decode():
                self.log += line
                if words in line:
                    return
        raise AssertionError(f"the service ended before it said {words!r}:\n{self.log}")

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_S):
                _, err = await self.process.communicate()
        except TimeoutError:
            self.process.kill()
            raise
        self.log += err.decode()
        assert self.process.returncode is not None
        return self.process.returncode


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Return a box on which nothing runs yet."""
    return Box(tmp_path)


async def test_the_first_hour(box: Box) -> None:
    """Import an offer, ask what its customer's call would do and why, play calls of a scenario, and read how it went."""
    touches = box.write("touches.csv", "phone,campaign,sent_at,title\n+380671234567,autumn-sms,2099-01-01T00:00:00Z,Autumn instalments\n")
    async with box:
        code, _, err = await command("import", "touches", "-c", box.config, touches, "--json")
        assert code != 0, "an offer from the future is a mistake of the file"
        box.write("touches.csv", f"phone,campaign,sent_at,title\n+380671234567,autumn-sms,{minutes_ago(12)},Autumn instalments\n")
        code, out, err = await command("import", "touches", "-c", box.config, touches, "--json")
        assert (code, json.loads(out)["added"]) == (0, 1), err

        code, out, err = await command("call", "-c", box.config, "--from", "067 123 45 67", "--to", "0800500500", "--json")
        said = json.loads(out)
        assert (code, err) == (0, "")
        assert (said["answered"], said["variables"]["CTI_QUEUE"], said["variables"]["CTI_RULE"]) == (True, "promo", "autumn")
        (rule,) = said["rules"]
        assert (rule["rule"], rule["matched"]) == ("autumn", True)
        assert "12 min ago" in rule["verdicts"][0]["seen"]

        code, out, err = await command("call", "-c", box.config, "--from", "anonymous", "--to", "0800500500")
        assert code == 0, err
        assert "no rule took the call: the default way" in out

        scenario = box.write("scenario.yml", SCENARIO)
        lab = ("lab", scenario, "--agi", f"127.0.0.1:{box.agi_port}", "--ami-port", str(box.ami_port), "--speed", "10")
        code, out, err = await command(*lab)
        assert code == 0, err
        story = out.splitlines()
        assert "queue promo (routed, rule autumn, " in story[0]
        assert "1001 answered" in story[1]
        assert "menu main (default, " in story[2]
        assert "Traceback" not in box.log


async def test_nobody_answers_when_nothing_runs(box: Box) -> None:
    """Without a service `call` says so with the remedy, `lab` tells the default way, and both exit with 1."""
    code, out, err = await command("call", "-c", box.config, "--from", "+380671234567", "--to", "0800500500")
    assert (code, out) == (1, "")
    assert "no answer" in err
    assert "is `ctiroute serve` running with these settings?" in err
    code, out, _ = await command("call", "-c", box.config, "--from", "+380671234567", "--to", "0800500500", "--json")
    assert (code, json.loads(out)["answered"]) == (1, False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_service_ends_when_asked(box: Box, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it with 0, soon, without a traceback, with its socket and journal tidied away."""
    async with box:
        assert await box.end(number) == 0
    assert "Traceback" not in box.log
    assert "stopping: calls in hand are finished first" in box.log
    assert box.left() == []


async def test_hang_up_reads_the_rules_again(box: Box) -> None:
    """SIGHUP with bad files keeps the old rules and names the place; with good ones the next call goes by them."""
    async with box:
        assert box.process is not None
        box.write_rules(RULES.replace("queue: promo", "que: promo"))
        box.process.send_signal(signal.SIGHUP)
        await box.told("rules.yml:4:12: ")
        box.write_rules(RULES.replace("menu: main", "menu: evening"))
        box.process.send_signal(signal.SIGHUP)
        await box.told("are in use now")
        _, out, _ = await command("call", "-c", box.config, "--from", "anonymous", "--to", "0800500500", "--json")
        assert json.loads(out)["variables"]["CTI_MENU"] == "evening"
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{box.web_port}/health/ready") as answer:
            assert "rules" not in (await answer.json())["faults"]


async def test_a_taken_port_is_told(box: Box, tmp_path: Path) -> None:
    """A second service on the same ports does not start, says why in one sentence, and leaves the first one alone."""
    async with box:
        code, _, err = await command("serve", "-c", box.config)
        assert (code, "Traceback" in err) == (1, False)
        assert "is another ctiroute running on the same ports?" in err
        code, _, err = await command("call", "-c", box.config, "--from", "anonymous", "--to", "0800500500")
        assert code == 0, err


async def test_settings_with_mistakes_do_not_start(box: Box) -> None:
    """Every mistake is told with its place, and the exit code is the one for configuration."""
    with_mistakes = box.write("bad.yml", "data_dir: data\nfastagi: {prot: 1}\nweb: {port: many}\n")
    code, _, err = await command("serve", "-c", with_mistakes)
    assert code == 2
    assert "bad.yml:2:11: " in err
    assert "bad.yml:3:13: " in err
    assert "Traceback" not in err


def minutes_ago(minutes: float) -> str:
    """Return a time as a CSV has it."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="seconds")
