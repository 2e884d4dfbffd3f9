"""One connection to Asterisk's manager interface, from its banner to its end. It is never reused; nothing pending survives it.

Reading never waits for anybody: Asterisk drops a reader that stalls for 100 ms (writetimeout in manager.conf) and replays
nothing. What is read is parsed and put into a bounded queue; a full queue ends the connection, and the link resynchronises.
Knows nothing of what events mean.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ctiroute.errors import AmiError, LinkError
from ctiroute.protocol.ami import AmiBanner, AmiEvent, AmiHostile, AmiReader, AmiResponse, encode_action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

MAX_QUEUED = 20_000  # events; two seconds of the worst flood we are built for, under 64 MiB
# Carry the ActionID of an action that was answered long before (main/manager.c: fast_originate).
_TOLD_LATER = frozenset({"OriginateResponse"})
MAX_LIST = 50_000  # events in the answer to one action; a switch with more live channels is beyond one machine


@dataclass(frozen=True, slots=True)
class AmiTiming:
    """How long a connection waits for what. Together they bound how long a dead peer stays unnoticed: 10 + 10 s."""

    connect_s: float = 5.0  # TCP and TLS
    answer_s: float = 5.0  # banner, and each action; Asterisk holds back the answer to a wrong password for 1 s
    list_s: float = 15.0  # an action answered with a list
    ping_every_s: float = 10.0
    ping_answer_s: float = 10.0


@dataclass(slots=True, eq=False)
class _Pending:
    answered: asyncio.Future[AmiResponse]
    complete: str  # name of the event that ends the list; "" when the answer is the response alone
    items: list[AmiEvent] = field(default_factory=list)
    accepted: AmiResponse | None = None  # the response before the list


class AmiConnection(asyncio.Protocol):
    """Speaks with one Asterisk. Made by the link, given to the loop, thrown away.

    `wanted`: events to read, with their mandatory headers; `clock` gives aware UTC; `tag` makes ActionIDs nobody can guess;
    `on_hostile` hears the reason of each dropped block.
    """

    def __init__(
        self,
        wanted: Mapping[str, tuple[str, ...]],
        clock: Callable[[], datetime],
        tag: str,
        on_hostile: Callable[[AmiHostile], None],
        timing: AmiTiming,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self.events: deque[tuple[datetime, AmiEvent]] = deque()  # with the time each was read
        self.activity = asyncio.Event()  # set with every new event, with what was dropped as hostile, and at the end
        self.loss = ""  # why the connection ended; "" while it lives
        self.overflowed = False
        self.events_read = 0
        self.version = ""
        self._reader = AmiReader(wanted, tag)
        self._clock = clock
        self._tag = tag
        self._on_hostile = on_hostile
        self._timing = timing
        self._max_queued = max_queued
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._banner: asyncio.Future[None] = self._loop.create_future()
        self._pending: dict[str, _Pending] = {}
        self._actions = 0
        self._timer: asyncio.TimerHandle | None = None

    # --- what the link asks for
    async def log_in(self, username: str, secret: str, event_classes: str, *, plain_allowed: bool) -> AmiResponse:
        """Wait for the banner, log in, and return Asterisk's answer, which may be a refusal.

        The secret goes as an MD5 response to a challenge; in clear only when Asterisk offers none and `plain_allowed`.
        `event_classes` asks Asterisk to send no others, on top of what manager.conf allows. Raises LinkError.
        """
        try:
            async with asyncio.timeout(self._timing.answer_s):
                await self._banner
        except TimeoutError as error:
            raise LinkError("the peer took the connection but sent no manager banner") from error
        challenge = await self.ask("Challenge", {"AuthType": "MD5"})
        headers = {"Username": username, "Events": event_classes}
        if challenge.ok and challenge.headers.get("Challenge"):
            text = challenge.headers["Challenge"] + secret
            headers |= {"AuthType": "MD5", "Key": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}
        elif plain_allowed:
            headers |= {"Secret": secret}
        else:
            return challenge
        answer = await self.ask("Login", headers)
        if answer.ok:
            self._timer = self._loop.call_later(self._timing.ping_every_s, self._ping)
        return answer

    async def ask(self, action: str, headers: Mapping[str, str] | None = None, *, mark: str = "") -> AmiResponse:
        """Send an action and return its response, accepted or not. Raises LinkError when none comes in time.

        `mark` becomes the end of its ActionID, by which an event that tells its end later is known.
        """
        return (await self._ask(action, headers or {}, "", self._timing.answer_s, mark))[0]

    async def ask_list(self, action: str, complete: str) -> tuple[AmiResponse, list[AmiEvent]]:
        """Send an action that is answered with a list of events up to the one named `complete`. Raises LinkError."""
        return await self._ask(action, {}, complete, self._timing.list_s)

    def abort(self, reason: str) -> None:
        """End the connection now. Repeating it changes nothing."""
        if not self.loss:
            self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream transport by construction
        if self.loss:
            transport.abort()  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Parse, queue, return: the loop waits meanwhile."""
        if self.loss:
            return
        passed_over = self._reader.passed_over
        try:
            messages = self._reader.receive(data)
        except AmiError as error:
            self.abort(str(error))
            return
        self.events_read += self._reader.passed_over - passed_over
        now = self._clock()
        for message in messages:
            if isinstance(message, AmiEvent):
                self._event(message, now)
                if self.overflowed:
                    return
            elif isinstance(message, AmiResponse):
                self._response(message)
            elif isinstance(message, AmiHostile):
                self._on_hostile(message)
                self.activity.set()
            elif isinstance(message, AmiBanner):
                self.version = message.version
                if not self._banner.done():
                    self._banner.set_result(None)

    def eof_received(self) -> None:
        """Take note that the peer closed; the transport closes, too."""
        try:
            self._reader.receive_eof()
        except AmiError as error:
            self.abort(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everybody know who still waits."""
        self._transport = None
        if not self.loss:
            self._end(f"the connection broke: {exc}" if exc else "Asterisk closed the connection")

    # --- pieces
    async def _ask(
        self, action: str, headers: Mapping[str, str], complete: str, timeout_s: float, mark: str = ""
    ) -> tuple[AmiResponse, list[AmiEvent]]:
        if self.loss:
            raise LinkError(self.loss)
        pending = _Pending(self._loop.create_future(), complete)
        action_id = self._send(action, headers, pending, mark)
        try:
            async with asyncio.timeout(timeout_s):
                return await pending.answered, pending.items
        except TimeoutError as error:
            raise LinkError(f"Asterisk did not answer {action} within {timeout_s:g} s") from error
        finally:
            self._pending.pop(action_id, None)

    def _send(self, action: str, headers: Mapping[str, str], pending: _Pending, mark: str = "") -> str:
        self._actions += 1
        action_id = f"{self._tag}-{mark or self._actions}"
        data = encode_action(action, headers, action_id)
        if self._transport is None:
            raise LinkError("the connection is not open")
        self._pending[action_id] = pending
        self._transport.write(data)
        return action_id

    def _event(self, event: AmiEvent, now: datetime) -> None:
        self.events_read += 1
        action_id = event.headers.get("ActionID")
        if action_id and event.name not in _TOLD_LATER:  # part of an answer; one that nobody waits for any longer is dropped
            pending = self._pending.get(action_id)
            if pending is None or not pending.complete:
                return
            pending.items.append(event)
            if event.name == pending.complete and pending.accepted is not None:
                pending.items.pop()
                _settle(pending, pending.accepted)
            elif len(pending.items) > MAX_LIST:
                self.abort(f"an answer of over {MAX_LIST} events came")
        elif len(self.events) >= self._max_queued:
            self.overflowed = True
            self.abort(f"{self._max_queued} events wait and more came: resynchronising")
        else:
            self.events.append((now, event))
            self.activity.set()

    def _response(self, response: AmiResponse) -> None:
        pending = self._pending.get(response.headers.get("ActionID", ""))
        if pending is None:
            return
        if pending.complete and response.ok:
            pending.accepted = response
        else:
            _settle(pending, response)

    def _ping(self) -> None:
        ping = _Pending(self._loop.create_future(), "")
        action_id = self._send("Ping", {}, ping)
        self._timer = self._loop.call_later(self._timing.ping_answer_s, self._check_ping, action_id, ping)

    def _check_ping(self, action_id: str, ping: _Pending) -> None:
        self._pending.pop(action_id, None)
        if ping.answered.done():
            self._timer = self._loop.call_later(max(0.0, self._timing.ping_every_s - self._timing.ping_answer_s), self._ping)
        else:
            self.abort(f"no answer to a ping within {self._timing.ping_answer_s:g} s")

    def _end(self, reason: str) -> None:
        self.loss = reason
        if self._timer is not None:
            self._timer.cancel()
        _fail(self._banner, reason)
        for pending in self._pending.values():
            _fail(pending.answered, reason)
        self._pending.clear()
        self.activity.set()


def _settle(pending: _Pending, response: AmiResponse) -> None:
    if not pending.answered.done():
        pending.answered.set_result(response)


def _fail(future: asyncio.Future[Any], reason: str) -> None:
    if not future.done():
        future.set_exception(LinkError(reason))
        future.exception()  # not everybody still waits; an unread exception is no news
