"""A real server on a free port with a real embedded store, a small in-memory floor, and real clients."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from prometheus_client import CollectorRegistry

from ctiroute.model import Offer, Operator, PopState, ReasonChip, ScreenPop
from ctiroute.settings.model import WebSettings
from ctiroute.store.sqlite.store import SqliteStore
from ctiroute.web.passwords import hash_password
from ctiroute.web.server import WebServer
from ctiroute.web.wire import PopMessage, Snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from ctiroute.web.limits import WebLimits
    from ctiroute.web.throttle import SignInThrottle
    from ctiroute.web.wire import Ack

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
PASSWORD_HASH = hash_password(PASSWORD)
WAIT_S = 10.0  # for something that is about to happen; a test that waits so long has failed


class Clock:
    """Wall clock and monotonic clock that move when the test says."""

    def __init__(self) -> None:
        self.now = T0
        self.seconds = 1000.0

    def wall(self) -> datetime:
        """Return the time of day."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds."""
        return self.seconds

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


class MemoryFloor:
    """The floor in memory: pops by operator, and everything that was told to it."""

    def __init__(self) -> None:
        self.operators: dict[str, Operator] = {}
        self.pops: dict[str, list[ScreenPop]] = {}
        self.heard: list[tuple[str, ...]] = []
        self.presence: list[tuple[str, str]] = []
        self.faults: dict[str, str] = {}
        self.snapshots_open = asyncio.Event()  # cleared: snapshots wait
        self.snapshots_open.set()
        self.asked = asyncio.Event()
        self.taking = 0
        self.most_taking = 0

    async def snapshot(self, operator_id: str) -> Snapshot:
        """Return what is on this operator's screen."""
        self.taking += 1
        self.most_taking = max(self.most_taking, self.taking)
        try:
            self.asked.set()
            await self.snapshots_open.wait()
            return Snapshot(self.operators[operator_id], tuple(self.pops.get(operator_id, ())), (), (), T0)
        finally:
            self.taking -= 1

    def acked(self, operator_id: str, ack: Ack) -> None:
        """Remember an ack."""
        self.heard.append((operator_id, "ack", ack.pop_id, ack.stage))

    async def note(self, operator_id: str, pop_id: str, text: str, code: str) -> bool:
        """Remember a note on a pop of this operator."""
        self.heard.append((operator_id, "note", pop_id, text, *([code] if code else [])))
        return self._owns(operator_id, pop_id)

    async def choose(self, operator_id: str, pop_id: str, customer_id: str) -> bool:
        """Remember a choice on a pop of this operator."""
        self.heard.append((operator_id, "choose", pop_id, customer_id))
        return self._owns(operator_id, pop_id)

    def came(self, operator_id: str) -> None:
        """Remember an arrival."""
        self.presence.append(("came", operator_id))

    def left(self, operator_id: str) -> None:
        """Remember a departure."""
        self.presence.append(("left", operator_id))

    def health(self) -> Mapping[str, str]:
        """Return the faults the test set."""
        return self.faults

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110 - most of what is waited for has no event
                await asyncio.sleep(0.002)

    def _owns(self, operator_id: str, pop_id: str) -> bool:
        return any(pop.offer.pop_id == pop_id for pop in self.pops.get(operator_id, ()))


def pop_of(operator_id: str, pop_id: str, *, revision: int = 1, script: str = "") -> ScreenPop:
    """Return a ringing pop."""
    offer = Offer(pop_id, revision, PopState.RINGING, "pbx:1.1", "pbx:1.1", operator_id, "pbx:1.2", "PJSIP/1001", "promo", T0)
    return ScreenPop(offer, None, "+380 67 123 45 67", "Calls back", ReasonChip.CAMPAIGN, "", script, (), "", None, (), (), None, None)


def ring(operator_id: str, pop_id: str, *, revision: int = 1, script: str = "") -> PopMessage:
    """Return the message that shows a pop."""
    return PopMessage("pop", pop_of(operator_id, pop_id, revision=revision, script=script), T0)


@dataclass
class House:
    """A running server with everything around it."""

    server: WebServer
    store: SqliteStore
    floor: MemoryFloor
    clock: Clock
    registry: CollectorRegistry
    static: Path
    clients: list[aiohttp.ClientSession] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the server is, which is the page's own origin, too."""
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def headers(self) -> dict[str, str]:
        """Return what the page's own script sends with a change."""
        return {"Origin": self.url, "X-Ctiroute": "1"}

    async def add(self, operator_id: str, **changes: Any) -> Operator:
        """Add an operator with the usual password, or change one."""
        operator = replace(Operator(operator_id, operator_id.title()), **changes)
        await self.store.put_operator(operator, PASSWORD_HASH)
        self.floor.operators[operator_id] = operator
        return operator

    def browser(self) -> aiohttp.ClientSession:
        """Return a new browser with an empty cookie jar."""
        client = aiohttp.ClientSession(self.url, cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.clients.append(client)
        return client

    async def signed_in(self, operator_id: str) -> aiohttp.ClientSession:
        """Return a browser in which this operator is signed in."""
        client = self.browser()
        body = {"ticket": self.server.issue_ticket(operator_id)}
        async with client.post("/api/v1/session/ticket", json=body, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
        return client

    async def tab(self, client: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """Open one tab's websocket, with nothing read from it yet."""
        return await client.ws_connect("/ws", origin=self.url)

    async def raw(self, *, receive_buffer: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a plain TCP connection, which may be slow, silent or rude as it likes."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.server.port))
        return await asyncio.open_connection(sock=sock, limit=2**16)

    async def raw_tab(
        self, client: aiohttp.ClientSession, *, receive_buffer: int | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a websocket by hand: after the handshake nothing is read, and no ping is answered."""
        reader, writer = await self.raw(receive_buffer=receive_buffer)
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in client.cookie_jar)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nOrigin: {self.url}\r\nCookie: {cookies}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        async with asyncio.timeout(WAIT_S):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return reader, writer

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0.0 when it was never touched."""
        return self.registry.get_sample_value(name, labels) or 0.0


async def receive(tab: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """Return the next message of a tab."""
    message: dict[str, Any] = await tab.receive_json(timeout=WAIT_S)
    return message


async def closed(tab: aiohttp.ClientWebSocketResponse) -> int | None:
    """Read until the tab is closed; return the close code."""
    async with asyncio.timeout(WAIT_S):
        async for _ in tab:
            pass
    return tab.close_code


@asynccontextmanager
async def house(
    folder: Path,
    *,
    settings: WebSettings | None = None,
    limits: WebLimits | None = None,
    throttle: SignInThrottle | None = None,
    store: SqliteStore | None = None,
    **parts: Any,
) -> AsyncIterator[House]:
    """Start a server with what it needs in `folder`, and stop it; `parts` are further ones of the server."""
    clock, floor, registry = Clock(), MemoryFloor(), CollectorRegistry()
    store = store or SqliteStore(folder / "ctiroute.db")
    await store.open()
    static = folder / "static"
    static.mkdir(exist_ok=True)
    server = WebServer(
        settings or WebSettings(port=0),
        store,
        floor,
        registry,
        clock.wall,
        monotonic=clock.monotonic,
        limits=limits,
        throttle=throttle,
        static=static,
        **parts,
    )
    await server.start()
    running = House(server, store, floor, clock, registry, static)
    try:
        yield running
    finally:
        for client in running.clients:
            await client.close()
        await server.stop()
        await store.close()
