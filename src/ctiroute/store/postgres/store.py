"""The store on PostgreSQL. Knows which link does what; statements are in `sql/`, values in `rows`, transactions in `writing`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerFacts, Purged, ShadowReport
from ctiroute.store.postgres import erasing, exporting, partitions, records, retention, rows, writing
from ctiroute.store.postgres.address import parse_address
from ctiroute.store.postgres.faults import AGAIN, DRIVER, give_way, mapped, readable, translate
from ctiroute.store.postgres.finding import facts_of, question
from ctiroute.store.postgres.keeper import Keeper
from ctiroute.store.postgres.link import connect
from ctiroute.store.postgres.outbox import Outbox
from ctiroute.store.postgres.pool import Pool
from ctiroute.store.postgres.schema import schema_version
from ctiroute.store.touch_rows import touch_row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    import asyncpg

    from ctiroute.model import (
        ApiKey,
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
    from ctiroute.store.erasing import Findings
    from ctiroute.store.places import CallPlace
    from ctiroute.store.postgres.link import Link
    from ctiroute.store.touch_rows import TouchRow

T = TypeVar("T")

LOOK_UP_LINKS = 8  # for calls; each is a process of the server, and more than a few for each of its cores only take turns
LINKS_AHEAD = 2  # of those: the first calls after a start or an outage come all at once, and a link takes as long as ten look-ups
OTHER_LINKS = 4  # for all else, so that an import never has a call wait
OPEN_S = 1.5  # to wait at the start for a database that may be away
MONTH_AGAIN_S = 60.0  # until a partition is tried again that could not be made: its touches are found meanwhile, only slower
TRIES = 4  # of a transaction that met another one

_MAX_MISSED = 50  # lines of a list somebody reads


class PostgresStore:
    """A `Store` in PostgreSQL. Open and use it in one event loop."""

    name = "store"
    find_now = None  # the answer has to come over the network
    batch_rows = 5000  # some 100 ms in which no other touches can be written; larger ones gain nothing

    def __init__(self, url: str) -> None:
        self.url = url  # may hold a password
        self._address = parse_address(url)
        self._keeper: Keeper | None = None
        self._calls: Pool | None = None
        self._others: Pool | None = None
        self._months: set[partitions.Month] = set()  # that surely have a partition
        self._months_later: dict[partitions.Month, float] = {}  # that could not be given one, and when to try again (the loop's clock)
        self._touches_next, self._touches_turn = asyncio.Lock(), asyncio.Lock()  # in the order of asking, which the database's lock is not
        self.dirty = Outbox(lambda: self._others)

    # --- life

    async def open(self) -> None:
        """Connect and bring the schema up to date, or go on trying that in the background when the database is away.

        Raises `StoreError` when a newer ctiroute made the schema and this one cannot work with it.
        """
        self._calls = Pool(self._connect_for_calls, LOOK_UP_LINKS, self._look, ahead=LINKS_AHEAD)
        self._others = Pool(self._connect, OTHER_LINKS, self._look)
        self._keeper = Keeper(self._connect, (self._calls, self._others))
        try:
            await self._keeper.start(OPEN_S)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the database. Harmless when not open."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.stop()
        calls, self._calls = self._calls, None
        others, self._others = self._others, None
        await asyncio.gather(*(pool.close() for pool in (calls, others) if pool is not None))

    async def check(self) -> None:
        """Raise `StoreUnavailable` unless a row can be written and read now."""
        await self._write("write", lambda link: link.run("put_heartbeat"))
        await self._read("get_heartbeat")

    async def schema_version(self) -> int:
        """Return the number of the newest migration that has run; may be asked before `open`, and then changes nothing."""
        with mapped("read the schema's version"):
            if self._others is not None:
                async with self._others.link() as link:
                    return await schema_version(link.connection)
            link = await self._connect()
            try:
                return await schema_version(link.connection)
            finally:
                await link.close()

    # --- call path

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known about one identifier, in one round trip.

        Raises `StoreUnavailable`. Cancelled, it ends the statement on the server as well.
        """
        pool, asked = self._calls, query.identifier
        if pool is None:
            raise StoreUnavailable("the store is not open")
        statement, values = question(query)
        link = pool.take_now() or await pool.take()
        try:
            found = await link.run(statement, *values)
        except DRIVER as error:
            pool.give_up(link, error)
            if isinstance(error.__cause__, UnicodeEncodeError):
                return CallerFacts()  # lone surrogates are in no stored key
            raise translate(error, "look the caller up") from error
        except BaseException as error:
            pool.give_up(link, error)
            raise
        pool.give(link)
        if not found:
            return CallerFacts()
        with readable():
            return facts_of(found, asked, query.limit)

    # --- outreach and customers

    async def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Insert or replace campaigns by key."""
        values = tuple(campaigns)
        await self._write("keep campaigns", lambda link: writing.put_campaigns(link, values))

    async def put_customers(self, customers: Sequence[Customer]) -> int:
        """Insert or replace customers with their identifiers; return how many were new."""
        return await self._write("keep customers", lambda link: writing.put_customers(link, customers))

    async def put_touches(self, touches: Sequence[Touch]) -> int:
        """Insert or replace touches; return how many were new."""
        return await self.put_touch_rows([touch_row(touch) for touch in touches])

    async def put_touch_rows(self, rows: Sequence[TouchRow]) -> int:
        """Insert or replace touches given as rows; return how many were new.

        Called again before it has returned, it makes the next ones ready meanwhile. They are written in the order of the calls.
        """
        if not rows:
            return 0
        async with self._touches_next:  # let go only when it is our turn to write: nobody overtakes
            with mapped("keep touches"):
                batch = await writing.TouchBatch.of(rows)
            await self._touches_turn.acquire()
        try:
            await self._make_partitions(rows)
            return await self._write("keep touches", lambda link: writing.put_touches(link, batch))
        finally:
            self._touches_turn.release()

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

    async def put_shadow_report(self, report: ShadowReport) -> None:
        """Keep what one run of a node learnt of the rules beside those in use."""
        await self._write("keep a shadow's report", lambda link: writing.put_shadow_report(link, report))

    async def get_shadow_reports(self) -> list[ShadowReport]:
        """Return what every run told last, the latest first."""
        return [ShadowReport(rows.from_text(row[0]), row[1], row[2]) for row in await self._read("get_shadow_reports")]

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

    # --- operators

    async def put_operator(self, operator: Operator, password_hash: str | None) -> None:
        """Insert or replace an operator; a `password_hash` of None keeps the stored one."""
        await self._write("keep an operator", lambda link: writing.put_operator(link, operator, password_hash))

    async def get_operators(self) -> list[Operator]:
        """Return all operators by `operator_id`."""
        found = await self._read("get_operators")
        with readable():
            return [records.operator_of(tuple(row)) for row in found]

    async def password_hash(self, operator_id: str) -> str | None:
        """Return the Argon2id hash of one operator, or None."""
        found = await self._read("password_hash", rows.to_text(operator_id))
        return found[0][0] if found else None

    # --- sessions

    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session; raises `StoreConflict` when there is no such operator."""
        await self._write("keep a session", lambda link: writing.put_session(link, token_hash, operator_id, expires_at))

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the operator of a session that has not expired, or None."""
        found = await self._read("get_session", token_hash, rows.to_time(now))
        return rows.from_text(found[0][0]) if found else None

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""
        await self._write("end sessions", lambda link: writing.drop_sessions(link, token_hash, operator_id))

    # --- keys of the company's other programs

    async def put_api_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep a new key under the hash of its secret."""
        await self._write("keep an API key", lambda link: link.run("put_api_key", *records.api_key_values(key, secret_hash)))

    async def get_api_key(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key and the hash of its secret, or None."""
        found = await self._read("get_api_key", rows.to_text(key_id))
        with readable():
            return records.api_key_of(tuple(found[0])) if found else None

    async def get_api_keys(self) -> list[ApiKey]:
        """Return all keys by `key_id`."""
        found = await self._read("get_api_keys")
        with readable():
            return [records.api_key_of(tuple(row))[0] for row in found]

    async def note_api_key_use(self, key_id: str, at: datetime) -> None:
        """Keep when a key was last used."""
        await self._write("note the use of a key", lambda link: link.run("note_api_key_use", rows.to_text(key_id), rows.to_time(at)))

    async def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        """End a key; False when there is none."""
        return bool(await self._write("revoke a key", lambda link: link.run("revoke_api_key", rows.to_text(key_id), rows.to_time(at))))

    # --- versions of the rules

    async def put_rules_version(self, used: RulesVersion) -> None:
        """Keep that rules came into use, unless that is known."""
        await self._write("keep a version of the rules", lambda link: writing.put_rules_version(link, used))

    async def get_rules_versions(self, limit: int) -> list[RulesVersion]:
        """Return when which rules came into use, the latest first."""
        return [records.rules_version_of(tuple(row)) for row in await self._read("get_rules_versions", limit)]

    async def get_rules_version(self, version: str) -> RulesVersion | None:
        """Return the latest use of one version, with its files."""
        found = await self._read("get_rules_version", rows.to_text(version))
        with readable():
            return records.rules_version_of(tuple(found[0])) if found else None

    async def put_node_rules(self, node: NodeRules) -> None:
        """Keep which rules a node uses."""
        await self._write("keep a node's rules", lambda link: writing.put_node_rules(link, node))

    async def get_node_rules(self, seen_since: datetime) -> list[NodeRules]:
        """Return the nodes that said so since a time."""
        return [records.node_rules_of(tuple(row)) for row in await self._read("get_node_rules", rows.to_time(seen_since))]

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

    # --- the two ways in

    async def _read(self, name: str, *values: object) -> list[asyncpg.Record]:
        pool = self._others
        if pool is None:
            raise StoreUnavailable("the store is not open")
        with mapped(f"read ({name})"):
            async with pool.link() as link:
                return await link.run(name, *values)

    async def _write(self, doing: str, work: Callable[[Link], Awaitable[T]]) -> T:
        """Run `work` in one transaction. All or nothing; it runs again when another transaction was in its way."""
        pool = self._others
        if pool is None:
            raise StoreUnavailable("the store is not open")
        for left in reversed(range(TRIES)):
            try:
                async with pool.link() as link, link.connection.transaction():
                    return await work(link)
            except DRIVER as error:
                give_way(error)
                if not left or not isinstance(error, AGAIN):
                    raise translate(error, doing) from error
        raise AssertionError("the last try returns or raises")

    async def _make_partitions(self, touches: Sequence[TouchRow]) -> None:
        months = partitions.months_of([touch[5] for touch in touches], datetime.now(UTC)) - self._months
        if not months or self._others is None:
            return
        now = asyncio.get_running_loop().time()
        months = {month for month in months if self._months_later.get(month, now) <= now}
        with mapped("make room for touches"):
            async with self._others.link() as link:
                there = await partitions.make(link.connection, months)
        self._months |= there
        self._months_later = dict.fromkeys(months - there, now + MONTH_AGAIN_S)

    async def _connect(self) -> Link:
        return await connect(self._address)

    async def _connect_for_calls(self) -> Link:
        """Connect, and have the look-up planned: no call waits for that."""
        link = await connect(self._address)
        try:
            with mapped("prepare the look-up"):
                async with asyncio.timeout(OPEN_S):
                    now = datetime.now(UTC)
                    await link.run("find_caller", None, now, now, now, 0)
        except BaseException:
            link.abort()
            raise
        return link

    def _look(self) -> None:
        if self._keeper is not None:
            self._keeper.look()
