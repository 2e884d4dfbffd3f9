"""PostgreSQL silent, slow, locked, gone, back: what callers notice of it when there is no copy to stand in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.integration.faults.site import DEADLINE_S, FULL, HEALED_S, HEALTHY_S, RATE, WAIT_S, p99, quickest_p99, site
from tests.real.proxy import Faults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.postgres import PostgresServer

pytestmark = pytest.mark.timeout(240 if FULL else 180)

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
SILENT = Faults(blackhole=True)
SLOW = Faults(latency_s=5.0)


async def test_a_store_in_a_black_hole_costs_nobody_the_deadline(tmp_path: Path, postgres_server: PostgresServer, database: str) -> None:
    """Every call is decided within a second; once the outage is known, at once; and it heals, though the old connections are lost (F6)."""
    count = 10_000 if FULL else 150
    async with site(tmp_path, (postgres_server.port,), database) as at:
        at.to_store.fails(SILENT)
        calls = await at.calls(count, 200 if FULL else RATE)
        assert all(call.status == "default" for call in calls[-20:])
        assert at.all_in_time(calls)
        assert quickest_p99(calls[count // 2 :]) <= HEALTHY_S
        at.to_store.lose()
        at.to_store.works()
        assert await at.heals() <= HEALED_S


@pytest.mark.parametrize("how", ["link", "lock"])
async def test_a_slow_store_is_given_up_and_calls_are_quick_again(
    tmp_path: Path, postgres_server: PostgresServer, database: str, how: str
) -> None:
    """Answers after five seconds: nobody waits longer than the deadline, within ten seconds nobody waits at all, and it heals (F11)."""
    async with site(tmp_path, (postgres_server.port,), database) as at:
        admin = await asyncpg.connect(postgres_server.url(database))
        transaction = admin.transaction()
        if how == "link":
            at.to_store.fails(down=SLOW)
        else:
            await transaction.start()
            await admin.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        began = asyncio.get_running_loop().time()
        first = await at.calls(50)
        await at.opened()
        assert asyncio.get_running_loop().time() - began < 10
        assert p99(first) <= DEADLINE_S + 0.05
        assert quickest_p99(await at.calls(150, 2 * RATE)) <= HEALTHY_S
        if how == "link":
            at.to_store.works()
        else:
            await transaction.rollback()
        assert await at.heals() <= HEALED_S
        await admin.close()


async def test_a_caller_who_hangs_up_ends_the_query_on_the_server(tmp_path: Path, postgres_server: PostgresServer, database: str) -> None:
    """A tenth of a second after he has gone, the server no longer works for him, and his call is recorded as abandoned (F5)."""
    loop = asyncio.get_running_loop()
    async with site(tmp_path, (postgres_server.port,), database) as at:
        admin, locking = await asyncpg.connect(postgres_server.url(database)), await asyncpg.connect(postgres_server.url(database))
        transaction = locking.transaction()
        await transaction.start()
        await locking.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        ended_s = []
        for number in (1, 2, 3):
            call = loop.create_task(at.call(number, leaves_after_s=0.2), name="a caller")
            async with asyncio.timeout(WAIT_S):
                while not await admin.fetchval(WAITING):  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.005)
                assert (await call).status == ""
                gone_at = loop.time()
                while await admin.fetchval(WAITING):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.005)
            ended_s.append(loop.time() - gone_at)
        assert min(ended_s) <= 0.1  # of three tries the quickest counts: others use the machine as well
        await transaction.rollback()
        assert await at.heals() <= HEALED_S
        async with asyncio.timeout(WAIT_S):
            await at.service._recorder.written()
        assert await admin.fetchval("SELECT count(*) FROM calls WHERE outcome = 'abandoned'") == len(ended_s)
        await admin.close()
        await locking.close()
