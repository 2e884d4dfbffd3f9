"""A receiver of webhooks on a real socket, as good or as bad as a test wants it. Remembers what it took."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Taken:
    """One request."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def event_id(self) -> str:
        """The id in the body."""
        return str(self.document["id"])

    @property
    def document(self) -> dict[str, Any]:
        """The body."""
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass(slots=True)
class Receiver:
    """Answers each request as `answers` say, in their order, then with 204."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    requests: list[Taken] = field(default_factory=list)  # all of them
    taken: list[Taken] = field(default_factory=list)  # those it said yes to
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _serving: set[asyncio.Task[object]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def got(self, requests: int = 0, taken: int = 0, timeout_s: float = 10.0) -> None:
        """Wait until so many requests came, and so many were taken."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= requests and len(self.taken) >= taken)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Taken(head[0].split(" ")[1], headers, body)
                answer: Answer = self.answers.pop(0) if self.answers else OK
                async with self._changed:
                    self.requests.append(request)
                    if isinstance(answer, bytes) and answer.startswith(b"HTTP/1.1 2"):
                        self.taken.append(request)
                    self._changed.notify_all()
                if callable(answer):
                    await answer(writer)
                    break
                writer.write(answer)
                await writer.drain()
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def cut(self) -> None:
        """Let go of whoever is still connected."""
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def receiving(*answers: Answer) -> AsyncIterator[Receiver]:
    """Give a receiver that listens."""
    receiver = Receiver(answers=list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.cut()
