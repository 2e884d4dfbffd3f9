"""One request in, one Decision out, before its deadline and whatever breaks. Knows sources and rules; knows no medium.

The order of work is what keeps a caller safe: gather until a little before the deadline, decide on what is there, answer. The rest of the
service (screens, records) is told through the `Ledger`, which only takes note: what fails there cannot fail the answer.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from prometheus_client import Counter, Histogram

from ctiroute.engine.decide import decide
from ctiroute.engine.gather import Gatherer, no_reasons, waited
from ctiroute.model import UNKNOWN, CallerContext, Decision, Status, ToDefault, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.engine.gather import Rank
    from ctiroute.engine.source import Backed, Source
    from ctiroute.model import Operator, QueueState, RouteRequest
    from ctiroute.rules import Needs, Ruleset

log = logging.getLogger(__name__)

RESERVE_S = 0.05  # kept of a call's deadline for deciding and for the answer's round trip to Asterisk
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Ledger(Protocol):
    """Hears what was decided. Must neither block nor raise."""

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Take note of a decision, as soon as it is made."""

    def completed(self, context: CallerContext) -> None:
        """Take note that a late source has answered: the whole context, for the pop's next revision."""

    def abandoned(self, request: RouteRequest) -> None:
        """Take note that the caller hung up before the decision."""


class Live(Protocol):
    """Knows how things stand at the moment."""

    def __call__(self, pbx: str, needs: Needs, /) -> tuple[Mapping[str, QueueState], Collection[str] | None]:
        """Return the queues that `needs` asks for and, if it asks for that, who could be rung. Must neither block nor raise."""


class Router:
    """Answers requests. Implements the connectors' RouteHandler."""

    def __init__(
        self,
        sources: Sequence[Source | Backed],
        rules: Callable[[], Ruleset],
        operators: Callable[[], Mapping[str, Operator]],
        ledger: Ledger,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
        live: Live | None = None,
        rank: Rank = no_reasons,
    ) -> None:
        """Take `rules` and `operators` as functions: each decision uses one whole version, read once.

        `live` is asked once a decision, and not at all while no rule looks at a queue or at who is available. `rank` says why somebody
        may be calling.
        """
        self._gatherer = Gatherer(sources, clock, registry, rank)
        self._rules = rules
        self._operators = operators
        self._ledger = ledger
        self._clock = clock
        self._live = live
        self._decisions = Counter("ctiroute_decisions", "Decisions by how they came about", ["status"], registry=registry)
        self._by_status = {status: self._decisions.labels(status.value) for status in Status}  # a child look-up costs a lock
        self._seconds = Histogram("ctiroute_decision_seconds", "From request to decision", buckets=BUCKETS, registry=registry)

    def decide(self, request: RouteRequest) -> Decision | None:
        """Decide at once; None, with nobody told, when a source has to be waited for: `begin` does that. Never raises."""
        started = perf_counter()
        try:
            ruleset, now = self._rules(), self._clock()
            context = self._gatherer.gather_now(request, ruleset.needs, now)
            if context is None:
                return None
            decision = self._by_rules(request, context, ruleset, now)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the caller takes the default way
            context, decision = _broken(request, error)
        return self._decided(started, context, decision)

    def begin(self, request: RouteRequest, deadline_at: float, answer: Callable[[Decision], None]) -> Callable[[], None]:
        """Call `answer` once with the decision before `deadline_at` (the event loop's clock), which may be at once.

        Returns what lets go of everything: the caller has gone. Never raises, as `answer` must not.
        """
        started = perf_counter()

        def gathered(context: CallerContext) -> None:
            try:
                decision = self._by_rules(request, context, self._rules(), self._clock())
            except Exception as error:  # noqa: BLE001 - whatever breaks, the caller takes the default way
                context, decision = _broken(request, error)
            answer(self._decided(started, context, decision))

        try:
            return self._gatherer.begin(request, self._rules().needs, deadline_at - RESERVE_S, gathered, self._ledger.completed)
        except Exception as error:  # noqa: BLE001 - as above
            answer(self._decided(started, *_broken(request, error)))
            return lambda: None

    async def route(self, request: RouteRequest, deadline_at: float) -> Decision:
        """Do as `begin`, and wait for it. Raises nothing but CancelledError."""
        return await waited(lambda answer: self.begin(request, deadline_at, answer))

    def abandoned(self, request: RouteRequest) -> None:
        """Take note that the caller hung up before the decision."""
        self._ledger.abandoned(request)

    async def look_up(self, request: RouteRequest, limit_s: float) -> CallerContext:
        """Return what is known of a caller whom nobody asked us to route: a call that was dialled directly."""
        until = asyncio.get_running_loop().time() + limit_s
        return await self._gatherer.gather(request, self._rules().needs, until, self._ledger.completed)

    async def close(self) -> None:
        """Let go of late look-ups."""
        await self._gatherer.close()

    def _by_rules(self, request: RouteRequest, context: CallerContext, ruleset: Ruleset, now: datetime) -> Decision:
        needs = ruleset.needs
        if self._live is None or not (needs.queues or needs.available):
            return decide(request, context, ruleset, now, self._operators())
        queues, available = self._live(request.pbx, needs)
        return decide(request, context, ruleset, now, self._operators(), queues, available)

    def _decided(self, started: float, context: CallerContext, decision: Decision) -> Decision:
        took = perf_counter() - started
        self._by_status[decision.status].inc()
        self._seconds.observe(took)
        try:
            self._ledger.decided(context, decision, took * 1000)
        except Exception:  # the caller waits for the decision, and for nothing that becomes of it
            log.exception("%s: taking note of the decision failed", context.request.call_id)
        return decision


def _broken(request: RouteRequest, error: Exception) -> tuple[CallerContext, Decision]:
    log.error("no decision for %s", request.call_id, exc_info=error)
    return CallerContext(request, UNKNOWN), Decision(Status.ERROR, ToDefault(), Trace(tuple, error=type(error).__name__))
