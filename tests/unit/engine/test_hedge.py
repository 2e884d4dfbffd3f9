"""A store and its copy under a call's deadline, in virtual time: what is asked when, and whose answer counts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.engine.gather import Gatherer
from ctiroute.engine.hedge import HEDGE_AFTER_S, STORE_BUDGET_S
from ctiroute.engine.late import MAX_LATE
from ctiroute.engine.source import Backed
from ctiroute.errors import StoreUnavailable
from ctiroute.model import (
    Caller,
    CallerContext,
    CallerFacts,
    CallerQuery,
    Customer,
    Medium,
    RouteRequest,
)
from ctiroute.rules import Needs
from tests.unit.engine.virtual_time import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.engine.source import Source

REACH = Needs(timedelta(days=30), timedelta(days=7), timedelta(days=90))
PHONE = "+380671234567"
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TRUTH = CallerFacts(customers=(Customer("c1", "Olena"),))
COPIED = CallerFacts(customers=(Customer("c1", "Olena"),), read_at=START - timedelta(seconds=3))
NEVER = 1e6
DEADLINE_S = 0.95


@dataclass
class Peer:
    """A source that answers `after_s`, or fails then. Both may change as time goes by."""

    name: str
    facts: CallerFacts
    after_s: float = 0.001
    error: Exception | None = None
    asked_at: list[float] = field(default_factory=list)
    cancelled: int = 0
    running: int = 0

    @property
    def find_now(self) -> Callable[[CallerQuery], CallerFacts] | None:
        """Have to be waited for."""
        return None

    async def find_caller(self, query: CallerQuery) -> CallerFacts:  # noqa: ARG002 - the Source's interface
        """Answer in a while."""
        loop = asyncio.get_running_loop()
        self.asked_at.append(loop.time())
        self.running += 1
        try:
            await asyncio.sleep(self.after_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return self.facts


class TellingPeer(Peer):
    """The same, but one that tells its answer by itself and has no task for it."""

    def find_soon(self, query: CallerQuery, told: Callable[[CallerFacts | Exception], None]) -> Callable[[], None]:  # noqa: ARG002 - as above
        """Answer in a while, if nobody lets go of it."""
        loop = asyncio.get_running_loop()
        self.asked_at.append(loop.time())
        self.running += 1

        def answer() -> None:
            self.running -= 1
            told(self.error or self.facts)

        def let_go() -> None:
            timer.cancel()
            self.running -= 1
            self.cancelled += 1

        timer = loop.call_later(self.after_s, answer)
        return let_go

    async def find_caller(self, query: CallerQuery) -> CallerFacts:  # noqa: ARG002 - as above
        """Be asked otherwise."""
        raise AssertionError("a task was made for nothing")


class Stage:
    """A gatherer over a store and perhaps its copy, on the virtual clock."""

    store_kind: type[Peer] = Peer

    def __init__(self, *, copy: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.store = self.store_kind("store", TRUTH)
        self.copy = Peer("copy", COPIED)
        self.registry = CollectorRegistry()
        source: Source | Backed = Backed(self.store, self.copy) if copy else self.store
        self.gatherer = Gatherer([source], self.now, self.registry)
        self.completed: list[CallerContext] = []

    def now(self) -> datetime:
        """Return the time of day."""
        return START + timedelta(seconds=self.loop.time() - self.began)

    async def call(self) -> tuple[CallerContext, float]:
        """Return what a call is decided on, and the seconds it took."""
        began = self.loop.time()
        request = RouteRequest("pbx:1.1", Medium.VOICE, Caller(PHONE, PHONE), "0800", self.now())
        context = await self.gatherer.gather(request, REACH, began + DEADLINE_S, self.completed.append)
        return context, self.loop.time() - began

    async def outage(self, calls: int = 20, *, every_s: float = 0.05) -> None:
        """Let so many calls come."""
        for _ in range(calls):
            await self.call()
            await asyncio.sleep(every_s)

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample."""
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture(autouse=True, params=[Peer, TellingPeer], ids=["awaited", "telling"])
def _either_kind_of_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play every scenario with a store that is awaited, and with one that tells."""
    monkeypatch.setattr(Stage, "store_kind", request.param)


def states(context: CallerContext) -> dict[str, str]:
    """Return what became of each source."""
    return {report.source: report.state for report in context.sources}


def test_while_the_store_answers_the_copy_is_left_alone() -> None:
    """In good health a call costs one look-up."""

    async def scenario() -> None:
        stage = Stage()
        context, took = await stage.call()
        assert states(context) == {"store": "ok"}
        assert context.sources[0].age_s is None
        assert context.identity.customer == TRUTH.customers[0]
        assert took == pytest.approx(0.001)
        assert not stage.copy.asked_at
        assert stage.metric("ctiroute_source_decided_total", source="store") == 1
        assert stage.metric("ctiroute_source_look_ups_total", source="store", result="ok") == 1

    run(scenario())


def test_a_store_that_is_a_little_slow_still_counts_alone() -> None:
    """The copy was asked, and its answer is not used: the truth came in time."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s = 0.03
        context, took = await stage.call()
        assert len(stage.copy.asked_at) == 1
        assert stage.copy.asked_at[0] == pytest.approx(stage.began + HEDGE_AFTER_S)
        assert states(context) == {"store": "ok"}
        assert took == pytest.approx(0.03)

    run(scenario())


