"""The copy stays in step with the truth, and never takes silence for knowledge."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerFacts, Campaign, Medium, OfferTerms, Touch, TouchStatus
from ctiroute.store import open_store
from ctiroute.store.redis import HotCopy, open_link
from ctiroute.store.redis.copy import Marker
from ctiroute.store.redis.keys import bucket_of, facts_key, warm_key
from tests.integration.redis.truth import RNG, Reach, Truth, answers, phone, relay_of, utc_now
from tests.real.redis import until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from ctiroute.app.relay import Relay
    from ctiroute.model import Identifier
    from ctiroute.store.base import Store
    from ctiroute.store.redis import Link
    from tests.real.redis import RealRedis

A, B, STRANGER = phone(1), phone(2), phone(999)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give the truth's store, with one campaign."""
    opened = open_store(f"sqlite://{tmp_path}/ctiroute.db")
    await opened.open()
    await opened.put_campaigns([Campaign("c", "Title", Medium.SMS)])
    yield opened
    await opened.close()


@pytest.fixture
def truth(store: Store) -> Truth:
    """Give a truth without anybody."""
    return Truth(store)


async def send(truth: Truth, identifier: Identifier, touch_id: str) -> None:
    """Send somebody something, as an import does."""
    touch = Touch(touch_id, "c", "Title", Medium.SMS, identifier, utc_now(), TouchStatus.SENT, OfferTerms("T"))
    await truth.store.put_touches([touch])
    truth.mark(identifier)


async def touches(copy: HotCopy, identifier: Identifier) -> list[str] | None:
    """Return the ids of touches that the copy knows, or None when it cannot tell."""
    facts = await answers(copy, Reach().query(identifier))
    return None if facts is None else sorted(touch.touch_id for touch in facts.touches)


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    """Let a relay run."""
    task = asyncio.get_running_loop().create_task(relay.run(), name="relay under test")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
    assert task.cancelled()


async def test_an_empty_copy_cannot_tell(copy: HotCopy) -> None:
    """Before it was filled nobody is unknown."""
    with pytest.raises(StoreUnavailable, match="not filled"):
        await copy.find_caller(Reach().query(STRANGER))


async def test_a_filled_copy_knows_who_is_unknown(copy: HotCopy, truth: Truth) -> None:
    """And says since when that is true."""
    await send(truth, A, "t1")
    async with running(relay_of(copy, truth)[0]):
        await until_true(lambda: _is(copy, A, ["t1"]))
        await until_true(lambda: _is(copy, STRANGER, []))
        before = utc_now()
        await until_true(lambda: _is_as_of(copy, STRANGER, before))
        facts = await copy.find_caller(Reach().query(STRANGER))
    assert facts.read_at is not None
    assert replace(facts, read_at=None) == CallerFacts()


async def test_what_changes_is_read_again_and_its_mark_goes_last(copy: HotCopy, truth: Truth) -> None:
    """A touch sent a moment ago is in the copy, and so is what is known no more."""
    relay, registry = relay_of(copy, truth)
    async with running(relay):
        await until_true(lambda: _is(copy, A, []))
        await send(truth, A, "t1")
        await until_true(lambda: _is(copy, A, ["t1"]))
        await until_true(lambda: _is_done(truth))
    assert registry.get_sample_value("ctiroute_copy_refreshed_total") == 1
    assert registry.get_sample_value("ctiroute_copy_warm") == 1


async def test_a_flush_is_noticed_and_healed(copy: HotCopy, truth: Truth, redis: RealRedis) -> None:
    """Nobody becomes unknown by it: for a moment the copy cannot tell, then it is whole again."""
    await send(truth, A, "t1")
    async with running(relay_of(copy, truth)[0]):
        await until_true(lambda: _is(copy, STRANGER, []))
        await redis.ask("FLUSHALL")
        assert await touches(copy, A) in (None, ["t1"])
        assert await touches(copy, STRANGER) in (None, [])
        await until_true(lambda: _is(copy, STRANGER, []), 5.0)
        assert await touches(copy, A) == ["t1"]


async def test_a_flush_in_the_middle_of_a_pass_leaves_no_bucket_whole(copy: HotCopy, truth: Truth, redis: RealRedis) -> None:
    """Half of what was filled is gone, and the pass does not know: the buckets do."""
    now = utc_now()
    marker = Marker((await copy.server()).epoch, now, now, now)
    await copy.begin_pass("pass")
    await redis.ask("FLUSHALL")
    assert not await copy.go_on("pass")
    assert await copy.finish_pass("pass", marker, now) == 0
    assert not any(await copy.whole(marker.epoch, marker))


