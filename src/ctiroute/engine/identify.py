"""Facts -> who it is that calls. Pure: no clock, no store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import Identity
from ctiroute.model.confidence import rank

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import CallerFacts


def identity_of(facts: CallerFacts, now: datetime) -> Identity:
    """Return the belief that facts give, several candidates the likeliest first.

    One customer of whom only the company's own file has the number, which is most calls, is not weighed: there is nothing to compare.
    """
    customers = facts.customers
    if len(customers) < 2 and not facts.claims:  # noqa: PLR2004 - of one nobody chooses
        return Identity.of(customers)
    candidates = rank(customers, facts.claims, facts.last_contacts(), now)
    by_id = {each.customer_id: each for each in customers}
    return Identity.of(tuple(by_id[each.customer_id] for each in candidates), candidates)
