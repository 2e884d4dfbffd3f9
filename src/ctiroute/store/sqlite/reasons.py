"""Why people call, in the file: answers of operators, and the numbers that curves are learnt from. What they mean is not known here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ctiroute.model import ConfirmedReason, ReasonKind, ReasonTally
from ctiroute.reasons import Exposed
from ctiroute.reasons.tally import UNTIL
from ctiroute.store.reasons import COARSE_S, FINE_S, Exposure
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.rows import from_microseconds
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ctiroute.store.reasons import Learnt
    from ctiroute.store.sqlite.rows import Row

_US = 1_000_000


class Reasons(SqliteWays):
    """The part of a `Store` that is about why people call."""

    async def confirm_reason(self, confirmed: ConfirmedReason) -> None:
        """Keep what an operator found the reason of a call to be."""
        values = confirmed_values(confirmed)
        await self._write("keep a reason", lambda connection: connection.execute(SQL["confirm_reason"], values))

    async def confirmed_reason(self, call_id: str) -> ConfirmedReason | None:
        """Return what an operator found the reason of a call to be, or None."""
        found = self._read("confirmed_reason", call_id)
        with readable():
            return confirmed_of(found[0]) if found else None

    async def reasons_to_count(self, limit: int) -> list[ConfirmedReason]:
        """Return answers that have not been learnt from as they are now."""
        found = self._read("reasons_to_count", limit)
        with readable():
            return [confirmed_of(row) for row in found]

    async def reason_exposure(self, since: datetime, fine_since: datetime) -> Exposure:
        """Count what may have made people call."""
        return await self._look(lambda: _exposure(self.path, since, fine_since))

    async def reasons_learnt_until(self) -> datetime | None:
        """Return how far learning got."""
        found = self._read("reason_tally", "", UNTIL)
        return from_microseconds(int(found[0][0])) if found else None

    async def reason_tallies(self) -> list[ReasonTally]:
        """Return all numbers but for how far learning got."""
        return await self._look(lambda: _tallies(self.path))

    async def add_reasons(self, learnt: Learnt) -> bool:
        """Keep one step of learning, unless another node was here before."""
        return await self._write("keep what was learnt", lambda connection: _add(connection, learnt))

    async def put_reason_tallies(self, tallies: Sequence[ReasonTally]) -> None:
        """Insert or replace numbers as they are."""
        values = [(one.period, one.what, one.amount) for one in tallies]
        await self._write("keep what was learnt", lambda connection: connection.executemany(SQL["put_reason_tally"], values))


def confirmed_values(one: ConfirmedReason) -> Row:
    """Return the values of a row."""
    noted_at = to_microseconds(one.noted_at)
    return (
        one.call_id, one.operator_id, noted_at, one.kind.value, one.about_id, one.pattern, one.choice, one.period, one.counted,
    )  # fmt: skip


def confirmed_of(row: Row) -> ConfirmedReason:
    """Return what a row says."""
    call_id, operator_id, noted_at, kind, about_id, *counting = row
    return ConfirmedReason(call_id, operator_id, from_microseconds(noted_at), ReasonKind(kind), about_id, *counting)


def _exposure(path: Path, since: datetime, fine_since: datetime) -> Exposure:
    times = to_microseconds(since), to_microseconds(fine_since), FINE_S * _US, COARSE_S * _US
    with mapped("count touches"), readable(), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        groups = [
            Exposed(kind, key, medium, from_microseconds(at), count)
            for kind, name in ((ReasonKind.TOUCH, "exposed_touches"), (ReasonKind.INTERACTION, "exposed_interactions"))
            for key, medium, at, count in connection.execute(SQL[name], times)
        ]
        people = connection.execute(SQL["exposed_people"], times[:1]).fetchone()[0]
    return Exposure(tuple(groups), people)


def _tallies(path: Path) -> list[ReasonTally]:
    with mapped("read what was learnt"), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return [ReasonTally(*row) for row in connection.execute(SQL["reason_tallies"]) if row[0]]


def _add(connection: sqlite3.Connection, learnt: Learnt) -> bool:
    row = connection.execute(SQL["reason_tally"], ("", UNTIL)).fetchone()
    if (None if row is None else int(row[0])) != (None if learnt.since is None else to_microseconds(learnt.since)):
        return False
    connection.execute(SQL["put_reason_tally"], ("", UNTIL, float(to_microseconds(learnt.until))))
    connection.executemany(SQL["add_reason_tally"], [(period, what, amount) for (period, what), amount in learnt.amounts.items()])
    connection.executemany(SQL["count_reason"], list(learnt.counted.items()))
    connection.execute(SQL["drop_reason_tallies"], (learnt.drop_before,))
    return True
