"""What any source tells of one conversation, before it is known whose it is and whether it was told before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ctiroute.model.identity import Identifier, Medium
from ctiroute.model.interaction import InteractionEvent, InteractionStatus
from ctiroute.model.value import Value, field


class Intake(Value, frozen=True):
    """One message, form or change of state from a source. Told again, late or before its elders, it leaves the same interaction."""

    source: str  # the connector's name: "chat", "telegram"
    external_id: str  # what the source calls the conversation
    at: datetime  # aware, UTC: when it happened, by the source's clock
    medium: Medium
    event_id: str = ""  # what the source calls this message; "": it has no name, and is known again by its time and content
    identifiers: tuple[Identifier, ...] = ()  # of the customer, who wrote first; those told together are one person's
    verified: bool = False  # the source has made sure that they are
    customer_id: str | None = None  # the company's own key, where the source knows it
    name: str = ""  # of the customer, as people write it; "": not told
    topic: str = ""  # a short key rules match; "": not told
    title: str = ""  # for people; "": not told
    status: InteractionStatus | None = None  # None: not told
    outcome: str = ""  # how it ended; "": not told
    owner: str | None = None  # Operator.operator_id of who handles it; None: not told
    language: str | None = None  # BCP 47; None: not told
    form: Mapping[str, str] = field(default_factory=dict)  # fields told now; others stay as they are
    event: InteractionEvent | None = None  # what to show of it in the timeline; None: nothing
    flags: tuple[str, ...] = ()  # words to add to the interaction's own
    sentiment: float | None = None  # how the source rates the message, from -1 (negative) to 1; None: it does not


class Taken(Value, frozen=True):
    """What became of an intake."""

    interaction_id: str
    revision: int  # of the interaction after it
    new: bool = False  # the interaction was made by it
    repeated: bool = False  # it had been told before: nothing changed
