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
from ctiroute.model import CallRecord, Outcome, Status, ToQueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry

    from ctiroute.app.forgetting import Traces
    from ctiroute.model import CallerContext, Decision, MissedCall, WrapUp
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

MAX_WAITING = 50_000  # calls; about a quarter of an hour of a large centre with its store away
BATCH = 2000  # records a transaction: some 40 ms, short enough not to hold the store's one writer
AT_ONCE = 100  # records taken before callers get their turn again: under a ms
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # then every 5 s
# A call's first records come together: waiting this long merges them. And each commit costs the look-ups after it some 2 ms, because
# the embedded store's reader starts with an empty cache: few large writes cost less than many small.
LINGER_S = 0.5


class Recorder:
    """Keeps calls, missed calls and notes as soon as the store takes them."""

    def __init__(
        self,
        store: Store,
        registry: CollectorRegistry,
        snapshot: Callable[[str], bytes | None],
        mask: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """`snapshot` words a call's file by call id; it is asked when the record is written, for calls whose file has changed.

        `mask` takes out of a snapshot what is not to be kept, as it is written; None: all of it is kept.
        """
        self._mask = mask
        self.fault = ""  # why nothing can be written, in words; "" when the last write went well
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
        self._keep(record.call_id, record if before is None else merged(before, record), with_snapshot=with_snapshot)

    def decided(self, context: CallerContext, decision: Decision, took_ms: float, snapshot: bytes) -> None:
        """Keep a fresh decision with its snapshot."""
        request, customer, destination = context.request, context.identity.customer, decision.destination
        self.record(
            CallRecord(
                call_id=request.call_id,
                pbx=request.pbx,
                caller_phone=None if request.is_trial else request.caller.phone,
                caller_raw=request.caller.raw,
                dialed=request.dialed,
                received_at=request.received_at,
                status=decision.status,
                rule=decision.rule,
                queue=destination.queue if isinstance(destination, ToQueue) else None,
                customer_id=customer.customer_id if customer else None,
                touch_id=decision.touch_id,
                interaction_id=decision.interaction_id,
                decision_ms=round(took_ms, 3),
                outcome=None if decision.status is Status.ROUTED else Outcome.DEFAULTED,
                snapshot=snapshot,
            )
        )

    def expected(self, context: CallerContext, touch_id: str | None, interaction_id: str | None, snapshot: bytes) -> None:
        """Keep a call that we place ourselves, with what is known of the customer."""
        request, customer = context.request, context.identity.customer
        self.record(
            CallRecord(
                call_id=request.call_id,
                pbx=request.pbx,
                dialed=request.caller.phone,  # we ring him: it is no call of his
                received_at=request.received_at,
                customer_id=customer.customer_id if customer else None,
                touch_id=touch_id,
                interaction_id=interaction_id,
                snapshot=snapshot,
            )
        )

    def settle(self, call_id: str) -> None:
        """Word a call's snapshot now, if it still waits: its file is about to be forgotten."""
        if call_id in self._wanted and call_id in self._calls:
            self._wanted.discard(call_id)
            self._calls[call_id] = _with_snapshot(self._calls[call_id], self._snapshot(call_id))

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

    def forget(self, traces: Traces) -> None:
        """Make what waits anonymous where it is a person's who was erased, and drop the notes on their calls."""
        for call_id, record in self._calls.items():
            self._calls[call_id] = traces.without(record)
        self._wanted -= traces.call_ids
        for pop_id, missed in self._missed.items():
            self._missed[pop_id] = traces.without_name(missed)
        for key in [key for key in self._notes if key[0] in traces.call_ids]:
            del self._notes[key]

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

    def _keep(self, call_id: str, waiting: CallRecord, *, with_snapshot: bool) -> None:
        self._calls[call_id] = waiting
        if with_snapshot:
            self._wanted.add(call_id)
        if len(self._calls) > MAX_WAITING:
            oldest = next(iter(self._calls))
            del self._calls[oldest]
            self._wanted.discard(oldest)
            self._lost.inc()
        self._wake()

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
                tries, self.fault = 0, ""
                written = True
            except Exception as error:  # noqa: BLE001 - whatever it is, the records wait: they are all that is left of the calls
                self._failures.inc()
                pause = RETRY_S[min(tries, len(RETRY_S) - 1)]
                tries += 1
                cause = error if isinstance(error, StoreError) else repr(error)
                self.fault = f"call records wait, the store did not take them: {cause}"
                log.warning("%s; next try in %g s", self.fault, pause)
                await asyncio.sleep(pause)
        if not self._waiting():
            self._some.clear()
            self._idle.set()

    async def _write_some(self) -> None:
        batch: list[CallRecord] = []
        wanted: list[str] = []
        try:
            await self._take(batch, wanted)
            await self._write_calls(batch)
        except BaseException:  # a failed or cancelled write goes back, older values under newer ones
            for record in reversed(batch):  # one call may be there twice
                newer = self._calls.get(record.call_id)
                self._calls[record.call_id] = record if newer is None else merged(record, newer)
            self._wanted.update(wanted)
            raise
        for pop_id in list(islice(self._missed, BATCH)):
            await self._unless_refused(self._store.record_missed(self._missed[pop_id]), f"missed call {pop_id}")
            self._missed.pop(pop_id, None)
        for key in list(islice(self._notes, BATCH)):
            note = self._notes[key]
            await self._unless_refused(self._store.put_wrap_up(note), f"note on {note.call_id}")
            if self._notes.get(key) is note:  # not typed further meanwhile
                del self._notes[key]

    async def _take(self, batch: list[CallRecord], wanted: list[str]) -> None:
        """Move what waits into `batch`, worded, a few at a time; `wanted` gets the calls whose snapshots were taken."""
        for start in range(0, min(BATCH, len(self._calls)), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for call_id in list(islice(self._calls, AT_ONCE)):
                snapshot = None
                if call_id in self._wanted:
                    snapshot = self._snapshot(call_id)
                    wanted.append(call_id)
                    self._wanted.discard(call_id)
                batch.append(_with_snapshot(self._calls.pop(call_id), snapshot))
            if self._mask is not None:
                batch[start:] = [_with_snapshot(each, each.snapshot and self._mask(each.snapshot)) for each in batch[start:]]

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


def _with_snapshot(record: CallRecord, snapshot: bytes | None) -> CallRecord:
    if snapshot is None:
        return record
    values = list(_values(record))
    values[_SNAPSHOT] = snapshot
    return CallRecord(*values)


# Every call comes by here, and `dataclasses.replace` takes three times as long.
_FIELDS = [field.name for field in fields(CallRecord)]
_SNAPSHOT, _OUTCOME = _FIELDS.index("snapshot"), _FIELDS.index("outcome")
_values = attrgetter(*_FIELDS)
