"""One AGI session on a socket: environment in, one answer out, then closed.

Holds the life of the session and nothing of what an answer means: `protocol` reads and writes the bytes, `translate` the words, the
handler decides. Whatever goes wrong, the session either says so in `CTI_STATUS` or closes; both send the caller the default way.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, cast

from ctiroute.connectors.asterisk.agi_metrics import SessionResult
from ctiroute.connectors.asterisk.translate.routing import failed, to_route_request, to_variables
from ctiroute.errors import AgiError
from ctiroute.model import Status
from ctiroute.protocol.agi_command import set_variables
from ctiroute.protocol.agi_environment import EnvironmentParser
from ctiroute.protocol.agi_reply import DEAD_CHANNEL, OK, AgiHangup, ReplyParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.connectors.asterisk.fastagi import FastAgiServer
    from ctiroute.model import Decision, RouteRequest

log = logging.getLogger(__name__)

# Bytes read at a time; an environment is under 1.5 KiB. asyncio's own reads take 256 KiB each, an mmap and a munmap every time.
READ_SIZE: Final = 2048
# The handler's deadline is this much before the caller's, so that its own late answer (with its reasons) wins over ours.
HANDLER_MARGIN_S: Final = 0.02

_DONE: Final = frozenset({"0", "1"})  # result of EXEC MSet: what the application returned; -1 and -2 say it did not run


class _Stage(Enum):
    """Where a session stands."""

    ENVIRONMENT = auto()
    ROUTING = auto()
    ANSWERING = auto()
    OVER = auto()


class AgiSession(asyncio.BufferedProtocol):
    """Speaks with one AGI() in one dialplan."""

    __slots__ = (
        "_answer",
        "_buffer",
        "_environment",
        "_let_go",
        "_peer",
        "_replies",
        "_request",
        "_server",
        "_stage",
        "_status",
        "_transport",
        "accepted_at",
    )

    def __init__(self, server: FastAgiServer) -> None:
        self._server = server
        self._stage = _Stage.ENVIRONMENT
        self._environment = EnvironmentParser()
        self._replies = ReplyParser()
        self._buffer = bytearray(READ_SIZE)
        self._request: RouteRequest | None = None
        self._let_go: Callable[[], None] | None = None  # of a decision that is waited for
        self._answer: list[bytes] = []  # commands not sent yet
        self._status = Status.ERROR

    # --- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse the peer before a byte is read, or start the clocks."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer: str = peer[0] if peer else ""
        self.accepted_at = self._server.loop.time()
        refusal = self._server.opened(self, self._peer)
        if refusal is not None:
            self._end(refusal, abort=True)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's interface
        """Lend the buffer to the transport."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        data = bytes(self._buffer[:nbytes])
        try:
            if self._stage is _Stage.ENVIRONMENT:
                self._read_environment(data)
            elif self._stage is not _Stage.OVER:
                self._read_replies(data)
        except AgiError as error:
            if self._stage is not _Stage.ENVIRONMENT:
                result = SessionResult.LOST_STEP
            else:
                result = SessionResult.HOSTILE if error.hostile else SessionResult.GARBAGE
            self._server.complain(result, self._peer, error)
            self._end(result, abort=True)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost changes nothing
        """Let go of everything; a caller who left during the look-up is taken note of."""
        if self._stage is _Stage.ENVIRONMENT:
            self._end(SessionResult.GARBAGE)
        elif self._stage is _Stage.ROUTING:
            self._abandon()
        elif self._stage is _Stage.ANSWERING:
            self._end(SessionResult.UNCONFIRMED)
        self._server.closed(self)

    # --- what the clocks tell

    def header_late(self) -> None:
        """Close: the time for the environment is over."""
        if self._stage is _Stage.ENVIRONMENT:
            self._end(SessionResult.SLOW, abort=True)

    def deadline(self) -> None:
        """Answer without a decision: the time for the whole call is over."""
        if self._stage is _Stage.ROUTING and self._request is not None:
            log.warning("%s: no decision in time, taking the default way", self._request.call_id)
            self._cancel()
            self._send_answer(failed(self._request.call_id, Status.TIMEOUT), Status.TIMEOUT)

    def unconfirmed(self) -> None:
        """Close: the answer was sent long ago and Asterisk has not said a word."""
        if self._stage is _Stage.ANSWERING:
            self._end(SessionResult.UNCONFIRMED, abort=True)

    def abort(self) -> None:
        """Close at once: the service stops."""
        if self._stage is not _Stage.OVER:
            self._end(SessionResult.ERROR)
        self._transport.abort()

    # --- reading

    def _read_environment(self, data: bytes) -> None:
        env = self._environment.feed(data)
        if env is None:
            return
        server = self._server
        pbx = server.script.pbx(env, self._peer)
        if pbx is None:
            server.complain(SessionResult.REFUSED_SCRIPT, self._peer, "another script path than /route, or a wrong secret")
            self._end(SessionResult.REFUSED_SCRIPT, abort=True)
            return
        request = to_route_request(env, pbx, server.region, server.clock())
        self._request = request
        self._stage = _Stage.ROUTING
        server.environment_read(self)
        if self._environment.behind:
            self._read_replies(self._environment.behind)
            if self._stage is not _Stage.ROUTING:
                return
        if server.loop.time() >= self.accepted_at + server.deadline_s:
            self.deadline()
            return
        self._decide(request)

    def _read_replies(self, data: bytes) -> None:
        for event in self._replies.feed(data):
            if isinstance(event, AgiHangup):
                if self._stage is _Stage.ROUTING:
                    self._abandon()
                    return
            elif event.code == OK and event.result in _DONE:
                self._send_next()
            else:
                if event.code != DEAD_CHANNEL:
                    self._server.complain(SessionResult.UNCONFIRMED, self._peer, f"Asterisk refused the answer: {event}")
                self._end(SessionResult.UNCONFIRMED)
            if self._stage is _Stage.OVER:
                return

    # --- answering

    def _decide(self, request: RouteRequest) -> None:
        """Have it decided: now, or before the deadline when something has to be waited for. Whatever it does, there is an answer."""
        handler = self._server.handler
        try:
            decision = handler.decide(request)
            if decision is None:
                self._let_go = handler.begin(request, self.accepted_at + self._server.deadline_s - HANDLER_MARGIN_S, self._decided)
                return
        except Exception:
            log.exception("%s: the decision failed, taking the default way", request.call_id)
            self._fail(request)
            return
        self._decided(decision)

    def _decided(self, decision: Decision) -> None:
        """Answer, if the caller still waits. Never raises: who decides must not suffer from it."""
        request = self._request
        if self._stage is not _Stage.ROUTING or request is None:
            return
        try:
            values = to_variables(decision, request.call_id, self._server.dropped)
            self._send_answer(values, Status(values["CTI_STATUS"]))
        except Exception:
            log.exception("%s: the decision cannot be said, taking the default way", request.call_id)
            self._fail(request)

    def _fail(self, request: RouteRequest) -> None:
        if self._stage is _Stage.ROUTING:
            self._send_answer(failed(request.call_id), Status.ERROR)

    def _send_answer(self, values: dict[str, str], status: Status) -> None:
        self._answer = set_variables(values)
        self._status = status
        self._stage = _Stage.ANSWERING
        self._send_next()
        self._server.answered(self)

    def _send_next(self) -> None:
        """Send the next command, or end well when there is none left."""
        if self._answer:
            self._replies.expect()
            self._transport.write(self._answer.pop(0))
        else:
            self._end(SessionResult(self._status.value))

    # --- ending

    def _abandon(self) -> None:
        """Stop the look-up and tell the handler: the caller has left."""
        self._cancel()
        self._end(SessionResult.ABANDONED)
        if self._request is not None:
            try:
                self._server.handler.abandoned(self._request)
            except Exception:
                log.exception("%s: taking note of the hang-up failed", self._request.call_id)

    def _cancel(self) -> None:
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go()

    def _end(self, result: SessionResult, *, abort: bool = False) -> None:
        if self._stage is _Stage.ROUTING:
            self._cancel()
        self._stage = _Stage.OVER
        self._server.ended(self, result)
        if abort:
            self._transport.abort()
        else:
            self._transport.close()
