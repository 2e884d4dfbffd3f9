"""Whose is what, when a person asks to be forgotten. The same for every store; knows rows and verdicts, no back end.

A record is the subject's when it names one of the subject's customers; or when it names no customer we know, and came to or from an
identifier that is the subject's alone. What names another customer is that one's. What names nobody and belongs to an identifier that
several customers share could be anybody's: it is kept, and the report says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import Erasure, Identifier, IdentifierKind, Kept, Subject
from ctiroute.store.delivery_rows import names_any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SUBJECT, OTHER, SHARED, NEAR = "subject", "other", "shared", "near"  # whose a record is, as the statements of a store say it

BEFORE = timedelta(days=1)  # an erasure that is repeated looks at calls since so long before it: no call lasts longer
MAX_CALLS_MARKED = 1_000  # the latest calls of a subject: older ones are in nobody's memory
_TELLING = 9  # digits at the end of a number that tell it from others, however it was written: "067 123 45 67" and "+380671234567"
_WHY = {
    OTHER: "they name another customer",
    SHARED: "they name no customer, and the identifier is also somebody else's",
}


@dataclass(slots=True)
class Person:
    """The subject, once it is known who that is."""

    customers: dict[str, None] = field(default_factory=dict)
    own: dict[Identifier, None] = field(default_factory=dict)  # the subject's alone
    shared: dict[Identifier, tuple[str, ...]] = field(default_factory=dict)  # with whom else
    candidates: tuple[str, ...] = ()  # not known who: one of these

    @property
    def phones(self) -> frozenset[str]:
        """The ends of the numbers that are the subject's alone."""
        return frozenset(telling_digits(one.value) for one in self.own if one.kind == IdentifierKind.PHONE) - {""}

    @property
    def subjects(self) -> tuple[str, ...]:
        """Under what it is kept what became of proposals to them: see `model.proposal`."""
        own = (one.value for one in self.own if one.kind == IdentifierKind.PHONE)
        return (*(f"customer:{one}" for one in self.customers), *(f"phone:{one}" for one in own))


@dataclass(slots=True)
class Findings:
    """Keys of all that is to go."""

    person: Person
    call_ids: tuple[str, ...] = ()  # the subject's, as the caller of `erase` knew them
    customers: list[str] = field(default_factory=list)
    touches: dict[str, None] = field(default_factory=dict)
    interactions: dict[str, None] = field(default_factory=dict)
    calls: dict[str, bool] = field(default_factory=dict)  # -> whether the number dialled is the subject's
    snapshots: list[str] = field(default_factory=list)
    missed_calls: list[str] = field(default_factory=list)
    wrap_ups: list[tuple[str, str]] = field(default_factory=list)
    callbacks: dict[str, None] = field(default_factory=dict)
    proposals: int = 0  # fates kept under the subject
    deliveries: list[int] = field(default_factory=list)  # announcements that name the subject
    denied_links: list[tuple[str, str, str]] = field(default_factory=list)  # of whom the subject's identifiers were denied to be
    identity_changes: list[int] = field(default_factory=list)  # lines of the audit of who is who that name the subject
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, whose)

    def sort(self, kind: str, key: str, whose: str) -> None:
        """Put a touch, an interaction or a callback where it belongs."""
        if whose == SUBJECT:
            {"touches": self.touches, "interactions": self.interactions, "callbacks": self.callbacks}[kind][key] = None
        else:
            self.kept[kind, whose] += 1

    def sort_call(self, call_id: str, whose: str, *, has_snapshot: bool, dialed: bool) -> None:
        """Put a call where it belongs: one of somebody near is kept, but not what was known then."""
        if whose == SUBJECT:
            self.calls[call_id] = dialed
            return
        if has_snapshot:
            self.snapshots.append(call_id)
        if whose != NEAR:
            self.kept["calls", whose] += 1

    def report(self) -> Erasure:
        """Return what was, or would be, done."""
        person = self.person
        kept = [Kept(kind, count, _WHY[whose]) for (kind, whose), count in sorted(self.kept.items())]
        kept += [
            Kept("identifiers", 1, f"{one.kind} {one.value} is also that of customer {', '.join(others)}")
            for one, others in person.shared.items()
        ]
        return Erasure(
            customer_ids=tuple(person.customers),
            identifiers=tuple(person.own),
            customers=len(self.customers),
            touches=len(self.touches),
            interactions=len(self.interactions),
            calls=len(self.calls),
            snapshots=len(self.snapshots),
            missed_calls=len(self.missed_calls),
            wrap_ups=len(self.wrap_ups),
            callbacks=len(self.callbacks),
            proposals=self.proposals,
            deliveries=len(self.deliveries),
            identity_changes=len(self.identity_changes),
            kept=tuple(kept),
            candidates=person.candidates,
        )

    @property
    def every_call(self) -> list[str]:
        """The subject's calls, those among them that are anonymous already: what a node was attributing just then may name him still."""
        return list(dict.fromkeys((*self.calls, *self.call_ids)))

    def told(self, *, of_now: bool) -> Callable[[str, bytes], bool]:
        """Return what says of an announcement (ids of records in it, its body) whether it tells of the subject.

        By its own identifiers and customers as well, as long as they are its (`of_now`); by records that are gone, in any case.
        """
        person = self.person
        ids = frozenset(
            (*self.touches, *self.interactions, *self.calls, *self.call_ids, *self.callbacks, *(person.customers if of_now else ()))
        )
        words = tuple(_encoder.encode(key) for key in (*(one.value for one in person.own), *person.customers)) if of_now else ()
        return lambda about, body: names_any(about, body, ids, words)

    def names(self, customer_id: str, other_id: str, identifiers: Iterable[Identifier], plan: str) -> bool:
        """Say whether a line of the audit of who is who names the subject: as one of the customers, or by an identifier of theirs alone."""
        person, packed = self.person, plan.encode("utf-8", "surrogatepass")
        if customer_id in person.customers or other_id in person.customers or any(one in person.own for one in identifiers):
            return True
        return any(_encoder.encode(word) in packed for word in (*person.customers, *(one.value for one in person.own)))

    def marked(self, at: datetime) -> Subject:
        """Return what running nodes have to forget."""
        calls = tuple(dict.fromkeys((*self.calls, *self.call_ids)))[:MAX_CALLS_MARKED]
        return Subject(tuple(self.person.own), tuple(self.person.customers), calls, at)


def telling_digits(number: str) -> str:
    """Return the digits by which a number is known, however it was written; "" when there are too few to tell."""
    digits = "".join(char for char in number if char in "0123456789")[-_TELLING:]
    return digits if len(digits) == _TELLING else ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Subject)


def to_marker(subject: Subject) -> str:
    """Return the JSON under which an erasure is told."""
    return _encoder.encode(subject).decode()


def from_marker(text: str) -> Subject:
    """Return who was erased."""
    return _decoder.decode(text)
