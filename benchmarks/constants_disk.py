"""What a touch, an identifier and a call take in each store, read from databases filled for it; and a PostgreSQL to measure with."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import asyncpg

from benchmarks.load import FIRST_PHONE, PHONES
from ctiroute.model import (
    CallerFacts,
    CallerQuery,
    CallRecord,
    Identifier,
    IdentifierKind,
    Medium,
    OfferTerms,
    Outcome,
    Status,
    Touch,
    TouchStatus,
)
from ctiroute.store import open_store
from ctiroute.store.redis.copy import HotCopy
from ctiroute.store.redis.link import open_link
from tests.real.postgres import PostgresServer, running
from tests.real.redis import RealRedis

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ctiroute.store.base import Store

ROWS, CALLS, BATCH = 50_000, 10_000, 5_000
PIPELINE = 500  # commands to Redis at once
OFFER = OfferTerms("Autumn instalments", "Pay in 24 parts", "0 %, 24 months")
SNAPSHOT = b"x" * 1_400  # a call's file with one touch and one interaction, in JSON
FIRST = FIRST_PHONE + 500_000_000  # numbers of whom no dataset knows
_, *GROW = (Path(__file__).with_name("grow.sql")).read_text(encoding="utf-8").strip().split("\n\n")
SERVER = ("shared_buffers=1GB", "max_wal_size=4GB", "checkpoint_timeout=30min")


async def sqlite(folder: Path) -> dict[str, Any]:
    """Fill a file of its own; return the bytes."""
    file = folder / "ctiroute.db"

    async def size() -> int:
        return await asyncio.to_thread(_size, file)

    await asyncio.to_thread(folder.mkdir)
    return await _bytes(f"sqlite://{file}", size)


def _size(file: Path) -> int:
    """Return the bytes of a database and its log."""
    return sum(path.stat().st_size for path in (file, file.with_name(f"{file.name}-wal")) if path.exists())


async def postgresql(server: PostgresServer) -> dict[str, Any]:
    """Fill a database of its own; return the bytes, indices and all."""
    connection = await asyncpg.connect(server.url())
    await connection.execute("CREATE DATABASE disk")
    await connection.close()
    url = server.url("disk")

    async def size() -> int:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("VACUUM")
            return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
        finally:
            await connection.close()

    return await _bytes(url, size)


async def _bytes(url: str, size: Callable[[], Awaitable[int]]) -> dict[str, Any]:
    """Add touches to new numbers, touches to known ones, calls; return what each took."""

    async def took(work: Callable[[Store], Awaitable[None]]) -> int:
        before = await size()
        store = open_store(url)
        await store.open()
        try:
            await work(store)
        finally:
            await store.close()
        return await size() - before

    async def nothing(_store: Store) -> None:
        """Make the schema."""

    await took(nothing)
    new = await took(lambda store: _touches(store, "first"))
    again = await took(lambda store: _touches(store, "second"))
    calls = await took(_calls)
    store = open_store(url)
    await store.open()
    began = time.process_time()
    await _calls(store)  # once more: the same records, merged with what is there
    record_us = (time.process_time() - began) / CALLS * 1e6
    await store.close()
    return {
        "record": {"hot": round(record_us, 1), "cold": round(record_us, 1)},
        "touch_bytes": round(again / ROWS),
        "identifier_bytes": max(0, round((new - again) / ROWS)),
        "call_bytes": round(calls / CALLS),
    }


async def _touches(store: Store, batch: str) -> None:
    now = datetime.now(UTC)
    for start in range(0, ROWS, BATCH):
        await store.put_touches([_touch(batch, number, now) for number in range(start, start + BATCH)])


def _touch(batch: str, number: int, now: datetime) -> Touch:
    phone = Identifier(IdentifierKind.PHONE, f"+{FIRST + number}")
    sent_at = now - timedelta(seconds=number)
    return Touch(
        f"{batch}-{number}", "autumn-sms", "Autumn", Medium.SMS, phone, sent_at, TouchStatus.DELIVERED, OFFER, customer_id=f"c{number}"
    )


async def _calls(store: Store) -> None:
    now = datetime.now(UTC)
    for start in range(0, CALLS, BATCH):
        await store.record_calls(
            [
                CallRecord(
                    call_id=f"pbx:1764000000.{number}", pbx="pbx", caller_phone=f"+{FIRST + number}", caller_raw=f"+{FIRST + number}",
                    dialed="0800500500", received_at=now, status=Status.ROUTED, rule="autumn-sms-callers", queue="promo",
                    customer_id=f"c{number}", touch_id=f"first-{number}", operator_id="o1", decision_ms=1.0, outcome=Outcome.ANSWERED,
                    answered_at=now, ended_at=now, snapshot=SNAPSHOT,
                )
                for number in range(start, start + BATCH)
            ]
        )  # fmt: skip


async def redis(folder: Path) -> float:
    """Return the bytes of memory that one identifier with one touch takes in the hot copy."""
    async with RealRedis(folder) as server:
        link = open_link(server.url, "measured", Random())  # noqa: S311 - spreads waits, guards nothing
        copy, now = HotCopy(link, link, lambda: datetime.now(UTC)), datetime.now(UTC)
        try:
            await copy.begin_pass("measured")
            before = _used(await server.ask("INFO", "memory"))
            for start in range(0, ROWS, PIPELINE):
                touches = [_touch("first", number, now) for number in range(start, start + PIPELINE)]
                queries = [CallerQuery(touch.identifier, now - timedelta(days=1), now, now) for touch in touches]
                await copy.put(queries, [CallerFacts(touches=(touch,)) for touch in touches], now)
            return (_used(await server.ask("INFO", "memory")) - before) / ROWS
        finally:
            await link.close()


def _used(info: Any) -> int:
    return int(info["used_memory"] if isinstance(info, dict) else re.search(rb"used_memory:(\d+)", info)[1])  # type: ignore[index]  # it always is there


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL of our own."""
    with running(SERVER) as server:
        yield server


async def filled(server: PostgresServer) -> str:
    """Return the URL of a database with a million touches, like those of the embedded store's."""
    url = server.url()
    store = open_store(url)
    await store.open()
    await store.close()
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        await connection.execute("INSERT INTO campaigns (key, title, medium) VALUES ('autumn-sms', 'Autumn', 'sms') ON CONFLICT DO NOTHING")
        for month in range(3):
            await connection.execute("SELECT make_touches_partition(now() - $1 * interval '20 days')", month)
        for statement in GROW:
            await connection.execute(statement, 0, PHONES - 1, FIRST_PHONE)
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    return url
