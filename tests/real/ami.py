"""A small, strict-enough manager client for tests: logs in, sends actions, keeps every event.

It is written for tests on purpose and shares no code with the service, so that each is checked against the other. It belongs to
the event loop it was opened in.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """One event with the moment it was read."""

    at: float  # time.monotonic()
    headers: Headers  # the last value of a repeated header

    def __getitem__(self, name: str) -> str:
        return self.headers.get(name, "")


class Ami:
    """One manager connection. `events` grows; `wait` finds what came already as well as what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._changed = asyncio.Condition()
        self._gone = False
        self.banner = ""
        self.events: list[Heard] = []
        self.raw = bytearray()  # everything read after the banner, as it came
        self._responses: dict[str, Headers] = {}

    async def act(self, action: str, *, timeout_s: float = 5.0, **headers: str) -> Headers:
        """Send one action and return its response. Several values of one header go as a list joined by a line feed."""
        number = str(next(self._ids))
        lines = [f"Action: {action}", f"ActionID: {number}"]
        for name, value in headers.items():
            lines += [f"{name}: {part}" for part in value.split("\n")]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        await self._writer.drain()
        await self._until(lambda: number in self._responses, timeout_s, f"no response to {action}")
        return self._responses.pop(number)

    async def list(self, action: str, *, complete: str, timeout_s: float = 5.0, **headers: str) -> list[Headers]:
        """Send an action that answers with a list of events; return them without the closing one."""
        start = len(self.events)
        response = await self.act(action, timeout_s=timeout_s, **headers)
        if response.get("Response") != "Success":
            raise PermissionError(f"{action}: {response.get('Message', response)}")
        await self.wait(complete, since=start, timeout_s=timeout_s)
        return [heard.headers for heard in self.events[start:] if heard["Event"] != complete and heard["ActionID"]]

    async def command(self, text: str) -> str:
        """Run a CLI command and return its output."""
        response = await self.act("Command", Command=text)
        return response.get("Output", "")

    async def wait(
        self, event: str, *, since: int = 0, timeout_s: float = 5.0, where: Callable[[Heard], bool] | None = None, **headers: str
    ) -> Heard:
        """Return the first event of that name, from position `since` on, with these header values. Raises TimeoutError."""

        def find() -> Heard | None:
            for heard in self.events[since:]:
                if (
                    heard["Event"] == event
                    and all(heard[key] == value for key, value in headers.items())
                    and (where is None or where(heard))
                ):
                    return heard
            return None

        await self._until(lambda: find() is not None, timeout_s, f"no {event} {headers or ''}")
        found = find()
        assert found is not None
        return found

    async def _until(self, happened: Callable[[], bool], timeout_s: float, complaint: str) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while not happened():
                    if self._gone:
                        raise ConnectionError(f"the manager link was closed: {complaint}")
                    await self._changed.wait()
        except TimeoutError:
            recent = [heard["Event"] for heard in self.events[-12:]]
            raise TimeoutError(f"{complaint} within {timeout_s} s; last events: {recent}") from None

    async def read(self) -> None:
        """Read until the link ends."""
        try:
            while True:
                block = await self._reader.readuntil(b"\r\n\r\n")
                self.raw += block
                headers: Headers = {}
                for line in block.decode("utf-8", "replace").split("\r\n"):
                    name, colon, value = line.partition(":")
                    if colon:
                        value = value.removeprefix(" ")
                        headers[name] = f"{headers[name]}\n{value}" if name == "Output" and name in headers else value
                async with self._changed:
                    if "Response" in headers:
                        self._responses[headers.get("ActionID", "")] = headers
                    elif "Event" in headers:
                        self.events.append(Heard(time.monotonic(), headers))
                    self._changed.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._gone = True
            async with self._changed:
                self._changed.notify_all()


@contextlib.asynccontextmanager
async def connect(port: int, username: str, secret: str, *, host: str = "127.0.0.1", events: str = "on") -> AsyncIterator[Ami]:
    """Open a manager connection and log in. Raises PermissionError when refused, OSError when nobody listens."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    ami = Ami(reader, writer)
    task: asyncio.Task[None] | None = None
    try:
        ami.banner = (await reader.readuntil(b"\n")).decode().strip()
        # Not a TaskGroup: that would wrap what the test's own body raises.
        task = asyncio.get_running_loop().create_task(ami.read(), name=f"ami-{username}")
        response = await ami.act("Login", Username=username, Secret=secret, Events=events)
        if response.get("Response") != "Success":
            raise PermissionError(response.get("Message", "login refused"))
        yield ami
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
