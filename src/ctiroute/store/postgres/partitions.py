"""Months of touches, made before they are needed. Knows which months; how one is made is in the database (`make_touches_partition`).

A touch of a month that nobody made is kept in `touches_other` and found like any other, only slower. So only months in
reach of rules are made: a source with wild times cannot fill the database with tables.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from ctiroute.store.postgres.schema import TOUCHES_LOCK
from ctiroute.store.postgres.statements import SQL

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

log = logging.getLogger(__name__)

AHEAD = 2  # months after this one; a node that runs makes them, so it may be down for so long
BEHIND = 1  # months before this one, for what is sent from another program's tables
BEFORE = 60  # months; older touches are history, which no rule looks at

_DAY = 24 * 3600 * 1_000_000  # in microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Month = tuple[int, int]  # year, month, in UTC


def months_around(now: datetime) -> list[Month]:
    """Return this month and those next to it, to be made whether they are used or not."""
    return [_shifted(now.year, now.month, shift) for shift in range(-BEHIND, AHEAD + 1)]


def months_of(moments: Sequence[int], now: datetime) -> set[Month]:
    """Return the months of some times (microseconds since 1970), as far as they are in reach."""
    first, last = _shifted(now.year, now.month, -BEFORE), _shifted(now.year, now.month, AHEAD)
    days = {moment // _DAY for moment in moments}  # a batch has few, and so few dates are made
    return {month for month in {_month(day) for day in days} if first <= month <= last}


async def make(connection: asyncpg.Connection, months: Collection[Month]) -> set[Month]:
    """Make the partitions of months, where there are none, each in a transaction of its own; return those that are there now."""
    names = {row[0] for row in await connection.fetch(SQL["get_partitions"])}
    there = {month for month in months if "touches_{:04}_{:02}".format(*month) in names}
    for year, month in sorted(set(months) - there):
        try:
            async with connection.transaction():
                # A batch of an import takes a tenth of that. Who holds the lock for longer has stopped, and the store opens without him.
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                # Nobody may write to such a month between the moment its rows leave `touches_other` and the moment it is attached.
                await connection.execute(SQL["lock"], TOUCHES_LOCK)
                # Attaching locks touches_other: behind a long reader of that (a backup, say) all look-ups would wait too.
                await connection.execute("SET LOCAL lock_timeout = '200ms'")
                await connection.execute(SQL["make_partition"], datetime(year, month, 1, tzinfo=UTC))
                there.add((year, month))
        except (asyncpg.InsufficientPrivilegeError, asyncpg.LockNotAvailableError) as error:
            log.warning("no partition for touches of %d-%02d, they are kept with the others: %s", year, month, error)
    return there


def _month(day: int) -> Month:
    date = _EPOCH + timedelta(days=day)
    return date.year, date.month


def _shifted(year: int, month: int, shift: int) -> Month:
    years, zero_based = divmod(year * 12 + month - 1 + shift, 12)
    return years, zero_based + 1
