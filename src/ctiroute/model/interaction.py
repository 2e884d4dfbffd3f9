"""Conversations of any medium, open or closed, and earlier calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from ctiroute.model.identity import Identifier, Medium
from ctiroute.model.value import Value, field


class InteractionStatus(StrEnum):
    """Where a conversation stands."""

    OPEN = "open"  # our move
    WAITING = "waiting"  # the customer's move
    CLOSED = "closed"


class InteractionEvent(Value, frozen=True):
    """One thing that happened in an interaction."""

    at: datetime  # aware, UTC
    kind: str  # message, form, status, note, ...
    text: str  # for people


class Interaction(Value, frozen=True):
    """One conversation with its outcome."""

    interaction_id: str  # unique in the store
    customer_id: str | None  # None: only an identifier is known
    medium: Medium
    topic: str  # a short key rules match: "credit-application"
    title: str  # for people: "Application for credit"; "" falls back to the topic
    status: InteractionStatus
    opened_at: datetime  # aware, UTC
    updated_at: datetime  # aware, UTC; time of the last event
    owner: str | None = None  # Operator.operator_id of who handles it
    outcome: str = ""  # how it ended; "" while it is not closed
    form: Mapping[str, str] = field(default_factory=dict)  # data the customer entered; an empty value is not filled yet
    events: tuple[InteractionEvent, ...] = ()  # newest first, at most a few
    identifier: Identifier | None = None  # who wrote; the only way to find it while `customer_id` is None
    source: str = ""  # the connector it came by; "" when it was made here
    external_id: str = ""  # what the source calls the conversation; unique within the source, "" when it has no name there
    revision: int = 1  # grows by one with every change, so that whoever edits an older one is told
    flags: tuple[str, ...] = ()  # words that rules over incoming messages gave it: "urgent", "complaint"


class Outcome(StrEnum):
    """How a call ended technically (what the operator noted is a WrapUp)."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"  # the caller left before anybody answered
    DEFAULTED = "defaulted"  # took the default way; what came after is not ours to know
    UNKNOWN = "unknown"  # we lost sight of it (restart, link down)


class PastCall(Value, frozen=True):
    """An earlier call of this caller."""

    call_id: str
    received_at: datetime  # aware, UTC
    outcome: Outcome | None  # None: still going on
    rule: str | None = None  # the rule that decided it
    queue: str | None = None
    operator_id: str | None = None  # who talked last
    customer_id: str | None = None  # whose call it was; None: nobody's we knew then, or one of several


class WrapUp(Value, frozen=True):
    """What an operator noted about a call."""

    call_id: str
    operator_id: str
    note: str  # free text, at most 4,000 characters
    noted_at: datetime  # aware, UTC
    code: str = ""  # one of the queue's wrap-up codes; "" when not chosen
