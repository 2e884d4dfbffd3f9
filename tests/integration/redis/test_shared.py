"""What nodes tell each other arrives, expires, and never piles up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.shared import MAX_CALLS, MAX_NEWS, Shared, SharedMetrics
from ctiroute.store.redis import SharedMemory, open_link
from ctiroute.store.redis.keys import NEWS, presence_key
from ctiroute.store.redis.shared import Presence
from tests.integration.redis.truth import RNG, utc_now
from tests.real.ports import free_port
from tests.real.redis import until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.real.redis import RealRedis


@dataclass
class Ears:
    """Remembers what it hears."""

    notes: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    interactions: list[str] = field(default_factory=list)

    def noted_elsewhere(self, pop_id: str, operator_id: str, text: str, at: datetime) -> None:
        """Remember a note."""
        self.notes.append((pop_id, operator_id, text, at))

    def changed_elsewhere(self, call_id: str) -> None:
        """Remember a call."""
        self.changed.append(call_id)

    def forgotten_elsewhere(self, call_ids: Iterable[str]) -> None:
        """Remember calls."""
        self.forgotten += call_ids

    def interaction_changed_elsewhere(self, interaction_id: str) -> None:
        """Remember a conversation."""
        self.interactions.append(interaction_id)


@dataclass
class OneNode:
    """A node as far as others notice it."""

    shared: Shared
    ears: Ears
    registry: CollectorRegistry


@asynccontextmanager
async def node(url: str, name: str, *operators: str, rules: str = "r1") -> AsyncIterator[OneNode]:
    """Run a node; at the end it says goodbye."""
    work, news = open_link(url, "work", RNG), open_link(url, "news", RNG, timeout_s=7.0)
    registry, ears = CollectorRegistry(), Ears()
    shared = Shared(SharedMemory(work, news), name, utc_now, RNG, SharedMetrics(registry), lambda: Presence(frozenset(operators), rules))
    shared.attach(ears)
    task = asyncio.get_running_loop().create_task(shared.run(), name=name)
    try:
        yield OneNode(shared, ears, registry)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await shared.leave()
        await work.close()
        await news.close()


async def test_news_reach_the_other_node_and_not_oneself(redis: RealRedis) -> None:
    """A note, a change, calls of somebody who was erased: in order."""
    at = utc_now()
    async with node(redis.url, "one") as one, node(redis.url, "two") as two:
        await until_true(lambda: _both_listen(one, two))
        one.shared.noted("pop", "olha", "asks for a discount", at)
        one.shared.changed("x:1", b"file")
        one.shared.forget(["x:9"])
        one.shared.interaction_changed("i-7")
        await until_true(lambda: _truth(two.ears.interactions))
        assert two.ears.notes == [("pop", "olha", "asks for a discount", at)]
        assert two.ears.changed == ["x:1"]
        assert two.ears.forgotten == ["x:9"]
        assert (one.ears.interactions, two.ears.interactions) == ([], ["i-7"])
        assert await two.shared.find_call("x:1") == b"file"
        assert one.ears == Ears()


async def test_a_decided_call_is_found_by_the_other_node(redis: RealRedis) -> None:
    """By its id; one that nobody decided is not, and a forgotten one no more."""
    async with node(redis.url, "one") as one, node(redis.url, "two") as two:
        one.shared.decided("x:1", b"file")
        await until_true(lambda: two.shared.find_call("x:1"))
        assert await two.shared.find_call("x:2") is None
        one.shared.forget(["x:1"])
        await until_true(lambda: _nothing(two, "x:1"))


async def test_who_is_where_is_known_and_forgotten(redis: RealRedis) -> None:
    """Operators of a node that left or died are nowhere."""
    async with node(redis.url, "one", "olha") as one:
        async with node(redis.url, "two", "ivan", rules="r2") as two:
            await until_true(lambda: _knows(two, "olha"))
            assert not two.shared.has("ivan")  # he is here
            assert two.registry.get_sample_value("ctiroute_nodes") == 2
            assert two.registry.get_sample_value("ctiroute_operators_present") == 2
            assert two.registry.get_sample_value("ctiroute_nodes_rules") == 2
            assert 0 < await redis.ask("PTTL", presence_key("one")) <= 15_000
        assert await redis.ask("EXISTS", presence_key("two")) == 0
        assert one.registry.get_sample_value("ctiroute_redis_up") == 1


async def test_sessions_are_shared_until_they_end(redis: RealRedis) -> None:
    """Under their hash, for as long as they last."""
    token, short = b"\x01" * 32, b"\x02" * 32
    async with node(redis.url, "one") as one, node(redis.url, "two") as two:
        one.shared.signed_in(token, "olha", utc_now() + timedelta(hours=1))
        one.shared.signed_in(short, "olha", utc_now() - timedelta(seconds=1))
        assert await one.shared.find_session(token) == "olha"  # at once, told or not
        await until_true(lambda: two.shared.find_session(token))
        assert await two.shared.find_session(short) is None
        one.shared.signed_out(token)
        assert await one.shared.find_session(token) is None
        await until_true(lambda: _signed_out(two, token))


async def test_what_waits_for_a_redis_that_is_away_is_bounded_and_counted() -> None:
    """The oldest goes first; nothing of it waits for anybody."""
    async with node(f"redis://127.0.0.1:{free_port()}/0", "one") as one:
        for number in range(MAX_CALLS + 10):
            one.shared.decided(f"x:{number}", b"file")
        for number in range(MAX_NEWS + 5):
            one.shared.noted(f"p{number}", "olha", "text", utc_now())
        assert one.registry.get_sample_value("ctiroute_shared_dropped_total", {"kind": "call"}) == 10
        assert one.registry.get_sample_value("ctiroute_shared_dropped_total", {"kind": "news"}) == 5
        assert await one.shared.find_call("x:1") is None
        assert not one.shared.has("olha")
        assert one.registry.get_sample_value("ctiroute_redis_up") == 0


async def test_what_was_told_while_redis_was_away_arrives_when_it_is_back(own_redis: RealRedis) -> None:
    """And a flush costs no more than what was in it."""
    async with node(own_redis.url, "one") as one, node(own_redis.url, "two") as two:
        await until_true(lambda: _both_listen(one, two))
        await own_redis.kill()
        one.shared.noted("pop", "olha", "while away", utc_now())
        one.shared.decided("x:1", b"file")
        await own_redis.start()
        await until_true(lambda: _truth(two.ears.notes))
        await until_true(lambda: two.shared.find_call("x:1"))
        await own_redis.ask("FLUSHALL")
        one.shared.noted("pop", "olha", "after the flush", utc_now())
        await until_true(lambda: _truth(len(two.ears.notes) == 2))
        await until_true(lambda: _knows_nodes(one, 2))


async def test_news_that_cannot_be_read_disturb_nobody(redis: RealRedis) -> None:
    """Of a later version, or of a stranger."""
    async with node(redis.url, "one") as one, node(redis.url, "two") as two:
        await until_true(lambda: _both_listen(one, two))
        for body in (b"", b"\xff", b"{}", b'{"type":"later"}', b'{"type":"note","pop_id":1}'):
            await redis.ask("XADD", NEWS, "*", "node", "one", "body", body)
        await redis.ask("XADD", NEWS, "*", "something", "else")
        one.shared.noted("pop", "olha", "text", utc_now())
        await until_true(lambda: _truth(two.ears.notes))


async def _both_listen(*nodes: OneNode) -> bool:
    return all(each.shared.listens for each in nodes)


async def _truth(value: object) -> bool:
    return bool(value)


async def _nothing(one: OneNode, call_id: str) -> bool:
    return await one.shared.find_call(call_id) is None


async def _signed_out(one: OneNode, token_hash: bytes) -> bool:
    return await one.shared.find_session(token_hash) is None


async def _knows(one: OneNode, operator_id: str) -> bool:
    return one.shared.has(operator_id)


async def _knows_nodes(one: OneNode, number: int) -> bool:
    return one.registry.get_sample_value("ctiroute_nodes") == number