def test_after_the_stores_budget_the_copy_stands_in_and_says_how_old_it_is() -> None:
    """One answer or the other, never both; the store completes the pop when it comes."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s = 0.3
        stage.store.facts = replace(TRUTH, customers=(Customer("c2", "Taras"),))
        context, took = await stage.call()
        assert took == pytest.approx(STORE_BUDGET_S)
        assert states(context) == {"store": "late", "copy": "ok"}
        assert context.sources[1].age_s == pytest.approx(3.02, abs=0.005)
        assert context.identity.customers == COPIED.customers
        assert not stage.completed
        await asyncio.sleep(0.3)
        (completed,) = stage.completed
        assert completed.identity.customers == stage.store.facts.customers
        assert states(completed) == {"store": "ok"}

    run(scenario())


def test_a_store_that_fails_at_once_is_replaced_at_once() -> None:
    """There is nothing to wait for."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.error = StoreUnavailable("gone")
        context, took = await stage.call()
        assert states(context) == {"store": "failed", "copy": "ok"}
        assert took == pytest.approx(0.002)

    run(scenario())


@pytest.mark.parametrize("after_s", [0.001, 0.5, NEVER])
def test_a_copy_that_cannot_tell_leaves_the_store_its_time(after_s: float) -> None:
    """A copy that is cold, slow or away costs nothing: the store has until the deadline, as without it."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s = 0.6
        stage.copy.after_s, stage.copy.error = after_s, StoreUnavailable("not warm yet")
        context, took = await stage.call()
        assert states(context) == {"store": "ok"}
        assert took == pytest.approx(0.6)

    run(scenario())


@pytest.mark.parametrize("copy", [True, False])
def test_with_both_silent_the_deadline_holds(copy: bool) -> None:
    """The rules decide on nothing, and the trace names who was late."""

    async def scenario() -> None:
        stage = Stage(copy=copy)
        stage.store.after_s = stage.copy.after_s = NEVER
        context, took = await stage.call()
        assert took == pytest.approx(DEADLINE_S)
        assert set(states(context).values()) == {"late"}
        assert len(context.sources) == 1 + copy
        assert stage.metric("ctiroute_source_decided_total", source="none") == 1

    run(scenario())


@pytest.mark.parametrize("first", ["store", "copy"])
def test_what_comes_late_completes_the_pop_and_the_truth_has_the_last_word(first: str) -> None:
    """The copy's late answer is shown until the store's comes, and never after it."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s, stage.copy.after_s = (2.0, 3.0) if first == "store" else (3.0, 2.0)
        await stage.call()
        await asyncio.sleep(5)
        expected = [{"store": "ok"}] if first == "store" else [{"store": "late", "copy": "ok"}, {"store": "ok"}]
        assert [states(context) for context in stage.completed] == expected

    run(scenario())


