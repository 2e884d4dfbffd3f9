"""An operator's screen without a browser: connects, shows, acknowledges, and comes back after a loss as the page does.

It keeps what a person would have seen, so that a test can ask afterwards: which pops, how often, and how long the screen was dark.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import msgspec

if TYPE_CHECKING:
    from types import TracebackType

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 15.0  # as frontend/src/link.ts


@dataclass(slots=True)
class SeenPop:
    """One pop as it stood on the screen."""

    pop_id: str
    call_id: str
    first_at: float  # time.monotonic()
    headline: str = ""
    rule: str = ""  # that sent it here
    whole_at: float | None = None  # when it first told who calls and why; None: it never did
    state: str = ""
    announced: int = 0  # how often it was pushed as new; a snapshot shows, and announces nothing
    closed: bool = False


@dataclass(slots=True)
class Dark:
    """One time without a connection."""

    since: float
    until: float | None = None  # when the next snapshot stood there


@dataclass(slots=True)
class OperatorScreen:
    """One operator at one tab. `cookies` as a sign-in gives them (see `sign_in`)."""

    url: str
    operator_id: str
    cookies: dict[str, str]
    pops: dict[str, SeenPop] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)  # pop ids in the list of missed calls, as of the last snapshot
    darks: list[Dark] = field(default_factory=list)
    at_once: int = 0  # the most pops of one call that stood there at the same time
    connected: asyncio.Event = field(default_factory=asyncio.Event)  # the snapshot is there
    lost: asyncio.Event = field(default_factory=asyncio.Event)  # it was, and the connection is gone or was once
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    refused: str = ""  # why the service did not let us in for good
    whole: dict[str, Any] = field(default_factory=dict)  # pop_id -> the pop as it was last told
    answers: list[Any] = field(default_factory=list)  # messages that are none of pops
    _socket: aiohttp.ClientWebSocketResponse | None = None
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._live(), name=f"screen of {self.operator_id}")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def of(self, call_id: str) -> list[SeenPop]:
        """Return the pops of one call that were ever seen."""
        return [pop for pop in self.pops.values() if pop.call_id == call_id]

    async def until_seen(self, call_id: str, timeout_s: float = 5.0) -> SeenPop:
        """Wait for the pop of a call."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(lambda: self.of(call_id))
        return self.of(call_id)[0]

    async def ask(self, answer: str, timeout_s: float = 5.0, **message: Any) -> Any:
        """Send what a page sends, and return the next answer of that type, or the error in its place."""
        assert self._socket is not None
        seen = len(self.answers)

        def answered() -> Any:
            return next((each for each in self.answers[seen:] if each["type"] in {answer, "error"}), None)

        await self._socket.send_json(message)
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(answered)
        return answered()

    async def _live(self) -> None:
        attempt = 0
        async with aiohttp.ClientSession(headers={"Origin": self.url}, cookies=self.cookies) as session:
            while True:
                try:
                    async with session.ws_connect(f"{self.url}/ws", timeout=aiohttp.ClientWSTimeout(ws_close=1.0)) as socket:
                        self._socket = socket
                        async for message in socket:
                            if message.type is aiohttp.WSMsgType.TEXT:
                                attempt = 0
                                await self._take(socket, msgspec.json.decode(message.data))
                except aiohttp.WSServerHandshakeError as error:
                    if error.status == 401:
                        self.refused = str(error)
                        return
                except (aiohttp.ClientError, OSError):
                    pass
                if self.connected.is_set():
                    self.darks.append(Dark(time.monotonic()))
                    self.lost.set()
                self.connected.clear()
                pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
                attempt += 1
                await asyncio.sleep(pause / 2 + pause / 2 * random.random())  # noqa: S311 - spreads, guards nothing

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, message: Any) -> None:
        async with self.changed:
            match message["type"]:
                case "snapshot":
                    if self.darks:
                        self.darks[-1].until = time.monotonic()
                    self.missed = {missed["pop_id"] for missed in message["missed"]}
                    shown = {pop["offer"]["pop_id"] for pop in message["pops"]}
                    for seen in self.pops.values():
                        seen.closed = seen.closed or seen.pop_id not in shown
                    for pop in message["pops"]:
                        self._show(pop)
                    self.connected.set()
                case "pop" | "pop.update":
                    self._show(message["pop"]).announced += message["type"] == "pop"
                    offer = message["pop"]["offer"]
                    for stage in ("delivered", "rendered") if message["type"] == "pop" else ():
                        ack = {"type": "ack", "pop_id": offer["pop_id"], "revision": offer["revision"], "stage": stage}
                        await socket.send_json(ack)
                case "pop.close":
                    self._show(message["pop"]).closed = True
                case _:
                    self.answers.append(message)
            self.changed.notify_all()

    def _show(self, pop: Any) -> SeenPop:
        offer = pop["offer"]
        self.whole[offer["pop_id"]] = pop
        seen = self.pops.setdefault(offer["pop_id"], SeenPop(offer["pop_id"], offer["call_id"], time.monotonic()))
        seen.state = offer["state"]
        seen.closed = False
        if pop["context"] is not None:
            seen.headline, seen.rule = pop["headline"], pop["rule"] or ""
            seen.whole_at = seen.whole_at or time.monotonic()
        self.at_once = max(self.at_once, sum(not other.closed for other in self.of(seen.call_id)))
        return seen


async def sign_in(url: str, operator_id: str, password: str) -> dict[str, str]:
    """Sign in as the page does; return the cookies."""
    async with aiohttp.ClientSession(headers={"Origin": url, "X-Ctiroute": "1"}, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{url}/api/v1/session", json={"operator": operator_id, "password": password}) as answer:
            answer.raise_for_status()
        return {cookie.key: cookie.value for cookie in session.cookie_jar}
