"""The waiting caller who presses a key to be rung back: a question over FastAGI like any other, told apart by its first argument.

`AGI(agi://HOST:4573/route,LINKEDID,callback,queue=NAME)` is answered with `CTI_X_CALLBACK=ordered` once the order is kept, else without it:
whoever is not told that goes on waiting. All other questions are passed on to the router untouched.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from ctiroute.errors import CallbackRefused, StoreError
from ctiroute.model import Decision, Status, ToDefault, Trace
from ctiroute.model.callback import CallbackAsked

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.app.callback_orders import CallbackOrders
    from ctiroute.app.tasks import Tasks
    from ctiroute.connectors.asterisk.ports import RouteHandler
    from ctiroute.model import RouteRequest

log = logging.getLogger(__name__)

WORD = "callback"
SOURCE = "queue"
_QUEUE = re.compile(r"queue=([A-Za-z0-9_.:@/+&-]{1,128})", re.ASCII)


class CallbackKeys:
    """Implements the connectors' `RouteHandler` before the router's own."""

    def __init__(self, router: RouteHandler, orders: CallbackOrders, tasks: Tasks) -> None:
        self._router = router
        self._orders = orders
        self._tasks = tasks

    def decide(self, request: RouteRequest) -> Decision | None:
        """Decide at once, unless it is a key press."""
        return None if request.args and request.args[0] == WORD else self._router.decide(request)

    def begin(self, request: RouteRequest, deadline_at: float, answer: Callable[[Decision], None]) -> Callable[[], None]:
        """Order the callback, or have the router decide."""
        if not (request.args and request.args[0] == WORD):
            return self._router.begin(request, deadline_at, answer)
        # Not cancelled when the caller hangs up in this moment: he has asked for it.
        task = self._tasks.start(self.route(request, deadline_at), f"callback for {request.call_id}")
        waits = True

        def answered(done: asyncio.Task[Decision]) -> None:
            if waits and not done.cancelled() and done.exception() is None:
                answer(done.result())

        def let_go() -> None:
            nonlocal waits
            waits = False

        task.add_done_callback(answered)
        return let_go

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Order the callback, or have the router decide."""
        if not (request.args and request.args[0] == WORD):
            return await self._router.route(request, deadline_at)
        try:
            async with asyncio.timeout_at(deadline_at):
                return await self._order(request)
        except CallbackRefused as error:
            return _unordered(request, str(error))
        except (StoreError, TimeoutError) as error:
            return _unordered(request, str(error) or "the store took too long")

    def abandoned(self, request: RouteRequest) -> None:
        """Take note of a caller who hung up before the answer; who pressed the key has what he wanted."""
        if not (request.args and request.args[0] == WORD):
            self._router.abandoned(request)

    async def _order(self, request: RouteRequest) -> Decision:
        found = next((found for arg in request.args if (found := _QUEUE.fullmatch(arg))), None)
        if request.caller.phone is None:
            raise CallbackRefused("the number is withheld, or none that can be rung")
        queue = found[1] if found is not None else None
        asked = CallbackAsked(SOURCE, request.caller.phone, queue=queue, matter=f"queue:{queue}", call_id=request.call_id)
        order, _ = await self._orders.take(asked)
        variables = {"CALLBACK": "ordered", "CALLBACK_AT": str(int(order.due_at.timestamp()))}
        return Decision(Status.ROUTED, ToDefault(), Trace(lambda: ()), variables=variables)


def _unordered(request: RouteRequest, why: str) -> Decision:
    log.warning("%s goes on waiting, no callback was ordered: %s", request.call_id, why)
    return Decision(Status.DEFAULT, ToDefault(), Trace(lambda: (), error=why))
