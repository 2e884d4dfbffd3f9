"""`ctiroute serve` as a process beside a real Asterisk: the installed command, a folder of its own, nothing of ours mocked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import aiohttp

from tests.real.asterisk import CTIROUTE
from tests.real.ports import free_port

if TYPE_CHECKING:
    from types import TracebackType

START_S, STOP_S = 20.0, 15.0
PASSWORD = "correct horse battery"  # of the tests' operators
COMMAND = (sys.executable, "-m", "ctiroute.cli")

SCRIPT = """\
## Autumn instalments

1. Greet by name, say that you see the message.
2. Read the terms aloud: {touch.offer.terms}
"""
RULES = """
rules:
  - name: autumn-sms-callers
    when:
      touch: {{campaign: "autumn-*", medium: sms, within: 15m}}
    then:
      queue: {queue}
      priority: 10
      pop:
        headline: "Calls back about “{{touch.offer.title}}”, SMS sent {{touch.age}} ago"
        opening: "You have our message about {{touch.offer.title}}. Shall we go through the terms?"
        script: scripts/autumn.md
        fields: {{Limit: "{{touch.offer.limit}}"}}
default: {{menu: main}}
"""


class Pbx(Protocol):
    """What the service has to know of an Asterisk, real or simulated; its manager account is CTIROUTE."""

    @property
    def ami_port(self) -> int:
        """The port of the manager interface."""

    @property
    def agi_port(self) -> int:
        """Where the dialplan asks, unless it is told other nodes."""


class RunningService:
    """One `ctiroute serve` with its settings, rules and data in `folder`."""

    def __init__(
        self,
        folder: Path,
        asterisk: Pbx,
        *,
        queue: str = "pair",
        rules: str | Path = RULES,
        agi_port: int | None = None,
        more: str = "",
    ) -> None:
        """Configure it. `queue`: where RULES send the campaign's callers; `rules`: other ones, as text or as a folder.

        `agi_port`: None: where the Asterisk asks; `more`: further lines of settings.
        """
        self.folder = folder
        self.agi_port = asterisk.agi_port if agi_port is None else agi_port
        self.web_port = free_port()
        self.settings = folder / "ctiroute.yml"
        folder.mkdir(parents=True)
        if isinstance(rules, str):
            (folder / "rules" / "scripts").mkdir(parents=True)
            (folder / "rules" / "scripts" / "autumn.md").write_text(SCRIPT, encoding="utf-8")
            (folder / "rules" / "rules.yml").write_text(rules.format(queue=queue) if rules is RULES else rules, encoding="utf-8")
        self.settings.write_text(
            f"data_dir: data\nrules: {rules if isinstance(rules, Path) else 'rules'}\nregion: UA\n"
            f"fastagi: {{port: {self.agi_port}, deadline_s: {1.0 if agi_port is None else 0.9}}}\nweb: {{port: {self.web_port}}}\n{more}"
            f"asterisk: [{{name: pbx, port: {asterisk.ami_port}, username: {CTIROUTE[0]}, secret: {CTIROUTE[1]}}}]\n",
            encoding="utf-8",
        )
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Address of the screens."""
        return f"http://127.0.0.1:{self.web_port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
        if error is not None or "PYTEST_CURRENT_TEST" in os.environ:  # pytest shows it with a test that failed, and with no other
            sys.stderr.write(f"--- log of ctiroute\n{self.log()}\n")

    def log(self) -> str:
        """Return what the service has logged."""
        path = self.folder / "serve.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    async def run(self, *arguments: str, stdin: str = "", expect: int = 0) -> str:
        """Run one `ctiroute` command to its end and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate(stdin.encode())
        assert process.returncode == expect, (arguments, out.decode(), err.decode())
        return out.decode()

    async def add_operator(self, operator_id: str, extension: str, *more: str) -> None:
        """Add an operator with a phone and the tests' password."""
        arguments = (operator_id, "--name", operator_id.title(), "--interface", f"PJSIP/{extension}", *more)
        await self.run("operator", "add", "-c", str(self.settings), *arguments, stdin=PASSWORD + "\n")

    async def add_customer(self, phone: str, name: str) -> None:
        """Import a customer with this number, also while the service runs."""
        file = self.folder / f"customers-{phone[1:]}.csv"
        file.write_text(f"customer_id,name,language,phone,segment,city\nC-{phone[1:]},{name},uk,{phone},mass,Kyiv\n", encoding="utf-8")
        result = json.loads(await self.run("import", "customers", "-c", str(self.settings), "--json", str(file)))
        assert result["added"] == 1, result

    async def send_offer(self, phone: str, *, minutes_ago: float = 12) -> None:
        """Import the touch that an SMS offer leaves."""
        file = self.folder / f"touches-{phone[1:]}.csv"
        sent = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        file.write_text(
            "phone,campaign,campaign_title,medium,sent_at,title,text,terms,limit\n"
            f'{phone},autumn-sms,Autumn SMS,sms,{sent.isoformat()},Autumn instalments,"Pay in 24 parts. Call us.",'
            '"0 % for 24 months, until 30 November",120 000 UAH\n',
            encoding="utf-8",
        )
        result = json.loads(await self.run("import", "touches", "-c", str(self.settings), "--json", str(file)))
        assert result["added"] == 1, result

    async def start(self) -> None:
        """Start, and wait until it is ready for calls: the manager link is up."""
        with (self.folder / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                # It ends with us, however we end; and a Ctrl-C at our terminal is for us to pass on.
                *("setpriv", "--pdeathsig", "KILL", *COMMAND, "serve", "-c", str(self.settings)),
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                process_group=0,
            )
        await self.ready()

    async def ready(self) -> None:
        """Wait until /health/ready says so."""
        until, said = time.monotonic() + START_S, "nothing"
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < until:
                try:
                    async with session.get(f"{self.url}/health/ready") as answer:
                        if answer.status == 200:
                            return
                        said = await answer.text()
                except aiohttp.ClientError as error:
                    said = str(error)
                assert self._process is not None
                assert self._process.returncode is None, f"ctiroute ended at once:\n{self.log()}"
                await asyncio.sleep(0.05)  # asked again until it is so
        raise AssertionError(f"ctiroute is not ready: {said}\n{self.log()}")

    async def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        if self._process is not None and self._process.returncode is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_S):
                await self._process.wait()

    async def kill(self) -> None:
        """End as a crash does."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        await self._process.wait()

    @property
    def returncode(self) -> int | None:
        """How the process ended; None: it runs."""
        assert self._process is not None
        return self._process.returncode

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def metric(self, name: str) -> float:
        """Return the value of one sample of /metrics, labels included in the name; 0 when it is not there."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as answer:
            for line in (await answer.text()).splitlines():
                if line.startswith(f"{name} "):
                    return float(line.rpartition(" ")[2])
        return 0.0
