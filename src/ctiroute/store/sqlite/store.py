"""The embedded store: one file, reads in the loop's thread (`reader`), writes on a thread of their own (`writer`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.model import IMPORTED, Purged
from ctiroute.store.sqlite import erasing, exporting, identities, retention, rows, writing
from ctiroute.store.sqlite.administration import Administration
from ctiroute.store.sqlite.attributions import Attributions
from ctiroute.store.sqlite.callbacks import Callbacks
from ctiroute.store.sqlite.faults import readable
from ctiroute.store.sqlite.identities import Identities
from ctiroute.store.sqlite.interactions import Interactions
from ctiroute.store.sqlite.proposals import Proposals
from ctiroute.store.sqlite.reasons import Reasons
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import NOT_OPEN
from ctiroute.store.touch_rows import to_microseconds, touch_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime

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
    from ctiroute.store.places import CallPlace
    from ctiroute.store.touch_columns import TouchColumns
    from ctiroute.store.touch_rows import TouchRow

T = TypeVar("T")

_MAX_MISSED = 50  # lines of a list somebody reads


class SqliteStore(Administration, Attributions, Callbacks, Identities, Interactions, Proposals, Reasons):
    """A `Store` in one local file. Open and use it in one event loop."""

    name = "store"
    batch_rows = 1000  # some 20 ms of the writer's thread, in which nobody else can write

    # --- call path

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier."""
        return self.find_now(query)

    def find_now(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier, in the event loop's thread: 10-40 µs, see `reader`."""
        reader = self._reader
        if reader is None:
            raise StoreUnavailable(NOT_OPEN)
        return reader.find_caller(query)

    # --- outreach and customers

    async def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Insert or replace campaigns by key."""
        values = tuple(campaigns)
        await self._write("keep campaigns", lambda connection: writing.put_campaigns(connection, values))

    async def put_customers(self, customers: Sequence[Customer], claim: Claim = IMPORTED) -> int:
        """Insert or replace customers with their identifiers; return how many were new."""
        return await self._write("keep customers", lambda connection: identities.put_customers(connection, customers, claim))

    async def put_touches(self, touches: Sequence[Touch]) -> int:
        """Insert or replace touches; return how many were new."""
        return await self.put_touch_rows([touch_row(touch) for touch in touches])

    async def put_touch_rows(self, rows: Sequence[TouchRow]) -> int:
        """Insert or replace touches given as rows; return how many were new."""
        return await self._write("keep touches", lambda connection: writing.put_touches(connection, rows))

    async def put_touch_columns(self, touches: TouchColumns) -> int:
        """Insert or replace touches given as columns; return how many were new."""
        return await self.put_touch_rows(touches.rows())

    async def add_receipts(self, receipts: Sequence[Receipt]) -> frozenset[str]:
        """Note how far touches got; return the ids that are not known."""
        return await self._write("keep receipts", lambda connection: writing.add_receipts(connection, receipts))

    async def put_interactions(self, interactions: Sequence[Interaction]) -> None:
        """Insert or replace interactions with their events."""
        await self._write("keep interactions", lambda connection: writing.put_interactions(connection, interactions))

    # --- calls

    async def record_calls(self, records: Sequence[CallRecord]) -> None:
        """Merge call records by `call_id`; None leaves what is stored."""
        await self._write("record calls", lambda connection: writing.record_calls(connection, records))

    async def get_call(self, call_id: str) -> CallRecord | None:
        """Return one call, or None."""
        found = self._read("get_call", call_id)
        with readable():
            return rows.call_of(found[0]) if found else None

    async def calls_between(self, since: datetime, until: datetime, after: CallPlace | None, limit: int) -> list[CallRecord]:
        """Return the next calls of a stretch of time, oldest first."""
        return await self._look(lambda: exporting.calls_between(self.path, since, until, after, limit))

    async def record_missed(self, missed: MissedCall) -> None:
        """Keep a missed call by `pop_id`."""
        await self._write("record a missed call", lambda connection: connection.execute(SQL["put_missed"], rows.missed_values(missed)))

    async def missed_since(self, operator_id: str, since: datetime) -> list[MissedCall]:
        """Return the missed calls of one operator, newest first, at most 50."""
        found = self._read("missed_since", operator_id, to_microseconds(since), _MAX_MISSED)
        return [rows.missed_of(row) for row in found]

    async def put_wrap_up(self, wrap_up: WrapUp) -> None:
        """Insert or replace the note of one operator on one call."""
        await self._write("keep a note", lambda connection: connection.execute(SQL["put_wrap_up"], rows.wrap_up_values(wrap_up)))

    # --- all there is

    async def export(self, kind: Kind, after: Key, limit: int) -> Sequence[Item]:
        """Return the next items of a kind after a key."""
        return await self._look(lambda: exporting.export(self.path, kind, after, limit))

    async def count(self, kind: Kind) -> int:
        """Return how many items of a kind there are."""
        return await self._look(lambda: exporting.count(self.path, kind))

    # --- letting go

    async def purge(self, cuts: Cuts, limit: int) -> Purged:
        """Remove at most `limit` records of each kind that are before their cut, and identifiers nothing refers to any more."""
        doing = "remove what is old"
        gone: dict[str, int] = {}
        for kind, before in retention.moments(cuts).items():
            gone[kind] = await self._write(doing, partial(retention.purge_kind, kind=kind, before=before, limit=limit))
        removed, more = 0, True
        while more and removed < limit:
            count, more = await self._write(doing, partial(retention.purge_identifiers, limit=limit))
            removed += count
        return Purged(**gone, identifiers=removed)

    async def count_expired(self, cuts: Cuts) -> Purged:
        """Return what a whole purge would remove."""
        return await self._look(lambda: retention.count_expired(self.path, cuts))

    async def erase(self, subject: Subject, mark_at: datetime | None) -> Erasure:
        """Remove or make anonymous whatever names the subject, then let the log of the file forget it too."""
        findings = await self._look(lambda: erasing.find(self.path, subject))
        if findings.person.candidates:
            return findings.report()
        for name, keys in erasing.steps(findings):
            await self._write("erase", partial(_run_all, name=name, keys=keys))
        await self._write("erase", partial(erasing.finish, findings=findings, mark_at=mark_at))
        if self._writer is not None:
            await self._writer.forget()
        return findings.report()

    async def find_erasable(self, subject: Subject) -> Erasure:
        """Return what `erase` would do."""
        return (await self._look(lambda: erasing.find(self.path, subject))).report()

    async def erasures_after(self, erasure_id: int) -> list[ErasureMarker]:
        """Return the markers that are greater, oldest first."""
        found = self._read("erasures_after", erasure_id)
        with readable():
            return [erasing.marker_of(row) for row in found]


def _run_all(connection: sqlite3.Connection, name: str, keys: Sequence[rows.Row]) -> None:
    connection.executemany(SQL[name], keys)
