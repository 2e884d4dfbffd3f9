"""A real Valkey for the run, empty for each test, and what is built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ctiroute.store.redis import HotCopy, SharedMemory, open_link
from tests.integration.redis.truth import RNG, utc_now
from tests.real.redis import RealRedis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ctiroute.store.redis import Link


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealRedis]:
    """One server for the run. Tests that kill it start their own."""
    async with RealRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest_asyncio.fixture
async def redis(redis_server: RealRedis) -> RealRedis:
    """Give the run's server, empty."""
    await redis_server.ask("FLUSHALL")
    return redis_server


@pytest_asyncio.fixture
async def own_redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealRedis]:
    """Give a server to do harm to."""
    async with RealRedis(tmp_path_factory.mktemp("own-redis")) as server:
        yield server


@pytest_asyncio.fixture
async def link(redis: RealRedis) -> AsyncIterator[Link]:
    """Give a link to it."""
    opened = open_link(redis.url, "test", RNG)
    yield opened
    await opened.close()


@pytest.fixture
def copy(link: Link) -> HotCopy:
    """Give an empty copy."""
    return HotCopy(link, link, utc_now)


@pytest_asyncio.fixture
async def shared(redis: RealRedis, link: Link) -> AsyncIterator[SharedMemory]:
    """Give an empty shared memory."""
    listening = open_link(redis.url, "news", RNG, timeout_s=5.0)
    yield SharedMemory(link, listening)
    await listening.close()
