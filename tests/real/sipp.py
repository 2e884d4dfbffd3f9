"""SIPp as the outside caller and as a plain phone.

A scenario waits for the test by way of SIP itself: the test sends a MESSAGE with the call's own Call-ID to SIPp's port, which is
the signal to go on (hang up, answer). What SIPp did so far stands in its log, one word a line, and can be waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import escape

from tests.real import dtmf
from tests.real.ports import free_port
from tests.real.scenarios import CALLER, PHONE, PHONES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.real.asterisk import RealAsterisk

_numbers = itertools.count(1)
HOLD_MS = 120_000  # how long one of a crowd waits to be hung up on


class Sipp:
    """One running SIPp, with one call unless its arguments say otherwise."""

    def __init__(self, scenario: str, *arguments: str, port: int | None = None, calls: int = 1) -> None:
        """Write the scenario. `arguments` go to SIPp after our own; `calls`: after which it ends, 0 for never."""
        self.port = port or free_port(socket.SOCK_DGRAM)
        self.call_id = f"sipp-{next(_numbers)}-{self.port}@127.0.0.1"
        self._folder = Path(tempfile.mkdtemp(prefix="ctiroute-sipp-"))
        # Tags and branches: an own word for each SIPp, since Asterisk takes a branch it has seen for the same request again.
        scenario = scenario.replace("@UNIQUE@", f"u{next(_numbers)}p{self.port}" + ("" if calls == 1 else "x[call_number]"))
        (self._folder / "scenario.xml").write_text(scenario, encoding="utf-8")
        self._arguments = ("-m", str(calls), *arguments) if calls else arguments
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        with (self._folder / "console").open("wb") as console:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once
                [
                    *("setpriv", "--pdeathsig", "KILL", "sipp", "-sf", "scenario.xml", "-i", "127.0.0.1", "-p", str(self.port)),
                    *("-mi", "127.0.0.1", "-mp", str(30000 + self.port % 5000 * 4), "-nostdin"),
                    *("-trace_logs", "-log_file", "log", "-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages"),
                    *self._arguments,
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.to_thread(process.wait)
        shutil.rmtree(self._folder, ignore_errors=True)

    def did(self) -> list[str]:
        """Return what happened so far: ringing, progress, answered, hung up, hung up on."""
        log = self._folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def story(self) -> str:
        """Return SIPp's own error and message logs, for a failure's text."""
        return "".join(
            (self._folder / name).read_text(errors="replace")[-4000:]
            for name in ("console", "errors", "messages")
            if (self._folder / name).exists()
        )

    async def wait(self, word: str, timeout_s: float = 5.0) -> None:
        """Wait until that happened. Raises TimeoutError with SIPp's logs."""
        until = time.monotonic() + timeout_s
        while word not in self.did():
            if time.monotonic() > until:
                raise TimeoutError(f"not {word!r} within {timeout_s} s, only {self.did()}\n{self.story()}")
            await asyncio.sleep(0.02)  # the log is asked again until it is so

    def _signal(self, method: str = "MESSAGE", header: str = "") -> None:
        message = (
            f"{method} sip:go@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-go\r\nFrom: <sip:test@127.0.0.1>;tag=go\r\n"
            f"To: <sip:go@127.0.0.1>\r\nCall-ID: {self.call_id}\r\nCSeq: 1 {method}\r\n{header}Content-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode(), ("127.0.0.1", self.port))

    async def ended(self, timeout_s: float = 5.0) -> int:
        """Wait until SIPp is done and return its exit code: 0 when the call went as written."""
        process = self._process
        if process is None:
            raise RuntimeError("not started")
        until = time.monotonic() + timeout_s
        while process.poll() is None:
            if time.monotonic() > until:
                raise TimeoutError(f"SIPp still runs after {timeout_s} s, so far {self.did()}\n{self.story()}")
            await asyncio.sleep(0.02)  # asked again until it is so
        return process.returncode


class Caller(Sipp):
    """The outside caller. Hangs up after `hold_s` of talk, or when told."""

    def __init__(
        self, asterisk: RealAsterisk, number: str, dialed: str, *, hold_s: float = 60.0, name: str = "", headers: tuple[str, ...] = ()
    ) -> None:
        """Call `dialed` as `number` (any text; put into the From header as it is) once entered."""
        sender = f'"{name}" ' if name else ""
        scenario = (
            CALLER.replace(
                "@FROM@", f"{sender}<sip:{escape(number)}@[local_ip]>" if number else '"Anonymous" <sip:anonymous@anonymous.invalid>'
            )
            .replace("@DIALED@", escape(dialed))
            .replace("@HOLD@", str(int(hold_s * 1000)))
            .replace("@EXTRA@", "".join(f"{header}\n      " for header in headers))
        )
        super().__init__(scenario, f"127.0.0.1:{asterisk.sip_port}")
        self._arguments = ("-cid_str", self.call_id, *self._arguments)

    async def hang_up(self) -> None:
        """Give up: CANCEL while it rings, BYE afterwards."""
        self._signal()
        await self.wait("hung up")

    async def press(self, key: str) -> None:
        """Press a key of the telephone, as an RFC 4733 event in the sound; further keys in the order of `dtmf.KEYS` alone."""
        keys = list(dtmf.KEYS)
        late = [pressed for pressed in keys[keys.index(key) :] if f"pressed {pressed}" in self.did()]
        if late:
            raise ValueError(f"after {late} no key {key}: its recording is of an earlier time")
        self._signal("INFO", f"{dtmf.HEADER}: {key}\r\n")
        await self.wait(f"pressed {key}")


class PlainPhone(Sipp):
    """An operator's phone that rings for a time and answers by itself."""

    def __init__(self, *, answer_after_s: float) -> None:
        """Answer after that time. Register it with `softphone.register`."""
        super().__init__(PHONE.replace("@AFTER@", str(int(answer_after_s * 1000))))


class CrowdOfCallers(Sipp):
    """Many callers, one for each number, who come at a steady rate and wait until they are hung up on."""

    def __init__(self, asterisk: RealAsterisk, numbers: Sequence[str], dialed: str, *, rate: int) -> None:
        """Call `dialed` once from each of these numbers, `rate` calls a second."""
        self.numbers = numbers
        scenario = (
            CALLER.replace("@FROM@", "<sip:[field0]@[local_ip]>")
            .replace("@DIALED@", escape(dialed))
            .replace("@HOLD@", str(HOLD_MS))
            .replace("@EXTRA@", "")
            .replace('<log message="', '<log message="[field0] ')
        )
        pace = ("-r", str(rate), "-l", str(len(numbers)), "-inf", "numbers.csv")
        super().__init__(scenario, f"127.0.0.1:{asterisk.sip_port}", *pace, calls=len(numbers))
        (self._folder / "numbers.csv").write_text("SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers))

    def who(self, word: str) -> set[str]:
        """Return the numbers of those to whom that happened: ringing, answered, hung up on."""
        return {line.partition(" ")[0] for line in self.did() if line.partition(" ")[2] == word}

    async def all_in(self, word: str, timeout_s: float) -> None:
        """Wait until that has happened to each of them."""
        until = time.monotonic() + timeout_s
        while len(self.who(word)) < len(self.numbers):
            if time.monotonic() > until:
                left = set(self.numbers) - self.who(word)
                raise TimeoutError(
                    f"not {word} within {timeout_s} s: {len(left)} of {len(self.numbers)}, {sorted(left)[:9]}\n{self.story()}"
                )
            await asyncio.sleep(0.05)  # the log is asked again until it is so


class CrowdOfPhones(Sipp):
    """All the phones of an Asterisk's crowd: each rings, answers by itself, and hangs up after a talk."""

    def __init__(self, asterisk: RealAsterisk, *, ring_s: float, talk_s: float) -> None:
        scenario = PHONES.replace("@AFTER@", str(int(ring_s * 1000))).replace("@TALK@", str(int(talk_s * 1000)))
        super().__init__(scenario, port=asterisk.crowd_port, calls=0)
