"""On a cluster of three: what has to meet meets, and a lost part takes its markers with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest_asyncio
from redis.crc import key_slot

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerFacts
from ctiroute.store.redis import HotCopy, SharedMemory, open_link
from ctiroute.store.redis.copy import Marker
from ctiroute.store.redis.keys import bucket_of, facts_key, filling_key, presence_key, warm_key
from ctiroute.store.redis.link import TIMEOUT_S
from ctiroute.store.redis.shared import Presence
from tests.integration.redis.truth import RNG, Reach, answers, phone, utc_now
from tests.real.redis import RealRedisCluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from ctiroute.store.redis import Link

PEOPLE = [phone(number) for number in range(300)]


@pytest_asyncio.fixture
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealRedisCluster]:
    """Start three servers that share the slots."""
    async with RealRedisCluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest_asyncio.fixture
async def cluster_link(cluster: RealRedisCluster) -> AsyncIterator[Link]:
    """Give a link to all of them."""
    opened = open_link(cluster.url, "test", RNG)
    yield opened
    await opened.close()


def test_facts_and_markers_of_a_bucket_share_a_slot() -> None:
    """So they are read in one command, and buckets spread over all slots."""
    for person in PEOPLE:
        bucket = bucket_of(person)
        assert key_slot(facts_key(person)) == key_slot(warm_key(bucket).encode()) == key_slot(filling_key(bucket).encode())
    assert key_slot(presence_key("a").encode()) == key_slot(presence_key("b").encode())
    assert len({key_slot(warm_key(bucket).encode()) // 1024 for bucket in range(256)}) == 16


async def test_the_copy_on_a_cluster_and_the_loss_of_a_part(cluster: RealRedisCluster, cluster_link: Link) -> None:
    """Everybody is found; after one server was flushed nobody of its slots is taken for unknown, and the others still are known."""
    copy = HotCopy(cluster_link, cluster_link, utc_now)
    now = utc_now()
    server = await copy.server()
    assert server.epoch.count("+") == 2
    wide = Reach().query(PEOPLE[0])
    marker = Marker(server.epoch, wide.touches_since, wide.calls_since, wide.interactions_since)
    await copy.begin_pass("pass")
    await copy.put([Reach().query(each) for each in PEOPLE], [CallerFacts()] * len(PEOPLE), now)
    assert await copy.go_on("pass")
    assert await copy.finish_pass("pass", marker, now) == 256
    assert all(await copy.whole(server.epoch, marker))
    assert all([await answers(copy, Reach().query(each)) is not None for each in PEOPLE])

    await cluster.nodes[1].ask("FLUSHALL")
    told = [await answers(copy, Reach().query(each)) is not None for each in PEOPLE]
    assert 0.5 < sum(told) / len(told) < 0.85
    assert 128 < sum(await copy.whole(server.epoch, marker)) < 256


async def test_the_loss_of_a_server_is_not_the_loss_of_the_others(cluster: RealRedisCluster, cluster_link: Link) -> None:
    """A server that dies leaves the callers of the other slots known."""
    copy = HotCopy(cluster_link, cluster_link, utc_now)
    for node in cluster.nodes:
        await node.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
    wide = Reach().query(PEOPLE[0])
    await copy.begin_pass("pass")
    await copy.finish_pass("pass", Marker("", wide.touches_since, wide.calls_since, wide.interactions_since), utc_now())
    await cluster.nodes[2].kill()
    told = 0
    for person in PEOPLE[:60]:
        told += await answers(copy, Reach().query(person)) is not None
    assert told > 20


async def test_a_server_that_hangs_holds_up_nobody_else(cluster: RealRedisCluster, cluster_link: Link) -> None:
    """Callers of other slots are answered as ever while one server does not answer at all."""
    names = [f"name:{number}" for number in range(60)]
    await cluster_link.ask_all([("SET", name, name) for name in names])
    cluster.nodes[1].freeze()
    loop = asyncio.get_running_loop()
    began, took = loop.time(), []

    async def ask(name: str) -> None:
        with suppress(StoreUnavailable):
            assert await cluster_link.ask("GET", name) == name.encode()
            took.append(loop.time() - began)

    await asyncio.gather(*[ask(name) for name in names])
    assert len(took) > 20
    assert max(took) < TIMEOUT_S / 2
    cluster.nodes[1].thaw()


async def test_a_slot_that_moves_is_followed(cluster: RealRedisCluster, cluster_link: Link) -> None:
    """The first to meet it waits for the new map; nobody is refused."""
    name = "{moving}:x"
    slot = key_slot(name.encode())
    assert await cluster_link.ask("SET", "elsewhere", 1)  # the map is known
    owner = min(slot // (16384 // 3 + 1), 2)
    taker = (owner + 1) % 3
    taker_id = (await cluster.nodes[taker].ask("CLUSTER", "MYID")).decode()
    for number in (taker, owner, 3 - taker - owner):
        await cluster.nodes[number].ask("CLUSTER", "SETSLOT", slot, "NODE", taker_id)
    assert await cluster_link.ask("SET", name, "there")
    assert await cluster_link.ask("GET", name) == b"there"
    assert int(await cluster.nodes[taker].ask("CLUSTER", "COUNTKEYSINSLOT", slot)) == 1


async def test_what_nodes_share_on_a_cluster(cluster: RealRedisCluster, cluster_link: Link) -> None:
    """Contexts, sessions, presence, news."""
    listening = open_link(cluster.url, "news", RNG, timeout_s=3.0)
    shared = SharedMemory(cluster_link, listening)
    await shared.put_calls({f"x:{number}": b"{}" for number in range(20)})
    assert await shared.get_call("x:7") == b"{}"
    assert await shared.drop_calls(f"x:{number}" for number in range(20)) == 20
    await shared.put_session(b"\x01" * 32, "olha", 60)
    assert await shared.get_session(b"\x01" * 32) == "olha"
    await shared.tell_presence("one", Presence(frozenset({"olha"}), "r1"), utc_now().timestamp())
    await shared.tell_presence("two", Presence(), utc_now().timestamp())
    assert await shared.presences() == {"one": Presence(frozenset({"olha"}), "r1"), "two": Presence()}
    await shared.tell("one", [b"a", b"b"])
    assert [entry.body for entry in await shared.listen("0-0", 0.1)] == [b"a", b"b"]
    assert await shared.listen(await shared.newest(), 0.1) == []
    await listening.close()
