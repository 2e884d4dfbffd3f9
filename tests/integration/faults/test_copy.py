"""The hot copy while the store is away, and the store while the copy is: decisions stay what they are in good health."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.integration.faults.site import FULL, HEALED_S, HEALTHY_S, RATE, p99, quickest_p99, site
from tests.real.proxy import Faults
from tests.real.redis import RealRedis

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.postgres import PostgresServer


OUTAGE_S = 60 if FULL else 6
EQUAL = 0.999
COPY_COSTS_S = 0.02
SILENT = Faults(blackhole=True)
FAILINGS = {
    "silent": SILENT,
    "slow": Faults(latency_s=0.3),
    "choked": Faults(bandwidth=2_000, slice_bytes=40),
    "gone": Faults(),
}


async def test_with_its_store_in_a_black_hole_calls_are_decided_as_ever(
    tmp_path: Path, postgres_server: PostgresServer, database: str
) -> None:
    """At 50 calls a second: every call within the deadline, 999 of 1000 as in good health, and the store is back within five seconds."""
    async with RealRedis(tmp_path / "redis") as redis, site(tmp_path, (postgres_server.port,), database, redis) as at:
        at.to_store.fails(SILENT)
        calls = await at.calls(round(OUTAGE_S * RATE))
        equal, slowest, half = at.share_equal(calls), max(call.took_s for call in calls), calls[len(calls) // 2 :]
        at.to_store.lose()
        at.to_store.works()
        healed_s = await at.heals()
        print(  # noqa: T201 - the figures are what this test is for
            f"{len(calls)} calls in {OUTAGE_S} s without the store: {equal:.2%} as ever, slowest {slowest * 1000:.0f} ms,"
            f" 99 of 100 within {p99(calls) * 1000:.1f} ms ({p99(half) * 1000:.1f} in the second half); healed in {healed_s:.1f} s"
        )
        assert at.all_in_time(calls)
        assert equal >= EQUAL
        assert quickest_p99(half) <= HEALTHY_S
        assert healed_s <= HEALED_S
        assert at.metric("ctiroute_source_decided_total", source="copy") >= 0.9 * len(calls)


async def test_a_copy_that_fails_costs_no_decision_and_little_time(tmp_path: Path, postgres_server: PostgresServer, database: str) -> None:
    """Redis silent, slow, choked or gone: decisions are those made with it, and 99 of 100 calls take at most 20 ms more (F13)."""
    async with RealRedis(tmp_path / "redis") as redis, site(tmp_path, (postgres_server.port,), database, redis) as at:
        assert at.to_copy is not None
        before = quickest_p99(await at.calls(150, 100))
        for how, faults in FAILINGS.items():
            if how == "gone":
                await at.to_copy.cut()
            at.to_copy.fails(faults)
            calls = await at.calls(150, 100)
            assert at.share_equal(calls) == 1, how
            assert quickest_p99(calls) <= before + COPY_COSTS_S, how
        assert at.metric("ctiroute_source_decided_total", source="store") >= 150 * len(FAILINGS)


async def test_with_a_slow_store_and_a_silent_copy_the_store_still_decides(
    tmp_path: Path, postgres_server: PostgresServer, database: str
) -> None:
    """A store that takes 60 ms is asked for by the hedge; a copy that does not answer then is not waited for, once that is known."""
    async with RealRedis(tmp_path / "redis") as redis, site(tmp_path, (postgres_server.port,), database, redis) as at:
        assert at.to_copy is not None
        at.to_store.fails(down=Faults(latency_s=0.06))
        at.to_copy.fails(SILENT)
        await at.calls(50)
        calls = await at.calls(100)
        assert at.share_equal(calls) == 1
        assert quickest_p99(calls) <= 0.06 + COPY_COSTS_S + HEALTHY_S


async def test_a_copy_that_was_flushed_cannot_tell_and_is_filled_again(
    tmp_path: Path, postgres_server: PostgresServer, database: str
) -> None:
    """An empty copy never makes a stranger of a customer: the store decides; and soon the copy is whole again and can stand in."""
    async with RealRedis(tmp_path / "redis") as redis, site(tmp_path, (postgres_server.port,), database, redis) as at:
        load = asyncio.get_running_loop().create_task(at.calls(100), name="load")
        await redis.ask("FLUSHALL")
        assert at.share_equal(await load) == 1
        await at.copy_is_whole()
        at.to_store.fails(SILENT)
        assert at.share_equal(await at.calls(50)) == 1


async def test_with_both_away_calls_take_the_default_way_in_time(tmp_path: Path, postgres_server: PostgresServer, database: str) -> None:
    """Nothing is left to ask: everybody is answered within the deadline, soon at once; and both come back by themselves."""
    async with RealRedis(tmp_path / "redis") as redis, site(tmp_path, (postgres_server.port,), database, redis) as at:
        assert at.to_copy is not None
        at.to_store.fails(SILENT)
        at.to_copy.fails(SILENT)
        calls = await at.calls(150, 2 * RATE)
        assert at.all_in_time(calls)
        assert all(call.status == "default" for call in calls)
        assert quickest_p99(calls[75:]) <= HEALTHY_S
        at.to_copy.works()
        at.to_store.works()
        assert await at.heals() <= HEALED_S
