"""Links of identifiers and customers: what sources say, joined and never overwritten. The same for every store; pure.

A link holds the claims of all who made it. Sources do not overrule each other: an identifier that two say is another customer's is
linked to both, and who reads it ranks them (`model.confidence`). What an operator denied, no source brings back.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import IMPORTED, Claim, Denial, Identifier
from ctiroute.store.identities import KeptIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Links = dict[Identifier, tuple[Claim, ...]]  # of one customer, the primary first

MAX_CLAIMS = 8  # of one link; the weakest of a hostile source's many names go
MAX_LINKS = 64  # of one customer that programs may make; a company's own file may name more
MAX_TOGETHER = 16  # identifiers told at once
MAX_OWNERS = 8  # of one identifier: a number of more customers (a switchboard's, an agency's) says of nobody who he is
SEEN_AGAIN = timedelta(days=1)  # a claim that is repeated sooner is not written again


@dataclass(slots=True)
class Held:
    """What a store holds of one customer's identity."""

    customer_id: str
    merged_into: str | None = None
    merged: tuple[str, ...] = ()  # ids of those that are part of this one
    links: Links = field(default_factory=dict)
    denied: dict[Identifier, Denial] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkEdit:
    """One link made, changed or removed."""

    customer_id: str
    identifier: Identifier
    before: tuple[Claim, ...] | None  # None: there was none
    after: tuple[Claim, ...] | None  # None: there is none
    place: int  # among the customer's identifiers, where one that was removed stood


@dataclass(frozen=True, slots=True)
class Told:
    """What it comes to that a source told identifiers together."""

    theirs: tuple[str, ...]  # whose they are then: nobody's, one customer's, or those of several candidates
    held: dict[str, Held]
    edits: list[LinkEdit]
    new: list[str]  # customers to be made


_decode = msgspec.json.Decoder(tuple[tuple[str, datetime | None, datetime | None, str], ...]).decode
_encode = msgspec.json.Encoder().encode


def to_claims(text: str | None) -> tuple[Claim, ...]:
    """Return the claims of a link as they are kept; None stands for the company's file."""
    return (IMPORTED,) if text is None else tuple([Claim(*each) for each in _decode(text)])


def from_claims(claims: tuple[Claim, ...]) -> str | None:
    """Return claims as they are kept: nothing for most links there are."""
    if claims == (IMPORTED,):
        return None
    return _encode([(each.source, each.verified_at, each.seen_at, each.by) for each in claims]).decode()


def joined(claims: tuple[Claim, ...], claim: Claim) -> tuple[Claim, ...]:
    """Return claims with one more; of one source the times are joined: verified since the earliest, seen at the latest."""
    for place, known in enumerate(claims):
        if (known.source, known.by) == (claim.source, claim.by):
            both = replace(known, verified_at=_least(known.verified_at, claim.verified_at), seen_at=_most(known.seen_at, claim.seen_at))
            is_again = both.verified_at == known.verified_at and known.seen_at is not None and both.seen_at is not None
            if is_again and both.seen_at - known.seen_at < SEEN_AGAIN:  # type: ignore[operator]  # neither is None
                return claims
            return (*claims[:place], both, *claims[place + 1 :])
    found = (*claims, claim)
    if len(found) > MAX_CLAIMS:
        weakest = next((each for each in found if each.verified_at is None and each.source != IMPORTED.source), claim)
        found = tuple(each for each in found if each is not weakest)
    return found


def imported(held: Held, given: Iterable[Identifier], claim: Claim) -> Links:
    """Return a customer's links after a source named all identifiers that it knows: its own earlier claims go, others' stay."""
    wanted = {one: None for one in given if one not in held.denied}
    links: Links = {}
    for identifier in wanted:
        known = held.links.get(identifier, ())
        links[identifier] = joined(known, claim)
    for identifier, claims in held.links.items():
        if identifier not in wanted and (left := tuple(each for each in claims if each.source != claim.source)):
            links[identifier] = left
    return links


def together(owners: Mapping[Identifier, Sequence[str]]) -> tuple[str, ...]:
    """Return whose identifiers that came together are, by who has each of them already; (): nobody is known.

    One whom all owners have in common is believed to be the one. Where there is nobody in common sources contradict each other, and
    all are linked: several candidates, of whom nobody is dropped.
    """
    known = [set(each) for each in owners.values() if 0 < len(each) <= MAX_OWNERS]
    if not known:
        return ()
    common = set.intersection(*known)
    return tuple(sorted(common or set.union(*known)))[:MAX_OWNERS]


def targets(owners: Mapping[Identifier, Sequence[str]], customer_id: str | None, made_up: str) -> tuple[str, ...]:
    """Return whom identifiers that came together are linked to, by who has each already; `made_up` is for two of nobody known."""
    if customer_id is not None:
        return (customer_id,)
    return together(owners) or ((made_up,) if len(owners) > 1 and not any(owners.values()) else ())


def plan_told(
    held: dict[str, Held], owners: Mapping[Identifier, Sequence[str]], customer_id: str | None, whose: tuple[str, ...], claim: Claim
) -> Told:
    """Return what a claim of identifiers changes for those `whose` they are; customers who are not held are made."""
    new = [each for each in whose if each not in held]
    held |= {each: Held(each) for each in new}
    edits = [edit for each in whose for edit in _edits(group_of(held, each), owners, claim)]
    if customer_id is None:
        return Told(whose, held, edits, new)
    first = group_of(held, customer_id)[0].customer_id
    others = {one for each in owners.values() for one in each if one != first}
    return Told((first, *sorted(others)), held, edits, new)


def group_of(held: Mapping[str, Held], customer_id: str) -> list[Held]:
    """Return a customer and all who are one with him, whom the others are part of first; nobody: not known."""
    one = held.get(customer_id)
    if one is None:
        return []
    first = held[one.merged_into] if one.merged_into is not None else one
    return [first, *(held[each] for each in first.merged)]


def _edits(group: Sequence[Held], identifiers: Iterable[Identifier], claim: Claim) -> list[LinkEdit]:
    edits: list[LinkEdit] = []
    place = len(group[0].links)
    room = MAX_LINKS - sum(len(each.links) for each in group)
    for identifier in identifiers:
        if any(identifier in each.denied for each in group):
            continue
        holder = next((each for each in group if identifier in each.links), None)
        if holder is None:
            if room > 0:
                edits.append(LinkEdit(group[0].customer_id, identifier, None, (claim,), place))
                place, room = place + 1, room - 1
            continue
        before = holder.links[identifier]
        after = joined(before, claim)
        if after != before:
            edits.append(LinkEdit(holder.customer_id, identifier, before, after, list(holder.links).index(identifier)))
    return edits


def edited(links: Links, edits: Iterable[LinkEdit]) -> Links:
    """Return links after edits: one that was removed and comes back stands where it stood."""
    rows = list(links.items())
    for edit in edits:
        place = next((at for at, (identifier, _) in enumerate(rows) if identifier == edit.identifier), None)
        if place is not None:
            del rows[place]
        if edit.after is not None:
            rows.insert(edit.place if place is None else place, (edit.identifier, edit.after))
    return dict(rows)


def kept_of(held: Held) -> KeptIdentity:
    """Return what is kept of a customer beyond the company's own file, for another store."""
    links = tuple(held.links.items()) if any(claims != (IMPORTED,) for claims in held.links.values()) else ()
    return KeptIdentity(held.customer_id, held.merged_into, links, tuple(held.denied.items()))


def _least(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one is not None and other is not None else one or other


def _most(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other
