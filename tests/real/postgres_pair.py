"""Two real PostgreSQL servers, the second a hot standby of the first by streaming replication, ready to take over."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from tests.real.ports import free_port
from tests.real.postgres import SUPERUSER, PostgresServer, as_unprivileged, own, program, running

if TYPE_CHECKING:
    from collections.abc import Iterator


# Quick, but for a commit: it waits until it is written, and so sent on. A crash loses none then, and a standby lacks some ms at most.
COMMITS_ARE_KEPT = ("fsync=off", "full_page_writes=off")


@contextlib.contextmanager
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Give a primary and its standby (2 s), and leave nothing of them."""
    with running(COMMITS_ARE_KEPT) as primary:
        folder = Path(tempfile.mkdtemp(prefix=f"ctiroute-standby-{getpass.getuser()}-"))
        folder.chmod(0o755)
        own(folder)
        standby = PostgresServer(folder, free_port(), COMMITS_ARE_KEPT)
        try:
            arguments = ["-h", primary.host, "-p", str(primary.port), "-U", SUPERUSER, "-D", str(standby.data)]
            subprocess.run(  # noqa: S603 - our own arguments
                [program("pg_basebackup"), *arguments, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"],
                check=True, cwd=folder, **as_unprivileged(),
            )  # fmt: skip
            standby.start()
            yield primary, standby
        finally:
            standby.stop(signal.SIGQUIT)
            shutil.rmtree(folder, ignore_errors=True)


async def caught_up(primary: PostgresServer, standby: PostgresServer) -> None:
    """Wait until the standby has all that the primary has written."""
    ahead, behind = await asyncpg.connect(primary.url()), await asyncpg.connect(standby.url())
    try:
        written = await ahead.fetchval("SELECT pg_current_wal_flush_lsn()")
        async with asyncio.timeout(10):
            while await behind.fetchval("SELECT pg_last_wal_replay_lsn() < $1", written):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
    finally:
        await ahead.close()
        await behind.close()


async def promote(standby: PostgresServer) -> None:
    """Make the standby the primary."""
    connection = await asyncpg.connect(standby.url())
    assert await connection.fetchval("SELECT pg_promote()")
    await connection.close()