def test_a_silent_store_is_left_alone_and_calls_are_quick_from_then_on() -> None:
    """Without a copy, callers wait until the breaker opens, and not a moment after; the trace says why."""

    async def scenario() -> None:
        stage = Stage(copy=False)
        stage.store.after_s = 5.0
        for _ in range(10):
            _, took = await stage.call()
            assert took <= DEADLINE_S + 0.001
        assert stage.loop.time() - stage.began < 10
        assert stage.metric("ctiroute_source_breaker_changes_total", source="store", to="open") >= 1
        calls = []
        for _ in range(200):
            calls.append(await stage.call())
            await asyncio.sleep(0.02)
        assert max(took for _, took in calls) <= STORE_BUDGET_S + 0.001
        refused = [context.sources[0] for context, took in calls if took == 0.0]
        assert len(refused) > 190
        assert all((it.state, "tried again" in it.detail) == ("skipped", True) for it in refused)

    run(scenario())


@pytest.mark.parametrize("copy", [True, False])
def test_a_busy_store_is_worth_waiting_for_where_nobody_can_stand_in(copy: bool) -> None:
    """Answers after 0.7 s are too late for a store with a copy, and welcome from one without."""

    async def scenario() -> None:
        stage = Stage(copy=copy)
        stage.store.after_s = 0.7
        for _ in range(20):
            context, took = await stage.call()
            assert context.identity.customer == TRUTH.customers[0]
            assert took <= STORE_BUDGET_S + 0.001 if copy else took == pytest.approx(0.7)
            await asyncio.sleep(0.2)
        assert bool(stage.metric("ctiroute_source_breaker_changes_total", source="store", to="open")) == copy

    run(scenario())


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("outage_s", [1.0, 20.0, 600.0])
def test_a_store_that_is_back_is_used_again_within_five_seconds(copy: bool, outage_s: float) -> None:
    """However long it was away, and with a call only every 0.2 s."""

    async def scenario() -> None:
        stage = Stage(copy=copy)
        stage.store.after_s = NEVER
        until = stage.loop.time() + outage_s
        while stage.loop.time() < until:
            await stage.call()
            await asyncio.sleep(0.2)
        stage.store.after_s = 0.001
        back_at = stage.loop.time()
        while states((await stage.call())[0]) != {"store": "ok"}:
            await asyncio.sleep(0.2)
            assert stage.loop.time() - back_at < 5
        for _ in range(20):
            context, _ = await stage.call()
            assert states(context) == {"store": "ok"}
        assert stage.metric("ctiroute_source_breaker_state", source="store") == 0

    run(scenario())


def test_an_outage_is_asked_about_by_few() -> None:
    """Ten minutes of silence at 20 calls a second: a look-up every other second, never many at once."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s = NEVER
        most = 0
        for _ in range(6000):
            await stage.call()
            most = max(most, stage.store.running)
            await asyncio.sleep(0.1)
        assert most <= 30
        assert len(stage.store.asked_at) < 700
        await stage.gatherer.close()
        assert stage.store.running == 0

    run(scenario())


def test_with_its_breaker_open_the_copy_is_asked_at_once() -> None:
    """A caller pays nothing for an outage that is known."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.error = StoreUnavailable("gone")
        for _ in range(5):
            await stage.call()
        context, took = await stage.call()
        assert states(context) == {"store": "skipped", "copy": "ok"}
        assert took == pytest.approx(0.001)
        assert stage.metric("ctiroute_source_look_ups_total", source="store", result="skipped") == 1
        assert stage.metric("ctiroute_source_breaker_state", source="store") == 2

    run(scenario())


