"""What every store can do with who is who: link identifiers, change that by a person's order, tell what was changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ctiroute.model import Claim, CustomerCard, Denial, Identifier, IdentityChange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import IdentityOrder

MOST_CHANGES = 200  # lines of the audit read at once
MAX_WHY = 400  # characters


@dataclass(frozen=True, slots=True)
class KeptIdentity:
    """What is kept of a customer's identity beyond the company's own file, for `db copy`."""

    customer_id: str
    merged_into: str | None
    links: tuple[tuple[Identifier, tuple[Claim, ...]], ...]  # all of them in their order; (): the company's file says it all
    denied: tuple[tuple[Identifier, Denial], ...]


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A line of the audit with what takes it back, for `db copy`."""

    change: IdentityChange
    plan: str  # JSON, see `identity_plan.Plan`


class IdentityStore(Protocol):
    """The part of a `Store` that is about who is who. Off the call path."""

    async def link_identifiers(
        self, identifiers: Sequence[Identifier], customer_id: str | None, claim: Claim, *, name: str = ""
    ) -> tuple[str, ...]:
        """Keep that a source told these together: they are one person's. Idempotent. One transaction.

        With a `customer_id` they are that customer's, who is made when not known (by this `name`). Without, they are whose any of them
        was before, or, two or more, a new customer's. Nothing is taken from anybody: what contradicts stands beside. Returns whose they
        are now: none, one, or several candidates.
        """

    async def change_identity(self, order: IdentityOrder, at: datetime, by: str, why: str = "") -> IdentityChange:
        """Carry out a person's order of who is who, and keep it in the audit. One transaction.

        Raises `StoreConflict`, in words for that person, when it cannot be done as things stand.
        """

    async def identity_changes(self, customer_id: str | None, before: int | None, limit: int) -> list[IdentityChange]:
        """Return what was changed, the latest first: of one customer, or of all; `before` is the last `change_id` of the page before."""

    async def get_card(self, customer_id: str) -> CustomerCard | None:
        """Return who a customer is, and why we think so; of one who is part of another, that other. None: not known."""

    async def restore_identities(self, kept: Sequence[KeptIdentity]) -> None:
        """Keep identities as another store had them. Idempotent. One transaction."""

    async def restore_identity_changes(self, kept: Sequence[KeptChange]) -> None:
        """Keep lines of the audit as another store had them, those that are there included. One transaction."""


def made_up_id() -> str:
    """Return a key for a customer of whom the company has told us none. It says nothing of the person."""
    return f"~{secrets.token_hex(8)}"