async def test_a_pass_that_is_overtaken_leaves_the_end_to_the_other(copy: HotCopy) -> None:
    """Of two nodes that fill the copy at once the later one marks it whole."""
    now = utc_now()
    marker = Marker((await copy.server()).epoch, now, now, now)
    await copy.begin_pass("one")
    await copy.begin_pass("two")
    assert await copy.finish_pass("one", marker, now) == 0
    assert await copy.finish_pass("two", marker, now) == 256


async def test_a_slow_reading_replaces_no_later_one(copy: HotCopy, truth: Truth) -> None:
    """A node that was held up between reading and writing brings nobody's old facts back."""
    async with running(relay_of(copy, truth)[0]):
        await until_true(lambda: _is(copy, A, []))
        old = await truth.read_facts([Reach().query(A)])
        await send(truth, A, "t1")
        await until_true(lambda: _is(copy, A, ["t1"]))
        await copy.put([Reach().query(A)], old.facts, old.as_of)
        assert await touches(copy, A) == ["t1"]


async def test_a_store_whose_clock_was_ahead_keeps_nothing_out(copy: HotCopy, truth: Truth) -> None:
    """What was read an hour from now is replaced by what is read once the clock is right."""
    query, now = Reach().query(A), utc_now()
    marker = Marker((await copy.server()).epoch, now - timedelta(days=9), now - timedelta(days=9), now - timedelta(days=9))
    await copy.begin_pass("pass")
    assert await copy.finish_pass("pass", marker, now)
    await copy.put([query], [CallerFacts()], now + timedelta(hours=1))
    await send(truth, A, "t1")
    await copy.put([query], [await truth.store.find_caller(Reach().query(A))], now)
    assert await touches(copy, A) == ["t1"]


async def test_several_relays_do_not_disturb_each_other(copy: HotCopy, truth: Truth) -> None:
    """Three nodes, writes all the while: in the end all of it is there."""
    async with (
        running(relay_of(copy, truth, "one")[0]),
        running(relay_of(copy, truth, "two")[0]),
        running(relay_of(copy, truth, "three")[0]),
    ):
        for number in range(60):
            await send(truth, phone(number % 7), f"t{number}")
            await asyncio.sleep(0)
        await until_true(lambda: _is_done(truth))
        await until_true(lambda: _is(copy, STRANGER, []))
        for number in range(7):
            assert await touches(copy, phone(number)) == sorted(f"t{each}" for each in range(number, 60, 7))


async def test_while_the_store_is_away_the_copy_answers_and_says_how_old_it_is(copy: HotCopy, truth: Truth) -> None:
    """Marks wait; what was known stays known."""
    await send(truth, A, "t1")
    async with running(relay_of(copy, truth)[0]):
        await until_true(lambda: _is(copy, STRANGER, []))
        await send(truth, B, "t2")
        await until_true(lambda: _is(copy, B, ["t2"]))
        truth.away = True
        gone_at = utc_now()
        truth.mark(B)
        facts = await copy.find_caller(Reach().query(A))
        assert facts.read_at is not None
        assert facts.read_at <= gone_at + timedelta(seconds=1)
        assert await touches(copy, B) == ["t2"]
        truth.away = False
        await until_true(lambda: _is_done(truth))


async def test_marks_stay_while_redis_is_away(truth: Truth, own_redis: RealRedis) -> None:
    """What is written meanwhile is in the copy when it is back."""
    link = open_link(own_redis.url, "test", RNG)
    copy = HotCopy(link, link, utc_now)
    relay, registry = relay_of(copy, truth)
    async with running(relay):
        await until_true(lambda: _is(copy, A, []))
        await own_redis.kill()
        await send(truth, A, "t1")
        await until_true(lambda: _is_zero(registry.get_sample_value("ctiroute_copy_warm")))
        assert truth.marks
        await own_redis.start()
        await until_true(lambda: _is(copy, A, ["t1"]))
        await until_true(lambda: _is(copy, STRANGER, []))
    await link.close()


async def test_it_ends_when_told_to_while_redis_is_away(truth: Truth, own_redis: RealRedis) -> None:
    """In the middle of a pass, too: what it cannot give back expires by itself, and the service must stop."""
    link = open_link(own_redis.url, "test", RNG)
    reading, gate = asyncio.Event(), asyncio.Event()

    class Slow(Truth):
        async def known_identifiers(self, *_: object) -> Sequence[Identifier]:
            reading.set()
            await gate.wait()
            return ()

    relay, _ = relay_of(HotCopy(link, link, utc_now), Slow(truth.store))
    task = asyncio.get_running_loop().create_task(relay.run(), name="relay under test")
    async with asyncio.timeout(5):
        await reading.wait()
    await own_redis.kill()
    await until_true(lambda: _is_away(link))
    task.cancel()
    await asyncio.wait((task,), timeout=5)
    assert task.cancelled()
    await link.close()


