"""A FastAGI peer that says what a test wants, a manager client on a raw socket, and a lab whose people are in no hurry to wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ctiroute.lab import Behaviour, LabConfig, LabMenu, LabPhone, LabQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Block = dict[str, str]


@dataclass
class AgiPeer:
    """A FastAGI server: sends `commands`, keeps what came back, closes."""

    port: int = 0
    commands: list[bytes] = field(default_factory=list)
    environment: bytes = b""
    replies: list[bytes] = field(default_factory=list)
    then: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, **values: str) -> None:
        """Answer the next calls with these CTI_ variables."""
        pairs = ",".join(f"CTI_{key.upper()}={value}" for key, value in values.items())
        self.commands = [f'EXEC MSet "{pairs}"\n'.encode()]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one session."""
        try:
            self.environment = await reader.readuntil(b"\n\n")
            for command in self.commands:
                writer.write(command)
                reply = await reader.readline()
                while reply.startswith(b"520-") or (reply and b"520 End" not in reply and self.replies[-1:] == [b"520-"]):
                    self.replies.append(b"520-")
                    reply = await reader.readline()
                self.replies.append(reply)
            if self.then is not None:
                await self.then(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.closed.set()


class AmiPeer:
    """A manager client on a raw socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> AmiPeer:
        """Connect and read the banner."""
        peer = cls(*await asyncio.open_connection("127.0.0.1", port))
        assert await peer.reader.readline() == b"Asterisk Call Manager/11.0.0\r\n"
        return peer

    def send(self, text: str) -> None:
        """Send an action, its lines separated by a bar."""
        self.writer.write("\r\n".join([*text.split("|"), "", ""]).encode())

    async def block(self) -> Block:
        """Read one block."""
        async with asyncio.timeout(5):
            data = await self.reader.readuntil(b"\r\n\r\n")
        return dict(line.split(": ", 1) for line in data.decode().removesuffix("\r\n\r\n").split("\r\n"))

    async def ask(self, text: str) -> Block:
        """Send an action and read one block."""
        self.send(text)
        return await self.block()

    async def log_in(self, events: str = "on") -> None:
        """Log in with the secret in clear."""
        answer = await self.ask(f"Action: Login|Username: ctiroute|Secret: ctiroute|Events: {events}")
        assert answer == {"Response": "Success", "Message": "Authentication accepted"}

    async def until(self, name: str) -> list[Block]:
        """Read events up to and with the first of this name."""
        seen = [await self.block()]
        while seen[-1].get("Event") != name:
            seen.append(await self.block())
        return seen

    async def close(self) -> None:
        """Close."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@pytest.fixture
async def agi() -> AsyncIterator[AgiPeer]:
    """Yield a FastAGI peer that listens."""
    peer = AgiPeer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()


@pytest.fixture
def config(agi: AgiPeer) -> LabConfig:
    """Return a floor of three phones, the third a FreePBX one, in two queues."""
    return LabConfig(
        phones=(
            LabPhone("1001", "Ann Lee", behaviour=Behaviour(answer_after_s=4, talk_s=60)),
            LabPhone("1002", "Ben Moe", behaviour=Behaviour(answer_after_s=6, talk_s=60)),
            LabPhone("1003", local=True, behaviour=Behaviour(answer_after_s=2, talk_s=60)),
        ),
        queues=(LabQueue("promo", ("1001", "1002")), LabQueue("local", ("1003",))),
        menus=(LabMenu("main", listen_s=5), LabMenu("sales", queue="promo")),
        agi_port=agi.port,
    )


class Clock:
    """Simulated seconds that pass at once, and how many did."""

    def __init__(self) -> None:
        self.passed = 0.0

    async def sleep(self, seconds: float) -> None:
        """Let the others run, but wait for nothing."""
        self.passed += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    """Return a clock for a lab's people."""
    return Clock()


@pytest.fixture
def connect() -> Callable[[int], Awaitable[AmiPeer]]:
    """Return what connects a raw manager client."""
    return AmiPeer.connect
