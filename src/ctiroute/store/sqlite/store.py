"""The embedded store: one file, reads in the loop's thread (`reader`), writes on a thread of their own (`writer`)."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.model import Purged, ShadowReport
from ctiroute.store.sqlite import erasing, exporting, retention, rows, writing
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.reader import Reader
from ctiroute.store.sqlite.schema import schema_version
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.writer import Writer
from ctiroute.store.touch_rows import to_microseconds, touch_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from ctiroute.model import (
        ApiKey,
        CallerFacts,
        CallerQuery,
        CallRecord,
        Campaign,
        Customer,
        Cuts,
        Erasure,
        ErasureMarker,
        Interaction,
        MissedCall,
        NodeRules,
        Operator,
        Receipt,
        RulesVersion,
        Subject,
        Touch,
        WrapUp,
    )
    from ctiroute.store.copying import Item, Key, Kind
    from ctiroute.store.places import CallPlace
    from ctiroute.store.touch_rows import TouchRow

T = TypeVar("T")

_NOT_OPEN = "the store is not open"
_MAX_MISSED = 50  # lines of a list somebody reads


class SqliteStore:
    """A `Store` in one local file. Open and use it in one event loop."""

    name = "store"
    batch_rows = 1000  # some 20 ms of the writer's thread, in which nobody else can write

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    # --- life

    async def open(self) -> None:
        """Make or upgrade the file and connect; raises `StoreUnavailable`, or `StoreError` when a newer ctiroute wrote it."""
        writer = Writer(self.path)
        try:
            await writer.open()
            self._reader = Reader(self.path)
        except BaseException:
            await writer.close()
            raise
        self._writer = writer

    async def close(self) -> None:
        """Finish what is being written and let go of the file. Harmless when not open."""
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        if writer is not None:
            await writer.close()

    async def check(self) -> None:
        """Raise `StoreUnavailable` unless a row can be written and read now."""
        await self._write("write", lambda connection: connection.execute(SQL["put_heartbeat"]))
        self._read("get_heartbeat")

    async def schema_version(self) -> int:
        """Return the number of the newest migration that has run; may be asked before `open`, and then changes nothing."""
        if self._reader is not None:
            return int(self._read("schema_version")[0][0])
        if not self.path.exists():
            return 0
        with mapped("read the schema's version"), closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            return schema_version(connection)

    # --- call path

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier."""
        return self.find_now(query)

    def find_now(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier, in the event loop's thread: 10-40 µs, see `reader`."""
        reader = self._reader
        if reader is None:
            raise StoreUnavailable(_NOT_OPEN)
        return reader.find_caller(query)

    # --- outreach and customers

    async def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Insert or replace campaigns by key."""
        values = tuple(campaigns)
        await self._write("keep campaigns", lambda connection: writing.put_campaigns(connection, values))

    async def put_customers(self, customers: Sequence[Customer]) -> int:
        """Insert or replace customers with their identifiers; return how many were new."""
        return await self._write("keep customers", lambda connection: writing.put_customers(connection, customers))

    async def put_touches(self, touches: Sequence[Touch]) -> int:
        """Insert or replace touches; return how many were new."""
        return await self.put_touch_rows([touch_row(touch) for touch in touches])

    async def put_touch_rows(self, rows: Sequence[TouchRow]) -> int:
        """Insert or replace touches given as rows; return how many were new."""
        return await self._write("keep touches", lambda connection: writing.put_touches(connection, rows))

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

    async def put_shadow_report(self, report: ShadowReport) -> None:
        """Keep what one run of a node learnt of the rules beside those in use."""
        await self._write("keep a shadow's report", lambda connection: writing.put_shadow_report(connection, report))

    async def get_shadow_reports(self) -> list[ShadowReport]:
        """Return what every run told last, the latest first."""
        return [ShadowReport(run, rows.from_microseconds(at), report) for run, at, report in self._read("get_shadow_reports")]

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

    # --- operators

    async def put_operator(self, operator: Operator, password_hash: str | None) -> None:
        """Insert or replace an operator; a `password_hash` of None keeps the stored one."""
        values = rows.operator_values(operator, password_hash)
        await self._write("keep an operator", lambda connection: connection.execute(SQL["put_operator"], values))

    async def get_operators(self) -> list[Operator]:
        """Return all operators by `operator_id`."""
        found = self._read("get_operators")
        with readable():
            return [rows.operator_of(row) for row in found]

    async def password_hash(self, operator_id: str) -> str | None:
        """Return the Argon2id hash of one operator, or None."""
        found = self._read("password_hash", operator_id)
        return found[0][0] if found else None

    # --- sessions

    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session; raises `StoreConflict` when there is no such operator."""
        await self._write("keep a session", lambda connection: writing.put_session(connection, token_hash, operator_id, expires_at))

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the operator of a session that has not expired, or None."""
        found = self._read("get_session", token_hash, to_microseconds(now))
        return found[0][0] if found else None

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""
        await self._write("end sessions", lambda connection: writing.drop_sessions(connection, token_hash, operator_id))

    # --- API keys

    async def put_api_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep a new key under the hash of its secret."""
        values = rows.api_key_values(key, secret_hash)
        await self._write("keep an API key", lambda connection: connection.execute(SQL["put_api_key"], values))

    async def get_api_key(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key and the hash of its secret, or None."""
        found = self._read("get_api_key", key_id)
        with readable():
            return (rows.api_key_of(found[0]), found[0][-1]) if found else None

    async def get_api_keys(self) -> list[ApiKey]:
        """Return all keys by `key_id`."""
        found = self._read("get_api_keys")
        with readable():
            return [rows.api_key_of(row) for row in found]

    async def note_api_key_use(self, key_id: str, at: datetime) -> None:
        """Keep when a key was last used."""
        values = key_id, to_microseconds(at)
        await self._write("note the use of a key", lambda connection: connection.execute(SQL["note_api_key_use"], values))

    async def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        """End a key; False when there is none."""
        values = key_id, to_microseconds(at)
        return await self._write("revoke a key", lambda connection: connection.execute(SQL["revoke_api_key"], values).rowcount > 0)

    # --- versions of the rules

    async def put_rules_version(self, used: RulesVersion) -> None:
        """Keep that rules came into use, unless that is known."""
        await self._write("keep a version of the rules", lambda connection: writing.put_rules_version(connection, used))

    async def get_rules_versions(self, limit: int) -> list[RulesVersion]:
        """Return when which rules came into use, the latest first."""
        return [rows.rules_version_of(row) for row in self._read("get_rules_versions", limit)]

    async def get_rules_version(self, version: str) -> RulesVersion | None:
        """Return the latest use of one version, with its files."""
        return await self._look(lambda: exporting.rules_version(self.path, version))

    async def put_node_rules(self, node: NodeRules) -> None:
        """Keep which rules a node uses."""
        await self._write("keep a node's rules", lambda connection: writing.put_node_rules(connection, node))

    async def get_node_rules(self, seen_since: datetime) -> list[NodeRules]:
        """Return the nodes that said so since a time."""
        return [rows.node_rules_of(row) for row in self._read("get_node_rules", to_microseconds(seen_since))]

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

    # --- the ways in

    async def _look(self, work: Callable[[], T]) -> T:
        """Read at length: in a thread, and on a connection of its own, so that neither the loop nor the writer waits."""
        if self._writer is None:
            raise StoreUnavailable(_NOT_OPEN)
        return await asyncio.to_thread(work)

    def _read(self, name: str, *values: object) -> list[rows.Row]:
        if self._reader is None:
            raise StoreUnavailable(_NOT_OPEN)
        return self._reader.fetch(name, *values)

    async def _write(self, doing: str, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise StoreUnavailable(_NOT_OPEN)
        return await self._writer.run(doing, work)


def _run_all(connection: sqlite3.Connection, name: str, keys: Sequence[rows.Row]) -> None:
    connection.executemany(SQL[name], keys)
