"""A screen without a person: signs in by a one-time ticket as a browser does, acknowledges pops, and writes the colleague's note."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import msgspec

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)


class Watcher:
    """One operator's websocket. `seen` holds when each pop first came, by pop id (seconds of time.monotonic)."""

    def __init__(self, url: str, ticket: str) -> None:
        self._url = url
        self._ticket = ticket
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        self.seen: dict[str, float] = {}
        self.calls: dict[str, str] = {}  # pop id -> call id
        self.note = ""  # what to write as soon as somebody talks; "": nothing

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={"Origin": self._url, "X-Ctiroute": "1"}, cookie_jar=aiohttp.CookieJar(unsafe=True))
        async with self._session.post(f"{self._url}/api/v1/session/ticket", json={"ticket": self._ticket}) as answer:
            answer.raise_for_status()
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="watcher")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._session.close()

    async def _watch(self) -> None:
        async with self._session.ws_connect(f"{self._url}/ws") as socket:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._take(socket, msgspec.json.decode(message.data))

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, message: Any) -> None:
        if message["type"] == "snapshot":
            self.connected.set()
            return
        if message["type"] not in {"pop", "pop.update", "pop.close"}:
            return
        offer = message["pop"]["offer"]
        pop_id: str = offer["pop_id"]
        self.seen.setdefault(pop_id, time.monotonic())
        self.calls[pop_id] = offer["call_id"]
        await socket.send_json({"type": "ack", "pop_id": pop_id, "revision": offer["revision"], "stage": "delivered"})
        if self.note and offer["state"] == "talking":
            text, self.note = self.note, ""
            await socket.send_json({"type": "note", "pop_id": pop_id, "text": text})
