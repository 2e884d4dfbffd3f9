"""The whole service in this process, on a store in a folder of its own, with the demo's company in it; and browsers that are signed in.

The switch is what a test says: `hear` takes the events a link would tell, in our words. Time is the test's own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp

from ctiroute.app.service import Service
from ctiroute.demo.company import CAMPAIGN_CALLER, DIALED, OPERATORS, seed
from ctiroute.demo.show import RULES
from ctiroute.model import Caller, CallRecord, LegStarted, Medium, Member, OfferAnswered, OfferStarted, RouteRequest
from ctiroute.settings import AsteriskSettings, ConnectorsSettings, ContinueSettings, FastAgiSettings, Settings, WebSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ctiroute.model import CallEvent, Decision, Operator

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
WAIT_S = 10.0  # for something that is about to happen; a test that waits so long has failed
PBX = "lab"


class Clock:
    """The time of day, which moves when the test says."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def move(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


class Browser:
    """One tab of an operator, and every message it got."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.got: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """Return the next message."""
        message: dict[str, Any] = await self.socket.receive_json(timeout=WAIT_S)
        self.got.append(message)
        return message

    async def until(self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """Read up to the first message of this kind of which `where` is true."""
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self.next()
                if message["type"] == kind and where(message):
                    return message

    async def say(self, kind: str, /, **fields: object) -> None:
        """Send what a page sends."""
        await self.socket.send_json({"type": kind, **fields})

    async def all_so_far(self) -> list[dict[str, Any]]:
        """Return every message up to now: the answer to a ping comes after all that was pushed before it."""
        await self.say("ping")
        await self.until("pong")
        return self.got


class Office:
    """A running service and what tests do with it."""

    def __init__(self, service: Service, clock: Callable[[], datetime]) -> None:
        self.service = service
        self.clock = clock
        self._clients: list[aiohttp.ClientSession] = []

    @property
    def url(self) -> str:
        """Where the screens are."""
        return f"http://127.0.0.1:{self.service.web.port}"

    async def sign_in(self, operator_id: str) -> aiohttp.ClientSession:
        """Return a browser in which this operator is signed in, by a one-time ticket."""
        client = aiohttp.ClientSession(self.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": self.url, "X-Ctiroute": "1"})
        self._clients.append(client)
        body = {"ticket": self.service.web.issue_ticket(operator_id)}
        async with client.post("/api/v1/session/ticket", json=body) as answer:
            assert answer.status == 200, await answer.text()
        return client

    async def tab(self, client: aiohttp.ClientSession) -> Browser:
        """Open one tab and read its snapshot."""
        browser = Browser(await client.ws_connect("/ws"))
        assert (await browser.next())["type"] == "snapshot"
        return browser

    async def browser(self, operator_id: str) -> Browser:
        """Return a tab of an operator with its snapshot read."""
        return await self.tab(await self.sign_in(operator_id))

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Return what /health/ready says."""
        async with aiohttp.ClientSession() as client, client.get(f"{self.url}/health/ready") as answer:
            return answer.status, await answer.json()

    async def route(self, call_id: str, number: str = CAMPAIGN_CALLER, **changes: Any) -> Decision:
        """Ask where a call goes, as the FastAGI door does."""
        request = replace(request_of(call_id, number, self.clock()), **changes)
        return await self.service.router.route(request, asyncio.get_running_loop().time() + 1)

    def hear(self, *events: CallEvent) -> None:
        """Let the service hear what a switch tells."""
        for event in events:
            self.service.floor.heard(event)

    def arrives(self, call_id: str, number: str = CAMPAIGN_CALLER) -> None:
        """Let the caller's own leg come up."""
        self.hear(LegStarted(call_id, call_id, "PJSIP/trunk", number, DIALED, self.clock()))

    def rings(self, call_id: str, extension: str, leg: str = "2", queue: str | None = "promo") -> None:
        """Let a phone ring for a call."""
        self.hear(OfferStarted(call_id, f"{call_id}/{leg}", Member(f"PJSIP/{extension}"), self.clock(), queue, call_id))

    def answers(self, call_id: str, extension: str, leg: str = "2", queue: str | None = "promo") -> None:
        """Let it be picked up."""
        self.hear(OfferAnswered(call_id, f"{call_id}/{leg}", Member(f"PJSIP/{extension}"), self.clock(), queue))

    async def kept(self, call_id: str) -> CallRecord:
        """Return what the store keeps of a call once all is written."""
        async with asyncio.timeout(WAIT_S):
            await self.service._recorder.written()
        record = await self.service.store.get_call(call_id)
        assert record is not None
        return record

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0.0 when it was never touched."""
        return self.service.registry.get_sample_value(name, labels) or 0.0

    async def close_browsers(self) -> None:
        """Let everybody leave."""
        for client in self._clients:
            await client.close()


def request_of(call_id: str, number: str, at: datetime) -> RouteRequest:
    """Return the question about a call; a number of "" is withheld."""
    caller = Caller(number, number or None, withheld=not number)
    return RouteRequest(call_id, Medium.VOICE, caller, DIALED, at, PBX, leg_id=call_id)


@asynccontextmanager
async def office(
    folder: Path,
    *,
    clock: Callable[[], datetime] | None = None,
    rules: Path = RULES,
    operators: tuple[Operator, ...] = OPERATORS,
    asterisk: tuple[AsteriskSettings, ...] = (),
    same_extension: str = "latest",
    fastagi: FastAgiSettings | None = None,
    store: str = "",
    redis: str = "",
    connectors: ConnectorsSettings | None = None,
    sensitive: tuple[str, ...] = (),
    continue_link: ContinueSettings | None = None,
    change: Callable[[Service], None] = lambda _: None,
    **more: Any,
) -> AsyncIterator[Office]:
    """Start a service in `folder`, and stop it. What an earlier one kept there is still there.

    `change` is applied before the start; `more` are further settings by name.
    """
    clock = clock or Clock()
    settings = Settings(
        data_dir=folder,
        store=store,
        redis=redis,
        rules=rules,
        fastagi=fastagi or FastAgiSettings(port=0),
        asterisk=asterisk,
        web=WebSettings(port=0, same_extension=same_extension),
        connectors=connectors or ConnectorsSettings(),
        sensitive=sensitive,
        continue_link=continue_link or ContinueSettings(),
        **more,
    )
    service = Service(settings, clock)
    change(service)
    await service.start()
    running = Office(service, clock)
    try:
        await seed(service.store, clock(), "correct horse battery")
        for operator in operators:
            await service.store.put_operator(operator, None)
        service.floor.set_operators(await service.store.get_operators())
        yield running
    finally:
        await running.close_browsers()
        await service.stop()
