"""One request in, one decision out, whatever breaks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.engine.router import Router
from ctiroute.errors import StoreUnavailable
from ctiroute.model import (
    Caller,
    CallerContext,
    CallerFacts,
    CallerQuery,
    Decision,
    Identifier,
    IdentifierKind,
    IdentityKind,
    Medium,
    OfferTerms,
    QueueState,
    RouteRequest,
    Status,
    ToDefault,
    ToMenu,
    ToQueue,
    Touch,
    TouchStatus,
)
from ctiroute.rules import Needs, Ruleset, load_ruleset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctiroute.engine.source import Source

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PHONE = "+380671234567"
RULES = """
rules:
  - name: autumn-sms-callers
    when: {touch: {campaign: "autumn-*", within: 15m}}
    then: {queue: promo, priority: 10}
default: {menu: main}
"""


@dataclass
class Told:
    """A ledger that remembers."""

    decisions: list[tuple[CallerContext, Decision]] = field(default_factory=list)
    contexts: list[CallerContext] = field(default_factory=list)
    has_context: asyncio.Event = field(default_factory=asyncio.Event)
    gone: list[RouteRequest] = field(default_factory=list)

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Remember a decision."""
        assert took_ms >= 0
        self.decisions.append((context, decision))

    def completed(self, context: CallerContext) -> None:
        """Remember a context."""
        self.contexts.append(context)
        self.has_context.set()

    def abandoned(self, request: RouteRequest) -> None:
        """Remember a caller."""
        self.gone.append(request)


@dataclass
class Answering:
    """A source that answers at once, late, or not."""

    facts: CallerFacts = CallerFacts()
    immediate: bool = True
    error: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "store"

    @property
    def find_now(self) -> Callable[[CallerQuery], CallerFacts] | None:
        """Answer at once, when told so."""
        return self._answer if self.immediate else None

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Answer once the gate is open."""
        await self.gate.wait()
        return self._answer(query)

    def _answer(self, query: CallerQuery) -> CallerFacts:  # noqa: ARG002 - the Source's interface
        if self.error:
            raise self.error
        return self.facts


def touched(minutes: int) -> CallerFacts:
    """Return a customer who was sent the offer so long ago."""
    phone = Identifier(IdentifierKind.PHONE, PHONE)
    sent = NOW - timedelta(minutes=minutes)
    return CallerFacts(touches=(Touch("t1", "autumn-sms", "Autumn", Medium.SMS, phone, sent, TouchStatus.DELIVERED, OfferTerms("Autumn")),))


def a_request() -> RouteRequest:
    """Return a call's question."""
    return RouteRequest("pbx:1.1", Medium.VOICE, Caller(PHONE, PHONE), "0800", NOW)


def router(sources: Sequence[Source], told: Told, rules: Callable[[], Ruleset] | None = None) -> Router:
    """Return a router on the test's rules."""
    ruleset = load_ruleset([("rules.yml", RULES)])
    return Router(sources, rules or (lambda: ruleset), dict, told, CollectorRegistry(), lambda: NOW)


def deadline(seconds: float = 1.0) -> float:
    """Return a moment on the loop's clock."""
    return asyncio.get_running_loop().time() + seconds


async def test_a_fresh_touch_skips_the_menu() -> None:
    """The founding story, as the engine sees it."""
    told = Told()
    decision = await router([Answering(touched(12))], told).route(a_request(), deadline())
    assert decision.status is Status.ROUTED
    assert decision.destination == ToQueue("promo", 10)
    assert decision.touch_id == "t1"
    assert told.decisions[0][1] is decision
    assert decision.trace.rules[0].verdicts[0].matched


@pytest.mark.parametrize("sent", [12, 20])
async def test_a_decision_at_once_is_the_decision_that_is_waited_for(sent: int) -> None:
    """Only the way to it differs, and the ledger hears of either."""
    told = Told()
    routing = router([Answering(touched(sent))], told)
    at_once, waited = routing.decide(a_request()), await routing.route(a_request(), deadline())
    assert at_once is not None
    assert [decision for _, decision in told.decisions] == [at_once, waited]
    assert at_once == replace(waited, trace=at_once.trace)


async def test_with_a_source_to_wait_for_nothing_is_decided_at_once() -> None:
    """The call has to be routed, and nobody is told of it twice."""
    told = Told()
    assert router([Answering(touched(12)), Answering(immediate=False, name="crm")], told).decide(a_request()) is None
    assert not told.decisions


