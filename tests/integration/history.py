"""What happened between customers and the company, as tests draw it -> what a store keeps of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.model import (
    CallRecord,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    Touch,
    TouchStatus,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import Customer, Identifier
    from ctiroute.store.base import Store

Happened = tuple[int, str, "Identifier", int, bool]  # minutes ago; touch, interaction or call; by which key; whose, by place; further on


async def keep_history(store: Store, customers: Sequence[Customer], history: Sequence[Happened], now: datetime) -> None:
    """Keep what happened. Calls come from phones alone; who is beyond the customers is nobody."""
    touches, interactions, calls = [], [], []
    for minutes_ago, kind, identifier, whose, flag in history:
        at = now - timedelta(minutes=minutes_ago)
        customer_id = customers[whose].customer_id if whose < len(customers) else None
        if kind == "touch":
            status = TouchStatus.READ if flag else TouchStatus.SENT
            offer = OfferTerms("Offer", "Text", "0 %", {"amount": "100"})
            touches.append(Touch(f"t{minutes_ago}", "c", "Title", Medium.SMS, identifier, at, status, offer, customer_id=customer_id))
        elif kind == "interaction":
            stands = InteractionStatus.CLOSED if flag else InteractionStatus.OPEN
            interactions.append(
                Interaction(f"i{minutes_ago}", customer_id, Medium.CHAT, "topic", "Title", stands, at, at, identifier=identifier)
            )
        elif identifier.kind == IdentifierKind.PHONE:
            value = identifier.value
            calls.append(CallRecord(f"x:{minutes_ago}", "x", value, value, "100", at, outcome=Outcome.ANSWERED, customer_id=customer_id))
    await store.put_touches(touches)
    await store.put_interactions(interactions)
    await store.record_calls(calls)
