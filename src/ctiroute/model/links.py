"""What people change of who is who: confirmed, denied, merged, split, undone; and what is shown of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ctiroute.model.evidence import Claim, Denial
from ctiroute.model.identity import Customer, Identifier
from ctiroute.model.value import Value


class Merge(Value, frozen=True):
    """Two customers are one: whatever leads to either leads to both, under the name of `into`."""

    into: str
    other: str


class Split(Value, frozen=True):
    """One customer is two: some of the identifiers, and what was made to them, are a new customer's."""

    customer_id: str
    identifiers: tuple[Identifier, ...]
    new_id: str = ""  # the company's own key for the new one; "": made up
    name: str = ""  # of the new one


class Confirm(Value, frozen=True):
    """Somebody made sure that an identifier is this customer's."""

    identifier: Identifier
    customer_id: str


class Deny(Value, frozen=True):
    """Somebody made sure that an identifier is not this customer's."""

    identifier: Identifier
    customer_id: str


class Undo(Value, frozen=True):
    """An earlier change was a mistake."""

    change_id: int


IdentityOrder = Merge | Split | Confirm | Deny | Undo


class ChangeKind(StrEnum):
    """What was changed of who is who."""

    MERGE = "merge"
    SPLIT = "split"
    CONFIRM = "confirm"
    DENY = "deny"


class IdentityChange(Value, frozen=True):
    """A line of the audit: what was changed of who is who, by whom, and whether it was taken back."""

    change_id: int  # grows
    kind: ChangeKind
    customer_id: str  # merge: who stays; split: whose it was; else: of whom it was said
    other_id: str  # merge: who became part of that one; split: the new one; else ""
    identifiers: tuple[Identifier, ...]  # that were split off, confirmed or denied
    at: datetime  # aware, UTC
    by: str  # Operator.operator_id, or the name of an API key or of a user of the machine
    why: str = ""  # in that person's words, at most 400 characters
    undone_at: datetime | None = None  # aware, UTC; None: in force
    undone_by: str = ""


class CustomerLink(Value, frozen=True):
    """One identifier of a customer with what speaks for it."""

    identifier: Identifier
    claims: tuple[Claim, ...]
    customer_id: str  # of whom it was said; another one where that one was merged into this customer


class CustomerCard(Value, frozen=True):
    """Who a customer is, and why we think so."""

    customer: Customer  # with the identifiers of all who are one with this customer
    merged: tuple[str, ...] = ()  # ids of customers that became part of this one
    links: tuple[CustomerLink, ...] = ()
    denied: tuple[tuple[Identifier, Denial], ...] = ()
