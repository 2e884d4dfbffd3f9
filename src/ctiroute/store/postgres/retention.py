"""Removing what is old: whole months of touches at once, the rest a little at a time. Knows statements and their order, no pools.

Of several nodes one does it at a time: each step is made by whoever gets its lock, and the others leave it alone.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from ctiroute.model import Purged
from ctiroute.model.privacy import KEPT_KINDS
from ctiroute.store.postgres.schema import PURGE_LOCK, TOUCHES_LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.model import Cuts
    from ctiroute.store.postgres.link import Link

log = logging.getLogger(__name__)

# Whoever waits for a table has everybody wait who comes after: a month is dropped when nobody reads touches at length just then.
_WAIT = "100ms"
_WAIT_FOR_WRITERS = "1s"  # a batch of an import takes a tenth of that
_WORK = "30s"
_PARTITION = re.compile(r"touches_(\d{4})_(\d{2})")
_NEVER = datetime.min.replace(tzinfo=UTC)


def moments(cuts: Cuts) -> Mapping[str, datetime]:
    """Return the cut of each kind; one that is kept for ever has a cut before all times."""
    return {kind: getattr(cuts, kind) or _NEVER for kind in KEPT_KINDS}


async def purge_kind(link: Link, kind: str, before: datetime, limit: int) -> int:
    """Remove at most `limit` records of one kind; return how many. For a transaction of its own."""
    await link.run("allow_scans", "off", _WAIT, _WORK)
    if not (await link.run("try_lock", PURGE_LOCK))[0][0]:
        return 0
    if kind == "touches" and not (await link.run("try_lock", TOUCHES_LOCK))[0][0]:
        await link.run("allow_scans", "off", _WORK, _WORK)  # an import is writing: these are in turn, and take a moment each
        await link.run("lock", TOUCHES_LOCK)
    return int((await link.run(f"purge_{kind}", before, limit))[0][0])


async def drop_month(link: Link, before: datetime) -> int | None:
    """Drop the oldest month that ended before a time; return about how many touches were in it, None when there is no such month.

    For a transaction of its own.
    """
    await link.run("allow_scans", "off", _WAIT, "0")  # the month's touches are counted first, and other keys than phones noted
    if not (await link.run("try_lock", PURGE_LOCK))[0][0]:
        return None
    for (name,) in await link.run("get_partitions"):
        month = _PARTITION.fullmatch(name)
        if month is not None and _ended(int(month[1]), int(month[2])) <= before:
            try:
                async with link.connection.transaction():
                    return int((await link.run("drop_partition", datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC)))[0][0])
            except asyncpg.LockNotAvailableError:
                log.info("touches of %s-%s are dropped later: somebody reads them at length", *month.groups())
            except asyncpg.InsufficientPrivilegeError as error:
                log.warning("touches of %s-%s cannot be dropped, they are removed one by one: %s", *month.groups(), error)
            return None
    return None


async def purge_identifiers(link: Link, limit: int) -> tuple[int, bool]:
    """Look at `limit` identifiers that lost a reference; return how many had none left and went, and whether there may be more."""
    await link.run("allow_scans", "off", _WAIT_FOR_WRITERS, _WORK)
    if not (await link.run("try_lock", PURGE_LOCK))[0][0]:
        return 0, False
    try:
        async with link.connection.transaction():
            keys = [row[0] for row in await link.run("take_loose", limit)]
            if not keys:
                return 0, False
            await link.run("lock_identifiers")
            return int((await link.run("purge_identifiers", keys))[0][0]), len(keys) == limit
    except asyncpg.LockNotAvailableError:
        log.info("identifiers that nothing refers to are removed later: an import is writing others")
        return 0, False


async def count_expired(link: Link, cuts: Cuts) -> Purged:
    """Return what a whole purge would remove. Looks at all identifiers: takes its time."""
    await link.run("allow_scans", "on", _WAIT, "0")
    found = (await link.run("count_expired", *moments(cuts).values()))[0]
    return Purged(**dict(zip((*KEPT_KINDS, "identifiers"), found, strict=True)))


def _ended(year: int, month: int) -> datetime:
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
