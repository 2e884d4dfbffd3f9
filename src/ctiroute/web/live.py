"""One browser's websocket, from handshake to close: snapshot first, then pushes in order; acks, notes and choices back.

Knows nothing of calls: what a message does is the floor's business, and whether it is the operator's to send, too.

No gap and no race: a screen joins `Screens` before its snapshot is taken, and what is pushed meanwhile waits behind it. It may
repeat what the snapshot holds already; pops carry revisions, so that does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING, assert_never

import msgspec
from aiohttp import WSMsgType, web

from ctiroute.errors import AccessDenied, CallbackRefused, StoreError
from ctiroute.model import Fate, ReasonKind
from ctiroute.web.problems import Problem, signed_out
from ctiroute.web.screens import Screen, encode
from ctiroute.web.throttle import Bucket
from ctiroute.web.wire import (
    Ack,
    BrowserMessage,
    CallbackPromised,
    Choose,
    ErrorMessage,
    FormEdit,
    Found,
    Note,
    Ping,
    Pong,
    PromiseCallback,
    Proposed,
    Wrong,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.web.cookie import SessionCookie
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.metrics import WebMetrics
    from ctiroute.web.ports import Answers, Floor, FormDesk, Promises
    from ctiroute.web.screens import Screens
    from ctiroute.web.security import Gate
    from ctiroute.web.sessions import Session, Sessions

log = logging.getLogger(__name__)

# Close codes: RFC 6455 7.4.1, and of the private range what the page must tell apart.
POLICY = 1008  # too many refused messages: back off
FAILED = 1011  # no snapshot: come back later
RESTART = 1012  # the service stops: come back soon
SIGNED_OUT = 4401  # the session is over: show the sign-in
CHANGED = 4403  # the operator's role or phone changed: come back at once, for a new snapshot

_decoder = msgspec.json.Decoder(BrowserMessage)


class Live:
    """Serves /ws."""

    def __init__(
        self,
        floor: Floor,
        screens: Screens,
        sessions: Sessions,
        gate: Gate,
        cookie: SessionCookie,
        limits: WebLimits,
        metrics: WebMetrics,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        promises: Promises | None = None,
        forms: FormDesk | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._floor = floor
        self._promises = promises
        self._forms = forms
        self._screens = screens
        self._sessions = sessions
        self._gate = gate
        self._cookie = cookie
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._answers = answers
        self._snapshots = asyncio.Semaphore(limits.snapshots)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Take a browser in and serve it until it leaves."""
        self._gate.check_origin(request)
        session = await self._sessions.find(self._cookie.read(request))
        if session is None:
            raise signed_out()
        if self._screens.connected(session.operator.operator_id) >= self._limits.tabs:
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-tabs", "Close some of the open tabs.")
        ws = web.WebSocketResponse(
            timeout=self._limits.close_s,
            heartbeat=self._limits.heartbeat_s,
            compress=False,  # the same bytes go to every tab; compressing for each would cost more than it saves on a local network
            max_msg_size=self._limits.message_bytes,
            writer_limit=self._limits.write_buffer,
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is None:  # gone during the handshake
            return ws
        transport.set_write_buffer_limits(high=self._limits.write_buffer)
        screen = Screen(session.operator.operator_id, session.token_hash, self._limits, transport.abort)
        try:
            self._screens.add(screen)
            await self._serve(ws, screen, session)
        finally:
            self._screens.remove(screen)
        return ws

    async def _serve(self, ws: web.WebSocketResponse, screen: Screen, session: Session) -> None:
        who = screen.operator_id
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(ws, screen), name=f"web.write {who}")
            guard = tasks.create_task(self._guard(screen, session), name=f"web.guard {who}")
            await self._read(ws, screen)
            guard.cancel()
            screen.close(1000, "")
            # The writer may be in the closing handshake. It may also be stuck behind a browser that reads no more (then the cut that
            # `close` arranged frees it), or wait for a snapshot that nobody is there to see.
            await asyncio.wait((writer,), timeout=self._limits.close_s)
            writer.cancel()

    # --- to the browser

    async def _write(self, ws: web.WebSocketResponse, screen: Screen) -> None:
        try:
            snapshot = await self._snapshot(screen)
            if snapshot is not None:
                await ws.send_frame(snapshot, WSMsgType.TEXT)
            while (encoded := await screen.next()) is not None:
                await ws.send_frame(encoded, WSMsgType.TEXT)
            code, reason = screen.closing or (1000, "")
            await ws.close(code=code, message=reason.encode())
        except ConnectionError:
            pass  # the reader hears of it, too

    async def _snapshot(self, screen: Screen) -> bytes | None:
        try:
            async with self._snapshots, asyncio.timeout(self._limits.snapshot_s):
                return encode(await self._floor.snapshot(screen.operator_id))
        except AccessDenied:
            screen.close(SIGNED_OUT, "no operator any more")
            return None
        except (StoreError, TimeoutError) as error:
            log.warning("No snapshot for %s: %s", screen.operator_id, str(error) or "it took too long")
        except Exception:
            log.exception("No snapshot for %s", screen.operator_id)
        screen.close(FAILED, "no snapshot")
        return None

    # --- from the browser

    async def _read(self, ws: web.WebSocketResponse, screen: Screen) -> None:
        limits = self._limits
        budget = Bucket.full(limits.messages_per_minute, 60 / limits.messages_per_minute, self._monotonic())
        strikes = 0
        async for frame in ws:
            if frame.type is WSMsgType.ERROR or screen.closing is not None:
                continue  # the next round ends the loop, or the writer is about to close
            refusal = await self._hear(screen, budget, frame.data)
            if refusal is None:
                strikes = 0
                continue
            strikes += 1
            self._metrics.refused.labels(refusal.code).inc()
            screen.offer(encode(refusal))
            if strikes >= limits.strikes and refusal.code != "unavailable":
                self._metrics.closes.labels("refused").inc()
                log.warning("Closed a browser of %s: %d messages refused in a row (%s)", screen.operator_id, strikes, refusal.code)
                screen.close(POLICY, "too many refused messages")

    async def _hear(self, screen: Screen, budget: Bucket, data: str | bytes) -> ErrorMessage | None:
        self._metrics.received_bytes.observe(len(data))
        if not budget.take(self._monotonic()):
            return ErrorMessage("too-fast", f"At most {self._limits.messages_per_minute} messages a minute.")
        try:
            message = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            return ErrorMessage("bad-message", str(error)[:200])
        try:
            mine = await self._do(screen, message)
        except CallbackRefused as error:
            return ErrorMessage("refused", str(error))
        except StoreError as error:
            log.warning("A message of %s could not be kept: %s", screen.operator_id, error)
            return ErrorMessage("unavailable", "It could not be kept; try again.")
        except Exception:
            log.exception("A message of %s failed", screen.operator_id)
            return ErrorMessage("unavailable", "It failed; the cause is in the log.")
        return None if mine else ErrorMessage("not-yours", "There is no such pop on this screen.")

    async def _do(self, screen: Screen, message: BrowserMessage) -> bool:  # noqa: C901, PLR0911 - one branch for each message
        """Pass a message on in the name of the session's operator: whose it is never comes from the message itself."""
        match message:
            case Ack():
                self._floor.acked(screen.operator_id, message)
                return True
            case Note():
                return await self._floor.note(screen.operator_id, message.pop_id, message.text, message.code)
            case Choose():
                return await self._floor.choose(screen.operator_id, message.pop_id, message.customer_id)
            case FormEdit():
                answer = None if self._forms is None else await self._forms.edit(screen.operator_id, message)
                if answer is not None:
                    screen.offer(encode(answer))
                return answer is not None
            case PromiseCallback():
                return await self._promise(screen, message)
            case Found() if self._answers is not None:
                return await self._answers.found(screen.operator_id, message.pop_id, ReasonKind(message.kind), message.about_id)
            case Proposed() if self._answers is not None:
                return await self._answers.proposed(screen.operator_id, message.pop_id, message.proposal, Fate(message.fate))
            case Wrong() if self._answers is not None:
                return await self._answers.wrong(screen.operator_id, message.pop_id, message.customer_id)
            case Found() | Proposed() | Wrong():
                return False
            case Ping():
                screen.offer(encode(Pong(self._clock())))
                return True
        assert_never(message)

    async def _promise(self, screen: Screen, message: PromiseCallback) -> bool:
        """Order the callback that an operator promised, and tell all his tabs."""
        if self._promises is None:
            return False
        due_at = None if message.due_at is None else message.due_at.astimezone(UTC)
        order = await self._promises.promise(screen.operator_id, message.pop_id, due_at, message.note, myself=message.myself)
        if order is None:
            return False
        self._screens.push(screen.operator_id, CallbackPromised(message.pop_id, order.callback_id, order.asked_at, order.due_at))
        return True

    # --- the session behind it

    async def _guard(self, screen: Screen, session: Session) -> None:
        """Close the screen soon after its session ended or its operator changed, wherever that was done."""
        while True:
            await asyncio.sleep(self._limits.recheck_s)
            try:
                current = await self._sessions.find_hash(session.token_hash)
            except StoreError:
                continue  # a store that is away must not blank the screens of a floor that is on the phone
            if current is None:
                screen.close(SIGNED_OUT, "signed out")
            elif current.operator != session.operator:
                screen.close(CHANGED, "operator changed")
            else:
                continue
            self._metrics.closes.labels("session").inc()
            return
