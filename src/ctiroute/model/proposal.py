"""What became of what operators proposed to a customer beside the matter of the call."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from ctiroute.model.value import Value

if TYPE_CHECKING:
    from ctiroute.model.context import CallerContext


class Fate(StrEnum):
    """What became of one proposal."""

    OFFERED = "offered"  # the customer thinks it over
    ACCEPTED = "accepted"
    REFUSED = "refused"


class ProposalFate(Value, frozen=True):
    """What became of one proposal to one person: the latest."""

    subject: str  # "customer:<customer_id>", or "phone:<E.164>" where nobody is known by it; see `subjects_of`
    proposal: str  # its key in the catalogue
    fate: Fate
    at: datetime  # aware, UTC
    operator_id: str  # who noted it
    call_id: str


def subjects_of(context: CallerContext) -> tuple[str, ...]:
    """Return under whom fates of this caller's proposals are kept, the first for new ones; none when nobody knows who calls."""
    customer, phone = context.identity.customer, context.request.caller.phone
    return (
        *((f"customer:{customer.customer_id}",) if customer is not None else ()),
        *((f"phone:{phone}",) if phone is not None else ()),
    )
