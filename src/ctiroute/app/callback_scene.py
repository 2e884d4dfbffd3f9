"""The floor, the queues and the operators, as the placer of callbacks sees them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.desk.matching import Directory
from ctiroute.model import CallbackPromise, LegStarted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from ctiroute.app.call_files import CallFile
    from ctiroute.app.floor import Floor
    from ctiroute.app.queues import Queues
    from ctiroute.model import CallbackOrder, Member, Operator

log = logging.getLogger(__name__)


class CallbackScene:
    """Implements `callback_ports.Surroundings`."""

    def __init__(
        self,
        pbx: str,
        floor: Floor,
        queues: Queues,
        look_up: Callable[[LegStarted], Awaitable[CallFile]],
        clock: Callable[[], datetime],
    ) -> None:
        """Take the switch's name, and what makes the file of a call from its customer's number."""
        self._pbx = pbx
        self._floor = floor
        self._queues = queues
        self._look_up = look_up
        self._clock = clock
        self._directory = Directory(())
        self._directory_of: Mapping[str, Operator] = {}

    def free(self) -> Mapping[str, int]:
        """Return how many could be rung now, by place."""
        found = {f"queue:{name}": free for name, free in self._queues.free(self._pbx).items()}
        available = self._queues.available()
        if available is not None:
            found |= {f"operator:{operator_id}": int(operator_id in available) for operator_id in self._floor.operators}
        return found

    def interface_of(self, operator_id: str) -> str:
        """Return the phone of an operator."""
        operator = self._floor.operators.get(operator_id)
        return operator.interfaces[0] if operator is not None and operator.interfaces else ""

    def operator_at(self, member: Member) -> str | None:
        """Return whose phone this is."""
        operators = self._floor.operators
        if operators is not self._directory_of:
            self._directory, self._directory_of = Directory(tuple(operators.values())), operators
        return next((operator.operator_id for operator in self._directory.at(member)), None)

    def is_live(self, call_id: str) -> bool:
        """Say whether a call goes on."""
        return self._floor.is_live(call_id)

    async def expect(self, order: CallbackOrder, call_id: str) -> None:
        """Have the pop ready, with the whole context and the order's note."""
        try:
            file = await self._look_up(LegStarted(call_id, call_id, "", order.phone, "", self._clock()))
        except Exception:  # whatever it is: who was promised a call gets it
            log.exception("callback %s is placed without its context", order.callback_id)
            return
        if order.customer_id is not None:
            file = file.chosen(order.customer_id) or file
        request = replace(file.context.request, medium=order.medium)
        self._floor.expect(
            replace(
                file,
                context=replace(file.context, request=request),
                callback=CallbackPromise.of(order),
                touch_id=order.touch_id or file.touch_id,
                interaction_id=order.interaction_id or file.interaction_id,
            )
        )

    def unexpect(self, call_id: str) -> None:
        """Take note that a call was not placed after all."""
        self._floor.unexpect(call_id)
