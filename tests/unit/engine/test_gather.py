"""Sources under a deadline."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.engine.gather import Gatherer
from ctiroute.errors import StoreUnavailable
from ctiroute.model import (
    Caller,
    CallerContext,
    CallerFacts,
    CallerQuery,
    Customer,
    Identifier,
    IdentifierKind,
    IdentityKind,
    Medium,
    OfferTerms,
    PastCall,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules import Needs

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REACH = Needs(timedelta(days=30), timedelta(days=7), timedelta(days=90))
PHONE = "+380671234567"


def a_request(phone: str | None = PHONE, *, withheld: bool = False) -> RouteRequest:
    """Return a call's question."""
    return RouteRequest("pbx:1.1", Medium.VOICE, Caller(phone or "", phone, withheld=withheld), "0800", NOW)


def a_touch(touch_id: str, sent_at: datetime = NOW) -> Touch:
    """Return a touch."""
    phone = Identifier(IdentifierKind.PHONE, PHONE)
    return Touch(touch_id, "autumn", "Autumn", Medium.SMS, phone, sent_at, TouchStatus.SENT, OfferTerms())


@dataclass
class Answering:
    """A source under the test's control: it answers once `gate` is set, or breaks."""

    name: str
    facts: CallerFacts = CallerFacts()
    immediate: bool = False
    error: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[CallerQuery] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    @property
    def find_now(self) -> Callable[[CallerQuery], CallerFacts] | None:
        """Answer at once, when told so."""
        return self._answer if self.immediate else None

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Answer once the gate is open."""
        self.was_asked.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self._answer(query)

    def _answer(self, query: CallerQuery) -> CallerFacts:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        return self.facts


def soon(seconds: float) -> float:
    """Return a deadline on the loop's clock."""
    return asyncio.get_running_loop().time() + seconds


async def test_an_immediate_source_is_asked_with_the_reach_of_the_rules() -> None:
    """One trip holds everything, no further back than the rules look."""
    source = Answering("store", CallerFacts(customers=(Customer("c1", "Olena"),)), immediate=True)
    context = Gatherer([source], lambda: NOW, CollectorRegistry()).gather_now(a_request(), REACH, NOW)
    assert context is not None
    assert context.identity.kind is IdentityKind.KNOWN
    assert [(it.source, it.state) for it in context.sources] == [("store", "ok")]
    assert source.asked[0].touches_since == NOW - timedelta(days=30)
    assert source.asked[0].identifier.value == PHONE


async def test_waiting_for_an_immediate_source_changes_nothing() -> None:
    """Both ways to ask find the same."""
    gatherer = Gatherer(
        [Answering("store", CallerFacts(customers=(Customer("c1", "Olena"),)), immediate=True)], lambda: NOW, CollectorRegistry()
    )
    now, waited = gatherer.gather_now(a_request(), REACH, NOW), await gatherer.gather(a_request(), REACH, soon(1))
    assert now is not None
    assert (now.identity, now.touches, now.gathered_at) == (waited.identity, waited.touches, waited.gathered_at)


def test_where_one_source_has_to_be_waited_for_nobody_is_asked_at_once() -> None:
    """Asking the quick ones here and again in the wait would ask them twice."""
    quick, slow = Answering("store", immediate=True), Answering("crm")
    assert Gatherer([quick, slow], lambda: NOW, CollectorRegistry()).gather_now(a_request(), REACH, NOW) is None
    assert not quick.asked


@pytest.mark.parametrize(("withheld", "kind"), [(True, IdentityKind.WITHHELD), (False, IdentityKind.UNKNOWN)])
async def test_without_a_number_nobody_is_asked(withheld: bool, kind: IdentityKind) -> None:
    """What is no number is no key."""
    quick, slow = Answering("store", immediate=True), Answering("crm")
    gatherer = Gatherer([quick, slow], lambda: NOW, CollectorRegistry())
    request = a_request(None, withheld=withheld)
    for context in (gatherer.gather_now(request, REACH, NOW), await gatherer.gather(request, REACH, soon(1))):
        assert context is not None
        assert context.identity.kind is kind
    assert not quick.asked
    assert not slow.was_asked.is_set()


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("bug")])
@pytest.mark.parametrize("immediate", [True, False])
async def test_a_source_that_breaks_is_left_out_and_named(error: Exception, immediate: bool) -> None:
    """The others still count, and the trace says who failed."""
    good = Answering("crm", CallerFacts(touches=(a_touch("t1"),)), immediate)
    bad = Answering("store", immediate=immediate, error=error)
    good.gate.set()
    bad.gate.set()
    context = await Gatherer([bad, good], lambda: NOW, CollectorRegistry()).gather(a_request(), REACH, soon(1))
    assert [it.state for it in context.sources] == ["failed", "ok"]
    assert [touch.touch_id for touch in context.touches] == ["t1"]


async def test_a_late_source_is_left_out_and_completes_the_context_afterwards() -> None:
    """The call goes on at its deadline; the pop gets the rest when it comes."""
    late, quick = (
        Answering("crm", CallerFacts(customers=(Customer("c1", "Olena"),))),
        Answering("store", CallerFacts(touches=(a_touch("t1"),))),
    )
    quick.gate.set()
    done: asyncio.Future[CallerContext] = asyncio.get_running_loop().create_future()
    gatherer = Gatherer([quick, late], lambda: NOW, CollectorRegistry())
    context = await gatherer.gather(a_request(), REACH, soon(0.01), done.set_result)
    assert {it.source: it.state for it in context.sources} == {"store": "ok", "crm": "late"}
    assert context.identity.kind is IdentityKind.UNKNOWN
    late.gate.set()
    completed = await asyncio.wait_for(done, 1)
    assert completed.identity.kind is IdentityKind.KNOWN
    assert [touch.touch_id for touch in completed.touches] == ["t1"]
    assert {it.state for it in completed.sources} == {"ok"}


async def test_a_caller_who_hangs_up_cancels_the_look_up() -> None:
    """Nobody needs the answer any more (TRUST F5)."""
    source = Answering("crm")
    gathering = asyncio.get_running_loop().create_task(
        Gatherer([source], lambda: NOW, CollectorRegistry()).gather(a_request(), REACH, soon(5))
    )
    await source.was_asked.wait()
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    await asyncio.sleep(0)
    assert source.cancelled


async def test_closing_lets_go_of_late_look_ups() -> None:
    """A stop leaves no task behind."""
    source = Answering("crm")
    gatherer = Gatherer([source], lambda: NOW, CollectorRegistry())
    await gatherer.gather(a_request(), REACH, soon(0), lambda _: None)
    await source.was_asked.wait()
    await gatherer.close()
    assert source.cancelled


async def test_answers_of_several_sources_are_joined_newest_first_without_repeats() -> None:
    """Two sources that know the same touch tell of it once; the call being decided is not its own history."""
    first = Answering(
        "a", CallerFacts(touches=(a_touch("t1", NOW - timedelta(days=1)),), calls=(PastCall("pbx:1.1", NOW, None),)), immediate=True
    )
    second = Answering("b", CallerFacts(touches=(a_touch("t2"), a_touch("t1"))), immediate=True)
    context = await Gatherer([first, second], lambda: NOW, CollectorRegistry()).gather(a_request(), REACH, soon(1))
    assert [touch.touch_id for touch in context.touches] == ["t2", "t1"]
    assert context.touches[1].sent_at == NOW - timedelta(days=1)
    assert context.calls == ()
