"""CallerQuery -> statement and parameters, rows -> CallerFacts. Knows nothing of connections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ctiroute.model import IMPORTED, CallerFacts, Customer, Identifier, Interaction, PastCall, Touch
from ctiroute.store.identity_rows import Parts, united
from ctiroute.store.linking import to_claims
from ctiroute.store.postgres import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ctiroute.model import CallerQuery
    from ctiroute.store.postgres.rows import Row


_PLACE = 22  # in a row of `find_together`: for which of the keys it is, from 1 on
_PART = ""  # in place of what is said for the asked identifier: it is not this customer's, but of one who is part of the same


class Asker(Protocol):
    """One of many who ask at once."""

    @property
    def key(self) -> int | None:
        """The number of a phone, which is its key; it has one."""

    @property
    def query(self) -> CallerQuery:
        """What is asked."""


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


def question_of_many(askers: Sequence[Asker]) -> tuple[str, Row]:
    """Return the statement that answers the queries of many, and its parameters.

    Windows and limits are the widest of all: what one of them did not ask for is behind all that he did, and `facts_asked_for` leaves it
    out.
    """
    queries = [asker.query for asker in askers]
    return "find_together", (
        [asker.key for asker in askers],
        min([query.touches_since for query in queries]),
        min([query.calls_since for query in queries]),
        min([query.interactions_since for query in queries]),
        max([query.limit for query in queries]),
    )


def rows_of_each(found: Iterable[Row], count: int) -> list[list[Row]]:
    """Return the rows of `find_together` by whose they are."""
    of_each: list[list[Row]] = [[] for _ in range(count)]
    for row in found:
        of_each[row[_PLACE] - 1].append(row)
    return of_each


def facts_asked_for(found: Iterable[Row], query: CallerQuery) -> CallerFacts:
    """Return the facts in the rows for one of many, without what he did not ask for."""
    return facts_of([row for row in found if _is_asked_for(row, query)], query.identifier, query.limit)


def _is_asked_for(row: Row, query: CallerQuery) -> bool:
    what = row[0]
    if what == "t":
        return bool(row[2] >= query.touches_since)
    if what == "i":
        return bool(row[3] >= query.interactions_since) or rows.is_open(row)
    return what == "c" or bool(row[2] >= query.calls_since)


def facts_of(found: Iterable[Row], asked: Identifier, limit: int) -> CallerFacts:
    """Return the facts in the rows of one look-up, each kind newest first and cut to `limit`.

    The rows of customers come first: they say what the keys of touches stand for.
    """
    people: dict[str, Row] = {}
    customers: dict[str, Customer] = {}
    known: dict[int, Identifier] = {}
    touches: list[Touch] = []
    interactions: list[Interaction] = []
    calls: list[PastCall] = []
    for row in found:
        what = row[0]
        if what == "t":
            touches.append(rows.touch_of(row, known.get(row[1], asked)))
        elif what == "c":
            customer, keys = rows.customer_of(row[9], row[10], row[11], row[16], row[18], row[17])
            if customers.setdefault(customer.customer_id, customer) is customer:
                people[customer.customer_id] = row
            known.update(keys)
        elif what == "i":
            interactions.append(rows.interaction_of(row))
        else:
            calls.append(rows.past_call_of(row))
    if len(customers) > 1:  # who share more than one identifier lead to the same touches and interactions
        touches = list({touch.touch_id: touch for touch in touches}.values())
        interactions = list({each.interaction_id: each for each in interactions}.values())
        calls = list({each.call_id: each for each in calls}.values())
    touches.sort(key=_sent_at, reverse=True)
    del touches[limit:]
    if len(interactions) > limit:  # open ones stay, old closed ones go
        interactions.sort(key=_open_first)
        del interactions[limit:]
    interactions.sort(key=_updated_at, reverse=True)
    calls.sort(key=_received_at, reverse=True)  # they may come from several phones
    del calls[limit:]
    said = {customer_id: to_claims(row[12]) for customer_id, row in people.items() if row[12]}
    if len(customers) < 2:  # noqa: PLR2004 - one is one, whoever was part of him
        return CallerFacts(tuple(customers.values()), tuple(touches), tuple(interactions), tuple(calls), said)
    parts = Parts({customer_id: rows.from_text(row[13]) for customer_id, row in people.items() if row[13] is not None})
    if parts.into:
        said = parts.claims({each: said.get(each, (IMPORTED,)) for each, row in people.items() if row[12] != _PART})
        touches, interactions, calls = parts.renamed(touches), parts.renamed(interactions), parts.renamed(calls)
    whole = tuple(united(customers, parts.into).values())
    facts = CallerFacts(whole, tuple(touches), tuple(interactions), tuple(calls), said)
    return replace(facts, customers=facts.by_last_contact()[:limit])


def _sent_at(touch: Touch) -> datetime:
    return touch.sent_at


def _received_at(call: PastCall) -> datetime:
    return call.received_at


def _updated_at(interaction: Interaction) -> datetime:
    return interaction.updated_at


def _open_first(interaction: Interaction) -> tuple[bool, float]:
    return interaction.status.value == "closed", -interaction.updated_at.timestamp()
