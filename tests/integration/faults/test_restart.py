"""PostgreSQL not there at the start, restarted under load, failed over to its standby: calls go on, and it is used again by itself."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ctiroute.model import Operator
from ctiroute.store import open_store
from tests.integration.faults.site import HEALED_S, Site, site, unstarted, until
from tests.real import postgres
from tests.real.postgres_pair import COMMITS_ARE_KEPT, caught_up, pair, promote
from tests.real.proxy import Faults

if TYPE_CHECKING:
    from pathlib import Path


UP_S = 2.0
TAKEN_OVER_S = 10.0


async def recorded(url: str) -> int:
    """Return how many calls stand in a database."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM calls"))
    finally:
        await connection.close()


async def every_link_works(at: Site) -> None:
    """Assert that twice as many look-ups at once as there are links for them are all answered by the store."""
    before = at.metric("ctiroute_source_decided_total", source="store")
    calls = await at.crowd(range(50), 16)
    assert at.share_equal(calls) == 1
    assert at.metric("ctiroute_source_decided_total", source="store") == before + 50


@pytest.mark.parametrize("how", ["refuses", "is silent"])
async def test_without_its_store_the_service_starts_and_finds_it_later(
    tmp_path: Path, postgres_server: postgres.PostgresServer, database: str, how: str
) -> None:
    """Up in two seconds, calls take the default way at once, and five seconds after the store is there all is well (F12)."""
    loop = asyncio.get_running_loop()
    store = open_store(postgres_server.url(database))
    await store.open()
    await store.put_operator(Operator("olena", "Olena", ("PJSIP/1001",)), None)
    await store.close()
    async with unstarted(tmp_path, (postgres_server.port,), database) as at:
        if how == "refuses":
            await at.to_store.cut()
        else:
            at.to_store.fails(Faults(blackhole=True))
        began = loop.time()
        await at.service.start()
        assert loop.time() - began <= UP_S
        calls = await at.calls(20)
        assert {call.status for call in calls} == {"default"}
        assert at.all_in_time(calls)
        assert not at.service.floor.operators
        if how == "refuses":
            await at.to_store.listen()
        else:
            at.to_store.lose()
            at.to_store.works()
        began = loop.time()
        await until(lambda: "olena" in at.service.floor.operators)
        await at.decided_by_store()
        assert loop.time() - began <= HEALED_S
        await at.settle()


async def test_a_restart_under_load_loses_no_call_and_no_record(tmp_path: Path) -> None:
    """A crash and a start of the server: every caller is answered in time, every call is recorded, every link works again (F12)."""
    with postgres.running(COMMITS_ARE_KEPT) as server:
        async with site(tmp_path, (server.port,), "postgres") as at:
            began = at.count
            load = asyncio.get_running_loop().create_task(at.calls(150), name="load")
            await until(lambda: at.count >= began + 40)  # in the middle of it
            await asyncio.to_thread(server.restart)
            assert await at.heals() <= HEALED_S
            calls = await load
            assert at.all_in_time(calls)
            await every_link_works(at)
            async with asyncio.timeout(15):
                await at.service._recorder.written()
            assert at.metric("ctiroute_records_lost_total") == 0
            assert await recorded(server.url()) == at.count


async def test_a_standby_that_takes_over_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The primary dies, the standby is still read-only, then it is promoted: used within ten seconds, nothing read-only is shown (F12)."""
    with pair() as (primary, standby):
        async with site(tmp_path, (primary.port, standby.port), "postgres") as at:
            await caught_up(primary, standby)
            caplog.clear()
            began = at.count
            load = asyncio.get_running_loop().create_task(at.calls(150), name="load")
            await until(lambda: at.count >= began + 20)
            await asyncio.to_thread(primary.stop, signal.SIGQUIT)
            at.to_store.fails(Faults(blackhole=True))  # the host is gone, not only its server
            gone = at.count
            await until(lambda: at.count >= gone + 40)  # they call while nobody has taken over yet
            await promote(standby)
            assert await at.heals() <= TAKEN_OVER_S
            calls = await load
            assert at.all_in_time(calls)
            await every_link_works(at)
            async with asyncio.timeout(15):
                await at.service._recorder.written()
            assert await recorded(standby.url()) >= at.count - 5  # what the primary had not sent on yet died with it
            assert "read-only" not in caplog.text
