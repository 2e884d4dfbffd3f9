"""What other systems are told of callback orders: one announcement for each step that matters to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import StoreError
from ctiroute.model import Announcement, CallbackState
from ctiroute.web.api.callbacks_wire import view_of

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import Announcer, CallbackOrder

log = logging.getLogger(__name__)

ORDERED, MOVED, FAILED = "callback.ordered", "callback.moved", "callback.failed"
_KINDS = {
    CallbackState.RINGING: "callback.ringing",
    CallbackState.TALKING: "callback.talking",
    CallbackState.DONE: "callback.done",
    CallbackState.GIVEN_UP: "callback.given_up",
    CallbackState.CANCELLED: "callback.cancelled",
}


async def announce(announcer: Announcer | None, order: CallbackOrder, at: datetime, kind: str = "") -> None:
    """Tell of an order as it is now; `kind` where its state does not say it. Never raises: the order itself is kept already."""
    kind = kind or _KINDS.get(order.state, "")
    if announcer is None or not kind:
        return
    ids = (order.callback_id, order.customer_id, order.interaction_id, order.touch_id, order.call_id)
    calls = (attempt.call_id for attempt in order.attempts)
    announcement = Announcement(
        kind=kind,
        event_id=f"{kind}:{order.callback_id}:{order.revision}",
        key=f"callback:{order.callback_id}",
        at=at,
        data=msgspec.to_builtins(view_of(order)),
        about=tuple(one for one in (*ids, *calls) if one),
    )
    try:
        await announcer.announce(announcement)
    except StoreError as error:
        log.warning("%s of %s is told to nobody: %s", kind, order.callback_id, error)
