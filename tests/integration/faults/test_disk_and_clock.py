"""A disk that is full, a clock that jumps: calls are routed as ever, and all is well again without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import asyncpg
import pytest

from tests.integration.faults.site import HEALED_S, RATE, Site, service_on, until
from tests.real.postgres import own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.app.service import Service
    from ctiroute.model import CallRecord
    from tests.real.postgres import PostgresServer

DISK_MB = 24
GOOD_S = 15.0  # until the last try to write that failed has been made good: tries are at most five seconds apart


@pytest.fixture
def disk() -> Iterator[Path]:
    """Give a small file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount: run the tests as root")
    folder = Path(tempfile.mkdtemp(prefix=f"ctiroute-disk-{getpass.getuser()}-"))
    folder.chmod(0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], check=False)  # noqa: S603, S607 - our own
    if mounted.returncode:
        pytest.skip("this container may not mount: give it SYS_ADMIN")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607 - our own arguments
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Leave no byte free; return what takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


async def faults(service: Service) -> dict[str, str]:
    """Return the parts that /health/ready names as not well."""
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{service.web.port}/health/ready") as answer:
        said = await answer.json()
        assert (answer.status == 200) == (not said["faults"])
        named: dict[str, str] = said["faults"]
        return named


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
async def test_a_full_disk_costs_no_call_and_in_the_end_no_record(
    tmp_path: Path, disk: Path, postgres_server: PostgresServer, scheme: str
) -> None:
    """Calls are decided as ever, health says that records wait, and when there is room again all of them are written whole (F24)."""
    async with contextlib.AsyncExitStack() as stack:
        if scheme == "sqlite":
            url = f"sqlite://{disk / 'ctiroute.db'}"
        else:
            place = disk / "tablespace"
            place.mkdir()
            own(place)
            admin = await asyncpg.connect(postgres_server.url())
            await admin.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            await admin.execute("CREATE DATABASE small TABLESPACE small")
            stack.push_async_callback(admin.close)
            stack.push_async_callback(admin.execute, "DROP TABLESPACE small")
            stack.push_async_callback(admin.execute, "DROP DATABASE small WITH (FORCE)")
            url = postgres_server.url("small")
        service = service_on(tmp_path, url)
        await service.start()
        stack.push_async_callback(service.stop)
        at = Site(service, (), None)
        await at.settle()
        assert await faults(service) == {}
        ballast = fill(disk)
        calls = await at.calls(200, 2 * RATE)
        assert at.share_equal(calls) == 1
        assert at.all_in_time(calls)
        await until(lambda: "records" in service.health())
        assert "records" in await faults(service)
        ballast.unlink()
        async with asyncio.timeout(GOOD_S):
            await service._recorder.written()
            while await faults(service):  # noqa: ASYNC110 - what it says of the store may be a second old
                await asyncio.sleep(0.1)
        assert at.metric("ctiroute_records_lost_total") == 0
        for number in range(1, at.count + 1):
            assert is_whole(await service.store.get_call(at.call_id(number)))


def is_whole(record: CallRecord | None) -> bool:
    """Say whether everything of a decided call is there."""
    return record is not None and None not in (record.caller_phone, record.received_at, record.status, record.decision_ms, record.snapshot)


async def test_a_clock_that_jumps_moves_windows_and_nothing_else(tmp_path: Path) -> None:
    """An hour forth and back: touches are as old as the clock says, no timer fires early or late, no call is lost (F23)."""
    jump = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + jump

    service = service_on(tmp_path, "", clock=clock)
    await service.start()
    try:
        at = Site(service, (), None)
        await at.settle()
        for jump in (timedelta(hours=1), timedelta(hours=-1), timedelta(hours=7), timedelta()):
            calls = await at.calls(100, 2 * RATE)
            assert at.all_in_time(calls)
            assert {call.status for call in calls} == {"routed", "default"}
            if jump <= timedelta():
                continue
            if jump < timedelta(hours=5):
                assert at.share_equal(calls) == 1  # windows of six hours reach to touches of the last one
            else:
                assert {call.variables.get("CTI_QUEUE") for call in calls} == {None, "vip"}
        assert at.share_equal(await at.calls(100, 2 * RATE)) == 1
        async with asyncio.timeout(HEALED_S):
            await service._recorder.written()
        assert at.metric("ctiroute_records_lost_total") == 0
    finally:
        await service.stop()