async def test_a_server_that_was_restarted_from_disk_is_not_believed(truth: Truth, own_redis: RealRedis) -> None:
    """Its markers came back with facts that may be older than they say."""
    link = open_link(own_redis.url, "test", RNG)
    copy = HotCopy(link, link, utc_now)
    relay, _ = relay_of(copy, truth)
    await relay.watch()
    await relay.fill()
    assert await touches(copy, A) == []
    await own_redis.ask("SAVE")
    await own_redis.kill()
    await own_redis.start()
    await until_true(lambda: _is_there(copy))
    assert await own_redis.ask("EXISTS", warm_key(bucket_of(A))) == 1
    await relay.watch()
    assert await touches(copy, A) is None
    await relay.fill()
    assert await touches(copy, A) == []
    await link.close()


async def test_lost_marks_make_the_copy_be_read_over(copy: HotCopy, truth: Truth) -> None:
    """A store that says it did not mark everything is not to be trusted by half."""
    relay, _ = relay_of(copy, truth)
    await relay.watch()
    await relay.fill()
    await send(truth, A, "t1")
    truth.marks.clear()
    truth.unbroken = False
    assert await touches(copy, A) == []  # nobody has looked yet
    await relay.refresh()
    assert await touches(copy, A) is None
    await relay.fill()
    assert await touches(copy, A) == ["t1"]


async def test_keys_thrown_out_for_want_of_memory_make_it_cold(truth: Truth, own_redis: RealRedis) -> None:
    """With an eviction policy a known caller's facts may be gone while the marker is not."""
    link = open_link(own_redis.url, "test", RNG)
    copy = HotCopy(link, link, utc_now)
    relay, _ = relay_of(copy, truth)
    await relay.watch()
    await relay.fill()
    await own_redis.ask("CONFIG", "SET", "maxmemory-policy", "volatile-random")
    used = await own_redis.ask("INFO", "memory")
    await own_redis.ask("CONFIG", "SET", "maxmemory", used["used_memory"] + 100_000)
    for number in range(200):
        await own_redis.ask("SET", f"ballast:{number}", b"x" * 10_000, "EX", 1000)
    await own_redis.ask("CONFIG", "SET", "maxmemory", 0)
    await relay.watch()
    assert await touches(copy, STRANGER) is None
    await link.close()


async def test_a_value_that_cannot_be_read_is_not_an_unknown_caller(copy: HotCopy, truth: Truth, redis: RealRedis) -> None:
    """Of a later version, cut, or no value of ours at all."""
    relay, _ = relay_of(copy, truth)
    await relay.watch()
    await send(truth, A, "t1")
    await relay.fill()
    good = await redis.ask("GET", facts_key(A))
    for bad in (b"", b"x", good[:16] + b"2" + good[17:], good[:40], good[:17], b"z" * 16 + good[16:], b"\x00" * 64):
        await redis.ask("SET", facts_key(A), bad)
        assert await touches(copy, A) is None
    await redis.ask("SET", warm_key(bucket_of(A)), b"\xc1")
    assert await touches(copy, A) is None


async def test_who_looks_further_back_than_the_copy_is_told_nothing(copy: HotCopy, truth: Truth) -> None:
    """There may be more than it knows: of somebody who is there, and of somebody who is not."""
    relay, _ = relay_of(copy, truth)
    await relay.watch()
    await send(truth, A, "t1")
    await relay.fill()
    for identifier in (A, STRANGER):
        query = Reach().query(identifier)
        for wider in (
            replace(query, touches_since=query.touches_since - timedelta(days=1)),
            replace(query, calls_since=query.calls_since - timedelta(days=1)),
            replace(query, interactions_since=query.interactions_since - timedelta(days=1)),
        ):
            assert await answers(copy, wider) is None
    assert await answers(copy, replace(Reach().query(A), limit=21)) is None


async def test_somebody_who_is_erased_is_gone_from_the_copy(copy: HotCopy, truth: Truth, redis: RealRedis) -> None:
    """At once, whatever waits to be read again."""
    relay, _ = relay_of(copy, truth)
    await relay.watch()
    await send(truth, A, "t1")
    await relay.fill()
    assert await copy.forget([A]) == 1
    assert await redis.ask("EXISTS", facts_key(A)) == 0


async def _is(copy: HotCopy, identifier: Identifier, expected: list[str]) -> bool:
    return await touches(copy, identifier) == expected


async def _is_as_of(copy: HotCopy, identifier: Identifier, at: object) -> bool:
    facts = await answers(copy, Reach().query(identifier))
    return facts is not None and facts.read_at is not None and facts.read_at >= at  # type: ignore[operator]


async def _is_done(truth: Truth) -> bool:
    return not truth.marks


async def _is_away(link: Link) -> bool:
    return bool(link.away)


async def _is_zero(value: float | None) -> bool:
    return value == 0


async def _is_there(copy: HotCopy) -> bool:
    try:
        await copy.server()
    except StoreUnavailable:
        return False
    return True
