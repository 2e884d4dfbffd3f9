"""A small service for the page's tests that speaks the real wire: real model values, the real encoder, decoder and headers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import WSMsgType, web

from ctiroute.model import MissedCall, Operator, PopState, ScreenPop
from ctiroute.web.screens import encode
from ctiroute.web.security import HEADERS
from ctiroute.web.wire import Ack, BrowserMessage, Ping, Pong, PopMessage, Snapshot, SwitchState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.web.wire import ServerMessage

STATIC = Path(__file__).resolve().parents[3] / "src/ctiroute/web/static"
OPERATOR = Operator(operator_id="olena", name="Olena Kravets", interfaces=("PJSIP/1001",), extension="1001", language="en")


class Stage:
    """A service with one operator: what the test says is on the floor is what a browser is shown."""

    def __init__(self) -> None:
        self.operator = OPERATOR
        self.pops: dict[str, ScreenPop] = {}
        self.missed: tuple[MissedCall, ...] = ()
        self.switches: tuple[SwitchState, ...] = (SwitchState("pbx1", up=True, since=datetime.now(UTC)),)
        self.taken_by: str | None = None
        self.password = "correct horse"
        self.tickets = {"one-time"}
        self.signed_in = True
        self.refuse_sockets = False
        self.deaf = False  # what comes in is lost on the way, as in a network that died without a word
        self.heard: list[BrowserMessage] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""
        self._changed = asyncio.Event()

    def application(self) -> web.Application:
        """Return the server's routes."""
        app = web.Application()
        app.on_response_prepare.append(self._headers)
        app.router.add_get("/", self._index)
        app.router.add_static("/static/", STATIC)
        app.router.add_get("/api/v1/session", self._who)
        app.router.add_post("/api/v1/session", self._sign_in)
        app.router.add_delete("/api/v1/session", self._sign_out)
        app.router.add_post("/api/v1/session/ticket", self._ticket)
        app.router.add_get("/ws", self._ws)
        return app

    async def push(self, message: ServerMessage) -> None:
        """Send to every tab."""
        for socket in list(self.sockets):
            await socket.send_str(encode(message).decode())

    async def show(self, pop: ScreenPop) -> None:
        """Put a pop on the operator's screen, change it, or close it: the type follows from what stands there."""
        known = pop.offer.pop_id in self.pops
        over = pop.offer.state in (PopState.ENDED, PopState.MISSED)
        if over:
            self.pops.pop(pop.offer.pop_id, None)
        else:
            self.pops[pop.offer.pop_id] = pop
        await self.push(PopMessage("pop.close" if over else "pop.update" if known else "pop", pop, datetime.now(UTC)))

    async def cut(self) -> None:
        """End every websocket."""
        for socket in list(self.sockets):
            await socket.close()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something a browser said makes `condition` true."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def stages(self, pop_id: str) -> set[str]:
        """Return how far a pop got, by the browsers' word."""
        return {it.stage for it in self.heard if isinstance(it, Ack) and it.pop_id == pop_id}

    def said(self, kind: type[Any]) -> list[Any]:
        """Return the messages of one kind, in order."""
        return [it for it in self.heard if isinstance(it, kind)]

    async def _headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(HEADERS)

    async def _index(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html")

    async def _who(self, _request: web.Request) -> web.Response:
        return web.json_response({"operator": {}}) if self.signed_in else web.json_response({}, status=401)

    async def _sign_in(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        self.signed_in = body.get("password") == self.password
        return web.json_response({}, status=200 if self.signed_in else 401)

    async def _ticket(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        good = body.get("ticket") in self.tickets
        self.signed_in = self.signed_in or good  # a refused ticket takes nobody's cookie away
        self.tickets.discard(body.get("ticket", ""))
        return web.json_response({}, status=200 if good else 401)

    async def _sign_out(self, request: web.Request) -> web.Response:
        await self._body(request)
        self.signed_in = False
        return web.Response(status=204)

    @staticmethod
    async def _body(request: web.Request) -> dict[str, str]:
        if request.headers.get("X-Ctiroute") != "1":
            raise web.HTTPForbidden
        return dict(await request.json()) if request.can_read_body else {}

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if not self.signed_in:
            return web.Response(status=401)
        if self.refuse_sockets:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        now = datetime.now(UTC)
        pops = tuple(sorted(self.pops.values(), key=lambda pop: pop.offer.offered_at, reverse=True))
        snapshot = Snapshot(self.operator, pops, self.missed, self.switches, now, self.taken_by)
        await socket.send_str(encode(snapshot).decode())
        self.sockets.append(socket)
        self._changed.set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and not self.deaf:
                    said = msgspec.json.decode(message.data, type=BrowserMessage)
                    self.heard.append(said)
                    self._changed.set()
                    if isinstance(said, Ping):
                        await socket.send_str(encode(Pong(datetime.now(UTC))).decode())
        finally:
            self.sockets.remove(socket)
            self._changed.set()
        return socket
