"""The company of the demo: customers, what it sent them, what they began elsewhere, and two operators. Plain values made from `now`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.model import (
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Operator,
    Touch,
    TouchStatus,
)
from ctiroute.web.passwords import hash_password

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.store.base import Store

DIALED = "+380800500500"
YOU, COLLEAGUE = "olena", "taras"
OPERATORS = (
    Operator(YOU, "Olena Koval", ("PJSIP/1001",), "1001", language="en", team="sales"),
    Operator(COLLEAGUE, "Taras Melnyk", ("PJSIP/1002",), "1002", language="en", team="sales"),
)


@dataclass(frozen=True, slots=True)
class Company:
    """All that is put in the store before the first call."""

    customers: tuple[Customer, ...]
    touches: tuple[Touch, ...]
    interactions: tuple[Interaction, ...]


# One caller for each story.
CAMPAIGN_CALLER = "+380671234567"
FORM_CALLER = "+380502345678"
STRANGER = "+380931112233"
FAMILY = "+380443456789"
VIP = "+380674567890"
PASSED_ON = "+380935678901"

_AUTUMN = OfferTerms(
    title="Autumn instalments",
    text="Pay for your new kitchen in 24 parts at 0 %. Until 30 November. Call 0 800 500 500.",
    terms="0 % for 24 months, no first payment, until 30 November",
    fields={"limit": "120 000 UAH", "product": "Instalment card"},
)


def company(now: datetime) -> Company:
    """Return the company as it stands at `now` (aware UTC)."""

    def ago(**span: float) -> datetime:
        return now - timedelta(**span)

    def phone(value: str) -> Identifier:
        return Identifier(IdentifierKind.PHONE, value)

    def customer(key: str, name: str, number: str, language: str = "uk", **attributes: str) -> Customer:
        return Customer(key, name, language, attributes, (phone(number),))

    def touch(
        key: str, number: str, owner: str, campaign: tuple[str, str], sent_at: datetime, offer: OfferTerms, medium: Medium = Medium.SMS
    ) -> Touch:
        delivered = sent_at + timedelta(seconds=4)
        return Touch(key, *campaign, medium, phone(number), sent_at, TouchStatus.DELIVERED, offer, delivered, owner)

    autumn, spring = ("autumn-sms", "Autumn instalments"), ("spring-cards", "Spring cards")
    old_offer = OfferTerms("Free card for a year", "A card without a yearly fee", "until 31 May")
    return Company(
        customers=(
            customer("C-1001", "Iryna Bondar", CAMPAIGN_CALLER, segment="mass", city="Kyiv", since="2021"),
            customer("C-1002", "Petro Hnatiuk", FORM_CALLER, segment="mass", city="Lviv", since="2024"),
            customer("C-1003", "Maria Savchenko", FAMILY, segment="mass", city="Odesa"),
            customer("C-1004", "Andrii Savchenko", FAMILY, segment="mass", city="Odesa"),
            customer("C-1005", "Nadiia Tkachenko", VIP, segment="vip", manager="Taras Melnyk", city="Dnipro"),
            customer("C-1006", "Viktor Lys", PASSED_ON, segment="mass", city="Poltava"),
        ),
        touches=(
            touch("T-1", CAMPAIGN_CALLER, "C-1001", autumn, ago(minutes=12), _AUTUMN),
            touch("T-2", CAMPAIGN_CALLER, "C-1001", spring, ago(days=21), old_offer, Medium.EMAIL),
            touch("T-3", PASSED_ON, "C-1006", autumn, ago(minutes=7), _AUTUMN),
            touch("T-4", VIP, "C-1005", spring, ago(days=12), old_offer, Medium.EMAIL),
        ),
        interactions=(
            Interaction(
                "I-1", "C-1002", Medium.WEB, "credit-application", "Application for credit", InteractionStatus.OPEN,
                ago(minutes=34), ago(minutes=26), owner=COLLEAGUE,
                form={"amount": "80 000 UAH", "term": "24 months", "name": "Petro Hnatiuk", "income": "", "employer": ""},
                events=(
                    InteractionEvent(ago(minutes=26), "form", "Left the form at “Income”"),
                    InteractionEvent(ago(minutes=34), "form", "Began the application on the site"),
                ),
            ),
            Interaction(
                "I-2", "C-1001", Medium.CHAT, "delivery", "Question about delivery", InteractionStatus.CLOSED, ago(days=6), ago(days=6),
                outcome="answered", events=(InteractionEvent(ago(days=6), "message", "When does the kitchen come?"),),
            ),
            Interaction(
                "I-3", "C-1005", Medium.TELEGRAM, "limit", "Asks for a higher limit", InteractionStatus.WAITING, ago(days=2), ago(days=1),
                owner=COLLEAGUE, events=(InteractionEvent(ago(days=1), "message", "Sent the documents, waiting for your answer"),),
            ),
        ),
    )  # fmt: skip


async def seed(store: Store, now: datetime, password: str) -> None:
    """Put the company and its operators, who all have this password, in a store."""
    everything = company(now)
    password_hash = await asyncio.to_thread(hash_password, password)
    for operator in OPERATORS:
        await store.put_operator(operator, password_hash)
    await store.put_customers(everything.customers)
    await store.put_touches(everything.touches)
    await store.put_interactions(everything.interactions)
