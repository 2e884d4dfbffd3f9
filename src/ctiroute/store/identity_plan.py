"""What an order of who is who changes, and what takes it back. Pure: a store loads what is held, and carries out the plan.

A merge moves nothing: the other customer keeps its links, and look-ups lead on to whom it is part of. So imports go on by its own key,
and taking the merge back restores it exactly. A split moves links and the records that name the customer by them, each noted by its id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

import msgspec

from ctiroute.errors import StoreConflict
from ctiroute.model import OPERATOR, ChangeKind, Claim, Confirm, Denial, Deny, Identifier, Merge, Split
from ctiroute.store.linking import Held, LinkEdit, group_of, joined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ctiroute.model import IdentityOrder

MAX_GROUP = 50  # customers that are one; more is no person any more, but somebody's mistake
MAX_MOVED = 20_000  # records of a split


@dataclass(frozen=True, slots=True)
class MergedEdit:
    """Whom a customer is part of."""

    customer_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class DenialEdit:
    """A denial made or taken back."""

    customer_id: str
    identifier: Identifier
    before: Denial | None
    after: Denial | None


@dataclass(frozen=True, slots=True)
class Moved:
    """Records that named one customer and name another now."""

    kind: str  # "touches", "interactions", "calls"
    ids: tuple[str, ...]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an order changes."""

    made: tuple[tuple[str, str], ...] = ()  # customers: id, name
    dropped: tuple[str, ...] = ()
    merged: tuple[MergedEdit, ...] = ()
    links: tuple[LinkEdit, ...] = ()
    denials: tuple[DenialEdit, ...] = ()
    moved: tuple[Moved, ...] = ()

    @property
    def customer_ids(self) -> tuple[str, ...]:
        """Whose identity changes."""
        ids = [each.customer_id for each in self.merged] + [each.customer_id for each in self.links]
        ids += [each.customer_id for each in self.denials]
        ids += [each.before for each in self.merged if each.before] + [each.after for each in self.merged if each.after]
        return tuple(dict.fromkeys([*ids, *(one for one, _ in self.made), *self.dropped]))


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and how the audit names it."""

    kind: ChangeKind
    customer_id: str
    other_id: str
    identifiers: tuple[Identifier, ...]
    plan: Plan


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Plan)


def to_json(plan: Plan) -> str:
    """Return a plan as it is kept, so that it can be taken back."""
    return _encoder.encode(plan).decode()


def from_json(text: str) -> Plan:
    """Return a kept plan."""
    return _decoder.decode(text)


def wanted(order: IdentityOrder) -> tuple[str, ...]:
    """Return the customers that have to be held to plan an order, with whoever is one with them."""
    match order:
        case Merge(into, other):
            return into, other
        case Split(customer_id, _, new_id):
            return (customer_id, new_id) if new_id else (customer_id,)
        case Confirm(_, customer_id) | Deny(_, customer_id):
            return (customer_id,)
        case _:
            return ()


def plan(order: Merge | Split | Confirm | Deny, held: Mapping[str, Held], at: datetime, by: str, new_id: str) -> Planned:
    """Return what an order changes; `new_id` is for a customer that gets none of the company's. Raises `StoreConflict`."""
    match order:
        case Merge():
            return _merge(order, held)
        case Split():
            return _split(order, held, new_id, Denial(at, by))
        case Confirm(identifier, customer_id):
            return Planned(ChangeKind.CONFIRM, customer_id, "", (identifier,), _confirm(_group(held, customer_id), identifier, at, by))
        case Deny(identifier, customer_id):
            return Planned(ChangeKind.DENY, customer_id, "", (identifier,), _deny(_group(held, customer_id), identifier, at, by))
        case _:
            assert_never(order)


def undo(done: Plan, held: Mapping[str, Held]) -> Plan:
    """Return what takes a plan back, leaving what came since. Raises `StoreConflict` when a later change rests on it."""
    free = {edit.customer_id for edit in done.merged if edit.before is None}  # again, by this undoing
    for edit in done.merged:
        now = held.get(edit.customer_id)
        if now is None or now.merged_into != edit.after:
            raise StoreConflict(f"customer {edit.customer_id} was changed again since: undo that first")
        into = None if edit.before is None else held.get(edit.before)
        if edit.before is not None and (into is None or (into.merged_into is not None and edit.before not in free)):
            raise StoreConflict(f"customer {edit.before}, of whom {edit.customer_id} was part, was changed again since: undo that first")
    for customer_id, _ in done.made:
        now = held.get(customer_id)
        if now is not None and (now.merged or now.merged_into is not None):
            raise StoreConflict(f"customer {customer_id} was merged since: undo that first")
    back = [_link_back(each, held) for each in done.links]
    links = tuple(
        sorted((each for each in back if each is not None), key=lambda each: each.place)
    )  # those that stood first come back first: the places of all are right then
    emptied = _emptied(held, links)
    return Plan(
        dropped=tuple(one for one, _ in done.made if one in held and one in emptied),
        merged=tuple(MergedEdit(each.customer_id, each.after, each.before) for each in reversed(done.merged)),
        links=links,
        denials=tuple(
            DenialEdit(each.customer_id, each.identifier, each.after, each.before)
            for each in reversed(done.denials)
            if each.customer_id in held and held[each.customer_id].denied.get(each.identifier) == each.after
        ),
        moved=tuple(Moved(each.kind, each.ids, each.after, each.before) for each in done.moved),
    )


