"""What an operator promises from his screen: the call of a pop -> an order with all that was known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.errors import CallbackRefused
from ctiroute.model.callback import CallbackAsked

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.app.callback_orders import CallbackOrders
    from ctiroute.app.floor import Floor
    from ctiroute.model import CallbackOrder

SOURCE = "operator"


class OperatorPromises:
    """Implements web's `Promises`."""

    def __init__(self, floor: Floor, orders: CallbackOrders) -> None:
        self._floor = floor
        self._orders = orders

    async def promise(self, operator_id: str, pop_id: str, due_at: datetime | None, note: str, *, myself: bool) -> CallbackOrder | None:
        """Order a callback about the call of a pop; promised again about the same call, it is moved and its note replaced."""
        about = self._floor.about(operator_id, pop_id)
        if about is None:
            return None
        offer, file = about
        if file is None:
            raise CallbackRefused("who calls is not known yet")
        caller, customer = file.context.request.caller, file.context.identity.customer
        if caller.phone is None:
            raise CallbackRefused("the caller's number is withheld, or none that can be rung")
        if not myself and offer.queue is None:
            raise CallbackRefused("the call came by no queue: promise it for yourself")
        operator = self._floor.operators.get(operator_id)
        asked = CallbackAsked(
            source=SOURCE,
            phone=caller.phone,
            customer_id=customer.customer_id if customer is not None else None,
            due_at=due_at,
            queue=offer.queue,
            owner=operator_id if myself else None,
            matter=f"call:{offer.about_call_id}" if file.interaction_id is None and file.touch_id is None else "",
            note=note,
            touch_id=file.touch_id,
            interaction_id=file.interaction_id,
            call_id=offer.about_call_id,
            ordered_by=operator.name if operator is not None else operator_id,
        )
        order, new = await self._orders.take(asked)
        if not new and due_at is not None:
            order = await self._orders.move(order.callback_id, due_at, None, note or None) or order
        return order
