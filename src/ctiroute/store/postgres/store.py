"""The store on PostgreSQL. Knows which link does what; statements are in `sql/`, values in `rows`, transactions in `writing`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.model import IMPORTED, Purged
from ctiroute.store.postgres import erasing, exporting, identities, partitions, records, retention, rows, writing
from ctiroute.store.postgres.administration import Administration
from ctiroute.store.postgres.attributions import Attributions
from ctiroute.store.postgres.callbacks import Callbacks
from ctiroute.store.postgres.faults import mapped, readable
from ctiroute.store.postgres.identities import Identities
from ctiroute.store.postgres.interactions import Interactions
from ctiroute.store.postgres.line import Line
from ctiroute.store.postgres.outbox import Outbox
from ctiroute.store.postgres.proposals import Proposals
from ctiroute.store.postgres.reasons import Reasons
from ctiroute.store.touch_columns import TouchColumns
from ctiroute.store.touch_rows import touch_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ctiroute.model import (
        CallerFacts,
        CallerQuery,
        CallRecord,
        Campaign,
        Claim,
        Customer,
        Cuts,
        Erasure,
        ErasureMarker,
        Interaction,
        MissedCall,
        Receipt,
        Subject,
        Touch,
        WrapUp,
    )
    from ctiroute.store.copying import Item, Key, Kind
    from ctiroute.store.erasing import Findings
    from ctiroute.store.places import CallPlace
    from ctiroute.store.touch_rows import TouchRow

T = TypeVar("T")

MONTH_AGAIN_S = 60.0  # until a partition is tried again that could not be made: its touches are found meanwhile, only slower

_MAX_MISSED = 50  # lines of a list somebody reads


class PostgresStore(Administration, Attributions, Callbacks, Identities, Interactions, Proposals, Reasons):
    """A `Store` in PostgreSQL. Open and use it in one event loop."""

    name = "store"
    find_now = None  # the answer has to come over the network
    batch_rows = 20_000  # some 90 ms in which no other touches can be written; of 10,000 an import takes a seventh longer

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._months: set[partitions.Month] = set()  # that surely have a partition
        self._months_later: dict[partitions.Month, float] = {}  # that could not be given one, and when to try again (the loop's clock)
        self._touches = Line()
        self.dirty = Outbox(lambda: self._others)

    # --- call path

    def find_soon(self, query: CallerQuery, told: Callable[[CallerFacts | Exception], None]) -> Callable[[], None]:
        """Do as `find_caller`, and call `told` later with the answer or what went wrong. Returns what lets go of it."""
        if self._together is None:
            asyncio.get_running_loop().call_soon(told, StoreUnavailable("the store is not open"))
            return _nothing
        return self._together.begin(query, told)

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier, in one round trip.

        Raises `StoreUnavailable`. Cancelled, it ends the statement on the server as well, unless others wait for the same one.
        """
        answer: asyncio.Future[CallerFacts] = asyncio.get_running_loop().create_future()

        def told(result: CallerFacts | Exception) -> None:
            if answer.done():  # it was cancelled in the same moment
                return
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        let_go = self.find_soon(query, told)
        try:
            return await answer
        except asyncio.CancelledError:
            let_go()
            raise

    # --- outreach and customers

    async def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Insert or replace campaigns by key."""
        values = tuple(campaigns)
        await self._write("keep campaigns", lambda link: writing.put_campaigns(link, values))

    async def put_customers(self, customers: Sequence[Customer], claim: Claim = IMPORTED) -> int:
        """Insert or replace customers with their identifiers; return how many were new."""
        return await self._write("keep customers", lambda link: identities.put_customers(link, customers, claim))

    async def put_touches(self, touches: Sequence[Touch]) -> int:
        """Insert or replace touches; return how many were new."""
        return await self.put_touch_rows([touch_row(touch) for touch in touches])

    async def put_touch_rows(self, rows: Sequence[TouchRow]) -> int:
        """Insert or replace touches given as rows; return how many were new."""
        return await self.put_touch_columns(TouchColumns.of(rows))

    async def put_touch_columns(self, touches: TouchColumns) -> int:
        """Insert or replace touches given as columns; return how many were new.

        Called again before it has returned, it makes the next ones ready meanwhile. They are written in the order of the calls.
        """
        if not touches:
            return 0
        async with self._touches.place() as place:
            with mapped("keep touches"):
                batch = await writing.TouchBatch.of(touches)
            await self._make_partitions(touches.columns[5])
            is_new = batch.may_be_new(place.before) and not (await self._read("has_touches", *batch.ids))[0][0]
            added = await self._write("keep touches", lambda link: writing.put_touches(link, batch, place, is_new=is_new))
        if batch.is_large:  # meanwhile the next ones are written
            await self._write("keep touches", lambda link: link.run("make_durable"))
        return added

    async def add_receipts(self, receipts: Sequence[Receipt]) -> frozenset[str]:
        """Note how far touches got; return the ids that are not known."""
        return await self._write("keep receipts", lambda link: writing.add_receipts(link, receipts))

    async def put_interactions(self, interactions: Sequence[Interaction]) -> None:
        """Insert or replace interactions with their events."""
        await self._write("keep interactions", lambda link: writing.put_interactions(link, interactions))

    # --- calls

    async def record_calls(self, records: Sequence[CallRecord]) -> None:
        """Merge call records by `call_id`; None leaves what is stored."""
        await self._write("record calls", lambda link: writing.record_calls(link, records))

    async def get_call(self, call_id: str) -> CallRecord | None:
        """Return one call, or None."""
        found = await self._read("get_call", rows.to_text(call_id))
        with readable():
            return records.call_of(tuple(found[0])) if found else None

    async def calls_between(self, since: datetime, until: datetime, after: CallPlace | None, limit: int) -> list[CallRecord]:
        """Return the next calls of a stretch of time, oldest first."""
        start, call_id = (since, None) if after is None else after
        values = rows.to_time(start), rows.to_time(until), rows.to_optional(call_id), limit
        found = await self._read("calls_between", *values)
        with readable():
            return [records.call_of(tuple(row)) for row in found]

    async def record_missed(self, missed: MissedCall) -> None:
        """Keep a missed call by `pop_id`."""
        await self._write("record a missed call", lambda link: link.run("put_missed", *records.missed_values(missed)))

    async def missed_since(self, operator_id: str, since: datetime) -> list[MissedCall]:
        """Return the missed calls of one operator, newest first, at most 50."""
        found = await self._read("missed_since", rows.to_text(operator_id), rows.to_time(since), _MAX_MISSED)
        return [records.missed_of(tuple(row)) for row in found]

    async def put_wrap_up(self, wrap_up: WrapUp) -> None:
        """Insert or replace the note of one operator on one call."""
        await self._write("keep a note", lambda link: link.run("put_wrap_up", *records.wrap_up_values(wrap_up)))

    # --- all there is

    async def export(self, kind: Kind, after: Key, limit: int) -> Sequence[Item]:
        """Return the next items of a kind after a key."""
        return await self._write(f"read {kind}", lambda link: exporting.export(link, kind, after, limit))

    async def count(self, kind: Kind) -> int:
        """Return how many items of a kind there are."""
        return await self._write(f"count {kind}", lambda link: exporting.count(link, kind))

    # --- letting go

    async def purge(self, cuts: Cuts, limit: int) -> Purged:
        """Drop months of touches that are over, and remove at most `limit` records of each kind that are before their cut."""
        doing, at, dropped = "remove what is old", retention.moments(cuts), 0
        while (count := await self._write(doing, partial(retention.drop_month, before=at["touches"]))) is not None:
            dropped += count
        gone = {kind: await self._write(doing, partial(retention.purge_kind, kind=kind, before=at[kind], limit=limit)) for kind in at}
        gone["touches"] += dropped
        removed, more = 0, True
        while more and removed < limit:
            gone_too, more = await self._write(doing, partial(retention.purge_identifiers, limit=limit))
            removed += gone_too
        return Purged(**gone, identifiers=removed)

    async def count_expired(self, cuts: Cuts) -> Purged:
        """Return what a whole purge would remove."""
        return await self._write("count what is old", lambda link: retention.count_expired(link, cuts))

    async def erase(self, subject: Subject, mark_at: datetime | None) -> Erasure:
        """Remove or make anonymous whatever names the subject."""
        findings, keys = await self._search(subject)
        if findings.person.candidates:
            return findings.report()
        for name, values in erasing.steps(findings):
            await self._write("erase", partial(erasing.take_step, name=name, values=values))
        await self._write("erase", partial(erasing.finish, findings=findings, keys=keys, mark_at=mark_at))
        await self._write("erase", partial(erasing.forget_identifiers, keys=keys))
        return findings.report()

    async def find_erasable(self, subject: Subject) -> Erasure:
        """Return what `erase` would do."""
        return (await self._search(subject))[0].report()

    async def erasures_after(self, erasure_id: int) -> list[ErasureMarker]:
        """Return the markers that are greater, oldest first."""
        found = await self._read("erasures_after", erasure_id)
        with readable():
            return [erasing.marker_of(row) for row in found]

    async def _search(self, subject: Subject) -> tuple[Findings, list[int]]:
        with readable():
            return await self._write("look for what is to be erased", lambda link: erasing.Search(link, subject).run())

    async def _make_partitions(self, sent_at: Sequence[int]) -> None:
        months = partitions.months_of(sent_at, datetime.now(UTC)) - self._months
        if not months or self._others is None:
            return
        now = asyncio.get_running_loop().time()
        months = {month for month in months if self._months_later.get(month, now) <= now}
        with mapped("make room for touches"):
            async with self._others.link() as link:
                there = await partitions.make(link.connection, months)
        self._months |= there
        self._months_later = dict.fromkeys(months - there, now + MONTH_AGAIN_S)


def _nothing() -> None:
    """Let go of nothing."""
