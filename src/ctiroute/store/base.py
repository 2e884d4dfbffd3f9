"""What every store can do. Back ends: `sqlite/` (embedded), `postgres/`. One contract suite, tests/contract, holds for all of them.

A decision needs one trip: `find_caller`. Everything else is off the call path. Errors: `StoreUnavailable` (try later),
`StoreConflict` (do not); no driver's exception passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ctiroute.model import IMPORTED
from ctiroute.store.administration import AdministrationStore
from ctiroute.store.attributions import AttributionStore
from ctiroute.store.callbacks import CallbackStore
from ctiroute.store.identities import IdentityStore
from ctiroute.store.interactions import InteractionStore
from ctiroute.store.proposals import ProposalStore
from ctiroute.store.reasons import ReasonStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
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
        Purged,
        Receipt,
        Subject,
        Touch,
        WrapUp,
    )
    from ctiroute.store.copying import Item, Key, Kind
    from ctiroute.store.places import CallPlace
    from ctiroute.store.touch_columns import TouchColumns
    from ctiroute.store.touch_rows import TouchRow


class Store(AdministrationStore, AttributionStore, CallbackStore, IdentityStore, InteractionStore, ProposalStore, ReasonStore, Protocol):
    """The place where touches, customers, interactions, calls and operators are kept."""

    @property
    def name(self) -> str:
        """What traces and metrics call it."""

    @property
    def find_now(self) -> Callable[[CallerQuery], CallerFacts] | None:
        """`find_caller` without a wait, so that the call path needs neither a task nor a timer; None: it has to be awaited."""

    @property
    def batch_rows(self) -> int:
        """How many rows to give `put_touch_rows` and `put_customers` at once, so that a transaction holds nobody up."""

    # --- life
    async def open(self) -> None:
        """Connect and bring the schema up to date."""

    async def close(self) -> None:
        """Finish what is being written and let go of everything."""

    async def check(self) -> None:
        """Raise `StoreUnavailable` unless reading and writing work now."""

    async def schema_version(self) -> int:
        """Return the number of the newest migration that has run; 0: an empty store. Works before `open`, and changes nothing."""

    # --- call path
    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return everything a decision needs about one identifier, in one trip."""

    # --- outreach and customers
    async def put_campaigns(self, campaigns: Iterable[Campaign]) -> None:
        """Insert or replace campaigns by key."""

    async def put_customers(self, customers: Sequence[Customer], claim: Claim = IMPORTED) -> int:
        """Insert or replace customers by id; of their identifiers, what the claim's source said before is replaced whole. One transaction.

        What other sources said of them stays, and what was denied stays away (see `store/linking.py`). Returns how many were new.
        """

    async def put_touches(self, touches: Sequence[Touch]) -> int:
        """Insert touches, replace those with a known `touch_id`; unknown campaigns are made. One transaction.

        What is known of a touch only grows: its status never goes back (see `TouchStatus`), and a time of delivery, reading or clicking
        that is not given leaves the stored one. Of a `touch_id` named twice the last counts. Returns how many were new.
        """

    async def put_touch_rows(self, rows: Sequence[TouchRow]) -> int:
        """`put_touches` for rows that are ready for a database, at a fraction of the price."""

    async def put_touch_columns(self, touches: TouchColumns) -> int:
        """`put_touches` for what imports make: touches by columns, of which a store may handle many at the price of few."""

    async def add_receipts(self, receipts: Sequence[Receipt]) -> frozenset[str]:
        """Note how far touches got: a status never goes back, of two times for the same the earlier stays. One transaction.

        So their order does not matter, and a repeated one changes nothing. Returns the ids of which there is no touch.
        """

    async def put_interactions(self, interactions: Sequence[Interaction]) -> None:
        """Insert or replace interactions with their events by id. One transaction."""

    # --- calls
    async def record_calls(self, records: Sequence[CallRecord]) -> None:
        """Merge call records by `call_id`. Idempotent. One transaction.

        None leaves what is stored; of two `received_at` the earlier stays; the outcome UNKNOWN takes back no other.
        """

    async def get_call(self, call_id: str) -> CallRecord | None:
        """Return one call, or None."""

    async def calls_between(self, since: datetime, until: datetime, after: CallPlace | None, limit: int) -> list[CallRecord]:
        """Return the next calls that came from `since` on and before `until`, oldest first, at most `limit`.

        `after` is the `place_of` the last one of the page before, None for the first page. A call's time is when it was received, else
        the earliest other time we know of it.
        """

    async def record_missed(self, missed: MissedCall) -> None:
        """Keep a missed call by `pop_id`. Idempotent."""

    async def missed_since(self, operator_id: str, since: datetime) -> list[MissedCall]:
        """Return the missed calls of one operator, newest first, at most 50."""

    async def put_wrap_up(self, wrap_up: WrapUp) -> None:
        """Insert or replace the note of one operator on one call."""

    # --- all there is, for `db copy`
    async def export(self, kind: Kind, after: Key, limit: int) -> Sequence[Item]:
        """Return the next items of a kind after a key, in the order of their keys (byte by byte); none: that was all."""

    async def count(self, kind: Kind) -> int:
        """Return how many items of a kind there are. Counts them: it may take seconds."""

    # --- letting go: what is old, and who asks to be forgotten
    async def purge(self, cuts: Cuts, limit: int) -> Purged:
        """Remove some of what is before its cut, about `limit` records of each kind, and identifiers that nothing refers to any more.

        Each kind in a short transaction of its own. Of several nodes one does it at a time: the others find nothing to do. Returns what
        went; nothing: all is done.
        """

    async def count_expired(self, cuts: Cuts) -> Purged:
        """Return what `purge`, called until nothing is left, would remove. Changes nothing; may take seconds, and holds nobody up."""

    async def erase(self, subject: Subject, mark_at: datetime | None) -> Erasure:
        """Remove or make anonymous whatever names the subject, over every identifier of the customers it leads to; nobody else's.

        A marker of the time `mark_at` is left for running nodes; None: none is. Repeating it does no harm and mends an erasure that was
        broken off. When an identifier belongs to several customers, and none of them is named, nothing is done: see `Erasure.candidates`.
        """

    async def find_erasable(self, subject: Subject) -> Erasure:
        """Return what `erase` would do. Changes nothing; may take seconds, and holds nobody up."""

    async def erasures_after(self, erasure_id: int) -> list[ErasureMarker]:
        """Return the markers that are greater, oldest first, at most 100."""
