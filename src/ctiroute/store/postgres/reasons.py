"""Why people call, in the database: answers of operators, and the numbers that curves are learnt from. What they mean is not known here.

Of several nodes one learns at a time: a step is kept only by whoever finds learning where the step began.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import ConfirmedReason, ReasonKind, ReasonTally
from ctiroute.reasons import Exposed
from ctiroute.reasons.tally import UNTIL
from ctiroute.store.postgres import rows
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.schema import REASONS_LOCK
from ctiroute.store.postgres.ways import PostgresWays
from ctiroute.store.reasons import COARSE_S, FINE_S, Exposure
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.postgres.link import Link
    from ctiroute.store.postgres.rows import Row
    from ctiroute.store.reasons import Learnt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEDIA = {number: medium for medium, number in rows.MEDIUM_NUMBERS.items()}


class Reasons(PostgresWays):
    """The part of a `Store` that is about why people call."""

    async def confirm_reason(self, confirmed: ConfirmedReason) -> None:
        """Keep what an operator found the reason of a call to be."""
        await self._write("keep a reason", lambda link: link.run("confirm_reason", *confirmed_values(confirmed)))

    async def confirmed_reason(self, call_id: str) -> ConfirmedReason | None:
        """Return what an operator found the reason of a call to be, or None."""
        found = await self._read("confirmed_reason", rows.to_text(call_id))
        with readable():
            return confirmed_of(tuple(found[0])) if found else None

    async def reasons_to_count(self, limit: int) -> list[ConfirmedReason]:
        """Return answers that have not been learnt from as they are now."""
        found = await self._read("reasons_to_count", limit)
        with readable():
            return [confirmed_of(tuple(row)) for row in found]

    async def reason_exposure(self, since: datetime, fine_since: datetime) -> Exposure:
        """Count what may have made people call."""
        return await self._write("count touches", lambda link: _exposure(link, since, fine_since))

    async def reasons_learnt_until(self) -> datetime | None:
        """Return how far learning got."""
        found = await self._read("reason_tally", "", UNTIL)
        return _EPOCH + timedelta(microseconds=int(found[0][0])) if found else None

    async def reason_tallies(self) -> list[ReasonTally]:
        """Return all numbers but for how far learning got."""
        return [tally_of(tuple(row)) for row in await self._read("reason_tallies") if row[0]]

    async def add_reasons(self, learnt: Learnt) -> bool:
        """Keep one step of learning, unless another node was here before."""
        return await self._write("keep what was learnt", lambda link: _add(link, learnt))

    async def put_reason_tallies(self, tallies: Sequence[ReasonTally]) -> None:
        """Insert or replace numbers as they are."""
        values = [(one.period, rows.to_text(one.what), one.amount) for one in tallies]
        await self._write("keep what was learnt", lambda link: link.run_many("put_reason_tally", values))


def confirmed_values(one: ConfirmedReason) -> Row:
    """Return the values of a row."""
    call_id, operator_id, about_id, pattern = map(rows.to_text, (one.call_id, one.operator_id, one.about_id, one.pattern))
    return call_id, operator_id, rows.to_time(one.noted_at), one.kind.value, about_id, pattern, one.choice, one.period, one.counted


def confirmed_of(row: Row) -> ConfirmedReason:
    """Return what a row says."""
    call_id, operator_id, noted_at, kind, about_id, pattern, *counting = row
    texts = map(rows.from_text, (call_id, operator_id, about_id, pattern))
    call_id, operator_id, about_id, pattern = texts
    return ConfirmedReason(call_id, operator_id, noted_at, ReasonKind(kind), about_id, pattern, *counting)


def tally_of(row: Row) -> ReasonTally:
    """Return what a row says."""
    return ReasonTally(row[0], rows.from_text(row[1]), row[2])


async def _exposure(link: Link, since: datetime, fine_since: datetime) -> Exposure:
    await link.run("allow_scans", "on", "0", "0")
    times = since, fine_since, timedelta(seconds=FINE_S), timedelta(seconds=COARSE_S)
    groups = [
        Exposed(ReasonKind.TOUCH, rows.from_text(key), _MEDIA.get(medium, ""), at, count)
        for key, medium, at, count in await link.run("exposed_touches", *times)
    ]
    groups += [
        Exposed(ReasonKind.INTERACTION, rows.from_text(key), medium, at, count)
        for key, medium, at, count in await link.run("exposed_interactions", *times)
    ]
    return Exposure(tuple(groups), (await link.run("exposed_people", since))[0][0])


async def _add(link: Link, learnt: Learnt) -> bool:
    await link.run("lock", REASONS_LOCK)
    found = await link.run("reason_tally", "", UNTIL)
    if (int(found[0][0]) if found else None) != (None if learnt.since is None else to_microseconds(learnt.since)):
        return False
    await link.run("put_reason_tally", "", UNTIL, float(to_microseconds(learnt.until)))
    values = [(period, rows.to_text(what), amount) for (period, what), amount in sorted(learnt.amounts.items())]
    await link.run_many("add_reason_tally", values)
    await link.run_many("count_reason", [(rows.to_text(call_id), choice) for call_id, choice in learnt.counted.items()])
    await link.run("drop_reason_tallies", learnt.drop_before)
    return True
