"""Letting go of personal data: because it is old (retention), or because the person asks (erasure)."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from ctiroute.model.identity import Identifier
from ctiroute.model.value import Value


class Cuts(Value, frozen=True):
    """Of each kind of record, the time before which it has been kept for long enough. None: it is kept for ever."""

    touches: datetime | None = None  # by the time they were sent
    interactions: datetime | None = None  # closed ones, by their last event; open ones are never over
    calls: datetime | None = None  # by the time they were received
    snapshots: datetime | None = None  # what was known of a caller, kept with the call: by the time of the call
    missed_calls: datetime | None = None  # by the time the phone rang
    wrap_ups: datetime | None = None  # by the time they were noted
    callbacks: datetime | None = None  # closed orders, by the time they were closed; open ones are never over
    reasons: datetime | None = None  # what operators found the reason of calls to be, by when they said so
    proposals: datetime | None = None  # what became of them, by when it was noted
    attributions: datetime | None = None  # what calls did for campaigns, by the time of the call
    deliveries: datetime | None = (
        None  # what other systems were told, or are not told any more, by when that was so; waiting ones are never over
    )
    erasures: datetime | None = None  # what tells running nodes of an erasure, by the time of the erasure


KEPT_KINDS = tuple(field.name for field in fields(Cuts))  # in the order in which stores let go of them: a call before its snapshot


class Purged(Value, frozen=True):
    """How many records of each kind were old enough to go."""

    touches: int = 0
    interactions: int = 0
    calls: int = 0
    snapshots: int = 0
    missed_calls: int = 0
    wrap_ups: int = 0
    callbacks: int = 0
    reasons: int = 0
    proposals: int = 0
    attributions: int = 0
    deliveries: int = 0
    identifiers: int = 0  # keys that nothing referred to any more, as far as the store keeps them apart: a phone may be its own
    erasures: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_kind().values())

    def by_kind(self) -> dict[str, int]:
        """Return the counts by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __add__(self, other: Purged) -> Purged:
        mine, others = self.by_kind(), other.by_kind()
        return Purged(**{name: count + others[name] for name, count in mine.items()})


class Subject(Value, frozen=True):
    """Whose data is to be erased: customers, and identifiers with whoever they lead to."""

    identifiers: tuple[Identifier, ...] = ()
    customer_ids: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()  # calls that are known to be the subject's
    # When it was erased, of a subject that is erased once more for what nodes were still writing then: nobody is found by its
    # identifiers (who has one now is somebody else), and only calls since a day before that are looked at. None: not erased yet.
    erased_at: datetime | None = None


class Kept(Value, frozen=True):
    """Records near to the subject that were left alone, because they are somebody else's too."""

    kind: str  # "touches", "interactions", "calls", "identifiers"
    count: int
    why: str  # for people


class Erasure(Value, frozen=True):
    """What was erased of one subject, or would be."""

    customer_ids: tuple[str, ...] = ()  # whose data it was; also those we only knew by what named them
    identifiers: tuple[Identifier, ...] = ()  # theirs alone: forgotten
    customers: int = 0  # removed
    touches: int = 0  # removed
    interactions: int = 0  # removed, with their events and forms
    calls: int = 0  # made anonymous: that there was a call at that time stays, whose it was does not
    snapshots: int = 0  # other people's calls, of which we forgot what was known then, because it may have named the subject
    missed_calls: int = 0  # made anonymous
    wrap_ups: int = 0  # notes emptied
    callbacks: int = 0  # removed: who asked to be forgotten is not rung
    proposals: int = 0  # under which it was kept what became of proposals: removed
    deliveries: int = 0  # of what other systems were told, or were to be told: removed
    identity_changes: int = 0  # lines of the audit of who is who: removed
    kept: tuple[Kept, ...] = ()
    candidates: tuple[str, ...] = ()  # the identifier is several customers': nothing was done, because one has to be named

    @property
    def total(self) -> int:
        """All records removed or made anonymous."""
        return (
            self.customers
            + self.touches
            + self.interactions
            + self.calls
            + self.snapshots
            + self.missed_calls
            + self.wrap_ups
            + self.callbacks
            + self.proposals
            + self.deliveries
        )


class ErasureMarker(Value, frozen=True):
    """Tells running nodes that a subject was erased, so that they forget it as well. Kept for an hour or two, then removed itself."""

    erasure_id: int  # grows
    subject: Subject  # as it was found to be, with the latest calls and the time of the erasure
