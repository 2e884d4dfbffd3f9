"""Somebody to look up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from ctiroute.model import CallerQuery, Customer, Identifier, IdentifierKind, Medium, OfferTerms, Touch, TouchStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
EMAIL = Identifier(IdentifierKind.EMAIL, "olena@example.com")
OLENA = Customer("K1", "Олена Коваль", "uk", {}, (PHONE, EMAIL))


def touch(touch_id: str = "T1", identifier: Identifier = PHONE, sent_at: datetime = NOW) -> Touch:
    """Return a touch."""
    return Touch(touch_id, "autumn", "Autumn", Medium.SMS, identifier, sent_at, TouchStatus.SENT, OfferTerms("Instalments"))


def query(identifier: Identifier = PHONE, since: datetime = NOW - 3 * DAY) -> CallerQuery:
    """Return a question."""
    return CallerQuery(identifier, since, since, since)


@asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    """Let nobody read a table for a while, so that whoever does has to wait."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float = 10.0) -> float:
    """Wait until a condition of another process holds; return the seconds it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110 - another process tells us nothing
            await asyncio.sleep(0.01)
    return loop.time() - started
