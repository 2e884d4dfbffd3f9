"""The bodies of the API. docs and the OpenAPI document are made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ctiroute.model import Interaction
from ctiroute.web.api.rules_wire import RuleFault

ReceiptStatus = Literal["delivered", "read", "clicked", "failed"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
At = Annotated[datetime, msgspec.Meta(tz=True, description="When it happened, with an offset.")]


class TouchProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one touch."""

    status: ReceiptStatus
    at: At


class ReceiptLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of a touch, named by its id, or by its campaign and the sender's own id."""

    status: ReceiptStatus
    at: At
    touch_id: Annotated[str, msgspec.Meta(min_length=1, max_length=900)] | None = None
    campaign: Text | None = None
    external_id: Text | None = None


class Reject(msgspec.Struct, frozen=True):
    """One line that was not taken."""

    line: int  # 1-based
    column: str  # "": the line as a whole
    reason: str


class TouchesTaken(msgspec.Struct, frozen=True):
    """Answer to touches."""

    read: int  # rows
    added: int
    updated: int  # known before
    rejected: int
    rejects: list[Reject]  # the first 20


class ReceiptsTaken(msgspec.Struct, frozen=True):
    """Answer to receipts."""

    read: int  # lines
    applied: int
    unknown: int  # touches that are not there
    rejected: int
    rejects: list[Reject]  # the first 20, those of unknown touches among them


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error, by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    faults: list[RuleFault] | msgspec.UnsetType = msgspec.UNSET  # of rules that cannot be used
    rejects: list[Reject] | msgspec.UnsetType = msgspec.UNSET  # of a body that was refused for its lines
    current: Interaction | msgspec.UnsetType = msgspec.UNSET  # what somebody has made of it meanwhile
