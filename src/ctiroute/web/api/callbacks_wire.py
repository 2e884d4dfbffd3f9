"""The bodies of /api/v1/callbacks. docs and the OpenAPI document are made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ctiroute.model import CallbackOrder, FirstRung

Short = Annotated[str, msgspec.Meta(max_length=200)]
At = Annotated[datetime, msgspec.Meta(tz=True, description="With an offset.")]
CallbackNote = Annotated[str, msgspec.Meta(max_length=4000)]
QueueName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.:@/+&-]{1,128}$")]
First = Literal["operator", "customer"]
State = Literal["ordered", "claimed", "ringing", "talking", "done", "given_up", "cancelled"]


class CallbackIdentifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another key of a customer whose phone we know."""

    kind: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,31}$")]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewCallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promise to ring a customer."""

    phone: Annotated[str, msgspec.Meta(max_length=40, description="As people write it.")] | None = None
    identifier: CallbackIdentifier | None = None  # in place of a phone
    customer_id: Short | None = None
    due_at: At | None = None  # null: as soon as may be
    until: At | None = None  # null: as the settings say
    queue: QueueName | None = None
    operator: Short | None = None  # rung before the queue
    first: First | None = None
    matter: Short = ""  # a phone has one open order for each
    note: CallbackNote = ""
    touch_id: Annotated[str, msgspec.Meta(max_length=900)] | None = None
    interaction_id: Short | None = None
    call_id: Short | None = None
    external_id: Short = ""  # ordered again, it is the same order
    ordered_by: Short = ""  # whom the operator reads to have promised it
    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] | None = None


class CallbackMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another time for an order."""

    due_at: At
    until: At | None = None
    note: CallbackNote | None = None


class CallbackAttemptView(msgspec.Struct, frozen=True):
    """One try."""

    call_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None  # talked, no_operator, busy, no_answer, unreachable, refused, uncertain; null: not over
    operator: str | None


class CallbackView(msgspec.Struct, frozen=True):
    """An order."""

    callback_id: str
    state: State
    phone: str
    customer_id: str | None
    due_at: datetime  # of the next attempt, out of the customer's quiet hours
    until: datetime
    asked_at: datetime  # what was promised first
    ordered_at: datetime
    closed_at: datetime | None
    source: str
    external_id: str
    ordered_by: str
    matter: str
    queue: str | None
    operator: str | None
    first: First
    note: str
    touch_id: str | None
    interaction_id: str | None
    call_id: str | None
    most_attempts: int
    attempts: list[CallbackAttemptView]
    revision: int


class CallbackList(msgspec.Struct, frozen=True):
    """Orders, the latest first."""

    callbacks: list[CallbackView]
    next: str | None  # for `before`: there may be more


def view_of(order: CallbackOrder) -> CallbackView:
    """Return an order as it is told."""
    return CallbackView(
        callback_id=order.callback_id,
        state=order.state.value,
        phone=order.phone,
        customer_id=order.customer_id,
        due_at=order.due_at,
        until=order.until,
        asked_at=order.asked_at,
        ordered_at=order.ordered_at,
        closed_at=order.closed_at,
        source=order.source,
        external_id=order.external_id,
        ordered_by=order.ordered_by,
        matter=order.matter,
        queue=order.queue,
        operator=order.owner,
        first="customer" if order.first is FirstRung.CUSTOMER else "operator",
        note=order.note,
        touch_id=order.touch_id,
        interaction_id=order.interaction_id,
        call_id=order.call_id,
        most_attempts=order.most_attempts,
        attempts=[
            CallbackAttemptView(each.call_id, each.started_at, each.ended_at, each.outcome and each.outcome.value, each.operator_id)
            for each in order.attempts
        ],
        revision=order.revision,
    )