def _group(held: Mapping[str, Held], customer_id: str) -> list[Held]:
    found = group_of(held, customer_id)
    if not found:
        raise StoreConflict(f"there is no customer {customer_id}")
    return found


def _merge(order: Merge, held: Mapping[str, Held]) -> Planned:
    into, other = _group(held, order.into), _group(held, order.other)
    if into[0].customer_id == other[0].customer_id:
        raise StoreConflict(f"customers {order.into} and {order.other} are one already")
    if len(into) + len(other) > MAX_GROUP:
        raise StoreConflict(f"more than {MAX_GROUP} customers would be one")
    first = into[0].customer_id
    edits = tuple(MergedEdit(each.customer_id, each.merged_into, first) for each in other)
    return Planned(ChangeKind.MERGE, first, other[0].customer_id, (), Plan(merged=edits))


def _split(order: Split, held: Mapping[str, Held], made_up: str, said: Denial) -> Planned:
    group, new_id = _group(held, order.customer_id), order.new_id or made_up
    if order.new_id in held:
        raise StoreConflict(f"there is a customer {order.new_id} already: name another key, or none")
    identifiers = tuple(dict.fromkeys(order.identifiers))
    if not identifiers:
        raise StoreConflict("say which identifiers are the new customer's")
    links: list[LinkEdit] = []
    # Or the next import would bring them back.
    denials = [DenialEdit(each.customer_id, one, each.denied.get(one), said) for one in identifiers for each in group]
    for identifier in identifiers:
        holders = [each for each in group if identifier in each.links]
        if not holders:
            raise StoreConflict(f"{identifier.kind} {identifier.value} is no identifier of customer {order.customer_id}")
        claims: tuple[Claim, ...] = ()
        for holder in holders:
            links.append(_removed(holder, identifier))
            for claim in holder.links[identifier]:
                claims = joined(claims, claim)
        links.append(LinkEdit(new_id, identifier, None, claims, len(links)))
    plan = Plan(made=((new_id, order.name),), links=tuple(links), denials=tuple(denials))
    return Planned(ChangeKind.SPLIT, group[0].customer_id, new_id, identifiers, plan)


def _confirm(group: list[Held], identifier: Identifier, at: datetime, by: str) -> Plan:
    holder = next((each for each in group if identifier in each.links), group[0])
    before = holder.links.get(identifier)
    after = joined(before or (), Claim(OPERATOR, at, at, by))
    place = list(holder.links).index(identifier) if before is not None else len(holder.links)
    denials = [DenialEdit(each.customer_id, identifier, each.denied[identifier], None) for each in group if identifier in each.denied]
    links = (LinkEdit(holder.customer_id, identifier, before, after, place),) if after != before else ()
    return Plan(links=links, denials=tuple(denials))


def _deny(group: list[Held], identifier: Identifier, at: datetime, by: str) -> Plan:
    links = tuple(_removed(each, identifier) for each in group if identifier in each.links)
    said = Denial(at, by)
    return Plan(links=links, denials=tuple(DenialEdit(each.customer_id, identifier, each.denied.get(identifier), said) for each in group))


def _removed(held: Held, identifier: Identifier) -> LinkEdit:
    return LinkEdit(held.customer_id, identifier, held.links[identifier], None, list(held.links).index(identifier))


def _link_back(edit: LinkEdit, held: Mapping[str, Held]) -> LinkEdit | None:
    """Return what takes an edit of a link back; claims that came since stay."""
    if edit.customer_id not in held:  # it was erased
        return None
    links = held[edit.customer_id].links
    now = links.get(edit.identifier)
    if now == edit.after:
        return replace(edit, before=edit.after, after=edit.before)
    before, after = edit.before or (), edit.after or ()
    came = {(each.source, each.by) for each in after} - {(each.source, each.by) for each in before}
    back = tuple(each for each in now or () if (each.source, each.by) not in came)
    for claim in before:
        back = joined(back, claim)
    return replace(edit, before=now, after=back or None)


def _emptied(held: Mapping[str, Held], edits: tuple[LinkEdit, ...]) -> set[str]:
    """Return the customers who have no link left after the edits."""
    left = {customer_id: set(one.links) for customer_id, one in held.items()}
    for edit in edits:
        if edit.after is None:
            left[edit.customer_id].discard(edit.identifier)
        else:
            left[edit.customer_id].add(edit.identifier)
    return {customer_id for customer_id, links in left.items() if not links}
