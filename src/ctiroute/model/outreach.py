"""What the company sent out: campaigns, and the touches they leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from ctiroute.model.identity import Identifier, Medium
from ctiroute.model.value import Value, field


class Campaign(Value, frozen=True):
    """An outreach: many touches of one offer."""

    key: str  # e.g. "autumn-sms"; what rules match by glob
    title: str  # for people; "" falls back to the key
    medium: Medium


class TouchStatus(StrEnum):
    """How far a touch is known to have got, least first; each includes those before it, but for `failed`.

    What is known only grows: of two statuses the later in this order holds. A failure is taken back by a sign that it did arrive.
    """

    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    CLICKED = "clicked"
    ANSWERED = "answered"


class OfferTerms(Value, frozen=True):
    """What a touch offered. `touch.offer.*` in rules and templates."""

    title: str = ""  # "Autumn instalments"
    text: str = ""  # the message as it was sent
    terms: str = ""  # conditions an operator must know: "0 %, 24 months, until 30 November"
    fields: Mapping[str, str] = field(default_factory=dict)  # anything else the campaign carries: amount, product, ...


class Touch(Value, frozen=True):
    """One instance of a campaign, sent to one identifier."""

    touch_id: str  # unique in the store
    campaign: str  # Campaign.key
    campaign_title: str  # Campaign.title, joined for the screen
    medium: Medium
    identifier: Identifier  # to whom it was sent
    sent_at: datetime  # aware, UTC
    status: TouchStatus
    offer: OfferTerms
    delivered_at: datetime | None = None  # aware, UTC; None: no receipt
    customer_id: str | None = None  # None: the identifier belongs to nobody we know (or to several)
    read_at: datetime | None = None  # aware, UTC; None: not known to have been opened
    clicked_at: datetime | None = None  # aware, UTC; None: no link of it is known to have been followed


class Receipt(Value, frozen=True):
    """What a carrier tells afterwards of one touch."""

    touch_id: str
    status: TouchStatus
    at: datetime  # aware, UTC; when it happened, not when we heard
