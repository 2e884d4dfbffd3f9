"""Makes this node forget people who were erased: by whatever process, in whatever memory it holds of them.

The store keeps a marker of each erasure for a while. Every few seconds the node looks for new ones: it lets go of what it holds in
memory, and once more a little later, together with what it may have written in between (see `Forgetter`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.app.call_files import from_bytes
from ctiroute.errors import StoreError
from ctiroute.model import IdentifierKind
from ctiroute.store.erasing import telling_digits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ctiroute.app.call_files import CallFile, CallFiles
    from ctiroute.model import CallRecord, ErasureMarker, MissedCall, Subject
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)
audit = logging.getLogger("ctiroute.audit")

LOOK_S = 5.0
FILES_AT_ONCE = 500  # looked through before callers get their turn again: under a ms
CLOCKS_DIFFER = timedelta(minutes=1)  # at most: of this node and of whoever erases

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Traces:
    """How a subject is recognised in what a node holds in memory."""

    phones: frozenset[str]
    phone_ends: frozenset[str]  # the last digits: numbers for people are written in many ways
    customer_ids: frozenset[str]
    call_ids: set[str]  # of the subject's calls; grows as more are found
    words: tuple[bytes, ...]  # the same keys as they stand in JSON

    @classmethod
    def of(cls, subject: Subject) -> Traces:
        """Return how this subject is recognised."""
        phones = [one.value for one in subject.identifiers if one.kind == IdentifierKind.PHONE]
        return cls(
            phones=frozenset(phones),
            phone_ends=frozenset(telling_digits(phone) for phone in phones) - {""},
            customer_ids=frozenset(subject.customer_ids),
            call_ids=set(subject.call_ids),
            words=tuple(_encode(key) for key in (*(one.value for one in subject.identifiers), *subject.customer_ids)),
        )

    def are_in(self, packed: bytes) -> bool:
        """Say whether the JSON of a call's file names the subject anywhere: as who called, or as another candidate."""
        return any(word in packed for word in self.words)

    def are_of_caller(self, file: CallFile) -> bool:
        """Say whether it is the subject's own call."""
        request, customer = file.context.request, file.context.identity.customer
        if customer is not None:
            return customer.customer_id in self.customer_ids
        return request.caller.phone in self.phones or request.call_id in self.call_ids

    def without(self, record: CallRecord) -> CallRecord:
        """Return a record that waits to be written as it may be written: the subject's own is made anonymous."""
        is_theirs = (
            record.call_id in self.call_ids
            or record.customer_id in self.customer_ids
            or (record.customer_id is None and record.caller_phone in self.phones)
        )
        if is_theirs:
            self.call_ids.add(record.call_id)
            return replace(record, caller_phone=None, caller_raw=None, customer_id=None, touch_id=None, interaction_id=None, snapshot=None)
        if record.snapshot is not None and self.are_in(record.snapshot):
            return replace(record, snapshot=None)
        return record

    def without_name(self, missed: MissedCall) -> MissedCall:
        """Return a line of a list of missed calls; the subject's own says nothing of who called."""
        if missed.call_id in self.call_ids or telling_digits(missed.caller_number) in self.phone_ends:
            return replace(missed, caller_number="", caller_name="", headline="")
        return missed


async def forget_files(files: CallFiles, traces: Traces) -> list[str]:
    """Let go of the files that name a subject; return whose calls they are. Those of the subject's own calls are added to the traces."""
    named: list[str] = []
    for number, call_id in enumerate(files.call_ids()):
        if number % FILES_AT_ONCE == 0:
            await asyncio.sleep(0)
        packed = files.packed(call_id)
        if packed is not None and (call_id in traces.call_ids or traces.are_in(packed)):
            file = from_bytes(packed)
            if file is not None and traces.are_of_caller(file):
                traces.call_ids.add(call_id)
            files.forget(call_id)
            named.append(call_id)
    return named


class Forgetter:
    """Carries out on this node what was erased anywhere."""

    def __init__(self, store: Store, forget: Callable[[Subject], Awaitable[None]], clock: Callable[[], datetime]) -> None:
        """`forget` lets go of a subject in this node's memory."""
        self._store = store
        self._forget = forget
        self._clock = clock
        self._since = datetime.min.replace(tzinfo=UTC)
        self._seen = 0
        self._pending: list[ErasureMarker] = []

    async def run(self) -> None:
        """Look every few seconds until cancelled. A store that is away is asked again."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StoreError as error:
                log.warning("erasures cannot be read or carried out: %s", error)

    async def begin(self) -> None:
        """Take the erasures up to now for done: a node that starts holds nothing in memory.

        Raises `StoreError` when the store is away; then they are passed over as soon as they can be read. To carry one out again days
        later would take what the company and the person have had to do with each other since.
        """
        self._since = self._clock() - CLOCKS_DIFFER
        while markers := await self._store.erasures_after(self._seen):
            self._seen = markers[-1].erasure_id

    async def look(self) -> None:
        """Act on new erasures. Raises `StoreError` when the store is away, and may then be called again.

        Records that were on their way into the store while the person was erased stand there now. So what was found in one look is done
        again in the next: in memory, and in the store.
        """
        for marker in list(self._pending):
            await self._forget(marker.subject)
            await self._store.erase(marker.subject, None)
            self._pending.remove(marker)
        for marker in await self._store.erasures_after(self._seen):
            erased_at = marker.subject.erased_at
            if erased_at is not None and erased_at < self._since:
                self._seen = marker.erasure_id
                continue
            await self._forget(marker.subject)
            self._pending.append(marker)
            self._seen = marker.erasure_id
            audit.info("erasure %d is carried out on this node", marker.erasure_id)
