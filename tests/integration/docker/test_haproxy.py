"""The balancer that docker/ ships, run by a real haproxy before two nodes of the test's own, which are well or not as they are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import aiohttp
import pytest
from aiohttp import web

from tests.real.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

CONFIGURATION = Path(__file__).parents[3] / "docker" / "haproxy.cfg"
ADDRESSES = ("172.28.57.11:8080", "172.28.57.12:8080")
NOTICED_S = 10.0  # two checks a second apart, and a busy machine

pytestmark = pytest.mark.usefixtures("real_parts")


@dataclass(eq=False)
class Node:
    """A node as the balancer sees one."""

    name: str
    port: int = field(default_factory=free_port)
    live: bool = True
    ready: bool = True

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/health/live", self._is_live)
        app.router.add_get("/health/ready", self._is_ready)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/{path:.*}", self._anything)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    async def _is_live(self, _request: web.Request) -> web.Response:
        return web.Response(status=200 if self.live else 503)

    async def _is_ready(self, _request: web.Request) -> web.Response:
        return web.Response(status=200 if self.ready else 503)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(self.name)
        async for _ in socket:
            pass
        return socket

    async def _anything(self, request: web.Request) -> web.Response:
        return web.json_response({"node": self.name, "for": request.headers.get("X-Forwarded-For"), "host": request.host})


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    """Run two nodes."""
    async with Node("node-1") as first, Node("node-2") as second:
        yield first, second


@pytest.fixture
async def url(nodes: tuple[Node, Node], tmp_path: Path) -> AsyncIterator[str]:
    """Run haproxy with what we ship, at addresses of this machine; give the address of the screens."""
    text, port, own = CONFIGURATION.read_text(encoding="utf-8"), free_port(), free_port()
    for shipped, node in zip(ADDRESSES, nodes, strict=True):
        assert text.count(shipped) == 2
        text = text.replace(shipped, f"127.0.0.1:{node.port}")
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace("127.0.0.1:8081", f"127.0.0.1:{own}")
    (tmp_path / "haproxy.cfg").write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec("haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg"))
    try:
        await until_node(f"http://127.0.0.1:{port}", {"node-1", "node-2"})
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def ask(url: str) -> dict[str, str]:
    """Ask once, on a connection of its own."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        answer.raise_for_status()
        parsed: dict[str, str] = json.loads(await answer.read())
        return parsed


async def until_node(url: str, expected: set[str]) -> None:
    """Wait until these nodes, and no others, answer ten questions in a row."""
    async with asyncio.timeout(NOTICED_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                if {(await ask(url))["node"] for _ in range(10)} == expected:
                    return
            await asyncio.sleep(0.05)  # asked again until it is so


async def test_what_is_shipped_has_no_fault() -> None:
    """The program itself reads it without a warning."""
    process = await asyncio.create_subprocess_exec("haproxy", "-c", "-f", str(CONFIGURATION), stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    assert b"WARNING" not in said, said


async def test_node_that_is_not_ready_keeps_its_browsers_and_gets_no_new_ones(url: str, nodes: tuple[Node, Node]) -> None:
    """As when it cannot hear its Asterisk: who is there stays, who comes goes to the other; when neither is ready, both are used."""
    first, second = nodes
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(f"{url}/ws") for _ in range(4)]
        assert {await socket.receive_str() for socket in sockets} == {"node-1", "node-2"}
        first.ready = False
        await until_node(url, {"node-2"})
        second.ready = False
        await until_node(url, {"node-1", "node-2"})
        for socket in sockets:
            await socket.ping()
            assert not socket.closed
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.05)  # nothing was said, and it was not closed


async def test_browsers_of_a_hung_node_are_sent_on(url: str, nodes: tuple[Node, Node]) -> None:
    """A node that does not answer as alive loses its connections, and who comes back is at the other."""
    first, _ = nodes
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(f"{url}/ws") for _ in range(4)]
        names = [await socket.receive_str() for socket in sockets]
        first.live = first.ready = False
        async with asyncio.timeout(NOTICED_S):
            for socket, name in zip(sockets, names, strict=True):
                if name == "node-1":
                    assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR}
        async with session.ws_connect(f"{url}/ws") as back:
            assert await back.receive_str() == "node-2"


async def test_what_a_node_is_told(url: str) -> None:
    """The browser's own address, and the name it used; metrics are for the network inside."""
    told = await ask(f"{url}/")
    assert told["for"] == "127.0.0.1"
    assert url.endswith(told["host"])
    with pytest.raises(aiohttp.ClientResponseError, match="403"):
        await ask(f"{url}/metrics")
