"""A TCP balancer as haproxy is one: asks each node's /health/ready, and gives a new connection to a node that is well. No stickiness.

Knows nothing of what it carries. A node that is not ready gets no new connections and keeps those it has; one that does not answer at all
loses them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

CHECK_EVERY_S, CHECK_S = 0.5, 1.5
CONNECT_S = 0.5
BACKLOG = 1024  # a whole floor that comes back at once
_CHUNK = 64 * 1024


class Balancer:
    """Listens on one port and spreads over several, by the fewest connections."""

    def __init__(self, targets: Sequence[int], port: int = 0) -> None:
        """Spread over these ports of 127.0.0.1, each with /health/ready behind it. `port`: 0 is any free one."""
        self.port = port
        self.well = dict.fromkeys(targets, True)
        self.carried = dict.fromkeys(targets, 0)  # connections at the moment
        self._changed = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()
        self._to: dict[int, set[asyncio.StreamWriter]] = {target: set() for target in targets}
        self._checks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._checks = [loop.create_task(self._check(target), name=f"health of {target}") for target in self.well]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        tasks = [*self._checks, *self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def seen(self, target: int, *, well: bool, timeout_s: float = 10.0) -> None:
        """Wait until a node is seen as well, or as not."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self.well[target] is well)

    async def _check(self, target: int) -> None:
        timeout = aiohttp.ClientTimeout(total=CHECK_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{target}/health/ready") as answer:
                        well = answer.status == 200
                except (aiohttp.ClientError, TimeoutError):
                    well = False
                    for to_node in self._to[target]:
                        to_node.transport.abort()
                async with self._changed:
                    self.well[target] = well
                    self._changed.notify_all()
                await asyncio.sleep(CHECK_EVERY_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):  # asyncio's server logs a cancelled handler as an error; the end is wanted here
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Those that are well first; the others after them, since a health check may be wrong and a refused connection is not.
        for target in sorted(self.well, key=lambda it: (not self.well[it], self.carried[it])):
            self.carried[target] += 1
            try:
                node = await _connect(target)
                if node is not None:
                    from_node, to_node = node
                    self._to[target].add(to_node)
                    try:
                        await _both_ways((reader, to_node), (from_node, writer))
                    finally:
                        self._to[target].discard(to_node)
                        to_node.close()
                    return
            finally:
                self.carried[target] -= 1


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), CONNECT_S)
    except (OSError, TimeoutError):
        return None


async def _both_ways(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Carry bytes until either side is done."""
    for _, writer in ways:
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    loop = asyncio.get_running_loop()
    pumps = [loop.create_task(_pump(*way), name="pump") for way in ways]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
