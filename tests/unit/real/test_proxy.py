"""The link that can be made to fail fails as it says: tests that stand on it would prove nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.real.proxy import Faults, FaultyLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WHOLE = 64 * 1024


class Echo:
    """A server that says back what it hears."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        self.broken = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one peer."""
        try:
            while data := await reader.read(WHOLE):
                self.pieces.append(len(data))
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            self.broken += 1
        finally:
            writer.close()


@pytest.fixture
def echo() -> Echo:
    """Return the server behind the link."""
    return Echo()


@pytest.fixture
async def link(echo: Echo) -> AsyncIterator[FaultyLink]:
    """Return a link to it."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultyLink("127.0.0.1", server.sockets[0].getsockname()[1]) as link:
        yield link


class Client:
    """The end that a driver holds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, data: bytes) -> tuple[bytes, float]:
        """Send, and return what comes back, with the seconds it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.writer.write(data)
        async with asyncio.timeout(5):
            return await self.reader.readexactly(len(data)), loop.time() - began

    async def hears_nothing(self, data: bytes, for_s: float = 0.1) -> None:
        """Send, and assert that nothing comes back."""
        self.writer.write(data)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(for_s):
                await self.reader.read(1)


@contextlib.asynccontextmanager
async def client(link: FaultyLink) -> AsyncIterator[Client]:
    """Connect through the link."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_link_that_works_passes_everything(link: FaultyLink) -> None:
    """Both ways, and to the end of the stream."""
    async with client(link) as it:
        data = bytes(range(256)) * 4000
        assert (await it.says(data))[0] == data
        it.writer.write_eof()
        assert await it.reader.read() == b""
    assert link.accepted == 1


async def test_latency_delays_every_byte_and_costs_no_rate(link: FaultyLink) -> None:
    """Ten messages sent together arrive together, later."""
    link.fails(down=Faults(latency_s=0.1))
    async with client(link) as it:
        assert (await it.says(b"x" * 10))[1] >= 0.1
        began = asyncio.get_running_loop().time()
        for _ in range(10):
            it.writer.write(b"y")
            await it.writer.drain()
        await it.reader.readexactly(10)
        assert asyncio.get_running_loop().time() - began < 0.3
        link.works()
        assert (await it.says(b"z"))[1] < 0.1


async def test_bandwidth_is_kept(link: FaultyLink) -> None:
    """10 kB at 50 kB a second take a fifth of a second."""
    link.fails(down=Faults(bandwidth=50_000))
    async with client(link) as it:
        assert (await it.says(bytes(10_000)))[1] >= 0.2


async def test_slices_arrive_one_by_one(link: FaultyLink, echo: Echo) -> None:
    """A reader that takes one read for one message is found out."""
    link.fails(up=Faults(slice_bytes=3))
    async with client(link) as it:
        assert (await it.says(b"0123456789"))[0] == b"0123456789"
    assert len(echo.pieces) >= 3


async def test_a_black_hole_swallows_and_gives_back(link: FaultyLink) -> None:
    """Nothing comes, nobody is told, and afterwards what was sent is there."""
    async with client(link) as it:
        await it.says(b"before")
        link.fails(Faults(blackhole=True))
        await it.hears_nothing(b"during")
        async with client(link) as other:
            await other.hears_nothing(b"new")
        link.works()
        async with asyncio.timeout(5):
            assert await it.reader.readexactly(6) == b"during"


async def test_lost_connections_stay_dead_and_new_ones_work(link: FaultyLink) -> None:
    """As after a fail-over to another address, or a firewall that has forgotten."""
    async with client(link) as old:
        await old.says(b"before")
        link.lose()
        await old.hears_nothing(b"lost")
        async with client(link) as new:
            assert (await new.says(b"new"))[0] == b"new"
        await old.hears_nothing(b"still lost", 0.05)


async def test_a_reset_breaks_both_sides(link: FaultyLink, echo: Echo) -> None:
    """The client sees a reset, not an end."""
    async with client(link) as it:
        await it.says(b"before")
        link.reset()
        with pytest.raises(ConnectionResetError):
            await it.reader.read(1)
    async with client(link) as again:
        assert (await again.says(b"again"))[0] == b"again"
    assert echo.broken == 1


async def test_a_limit_breaks_in_the_middle_of_an_answer(link: FaultyLink) -> None:
    """What comes before it has arrived."""
    link.fails(down=Faults(limit_bytes=100))
    async with client(link) as it:
        assert len((await it.says(bytes(90)))[0]) == 90
        it.writer.write(bytes(60))
        with pytest.raises(ConnectionResetError):
            await it.reader.readexactly(60)


async def test_a_slow_close_leaves_the_other_side_waiting(link: FaultyLink) -> None:
    """The end of the stream comes later than its last byte."""
    link.fails(down=Faults(slow_close_s=0.1))
    async with client(link) as it:
        assert (await it.says(b"x"))[1] < 0.1
        began = asyncio.get_running_loop().time()
        it.writer.write_eof()
        assert await it.reader.read() == b""
        assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_link_that_was_cut_refuses_until_it_listens_again(link: FaultyLink) -> None:
    """On the same port."""
    async with client(link) as it:
        await it.says(b"before")
        await link.cut()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", link.port)
    assert link.open == 0
    await link.listen()
    async with client(link) as again:
        assert (await again.says(b"again"))[0] == b"again"


async def test_a_target_that_is_not_there_resets(link: FaultyLink) -> None:
    """A link cannot refuse what the kernel has accepted; it breaks it at once."""
    link.target = ("127.0.0.1", 1)
    async with client(link) as it:
        with pytest.raises(ConnectionResetError):
            await it.reader.read(1)
