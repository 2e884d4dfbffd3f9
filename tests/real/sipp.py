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

from tests.real.asterisk import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.real.asterisk import RealAsterisk

_numbers = itertools.count(1)
HOLD_MS = 120_000  # how long one of a crowd waits to be hung up on
SDP = """v=0
      o=- 1 1 IN IP4 127.0.0.1
      s=-
      c=IN IP4 127.0.0.1
      t=0 0
      m=audio [media_port] RTP/AVP 0
      a=rtpmap:0 PCMU/8000
"""


def _note(word: str) -> str:
    return f'<action><log message="{word}"/></action>'


def _request(method: str, branch: str, cseq: int, *, to_tag: str = "[peer_tag_param]") -> str:
    """Return a request of the caller's dialog without a body."""
    return f"""<send><![CDATA[
      {method} sip:@DIALED@@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch={branch}
      From: @FROM@;tag=@UNIQUE@
      To: <sip:@DIALED@@[remote_ip]>{to_tag}
      Call-ID: [call_id]
      CSeq: {cseq} {method}
      Max-Forwards: 70
      Content-Length: 0
    ]]></send>"""


CALLER = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
      INVITE sip:@DIALED@@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-@UNIQUE@-invite
      From: @FROM@;tag=@UNIQUE@
      To: <sip:@DIALED@@[remote_ip]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:caller@[local_ip]:[local_port]>
      @EXTRA@Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      {SDP}
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true">{_note("ringing")}</recv>
  <recv response="183" optional="true">{_note("progress")}</recv>
  <recv response="404" optional="true" next="refused"/>
  <recv response="486" optional="true" next="refused"/>
  <recv response="503" optional="true" next="refused"/>
  <recv request="MESSAGE" optional="true" next="cancel"/>
  <recv response="200" rrs="true">{_note("answered")}</recv>
  {_request("ACK", "z9hG4bK-@UNIQUE@-ack", 1)}
  <label id="talk"/>
  <recv request="INVITE" optional="true" next="reinvited"/>
  <recv request="ACK" optional="true" next="talk"/>
  <recv request="MESSAGE" optional="true" next="bye"/>
  <recv request="BYE" timeout="@HOLD@" ontimeout="bye"/>
  <send next="end">{_note("hung up on")}<![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
    ]]></send>
  <label id="reinvited"/>
  <send next="talk"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:caller@[local_ip]:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]

      {SDP}
    ]]></send>
  <label id="bye"/>
  {_request("BYE", "z9hG4bK-@UNIQUE@-bye", 2)}
  <recv response="200" next="end">{_note("hung up")}</recv>
  <label id="cancel"/>
  {_request("CANCEL", "z9hG4bK-@UNIQUE@-invite", 1, to_tag="")}
  <recv response="200"/>
  <recv response="487"/>
  <send next="end">{_note("hung up")}<![CDATA[
      ACK sip:@DIALED@@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-@UNIQUE@-invite
      From: @FROM@;tag=@UNIQUE@
      To: <sip:@DIALED@@[remote_ip]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0
    ]]></send>
  <label id="refused"/>
  <send><![CDATA[
      ACK sip:@DIALED@@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-@UNIQUE@-invite
      From: @FROM@;tag=@UNIQUE@
      To: <sip:@DIALED@@[remote_ip]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0
    ]]></send>
  <label id="end"/>
</scenario>
"""

PHONE = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="phone">
  <recv request="INVITE" crlf="true">{_note("ringing")}</recv>
  <send><![CDATA[
      SIP/2.0 180 Ringing
      [last_Via:]
      [last_From:]
      [last_To:];tag=@UNIQUE@
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:phone@[local_ip]:[local_port]>
      Content-Length: 0
  ]]></send>
  <recv request="CANCEL" timeout="@AFTER@" ontimeout="answer"/>
  <send next="end"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=@UNIQUE@
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
  ]]></send>
  <label id="answer"/>
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=@UNIQUE@
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:phone@[local_ip]:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]

      {SDP}
  ]]></send>
  <recv request="ACK">{_note("answered")}</recv>
  <recv request="BYE">{_note("hung up on")}</recv>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
  ]]></send>
  <label id="end"/>
</scenario>
"""


# Phones that ring, answer by themselves and hang up after a talk; one SIPp is a whole floor of them.
PHONES = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="phones">
  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="phone"/>
    </action>
  </recv>
  <send><![CDATA[
      SIP/2.0 180 Ringing
      [last_Via:]
      [last_From:]
      [last_To:];tag=@UNIQUE@
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:phone@[local_ip]:[local_port]>
      Content-Length: 0
  ]]></send>
  <recv request="CANCEL" timeout="@AFTER@" ontimeout="answer"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=@UNIQUE@
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
  ]]></send>
  <send next="end"><![CDATA[
      SIP/2.0 487 Request Terminated
      [last_Via:]
      From:[$caller]
      To:[$phone];tag=@UNIQUE@
      [last_Call-ID:]
      CSeq: [last_cseq_number] INVITE
      Content-Length: 0
  ]]></send>
  <label id="answer"/>
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=@UNIQUE@
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:phone@[local_ip]:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]

      {SDP}
  ]]></send>
  <recv request="ACK">{_note("answered")}</recv>
  <recv request="BYE" timeout="@TALK@" ontimeout="bye"/>
  <send next="end"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
  ]]></send>
  <label id="bye"/>
  <send retrans="500"><![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-@UNIQUE@-bye
      From:[$phone];tag=@UNIQUE@
      To:[$caller]
      Call-ID: [call_id]
      CSeq: 7 BYE
      Max-Forwards: 70
      Content-Length: 0
  ]]></send>
  <recv response="200"/>
  <label id="end"/>
</scenario>
"""


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

    def _go_on(self) -> None:
        message = (
            f"MESSAGE sip:go@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-go\r\nFrom: <sip:test@127.0.0.1>;tag=go\r\n"
            f"To: <sip:go@127.0.0.1>\r\nCall-ID: {self.call_id}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
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
        self._go_on()
        await self.wait("hung up")


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
