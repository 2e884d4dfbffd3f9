"""All that is known for one call. A field here is a fact on the pop: wire schema and TypeScript types are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctiroute.model.evidence import Claim
from ctiroute.model.identity import Customer, Identifier, Identity
from ctiroute.model.interaction import Interaction, PastCall
from ctiroute.model.outreach import Touch
from ctiroute.model.reason import Reason
from ctiroute.model.routing import RouteRequest, SourceReport
from ctiroute.model.value import Value, field

_LONG_AGO = datetime.min.replace(tzinfo=UTC)  # before any contact


class CallerQuery(Value, frozen=True):
    """What a source is asked about a caller, in one trip."""

    identifier: Identifier
    touches_since: datetime  # aware, UTC; no rule looks further back
    calls_since: datetime  # aware, UTC
    interactions_since: datetime  # aware, UTC; closed ones older than this are left out, open ones never
    limit: int = 20  # at most so many of each kind, newest first


class CallerFacts(Value, frozen=True):
    """What a source knows of a caller."""

    customers: tuple[Customer, ...] = ()  # every customer with that identifier, most recent contact first
    touches: tuple[Touch, ...] = ()  # to any identifier of those customers, or to the asked one; newest first
    interactions: tuple[Interaction, ...] = ()  # newest event first
    calls: tuple[PastCall, ...] = ()  # newest first, without the one being decided
    # Of whom more is known than that the company's file has the asked identifier: what is said for it, by customer id.
    claims: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    read_at: datetime | None = None  # aware, UTC: when a copy of them was last known to be true; None: read from the truth just now

    def last_contacts(self) -> dict[str, datetime]:
        """Return when we last had to do with each customer whom a touch, an interaction or a call names."""
        last: dict[str, datetime] = {}
        for customer_id, at in (
            *((touch.customer_id, touch.sent_at) for touch in self.touches),
            *((interaction.customer_id, interaction.updated_at) for interaction in self.interactions),
            *((call.customer_id, call.received_at) for call in self.calls),
        ):
            if customer_id is not None:
                last[customer_id] = max(at, last.get(customer_id, at))
        return last

    def by_last_contact(self) -> tuple[Customer, ...]:
        """Return the candidates for a shared key, whoever we last had to do with first; of equals, by id."""
        last = self.last_contacts()
        # Twice, for a time cannot be turned round: by id, then (sorting is stable) by time.
        by_id = sorted(self.customers, key=lambda each: each.customer_id)
        return tuple(sorted(by_id, key=lambda each: last.get(each.customer_id, _LONG_AGO), reverse=True))


class CallerContext(Value, frozen=True):
    """The request, and what was found about it."""

    request: RouteRequest
    identity: Identity
    touches: tuple[Touch, ...] = ()  # newest first
    interactions: tuple[Interaction, ...] = ()  # newest event first
    calls: tuple[PastCall, ...] = ()  # newest first
    sources: tuple[SourceReport, ...] = ()
    gathered_at: datetime | None = None  # aware, UTC; None: nothing was looked up
    reasons: tuple[Reason, ...] = ()  # why the customer may be calling, the likeliest first
