"""The bodies of /api/v1/interactions. docs and the OpenAPI document are made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ctiroute.model import Interaction, InteractionEvent, InteractionStatus, Medium
from ctiroute.web.api.wire import At

MAX_TEXT = 4000  # characters of a message, the value of a field
MAX_NAME = 200  # characters of names, titles, topics

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Given = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
LongText = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Word = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$", description="Small letters, digits and _ . -")]
Form = Annotated[
    dict[Given, LongText], msgspec.Meta(max_length=100, description="Fields of the form; an empty value is not filled in yet. Others stay.")
]
Revision = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1, description="Which one you saw; when it has changed since, nothing is done.")]


class IdentifierGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key of the customer."""

    kind: Annotated[
        str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,31}$", description="phone, email, telegram, visitor, account, or your own.")
    ]
    value: Given


Sentiment = Annotated[float, msgspec.Meta(ge=-1, le=1)]


class NewInteraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a source tells of one conversation. Told again, late or before its elders, it leaves the same interaction."""

    medium: Medium
    source: Word = "api"  # who tells
    external_id: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""  # what the source calls the conversation; "": one of its own
    event_id: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""  # what it calls this message, so that it is known when told again
    at: At | None = None  # when it happened; null: now
    identifiers: Annotated[list[IdentifierGiven], msgspec.Meta(max_length=16)] = []  # of the customer, who wrote first
    verified: bool = False  # you have made sure that they are
    customer_id: Given | None = None
    name: Name = ""  # of the customer
    topic: Name = ""  # a short key that rules match
    title: Name = ""  # for people
    status: InteractionStatus | None = None
    outcome: Name = ""
    owner: Given | None = None  # the operator who handles it
    language: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)] | None = None
    form: Form = {}
    kind: Word = "message"  # of what is told: message, form, note, ...
    text: LongText = ""  # of it; "": nothing to show in the timeline
    sentiment: Sentiment | None = None  # how you rate the message, from -1 (negative) to 1; rules over messages may ask for it
    flags: Annotated[list[Word], msgspec.Meta(max_length=20)] = []


class NewEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something more that happened in an interaction."""

    kind: Word = "message"
    text: LongText = ""
    sentiment: Sentiment | None = None
    event_id: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    at: At | None = None  # null: now
    status: InteractionStatus | None = None
    form: Form = {}
    flags: Annotated[list[Word], msgspec.Meta(max_length=20)] = []


class InteractionChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be different. What is not named stays."""

    revision: Revision | None = None  # or the header If-Match
    form: Form = {}
    title: Name = ""
    topic: Name = ""
    owner: Given | None = None
    status: InteractionStatus | None = None
    flags: Annotated[list[Word], msgspec.Meta(max_length=20)] = []  # to add


class InteractionClose(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How it ended."""

    outcome: Given
    text: LongText = ""  # for the timeline
    revision: Revision | None = None  # or the header If-Match; without either it is closed whatever it is now


class InteractionTaken(msgspec.Struct, frozen=True):
    """What became of what was told."""

    interaction_id: str
    revision: int
    result: Literal["new", "changed", "repeated"]


class LineTaken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one line."""

    line: int  # 1-based; of an array, its place
    result: Literal["new", "changed", "repeated", "refused"]
    interaction_id: str | None = None
    revision: int | None = None
    reason: str = ""  # why it was refused


class LinesTaken(msgspec.Struct, frozen=True):
    """What became of many."""

    taken: int
    refused: int
    results: list[LineTaken]


class InteractionList(msgspec.Struct, frozen=True):
    """Interactions, open ones first."""

    interactions: list[Interaction]


class InteractionEvents(msgspec.Struct, frozen=True):
    """What is kept of what happened in an interaction, the newest first."""

    events: list[InteractionEvent]


class RequestStatus(msgspec.Struct, frozen=True):
    """How a request stands, in words that a bot can say and a prompt that a phone menu can play."""

    interaction_id: str
    status: InteractionStatus
    words: dict[str, str]  # by language
    prompt: str  # sound file
    title: str
    outcome: str
    updated_at: datetime


class TimelineEntry(msgspec.Struct, frozen=True):
    """One thing in a customer's history, of whatever medium."""

    at: datetime
    what: Literal["touch", "interaction", "call"]
    medium: Medium
    id: str
    title: str
    text: str  # the latest words of it
    status: str  # of an interaction and a touch; "" of a call
    outcome: str  # how it ended; "": it has not, or nobody said


class History(msgspec.Struct, frozen=True):
    """What a customer and we had to do with each other, over all media, the newest first."""

    customer_ids: list[str]  # who has this identifier; several: nobody knows yet which of them it is
    entries: list[TimelineEntry]


class ContinueLink(msgspec.Struct, frozen=True):
    """A link by which the customer goes on with his form."""

    url: str  # "" when the settings name no page
    token: str
    expires_at: datetime


class Continued(msgspec.Struct, frozen=True):
    """The form behind a link."""

    interaction_id: str
    revision: int
    topic: str
    title: str
    status: InteractionStatus
    form: dict[str, str]
    expires_at: datetime
