"""Who somebody is: identifiers, customers, and our belief about the caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from ctiroute.model.evidence import Candidate
from ctiroute.model.value import Value, field


class Medium(StrEnum):
    """The kinds of conversation. An adapter for one is a connector; a leg inside Asterisk is a channel."""

    VOICE = "voice"
    SMS = "sms"
    EMAIL = "email"
    CHAT = "chat"
    TELEGRAM = "telegram"
    WEB = "web"


class IdentifierKind(StrEnum):
    """The sorts of key that ctiroute knows by itself. The set is open: see `Identifier.kind`."""

    PHONE = "phone"
    EMAIL = "email"
    TELEGRAM = "telegram"
    VISITOR = "visitor"
    ACCOUNT = "account"


OWN_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")  # what a company may call a key of its own: "loyalty-card", "viber"


class Identifier(Value, frozen=True, order=True):
    """One key under which a customer may be found."""

    kind: str  # an `IdentifierKind`, or one of the company's own: see `OWN_KIND`
    value: str  # phone: E.164; email: lower case; others: as the source gives them


class Customer(Value, frozen=True):
    """A person or firm."""

    customer_id: str  # the company's own key, opaque to us
    name: str  # as people write it; "" when not known
    language: str | None = None  # BCP 47 of the last contact; None: not known
    attributes: Mapping[str, str] = field(default_factory=dict)  # segment, city, manager, ...; order is the admin's
    identifiers: tuple[Identifier, ...] = ()  # all keys of this customer, the primary phone first


class IdentityKind(StrEnum):
    """How sure we are of who calls."""

    KNOWN = "known"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"


class Identity(Value, frozen=True):
    """Our belief who it is. The kind follows from the customers found, so make it with `of` or the constants below."""

    kind: IdentityKind
    # known: that one (after an operator's choice the other candidates follow); ambiguous: two or more, the likeliest first
    customers: tuple[Customer, ...] = ()
    candidates: tuple[Candidate, ...] = ()  # how likely each is, in the same order; (): one, of whom only the company's own file says so

    @classmethod
    def of(cls, customers: tuple[Customer, ...], candidates: tuple[Candidate, ...] = ()) -> Identity:
        """Return the belief that these candidates give: none, one, or several (the operator chooses, we never guess)."""
        if not customers:
            return UNKNOWN
        return cls(IdentityKind.KNOWN if len(customers) == 1 else IdentityKind.AMBIGUOUS, customers, candidates)

    @property
    def customer(self) -> Customer | None:
        """The one customer it surely is, or None."""
        return self.customers[0] if self.kind is IdentityKind.KNOWN else None


UNKNOWN = Identity(IdentityKind.UNKNOWN)  # a usable number that belongs to nobody we know, or nobody answered in time
WITHHELD = Identity(IdentityKind.WITHHELD)  # the network gave no number, so there is nothing to look up