def test_a_store_that_is_tried_again_costs_the_caller_nothing() -> None:
    """The copy is asked beside it, and decides if the store is still silent after its budget."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s = NEVER
        await stage.outage(60)
        before = len(stage.store.asked_at)
        while len(stage.store.asked_at) == before:
            context, took = await stage.call()
            assert took <= STORE_BUDGET_S + 0.001
            assert context.identity.customers == COPIED.customers
            await asyncio.sleep(0.05)
        assert stage.copy.asked_at[-1] >= stage.store.asked_at[-1] - 0.001

    run(scenario())


def test_with_both_known_to_be_away_the_default_way_is_taken_at_once() -> None:
    """Nobody is asked and nobody is waited for."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.error = stage.copy.error = StoreUnavailable("gone")
        for _ in range(5):
            await stage.call()
        context, took = await stage.call()
        assert states(context) == {"store": "skipped", "copy": "skipped"}
        assert took == 0.0

    run(scenario())


def test_a_copy_that_hangs_costs_little_once_it_is_known() -> None:
    """With the store healthy nothing at all; with the store slow, no more than the store itself takes."""

    async def scenario() -> None:
        stage = Stage()
        stage.copy.after_s = NEVER
        stage.store.after_s = 0.035
        for _ in range(50):
            context, took = await stage.call()
            assert took == pytest.approx(0.035)
            assert states(context) == {"store": "ok"}
        assert stage.metric("ctiroute_source_breaker_changes_total", source="copy", to="open") >= 1

    run(scenario())


async def test_our_own_stall_is_not_held_against_the_store() -> None:
    """Answers that waited in the socket while we were kept from running were in time."""
    stage = Stage()
    stage.store.after_s = 0.01
    calls = [asyncio.get_running_loop().create_task(stage.call()) for _ in range(6)]
    while stage.store.running < len(calls):  # noqa: ASYNC110 - they run in this loop
        await asyncio.sleep(0)
    time.sleep(0.7)  # noqa: ASYNC251 - the stall
    await asyncio.gather(*calls)
    context, _ = await stage.call()
    assert states(context) == {"store": "ok"}
    assert stage.metric("ctiroute_source_breaker_changes_total", source="store", to="open") == 0
    await stage.gatherer.close()


def test_a_caller_who_hangs_up_ends_both_look_ups() -> None:
    """And says nothing against either source."""

    async def scenario() -> None:
        stage = Stage()
        stage.store.after_s = stage.copy.after_s = NEVER
        for _ in range(20):
            call = asyncio.get_running_loop().create_task(stage.call())
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.sleep(0)
            assert stage.store.running == stage.copy.running == 0
        assert stage.store.cancelled == stage.copy.cancelled == 20
        assert stage.metric("ctiroute_source_breaker_changes_total", source="store", to="open") == 0
        assert stage.metric("ctiroute_source_look_ups_total", source="store", result="left") == 20

    run(scenario())


def test_a_source_that_loses_something_of_its_own_cancels_no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that raises CancelledError because its connection went has failed, and that is all."""
    monkeypatch.setattr(Stage, "store_kind", Peer)  # nothing is raised by one that tells

    async def scenario() -> None:
        stage = Stage()
        stage.store.error = asyncio.CancelledError()  # type: ignore[assignment]
        context, _ = await stage.call()
        assert states(context) == {"store": "failed", "copy": "ok"}

    run(scenario())


def test_late_look_ups_are_bounded_in_number_and_time() -> None:
    """A storm of calls into a silent store leaves no heap of tasks behind."""

    async def scenario() -> None:
        stage = Stage(copy=False)
        stage.store.after_s = NEVER
        await asyncio.gather(*(stage.call() for _ in range(MAX_LATE + 100)))
        await asyncio.sleep(0)
        assert stage.store.running <= MAX_LATE
        await asyncio.sleep(10.5)
        assert stage.store.running <= 1

    run(scenario())
