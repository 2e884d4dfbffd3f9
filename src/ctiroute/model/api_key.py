"""Keys by which other programs of the company talk to us."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ctiroute.model.value import Value


class Scope(StrEnum):
    """What a key allows."""

    TOUCHES = "touches"  # to bring touches in
    RECEIPTS = "receipts"  # to tell what became of them
    INTERACTIONS_READ = "interactions:read"  # to look at conversations and histories
    INTERACTIONS_WRITE = "interactions:write"  # to tell of conversations, to change and to close them
    CONTINUE = "continue"  # to ask for the form behind a continue-link, and nothing else
    CUSTOMERS_READ = "customers:read"  # to ask who somebody is and what is known, and to read the audit of that
    CUSTOMERS_WRITE = "customers:write"  # to merge and split customers, to confirm and deny links, and to undo that
    ROUTE = "route"  # to ask where somebody of any medium should go
    REPORTS = "reports"  # to read what became of campaigns
    WEBHOOKS = "webhooks"  # to see what other systems were told, and to have it told again
    RULES_READ = "rules:read"  # to look at rules and their versions, and to ask what they would do
    RULES_WRITE = "rules:write"  # to reload rules and to go back to earlier ones
    CALLBACKS_READ = "callbacks:read"  # to look at callback orders
    CALLBACKS_WRITE = "callbacks:write"  # to order, move and cancel callbacks


class ApiKey(Value, frozen=True):
    """One key, without its secret."""

    key_id: str  # the part of the key that is no secret; unique
    name: str  # whose it is, for people: "sms gateway"
    scopes: frozenset[Scope]
    created_at: datetime  # aware, UTC
    expires_at: datetime | None = None  # aware, UTC; None: never
    revoked_at: datetime | None = None  # aware, UTC; None: in force
    last_used_at: datetime | None = None  # aware, UTC, to the minute; None: never

    def is_valid(self, now: datetime) -> bool:
        """Say whether the key is in force now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
