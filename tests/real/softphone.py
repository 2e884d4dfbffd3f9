"""A phone the test holds in its hand: a minimal SIP user agent over UDP on 127.0.0.1.

It rings, and answers only when told, so a test can look at the screens in between. It speaks as much SIP (RFC 3261, 3515, 3891)
as Asterisk needs for calls, hold and transfers on a loopback without loss; it sends no sound and never sends a request twice. It knows
nothing of Asterisk beyond its address and belongs to the event loop it was opened in.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_serial = itertools.count(1)
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message, headers by lower-case name in order of appearance."""

    first: str  # request line or status line
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @property
    def status(self) -> int:
        """Return the status code; 0 for a request."""
        return int(self.first.split(" ", 2)[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Return the method, of a response that of its request."""
        return self["cseq"].split(" ", 1)[-1]

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Read one datagram."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(first, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs), body)


def _uri(header: str) -> str:
    found = re.search(r"<([^>]+)>", header)
    return found.group(1) if found else header.split(";", maxsplit=1)[0].strip()


def _tag(header: str) -> str:
    found = re.search(r";tag=([^;>\s]+)", header)
    return found.group(1) if found else ""


@dataclass(slots=True, eq=False)
class Leg:
    """One call at this phone. Times out after `TIMEOUT_S` wherever it waits."""

    phone: SoftPhone
    call_id: str
    local: str  # our From/To value with tag
    remote: str  # theirs; the tag may come later
    target: str  # their Contact: where requests go
    invite: Message | None = None  # the INVITE that rings here; None: we called
    sequence: int = 0
    branch: str = ""  # of our INVITE, for CANCEL
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # ACK came, or our call was answered
    over: asyncio.Event = field(default_factory=asyncio.Event)  # BYE, CANCEL or refusal, from either side
    remote_ringing: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0  # last final status of our INVITE
    how: str = ""  # why it is over: "hung up", "hung up on", "cancelled", "rejected", "refused"
    notified: list[str] = field(default_factory=list)  # bodies of NOTIFY: how a transfer went
    responses: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    @property
    def caller(self) -> str:
        """Return the number shown on the phone's display."""
        return _uri(self.remote).removeprefix("sip:").split("@")[0]

    async def answer(self) -> None:
        """Pick up, and wait until the other side has taken note."""
        self.phone.respond(self._ringing(), 200, "OK", self.local, sdp=True)
        await self._wait(self.answered, "no ACK")

    def reject(self, status: int = 486) -> None:
        """Refuse the call: 486 busy, 603 declined."""
        self.phone.respond(self._ringing(), status, "Refused", self.local)
        self.end("rejected")

    def _ringing(self) -> Message:
        if self.invite is None or self.over.is_set():
            raise RuntimeError(f"phone {self.phone.extension}: nothing rings ({self.how})")
        return self.invite

    async def hang_up(self) -> None:
        """End it: BYE when answered, CANCEL while our own call still rings."""
        if not self.answered.is_set() and self.invite is None:
            self.phone.request("CANCEL", self)
        else:
            await self.request("BYE")
        self.end("hung up")

    async def ended(self, timeout_s: float = TIMEOUT_S) -> str:
        """Wait until the call is over here and return how."""
        await self._wait(self.over, "still up", timeout_s)
        return self.how

    async def hold(self) -> None:
        """Put the other side on hold."""
        await self.request("INVITE", sdp="sendonly")

    async def resume(self) -> None:
        """Take the other side back."""
        await self.request("INVITE", sdp="sendrecv")

    async def transfer(self, extension: str) -> None:
        """Blind transfer: REFER the other side to an extension and let it go when Asterisk says it took it."""
        await self.request("REFER", headers=(f"Refer-To: <sip:{extension}@{self.phone.server}>", f"Referred-By: <{self.phone.address}>"))

    async def transfer_to(self, other: Leg) -> None:
        """Attended transfer: REFER the other side of this call to the other side of `other` (RFC 3891 Replaces)."""
        replaces = quote(f"{other.call_id};to-tag={_tag(other.remote)};from-tag={_tag(other.local)}", safe="")
        to = _uri(other.remote)
        await self.request("REFER", headers=(f"Refer-To: <{to}?Replaces={replaces}>", f"Referred-By: <{self.phone.address}>"))

    async def request(self, method: str, *, sdp: str = "", headers: tuple[str, ...] = ()) -> Message:
        """Send a request in this call and wait for a final response below 300. Raises ConnectionError when refused."""
        self.phone.request(method, self, sdp=sdp, headers=headers)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    response = await self.responses.get()
                    if response.method == method and response.status >= 200:
                        break
        except TimeoutError:
            raise TimeoutError(f"phone {self.phone.extension}: no answer to {method}") from None
        if method == "INVITE":
            self.phone.request("ACK", self)
        if response.status >= 300:
            raise ConnectionError(f"phone {self.phone.extension}: {method} refused: {response.first}")
        return response

    def end(self, how: str) -> None:
        """Note that it is over."""
        if not self.over.is_set():
            self.how = how
            self.over.set()

    async def _wait(self, event: asyncio.Event, complaint: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            raise TimeoutError(f"phone {self.phone.extension}: {complaint} after {timeout_s} s") from None


class SoftPhone(asyncio.DatagramProtocol):
    """One extension's phone. Open it with `phone()`."""

    def __init__(self, extension: str, server_port: int) -> None:
        self.extension = extension
        self.server = f"127.0.0.1:{server_port}"
        self.legs: dict[str, Leg] = {}  # by Call-ID
        self._rings: asyncio.Queue[Leg] = asyncio.Queue()
        self._registered = asyncio.Event()
        self._sent: dict[tuple[str, str], bytes] = {}  # our last response to (Call-ID, CSeq), for requests that come twice
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """Return our address of record."""
        return f"sip:{self.extension}@{self.server}"

    @property
    def contact(self) -> str:
        """Return where we can be reached."""
        return f"sip:{self.extension}@127.0.0.1:{self.port}"

    async def ringing(self, timeout_s: float = TIMEOUT_S) -> Leg:
        """Wait until this phone rings and return that call. Each call is returned once."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._rings.get()
        except TimeoutError:
            raise TimeoutError(f"phone {self.extension} did not ring within {timeout_s} s") from None

    async def call(self, extension: str) -> Leg:
        """Dial an extension and return at once; wait for `leg.remote_ringing` or `leg.answered`."""
        number = next(_serial)
        leg = Leg(
            self,
            call_id=f"phone-{self.extension}-{number}-{self.port}",
            local=f"<{self.address}>;tag=out{number}p{self.port}",
            remote=f"<sip:{extension}@{self.server}>",
            target=f"sip:{extension}@{self.server}",
        )
        self.legs[leg.call_id] = leg
        self.request("INVITE", leg, sdp="sendrecv")
        return leg

    async def register(self, contact_port: int | None = None, expires_s: int = 3600) -> None:
        """Tell Asterisk where this extension's phone is: here, or at another port (a SIPp)."""
        contact = f"sip:{self.extension}@127.0.0.1:{contact_port or self.port}"
        number = next(_serial)
        self._registered.clear()
        self._send(
            f"REGISTER sip:{self.server} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bKreg{number}p{self.port}",
            f"From: <{self.address}>;tag=reg{number}",
            f"To: <{self.address}>",
            f"Call-ID: register-{self.extension}-{number}-{self.port}",
            f"CSeq: {number} REGISTER",
            f"Contact: <{contact}>;expires={expires_s}",
        )
        async with asyncio.timeout(TIMEOUT_S):
            await self._registered.wait()

    # What goes out.

    def _send(self, *lines: str, sdp: str = "") -> bytes:
        body = self._sdp(sdp) if sdp else ""
        extra = ("Content-Type: application/sdp",) if sdp else ()
        data = "\r\n".join((*lines, *extra, "Max-Forwards: 70", f"Content-Length: {len(body)}", "", body)).encode()
        assert self._transport is not None
        host, _, port = self.server.partition(":")
        self._transport.sendto(data, (host, int(port)))
        return data

    def _sdp(self, direction: str) -> str:
        number = next(_serial)
        return (
            f"v=0\r\no=- 1 {number} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {40000 + self.port % 10000 * 2} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
        )

    def request(self, method: str, leg: Leg, *, sdp: str = "", headers: tuple[str, ...] = ()) -> None:
        """Send a request of a call. ACK and CANCEL repeat the number of the INVITE before them."""
        if method not in {"ACK", "CANCEL"}:
            leg.sequence += 1
        if method != "CANCEL":
            leg.branch = f"z9hG4bK{next(_serial)}p{self.port}"
        self._send(
            f"{method} {leg.target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={leg.branch}",
            f"From: {leg.local}",
            f"To: {leg.remote}",
            f"Call-ID: {leg.call_id}",
            f"CSeq: {leg.sequence} {method}",
            f"Contact: <{self.contact}>",
            *headers,
            sdp=sdp,
        )

    def respond(self, request: Message, status: int, reason: str, to: str = "", *, sdp: bool = False) -> None:
        """Send a response; `to` is the To header with our tag when it makes a dialog."""
        copied = [f"{name.title()}: {value}" for name, value in request.headers if name in {"via", "record-route"}]
        self._sent[request["call-id"], request["cseq"]] = self._send(
            f"SIP/2.0 {status} {reason}",
            *copied,
            f"From: {request['from']}",
            f"To: {to or request['to']}",
            f"Call-ID: {request['call-id']}",
            f"CSeq: {request['cseq']}",
            f"Contact: <{self.contact}>",
            sdp="sendrecv" if sdp else "",
        )

    # What comes in.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own class says so only since 3.13
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """Take one message."""
        message = Message.parse(data)
        leg = self.legs.get(message["call-id"])
        if message.status:
            self._response(message, leg)
            return
        again = self._sent.get((message["call-id"], message["cseq"]))
        if again is not None and message.method != "ACK":
            assert self._transport is not None
            host, _, port = self.server.partition(":")
            self._transport.sendto(again, (host, int(port)))
            return
        self._request(message, leg)

    def _response(self, message: Message, leg: Leg | None) -> None:
        if message.method == "REGISTER" and message.status == 200:
            self._registered.set()
            return
        if leg is None:
            return
        if message.method != "INVITE" or leg.invite is not None or leg.answered.is_set():
            leg.responses.put_nowait(message)
            return
        if _tag(message["to"]):
            leg.remote = message["to"]
        if message.status in {180, 183}:
            leg.remote_ringing.set()
        elif message.status >= 200:
            leg.status = message.status
            if message.status < 300:
                leg.target = _uri(message["contact"])
                leg.answered.set()
            else:
                leg.end("refused")
            self.request("ACK", leg)

    def _request(self, message: Message, leg: Leg | None) -> None:
        match message.method:
            case "INVITE" if leg is None:
                self._rings.put_nowait(self._new_ring(message))
            case "INVITE" | "UPDATE" if leg is not None:
                self.respond(message, 200, "OK", sdp=True)
            case "ACK":
                if leg is not None:
                    leg.answered.set()
            case "CANCEL" if leg is not None and leg.invite is not None:
                self.respond(message, 200, "OK")
                self.respond(leg.invite, 487, "Request Terminated", leg.local)
                leg.end("cancelled")
            case "BYE" if leg is not None:
                self.respond(message, 200, "OK")
                leg.end("hung up on")
            case "NOTIFY" if leg is not None:
                leg.notified.append(message.body.strip())
                self.respond(message, 200, "OK")
            case _:
                self.respond(message, 200, "OK")

    def _new_ring(self, message: Message) -> Leg:
        leg = Leg(
            self,
            call_id=message["call-id"],
            local=f"{message['to']};tag=in{next(_serial)}p{self.port}",
            remote=message["from"],
            target=_uri(message["contact"]),
            invite=message,
        )
        self.legs[leg.call_id] = leg
        self.respond(message, 180, "Ringing", leg.local)
        return leg

    def close(self) -> None:
        """Take the phone off the net."""
        if self._transport is not None:
            self._transport.close()


@contextlib.asynccontextmanager
async def phone(extension: str, sip_port: int) -> AsyncIterator[SoftPhone]:
    """Plug in a phone and register it; unregister it at the end."""
    loop = asyncio.get_running_loop()
    transport, softphone = await loop.create_datagram_endpoint(lambda: SoftPhone(extension, sip_port), local_addr=("127.0.0.1", 0))
    try:
        await softphone.register()
        yield softphone
        with contextlib.suppress(TimeoutError):
            await softphone.register(expires_s=0)
    finally:
        transport.close()


async def register(extension: str, sip_port: int, contact_port: int) -> None:
    """Register an extension whose phone listens at another port: a SIPp."""
    loop = asyncio.get_running_loop()
    transport, softphone = await loop.create_datagram_endpoint(lambda: SoftPhone(extension, sip_port), local_addr=("127.0.0.1", 0))
    try:
        await softphone.register(contact_port)
    finally:
        transport.close()
