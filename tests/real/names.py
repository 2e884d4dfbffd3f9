"""A name server with SRV records for tests (RFC 1035, RFC 2782). Port 53 is fixed in libc, so each has a loopback address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_SRV, _A, _IN = 33, 1, 1
_RESPONSE, _NO_SUCH_NAME = 0x8180, 3
_addresses = itertools.count(1)


def own_address() -> str:
    """Return a loopback address that no other name server has, of this process or another."""
    return f"127.{52 + next(_addresses)}.{os.getpid() // 254 % 256}.{1 + os.getpid() % 254}"


def _name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.rstrip(".").split(".")) + b"\0"


class _Server(asyncio.DatagramProtocol):
    """Answers SRV questions from a table and gives every other name 127.0.0.1."""

    def __init__(self, records: Mapping[str, list[tuple[int, str, int]]]) -> None:
        self._records = records

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        at, labels = 12, []
        while length := data[at]:
            labels.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
        kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
        name = ".".join(labels)
        answers = []
        if kind == _SRV:
            answers = [struct.pack("!HHH", priority, 10, port) + _name(target) for priority, target, port in self._records.get(name, ())]
        elif kind == _A:
            answers = [bytes([127, 0, 0, 1])]
        flags = _RESPONSE if answers else _RESPONSE | _NO_SUCH_NAME
        head = data[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, _IN, 1, len(answer)) + answer for answer in answers)
        self._transport.sendto(head + data[12 : at + 5] + body, addr)


@contextlib.asynccontextmanager
async def name_server(address: str, records: Mapping[str, list[tuple[int, str, int]]]) -> AsyncIterator[None]:
    """Serve SRV records: name -> (priority, target, port)."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Server(records), local_addr=(address, 53))
    try:
        yield
    finally:
        transport.close()
