"""FastAGI peers that misbehave in every way a real one can: raw bytes on a socket, which know nothing of ctiroute."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def peer(port: int, behave: Behaviour) -> AsyncIterator[None]:
    """Listen at a FastAGI address and treat each connection so, the environment already read."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\n\n")
            await behave(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(meet, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Give a port at which connecting never ends, as at a host that is switched off: its listen queue is full."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port: int = full.getsockname()[1]
        for _ in range(4):  # the kernel drops further SYNs while nobody accepts these
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        yield port


def answering(**variables: str) -> Behaviour:
    """Return a peer that sets these variables one by one and closes, as a decision does."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for name, value in variables.items():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            writer.write(f'SET VARIABLE {name} "{escaped}"\n'.encode())
            await reader.readline()

    return behave


async def hung(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the call and never say a word, until Asterisk closes."""
    await reader.read()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Die as by kill -9: the connection is reset, in the middle of an answer."""
    writer.write(b'SET VARIABLE CTI_ACTION "queue"\nSET VARI')
    await writer.drain()
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def garbage(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak another protocol."""
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>\x00\xff\n")
    await writer.drain()


async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing and close: Asterisk calls that a success."""


async def failure_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the word by which Asterisk itself takes an AGI for failed, then stay."""
    writer.write(b"failure\n")
    await reader.read()
