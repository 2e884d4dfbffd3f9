"""Other media ask the engine as calls do: the same look-up, deadline and rules, and a record of what was decided.

No phone rings for them, so the floor does not hear of it; a ledger stands between, which keeps what was decided for who asked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from ctiroute.app import pops
from ctiroute.app.call_files import CallFile, to_bytes
from ctiroute.model import CallRecord, Outcome, Status, ToQueue
from ctiroute.web.ports import RouteAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from ctiroute.app.recorder import Recorder
    from ctiroute.engine.router import Ledger
    from ctiroute.model import CallerContext, Decision, RouteRequest


class Engine(Protocol):
    """What decides."""

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Decide before a moment on the event loop's clock. Never raises."""


class OtherMedia:
    """Answers for media other than calls. Implements web's `RouteDesk`; as `Ledger`, passes on what is about calls."""

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        clock: Callable[[], datetime],
        deadline_s: float,
        language: str,
        zone: Callable[[], tzinfo],
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._clock = clock
        self._deadline_s = deadline_s
        self._language = language
        self._zone = zone
        self._asked: dict[int, CallerContext | None] = {}  # by the identity of the question: two may have one name
        self.engine: Engine | None = None  # it is made with this as its ledger

    async def route(self, request: RouteRequest) -> RouteAnswer:
        """Decide as for a call, and keep a record of it."""
        assert self.engine is not None  # noqa: S101 - the service sets it as it is built
        self._asked[id(request)] = None
        try:
            decision = await self.engine.route(request, asyncio.get_running_loop().time() + self._deadline_s)
            context = self._asked[id(request)]
        finally:
            del self._asked[id(request)]
        assert context is not None  # noqa: S101 - every decision is told to the ledger, with its context
        headline, opening = pops.words_of(
            CallFile.of(context, decision, worded=False), request.language or self._language, self._clock(), self._zone()
        )
        return RouteAnswer(context, decision, headline, opening)

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Take note of a decision."""
        if id(context.request) not in self._asked:
            self._ledger.decided(context, decision, took_ms)
            return
        self._asked[id(context.request)] = context
        self._record(context, decision, took_ms)

    def completed(self, context: CallerContext) -> None:
        """Take note that a late source has answered; who asked for another medium has his answer."""
        self._ledger.completed(context)

    def abandoned(self, request: RouteRequest) -> None:
        """Pass on that a caller left."""
        self._ledger.abandoned(request)

    def _record(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Keep what was decided. It is no call of anybody's: rules that count calls do not count it."""
        request, customer, destination = context.request, context.identity.customer, decision.destination
        # What was known is kept only where an erasure would find it: by the customer, or by the number.
        is_found = customer is not None or bool(request.caller.raw)
        self._recorder.record(
            CallRecord(
                call_id=request.call_id,
                caller_raw=request.caller.raw,
                dialed=request.dialed,
                received_at=request.received_at,
                status=decision.status,
                rule=decision.rule,
                queue=destination.queue if isinstance(destination, ToQueue) else None,
                customer_id=None if customer is None else customer.customer_id,
                touch_id=decision.touch_id,
                interaction_id=decision.interaction_id,
                decision_ms=round(took_ms, 3),
                outcome=None if decision.status is Status.ROUTED else Outcome.DEFAULTED,
                snapshot=to_bytes(CallFile.of(context, decision)) if is_found else None,
            )
        )
