"""The websocket's messages. docs/reference/websocket.schema.json and the page's TypeScript types are generated from this file.

Version 1. The server's first message is a `snapshot`; then `pop`, `pop.update`, `pop.close`, each with the whole pop and its revision:
a browser keeps the highest revision of each pop and needs no history. The browser answers `ack` to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ctiroute.model import Interaction, MissedCall, Operator, ScreenPop

WIRE_VERSION = 1
MAX_NOTE = 4000  # characters of a note; the store keeps no more
FieldName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
FieldValue = Annotated[str, msgspec.Meta(max_length=2000)]  # a message of the browser's holds some of these


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Whether we hear one Asterisk."""

    name: str
    up: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that this operator's screen shows now. Replaces whatever the browser had."""

    operator: Operator
    pops: tuple[ScreenPop, ...]  # visible ones, newest offer first
    missed: tuple[MissedCall, ...]  # of the last 24 h, newest first
    switches: tuple[SwitchState, ...]
    server_time: datetime  # aware, UTC; the browser corrects its clock by it
    extension_taken_by: str | None = None  # name of the operator who signed in on the same extension; None: it is ours
    type: Literal["snapshot"] = "snapshot"
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class PopMessage:
    """A pop appeared (`pop`), changed (`pop.update`) or is over (`pop.close`)."""

    type: Literal["pop", "pop.update", "pop.close"]
    pop: ScreenPop
    sent_at: datetime
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class SwitchMessage:
    """The link to an Asterisk went down or came back."""

    switch: SwitchState
    type: Literal["switch"] = "switch"
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class ExtensionMessage:
    """Another operator took this operator's extension, or gave it back."""

    taken_by: str | None
    type: Literal["extension"] = "extension"
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """A message of the browser was refused."""

    code: Literal["too-fast", "bad-message", "not-yours", "unavailable", "refused"]  # unavailable: try again; refused: the detail says why
    detail: str
    type: Literal["error"] = "error"
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class CallbackPromised:
    """The answer to a `promise`: the callback is ordered, or was already."""

    pop_id: str
    callback_id: str
    asked_at: datetime  # aware, UTC: what was promised
    due_at: datetime  # aware, UTC: later than that where the customer would have been asleep
    type: Literal["promised"] = "promised"
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """The answer to a `form`: what the interaction is now."""

    pop_id: str
    interaction: Interaction
    saved: bool  # false: it had changed since the revision that was seen; nothing was kept of what was written
    type: Literal["form"] = "form"
    v: int = WIRE_VERSION


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a `ping`. A page that gets none is on a dead connection, which the browser itself may not notice for minutes."""

    server_time: datetime  # aware, UTC
    type: Literal["pong"] = "pong"
    v: int = WIRE_VERSION


ServerMessage = Snapshot | PopMessage | SwitchMessage | ExtensionMessage | ErrorMessage | FormAnswer | CallbackPromised | Pong


class _FromBrowser(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Anything a browser sends; what does not fit exactly is refused."""


class Ack(_FromBrowser, frozen=True, tag="ack"):
    """How far a revision of a pop got: on the wire, on the page, in front of eyes (the tab is visible)."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    revision: int
    stage: Literal["delivered", "rendered", "seen"]


class Note(_FromBrowser, frozen=True, tag="note"):
    """The operator's note on a call, whole, as typed so far."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    text: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)]
    code: Annotated[str, msgspec.Meta(max_length=64)] = ""  # the wrap-up code, one of the pop's `codes`; "" when none is chosen


class Choose(_FromBrowser, frozen=True, tag="choose"):
    """Which of several candidates the operator found to be the caller."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    customer_id: Annotated[str, msgspec.Meta(max_length=200)]


class Wrong(_FromBrowser, frozen=True, tag="wrong"):
    """Somebody on the pop is not who calls: the number is not that customer's."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    customer_id: Annotated[str, msgspec.Meta(max_length=200)]


class PromiseCallback(_FromBrowser, frozen=True, tag="promise"):
    """The operator promises to ring the customer of a pop again."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    due_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # null: as soon as may be
    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)] = ""
    myself: bool = True  # his own phone rings first; false: that of anybody in the queue


class FormEdit(_FromBrowser, frozen=True, tag="form"):
    """What the operator wrote into the form of an interaction on a pop: the fields that are different, whole."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    interaction_id: Annotated[str, msgspec.Meta(max_length=400)]
    revision: int  # of the interaction as he saw it
    fields: Annotated[dict[FieldName, FieldValue], msgspec.Meta(min_length=1, max_length=100)]


class Found(_FromBrowser, frozen=True, tag="found"):
    """What the operator found the reason of the call to be: a touch, an interaction, or none of what is known."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    kind: Literal["touch", "interaction", "none"]
    about_id: Annotated[str, msgspec.Meta(max_length=400)] = ""  # touch_id or interaction_id; "" for none


class Proposed(_FromBrowser, frozen=True, tag="proposed"):
    """What became of something the operator proposed."""

    pop_id: Annotated[str, msgspec.Meta(max_length=400)]
    proposal: Annotated[str, msgspec.Meta(max_length=200)]  # its key
    fate: Literal["offered", "accepted", "refused"]


class Ping(_FromBrowser, frozen=True, tag="ping"):
    """Sign of life, for browsers whose network swallows websocket pings."""


BrowserMessage = Ack | Note | Choose | Wrong | FormEdit | PromiseCallback | Found | Proposed | Ping
