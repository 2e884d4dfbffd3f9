"""CallerQuery -> statement and parameters, rows -> CallerFacts. Knows nothing of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import CallerFacts, Customer, Identifier, Interaction, PastCall, Touch
from ctiroute.store.postgres import rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ctiroute.model import CallerQuery
    from ctiroute.store.postgres.rows import Row


def question(query: CallerQuery) -> tuple[str, Row]:
    """Return the statement that answers a query, and its parameters."""
    key = rows.key_of(query.identifier)
    if key is None:
        return "find_any", question_of_any(query)
    return "find_caller", (key, query.touches_since, query.calls_since, query.interactions_since, query.limit)


def question_of_any(query: CallerQuery) -> Row:
    """Return the parameters of `find_any`."""
    asked = query.identifier
    key = rows.key_of(asked)
    kind, value = (None, None) if key is not None else rows.identifier_values(asked)
    return key, query.touches_since, query.calls_since, query.interactions_since, query.limit, kind, value


def facts_of(found: Iterable[Row], asked: Identifier, limit: int) -> CallerFacts:
    """Return the facts in the rows of one look-up, each kind newest first and cut to `limit`.

    The rows of customers come first: they say what the keys of touches stand for.
    """
    customers: list[Customer] = []
    known: dict[int, Identifier] = {}
    touches: list[Touch] = []
    interactions: list[Interaction] = []
    calls: list[PastCall] = []
    callers: list[Row] = []
    for row in found:
        what = row[0]
        if what == "t":
            touches.append(rows.touch_of(row, known.get(row[1], asked)))
        elif what == "c":
            customer, keys = rows.customer_of(row[9], row[10], row[11], row[16], row[18], row[17])
            customers.append(customer)
            known.update(keys)
        elif what == "i":
            interactions.append(rows.interaction_of(row))
        else:
            calls.append(rows.past_call_of(row))
            callers.append(row)
    if len(customers) > 1:  # who share more than one identifier lead to the same touches and interactions
        touches = list({touch.touch_id: touch for touch in touches}.values())
        interactions = list({each.interaction_id: each for each in interactions}.values())
    touches.sort(key=_sent_at, reverse=True)
    del touches[limit:]
    if len(interactions) > limit:  # open ones stay, old closed ones go
        interactions.sort(key=_open_first)
        del interactions[limit:]
    interactions.sort(key=_updated_at, reverse=True)
    if len(customers) > 1:
        customers = _by_last_contact(customers, touches, interactions, callers)[:limit]
    return CallerFacts(tuple(customers), tuple(touches), tuple(interactions), tuple(calls))


def _by_last_contact(customers: list[Customer], touches: list[Touch], interactions: list[Interaction], calls: list[Row]) -> list[Customer]:
    """Return the candidates for a shared number, whoever we last had to do with first."""
    last: dict[str | None, datetime] = {}
    for customer_id, at in (
        *((touch.customer_id, touch.sent_at) for touch in touches),
        *((interaction.customer_id, interaction.updated_at) for interaction in interactions),
        *((rows.from_optional(row[9]), row[2]) for row in calls),
    ):
        last[customer_id] = max(at, last.get(customer_id, at))
    return sorted(customers, key=lambda it: (0 if (at := last.get(it.customer_id)) is None else -at.timestamp(), it.customer_id))


def _sent_at(touch: Touch) -> datetime:
    return touch.sent_at


def _updated_at(interaction: Interaction) -> datetime:
    return interaction.updated_at


def _open_first(interaction: Interaction) -> tuple[bool, float]:
    return interaction.status.value == "closed", -interaction.updated_at.timestamp()
