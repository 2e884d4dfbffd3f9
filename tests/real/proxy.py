"""A TCP link that can be made to fail while it is in use: between ctiroute and PostgreSQL, Redis or Asterisk's manager interface.

    async with FaultyLink("127.0.0.1", port) as link:  # connect to link.port
        link.fails(down=Faults(latency_s=5))           # from now on, for connections there are and those to come
        link.works()

Knows bytes and connections, not what they mean. A black hole here still accepts connections, because the kernel does that for any port
that listens; nothing comes over them, which is what a driver has to be able to bear.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

READ_SIZE = 64 * 1024
MAX_HELD = 64  # reads in a direction that have not been delivered; then the sender feels it, as by a closed TCP window
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, 0 s: close() sends RST


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with one direction of a link. Without arguments: nothing."""

    latency_s: float = 0.0  # all bytes arrive so much later; order and rate stay
    bandwidth: float = 0.0  # bytes a second over one connection; 0: any
    slice_bytes: int = 0  # what is sent is cut into pieces of so many bytes, each arriving by itself; 0: as it comes
    slow_close_s: float = 0.0  # the end of the stream arrives so much later
    limit_bytes: int = 0  # a connection is reset once so many bytes have passed; 0: never
    blackhole: bool = False  # nothing arrives, and nobody is told; what was sent arrives when it is over


NO_FAULTS = Faults()


class FaultyLink:
    """A listening port that leads to another one, as well or as badly as it is told to."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)  # may be changed: for connections to come
        self.port = 0
        self.accepted = 0  # connections since the start
        self.up = self.down = NO_FAULTS  # towards the target, back from it; change them by `fails`
        self.changed = asyncio.Event()  # of now: set and replaced by each change
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.cut()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def fails(self, both: Faults = NO_FAULTS, *, up: Faults | None = None, down: Faults | None = None) -> None:
        """Fail so from now on, also what is under way; a direction that is not named has the faults of both."""
        self.up, self.down = up or both, down or both
        self._tell()

    def works(self) -> None:
        """Work from now on."""
        self.fails()

    def lose(self) -> None:
        """Let no connection there is now ever deliver anything again, as a firewall does that has forgotten them. New ones work."""
        for connection in self._connections:
            connection.lost = True
        self._tell()

    def reset(self) -> None:
        """Break all connections there are now."""
        for connection in list(self._connections):
            connection.reset()

    async def cut(self) -> None:
        """Break all connections and refuse new ones, until `listen`."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.reset()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=READ_SIZE)
        self.port = self._server.sockets[0].getsockname()[1]

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(self, writer)
        self._connections.add(connection)
        task = asyncio.get_running_loop().create_task(connection.serve(reader), name=f"link {self.accepted}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._connections.discard(connection))


class _Connection:
    """One connection through the link: two sockets, two directions."""

    def __init__(self, link: FaultyLink, client: asyncio.StreamWriter) -> None:
        self.lost = False
        self._link = link
        self._writers = [client]

    async def serve(self, client_reader: asyncio.StreamReader) -> None:
        """Pass bytes until both sides have ended."""
        try:
            server_reader, server = await asyncio.open_connection(*self._link.target, limit=READ_SIZE)
            self._writers.append(server)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(client_reader, server, lambda: self._link.up), name="up")
                group.create_task(self._pass(server_reader, self._writers[0], lambda: self._link.down), name="down")
        except (OSError, ExceptionGroup):  # the target is not there, or one side has broken: the other one is told so
            self.reset()
        except asyncio.CancelledError:
            self.reset()
            raise
        finally:
            for writer in self._writers:
                writer.close()

    def reset(self) -> None:
        """Break both sides."""
        for writer in self._writers:
            peer: socket.socket | None = writer.get_extra_info("socket")
            if peer is not None:
                with contextlib.suppress(OSError):  # gone already
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Callable[[], Faults]) -> None:
        """Pass one direction: what is read is stamped with its time of arrival, so that latency does not cost rate."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_HELD)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(held, writer, faults), name="deliver")
            data = b"-"
            while data:
                data = await reader.read(READ_SIZE)
                wrong = faults()
                await held.put(
                    (asyncio.get_running_loop().time() + (wrong.latency_s if data else wrong.latency_s + wrong.slow_close_s), data)
                )

    async def _deliver(self, held: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, faults: Callable[[], Faults]) -> None:
        passed = 0
        while True:
            due, data = await held.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await self._until_open(faults)
            if not data:
                writer.write_eof()
                return
            size = faults().slice_bytes or len(data)
            for start in range(0, len(data), size):
                piece = data[start : start + size]
                wrong = faults()
                if wrong.limit_bytes and passed + len(piece) > wrong.limit_bytes:
                    writer.write(piece[: wrong.limit_bytes - passed])
                    await writer.drain()
                    raise ConnectionResetError
                if wrong.bandwidth:
                    await asyncio.sleep(len(piece) / wrong.bandwidth)
                elif start:
                    await asyncio.sleep(0.001)  # else the kernel joins the pieces again
                await self._until_open(faults)
                writer.write(piece)
                await writer.drain()
                passed += len(piece)

    async def _until_open(self, faults: Callable[[], Faults]) -> None:
        while self.lost or faults().blackhole:
            await self._link.changed.wait()
