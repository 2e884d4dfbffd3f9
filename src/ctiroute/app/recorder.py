"""Writes what became of calls, behind the calls' backs: a bounded queue, one writer, patience with a store that is away.

Nothing on the call path waits here. Records of one call are merged while they wait, so a busy hour costs one write a call, not four.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ctiroute.errors import StoreConflict, StoreError
from ctiroute.model import CallRecord, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry

    from ctiroute.model import MissedCall, WrapUp
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

MAX_WAITING = 50_000  # calls; about a quarter of an hour of a large centre with its store away
BATCH = 500  # records a transaction: long enough to be cheap, short enough not to hold the store's one writer
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # then every 5 s
LINGER_S = 0.2  # a call's first records come together: waiting this long merges them, and few large writes cost less than many small


class Recorder:
    """Keeps calls, missed calls and notes as soon as the store takes them."""

    def __init__(self, store: Store, registry: CollectorRegistry, snapshot: Callable[[str], bytes | None]) -> None:
        """`snapshot` words a call's file by call id; it is asked once for each call, when the record is written."""
        self._store = store
        self._snapshot = snapshot
        self._calls: dict[str, CallRecord] = {}
        self._missed: dict[str, MissedCall] = {}
        self._notes: dict[tuple[str, str], WrapUp] = {}
        self._wanted: set[str] = set()  # calls whose snapshot is to be kept
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._lost = Counter("ctiroute_records_lost", "Call records given up because the store was away for too long", registry=registry)
        self._failures = Counter("ctiroute_record_failures", "Writes of call records that failed and were tried again", registry=registry)
        waiting = Gauge("ctiroute_records_waiting", "Call records not yet written", registry=registry)
        waiting.set_function(self._waiting)

    def record(self, record: CallRecord, *, with_snapshot: bool = False) -> None:
        """Keep (or merge) one call's record."""
        before = self._calls.get(record.call_id)
        self._calls[record.call_id] = record if before is None else merged(before, record)
        if with_snapshot:
            self._wanted.add(record.call_id)
        if len(self._calls) > MAX_WAITING:
            oldest = next(iter(self._calls))
            del self._calls[oldest]
            self._wanted.discard(oldest)
            self._lost.inc()
        self._wake()

    def settle(self, call_id: str) -> None:
        """Word a call's snapshot now, if it still waits: its file is about to be forgotten."""
        if call_id in self._wanted and call_id in self._calls:
            self._wanted.discard(call_id)
            self._calls[call_id] = _with(self._calls[call_id], self._snapshot(call_id))

    def missed(self, missed: MissedCall) -> None:
        """Keep a missed call."""
        self._missed[missed.pop_id] = missed
        if len(self._missed) > MAX_WAITING:
            del self._missed[next(iter(self._missed))]
            self._lost.inc()
        self._wake()

    def note(self, wrap_up: WrapUp) -> None:
        """Keep (or replace) an operator's note on a call."""
        self._notes[wrap_up.call_id, wrap_up.operator_id] = wrap_up
        if len(self._notes) > MAX_WAITING:
            del self._notes[next(iter(self._notes))]
            self._lost.inc()
        self._wake()

    async def run(self) -> None:
        """Write until cancelled. What waits then is for `flush`."""
        while True:
            await self._some.wait()
            await asyncio.sleep(LINGER_S)
            await self._write_patiently(leave=BATCH - 1)

    async def flush(self, limit_s: float) -> bool:
        """Write all that waits, trying for at most `limit_s`; False when something is left."""
        try:
            async with asyncio.timeout(limit_s):
                await self._write_patiently()
        except TimeoutError:
            log.error("%d call records could not be written before the stop", self._waiting())  # noqa: TRY400 - no cause to show
            return False
        return True

    async def written(self) -> None:
        """Return once nothing waits to be written."""
        await self._idle.wait()

    def _waiting(self) -> int:
        return len(self._calls) + len(self._missed) + len(self._notes)

    def _wake(self) -> None:
        self._idle.clear()
        self._some.set()

    async def _write_patiently(self, leave: int = 0) -> None:
        """Write what waits, with patience, until no more than `leave` are left.

        What came during a write is left to linger like what came before it: else a busy loop of tiny transactions, each with two
        switches of threads, would follow every write.
        """
        tries = 0
        written = False
        while self._waiting() > (leave if written else 0):
            try:
                await self._write_some()
                tries = 0
                written = True
            except Exception as error:  # noqa: BLE001 - whatever it is, the records wait: they are all that is left of the calls
                self._failures.inc()
                pause = RETRY_S[min(tries, len(RETRY_S) - 1)]
                tries += 1
                cause = error if isinstance(error, StoreError) else repr(error)
                log.warning("call records wait, the store did not take them: %s; next try in %g s", cause, pause)
                await asyncio.sleep(pause)
        if not self._waiting():
            self._some.clear()
            self._idle.set()

    async def _write_some(self) -> None:
        ids = list(islice(self._calls, BATCH))
        wanted = [call_id for call_id in ids if call_id in self._wanted]
        shots = {call_id: self._snapshot(call_id) for call_id in wanted}
        batch = [_with(self._calls.pop(call_id), shots.get(call_id)) for call_id in ids]
        try:
            await self._write_calls(batch)
        except BaseException:  # a failed or cancelled write goes back, older values under newer ones
            for record in batch:
                newer = self._calls.get(record.call_id)
                self._calls[record.call_id] = record if newer is None else merged(record, newer)
            raise
        self._wanted.difference_update(wanted)
        for pop_id in list(islice(self._missed, BATCH)):
            await self._unless_refused(self._store.record_missed(self._missed[pop_id]), f"missed call {pop_id}")
            self._missed.pop(pop_id, None)
        for key in list(islice(self._notes, BATCH)):
            note = self._notes[key]
            await self._unless_refused(self._store.put_wrap_up(note), f"note on {note.call_id}")
            if self._notes.get(key) is note:  # not typed further meanwhile
                del self._notes[key]

    async def _write_calls(self, batch: list[CallRecord]) -> None:
        try:
            await self._store.record_calls(batch)
        except StoreConflict:  # one bad record must cost no other: find it
            for record in batch:
                await self._unless_refused(self._store.record_calls([record]), f"call {record.call_id}")

    async def _unless_refused(self, writing: Awaitable[None], what: str) -> None:
        """Write one thing; one that the store refuses for good is given up, loudly."""
        try:
            await writing
        except StoreConflict:
            log.exception("the record of a %s was refused and is given up", what)
            self._lost.inc()


def merged(older: CallRecord, newer: CallRecord) -> CallRecord:
    """Return `older` with every field that `newer` knows; that we lost sight of a call takes back nothing that was known."""
    values = [old if new is None or new == "" else new for old, new in zip(_values(older), _values(newer), strict=True)]
    if newer.outcome is Outcome.UNKNOWN and older.outcome is not None:
        values[_OUTCOME] = older.outcome
    return CallRecord(*values)


def _with(record: CallRecord, snapshot: bytes | None) -> CallRecord:
    if snapshot is None:
        return record
    values = list(_values(record))
    values[_SNAPSHOT] = snapshot
    return CallRecord(*values)


# Every call comes by here, and `dataclasses.replace` takes three times as long.
_FIELDS = [field.name for field in fields(CallRecord)]
_SNAPSHOT, _OUTCOME = _FIELDS.index("snapshot"), _FIELDS.index("outcome")
_values = attrgetter(*_FIELDS)
