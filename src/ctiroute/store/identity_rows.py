"""Who is who, as all stores keep and read it the same way: lines of the audit, and several customers read as one. Knows no statement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ctiroute.model import IMPORTED, ChangeKind, CustomerCard, CustomerLink, Identifier, IdentityChange, Interaction, PastCall, Touch
from ctiroute.store.identities import MAX_WHY
from ctiroute.store.linking import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ctiroute.model import Claim, Customer
    from ctiroute.store.identity_plan import Planned
    from ctiroute.store.linking import Held

Named = TypeVar("Named", Touch, Interaction, PastCall)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode


def pairs_of(identifiers: Sequence[Identifier]) -> str:
    """Return identifiers as they are kept with a change."""
    return _encode([(each.kind, each.value) for each in identifiers]).decode()


def identifiers_of(pairs: str) -> tuple[Identifier, ...]:
    """Return identifiers that are kept with a change."""
    return tuple([Identifier(kind, value) for kind, value in _decode(pairs)])


def change_of(change_id: int, planned: Planned, at: datetime, by: str, why: str) -> IdentityChange:
    """Return the line of a change that was just made."""
    return IdentityChange(
        change_id, ChangeKind(planned.kind), planned.customer_id, planned.other_id, planned.identifiers, at, by, why[:MAX_WHY]
    )


def card_of(customer: Customer, group: Sequence[Held]) -> CustomerCard:
    """Return the card of a customer; `group` are all who are one, the customer first."""
    links = {(each.customer_id, one): CustomerLink(one, claims, each.customer_id) for each in group for one, claims in each.links.items()}
    denied = {one: said for each in group for one, said in each.denied.items()}
    return CustomerCard(customer, tuple(each.customer_id for each in group[1:]), tuple(links.values()), tuple(denied.items()))


def united(customers: Mapping[str, Customer], into: Mapping[str, str]) -> dict[str, Customer]:
    """Return customers with everybody who is part of one in that one: its name and attributes, the identifiers of all.

    `into` is whom each is part of. Where that one is not among `customers` (it was erased meanwhile), its parts stand for themselves.
    """
    found: dict[str, Customer] = {}
    parts: dict[str, list[Identifier]] = {}
    for customer_id, customer in customers.items():
        first = into.get(customer_id)
        if first is None or first not in customers:
            found[customer_id] = customer
        else:
            parts.setdefault(first, []).extend(customer.identifiers)
    for first, more in parts.items():
        found[first] = replace(found[first], identifiers=tuple(dict.fromkeys((*found[first].identifiers, *more))))
    return found


@dataclass(slots=True)
class Parts:
    """Customers that are part of others, among those that a look-up found: what they are known by, and what names them."""

    into: dict[str, str]  # -> whom each is part of

    def whose(self, customer_id: str | None) -> str | None:
        """Return of whom a record is that names a customer."""
        return None if customer_id is None else self.into.get(customer_id, customer_id)

    def renamed(self, records: Iterable[Named]) -> list[Named]:
        """Return touches, interactions or calls with whom they are of."""
        return [replace(each, customer_id=self.whose(each.customer_id)) if each.customer_id in self.into else each for each in records]

    def claims(self, found: Mapping[str, tuple[Claim, ...]]) -> dict[str, tuple[Claim, ...]]:
        """Return what is said for one identifier, by whom it would be; `found` holds all who have it."""
        whole: dict[str, tuple[Claim, ...]] = {}
        for customer_id, claims in found.items():
            first = self.into.get(customer_id, customer_id)
            known = whole.get(first, ())
            for claim in claims:
                known = joined(known, claim)
            whole[first] = known
        return {customer_id: claims for customer_id, claims in whole.items() if claims != (IMPORTED,)}