async def test_an_old_touch_takes_the_default_and_the_trace_says_why() -> None:
    """What was seen stands beside what was wanted."""
    decision = await router([Answering(touched(20))], Told()).route(a_request(), deadline())
    assert (decision.status, decision.destination) == (Status.DEFAULT, ToMenu("main"))
    verdict = decision.trace.rules[0].verdicts[-1]
    assert not verdict.matched
    assert "15m" in verdict.wanted
    assert "20" in verdict.seen


async def test_a_store_that_is_away_costs_the_touch_not_the_call() -> None:
    """The rules decide on what is there, and the failure is named."""
    told = Told()
    decision = await router([Answering(error=StoreUnavailable("disk is gone"))], told).route(a_request(), deadline())
    assert decision.destination == ToMenu("main")
    assert told.decisions[0][0].sources[0].detail == "disk is gone"


async def test_a_late_source_meets_the_deadline_and_completes_the_pop() -> None:
    """The call is decided in time; what comes later is told to the ledger."""
    told, late = Told(), Answering(touched(12), immediate=False)
    loop = asyncio.get_running_loop()
    until = deadline(0.1)
    routing = router([late], told)
    decision = await routing.route(a_request(), until)
    assert loop.time() <= until
    assert decision.destination == ToMenu("main")
    assert told.decisions[0][0].sources[0].state == "late"
    late.gate.set()
    await asyncio.wait_for(told.has_context.wait(), 1)
    assert told.contexts[0].touches[0].touch_id == "t1"


async def test_rules_that_break_take_the_default_way() -> None:
    """No bug of ours costs a caller the call."""

    def broken() -> Ruleset:
        raise RuntimeError("bug")

    told = Told()
    routing = router([Answering()], told, broken)
    for decision in (routing.decide(a_request()), await routing.route(a_request(), deadline())):
        assert decision is not None
        assert (decision.status, decision.destination) == (Status.ERROR, ToDefault())
        assert decision.trace.error == "RuntimeError"
        assert decision.trace.rules == ()
    assert len(told.decisions) == 2


class Failing(Told):
    """A ledger that breaks its word."""

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Fail."""
        super().decided(context, decision, took_ms)
        raise RuntimeError("no")


@pytest.mark.parametrize("immediate", [True, False])
async def test_a_ledger_that_fails_costs_no_answer(caplog: pytest.LogCaptureFixture, *, immediate: bool) -> None:
    """The caller gets the decision that was made, whether it was waited for or not."""
    source = Answering(touched(5), immediate=immediate)
    source.gate.set()
    routing = router([source], Failing())
    decision = routing.decide(a_request()) if immediate else await routing.route(a_request(), deadline())
    assert decision is not None
    assert decision.status is Status.ROUTED
    assert "taking note of the decision failed" in caplog.text
    await routing.close()


async def test_a_caller_who_hangs_up_ends_the_look_up() -> None:
    """Cancellation passes through and decides nothing."""
    told, late = Told(), Answering(immediate=False)
    routing = router([late], told)
    task = asyncio.get_running_loop().create_task(routing.route(a_request(), deadline(5)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    routing.abandoned(a_request())
    assert not told.decisions
    assert told.gone == [a_request()]


async def test_a_call_nobody_asked_about_is_looked_up_without_a_decision() -> None:
    """A directly dialled call gets its context, too."""
    told = Told()
    context = await router([Answering(touched(1))], told).look_up(a_request(), 1)
    assert context.identity.kind is IdentityKind.UNKNOWN
    assert context.touches
    assert not told.decisions


async def test_live_state_is_asked_once_for_rules_that_look_at_it_and_never_else() -> None:
    """What a rule set does not look at costs nothing; what it looks at is that of the caller's own switch."""
    asked: list[str] = []

    def live(pbx: str, needs: Needs) -> tuple[dict[str, QueueState], None]:
        asked.append(pbx)
        return {name: QueueState(name, 0, 0, 0, 0.0, NOW) for name in needs.queues}, None

    def routing(default: str) -> Router:
        ruleset = load_ruleset([("rules.yml", f"default: {default}")])
        return Router([Answering(touched(12))], lambda: ruleset, dict, Told(), CollectorRegistry(), lambda: NOW, live)

    request = replace(a_request(), pbx="hq")
    plain, looking = routing("{queue: main}"), routing("{queue: {name: main, else: {menu: night}}}")
    assert (await plain.route(request, deadline())).destination == ToQueue("main")
    assert asked == []
    decision = await looking.route(request, deadline())
    assert (decision.destination, asked) == (ToMenu("night"), ["hq"])
    assert [state.queue for state in decision.queues] == ["main"]
