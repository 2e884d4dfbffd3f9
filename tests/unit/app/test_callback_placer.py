"""The placer of callbacks over a real store, with a switch and a floor in memory: what it asks for, when, and never twice."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app.callback_metrics import CallbackMetrics
from ctiroute.app.callback_orders import CallbackOrders
from ctiroute.app.callback_placer import CallbackPlacer, PlacerTiming
from ctiroute.app.tasks import Tasks
from ctiroute.model import Announcement, AttemptOutcome, CallbackOrder, CallbackState, FirstRung, Member, OfferAnswered, Operator
from ctiroute.model.callback import CallbackAsked, CallbackHeard, CallbackPlaced, CallbackPlacing, CallbackStage
from ctiroute.settings import CallbackSettings
from ctiroute.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # noon in Kyiv
SETTINGS = CallbackSettings(queue="promo", secret="x", operator_s=20, customer_s=30, pause_minutes=15)
LEASE = timedelta(seconds=20 * 2 + 30 + 60)
PAUSE = timedelta(minutes=15)
QUICK = PlacerTiming(look=0.02, blocked=0.02, again=0.02, grace=0.02, orphan=0.05)
WAIT_S = 10.0
OPERATOR, CUSTOMER = FirstRung.OPERATOR, FirstRung.CUSTOMER


class Switch:
    """A switch in memory: keeps what it was asked for, and answers as the test says."""

    name = "pbx"

    def __init__(self) -> None:
        self.fault = ""
        self.answer = CallbackPlaced.TAKEN
        self.asked: list[CallbackPlacing] = []
        self.live: set[str] = set()
        self.free_now: dict[str, int] = {}
        self.expected: list[str] = []
        self.unexpected: list[str] = []
        self.on_expect: Callable[[], None] = lambda: None

    async def place(self, placing: CallbackPlacing) -> CallbackPlaced:
        """Keep it."""
        assert all(each.channel_id != placing.channel_id for each in self.asked), "a switch takes no second channel of one id"
        self.asked.append(placing)
        return self.answer

    def free(self) -> dict[str, int]:
        """Return what the test says."""
        return self.free_now

    def interface_of(self, operator_id: str) -> str:
        """Return a phone for everybody."""
        return f"PJSIP/{operator_id}"

    def operator_at(self, member: Member) -> str | None:
        """Return whose it is."""
        return member.interface.removeprefix("PJSIP/")

    def is_live(self, call_id: str) -> bool:
        """Say whether the test has it live."""
        return call_id in self.live

    async def expect(self, order: CallbackOrder, call_id: str) -> None:
        """Keep it."""
        self.on_expect()
        self.expected.append(call_id)
        assert order.attempts[-1].call_id == call_id

    def unexpect(self, call_id: str) -> None:
        """Keep it."""
        self.unexpected.append(call_id)


class Node:
    """One node's placer, its switch, and a clock that all nodes of a test share."""

    def __init__(self, name: str, store: SqliteStore, clock: list[datetime], settings: CallbackSettings) -> None:
        self.store, self.switch, self.tasks, self.registry = store, Switch(), Tasks(), CollectorRegistry()
        self._clock = clock
        self.told: list[Announcement] = []
        metrics = CallbackMetrics(self.registry, lambda: 0)
        self.orders = CallbackOrders(
            store, settings, "UA", lambda: ZoneInfo("Europe/Kyiv"), lambda: clock[0], lambda _: self.placer.changed()
        )
        self.placer = CallbackPlacer(
            store, self.orders, settings, self.switch, self.switch, self.tasks, name, lambda: clock[0], metrics, self, QUICK
        )

    async def announce(self, *announcements: Announcement) -> None:
        """Keep what other systems would be told."""
        self.told += announcements

    async def order(self, phone: str = "+380671234567", **changes: Any) -> str:
        """Order a callback; return its id."""
        order, _ = await self.orders.take(CallbackAsked("test", phone, **changes))
        return order.callback_id

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)

    async def state(self, callback_id: str, state: CallbackState) -> CallbackOrder:
        """Wait until an order is in a state."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await self.store.get_callback(callback_id)
                if found is not None and found.state is state:
                    return found
                await asyncio.sleep(0.005)

    def tells(self, stage: CallbackStage, side: FirstRung | None = None, outcome: AttemptOutcome | None = None, which: int = -1) -> None:
        """Tell something of a call that was asked for."""
        placing = self.switch.asked[which]
        self.placer.told(CallbackHeard(placing.callback_id, placing.fence, stage, side, outcome))

    def count(self, outcome: str) -> float:
        """Return how many attempts ended so."""
        return self.registry.get_sample_value("ctiroute_callback_attempts_total", {"outcome": outcome}) or 0.0


@asynccontextmanager
async def nodes(folder: Path, *names: str, settings: CallbackSettings = SETTINGS) -> AsyncIterator[tuple[list[datetime], list[Node]]]:
    """Run placers on one store."""
    store, clock = SqliteStore(folder / "ctiroute.db"), [T0]
    await store.open()
    await store.put_operator(Operator("olena", "Olena"), None)
    made = [Node(name, store, clock, settings) for name in names]
    try:
        for node in made:
            node.tasks.start(node.placer.run(), "placer")
        yield clock, made
    finally:
        for node in made:
            await node.tasks.cancel()
        await store.close()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """Give one running node."""
    async with nodes(tmp_path, "one") as (_, made):
        yield made[0]


async def test_the_operator_first_then_the_customer_then_done(node: Node) -> None:
    """The switch is asked once, the pop is ready before; who answered is kept."""
    callback_id = await node.order(owner="olena", queue="promo")
    await node.until(lambda: bool(node.switch.asked))
    (asked,) = node.switch.asked
    assert (asked.first, asked.queue, asked.operator_interface) == (OPERATOR, "promo", "PJSIP/olena")
    assert asked.customer_channel == "Local/+380671234567@ctiroute-callback-out/n"
    assert node.switch.expected == [f"pbx:{asked.channel_id}"]
    node.placer.heard(OfferAnswered(f"pbx:{asked.channel_id}", "pbx:9", Member("PJSIP/taras"), T0, "promo"))
    node.tells(CallbackStage.ANSWERED, OPERATOR)
    await node.until(lambda: node.placer.in_hand == 1)
    assert (await node.state(callback_id, CallbackState.RINGING)).attempts[0].outcome is None
    node.tells(CallbackStage.ANSWERED, CUSTOMER)
    assert (await node.state(callback_id, CallbackState.TALKING)).attempts[0].operator_id == "taras"
    for _ in range(3):  # each half of the call says so
        node.tells(CallbackStage.OVER)
    done = await node.state(callback_id, CallbackState.DONE)
    assert [each.outcome for each in done.attempts] == [AttemptOutcome.TALKED]
    await node.until(lambda: node.placer.in_hand == 0)
    assert len(node.switch.asked) == 1
    assert node.count("talked") == 1
    assert [each.kind for each in node.told] == ["callback.ringing", "callback.talking", "callback.done"]
    assert len({each.event_id for each in node.told}) == 3
    assert {each.key for each in node.told} == {f"callback:{callback_id}"}


async def test_the_customer_first(node: Node) -> None:
    """They talk when the operator picks up, which the main link tells of a queue's member."""
    callback_id = await node.order(first=CUSTOMER)
    await node.until(lambda: bool(node.switch.asked))
    node.tells(CallbackStage.ANSWERED, CUSTOMER)
    call_id = f"pbx:{node.switch.asked[0].channel_id}"
    node.placer.heard(OfferAnswered(call_id, "pbx:9", None, T0))
    node.placer.heard(OfferAnswered("pbx:another", "pbx:9", Member("PJSIP/taras"), T0))
    node.placer.heard(OfferAnswered(call_id, "pbx:9", Member("PJSIP/olena"), T0, "promo"))
    assert (await node.state(callback_id, CallbackState.TALKING)).attempts[0].operator_id == "olena"


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ([(CallbackStage.FAILED, CUSTOMER, AttemptOutcome.BUSY), (CallbackStage.OVER, None, None)], AttemptOutcome.BUSY),
        ([(CallbackStage.NOT_PLACED, None, None), (CallbackStage.FAILED, CUSTOMER, AttemptOutcome.NO_ANSWER)], AttemptOutcome.NO_ANSWER),
        ([(CallbackStage.FAILED, OPERATOR, AttemptOutcome.NO_OPERATOR)], AttemptOutcome.NO_OPERATOR),
        ([(CallbackStage.OVER, None, None)], AttemptOutcome.NO_OPERATOR),
        ([(CallbackStage.NOT_PLACED, None, None)], AttemptOutcome.REFUSED),
        ([(CallbackStage.OVER, None, None), (CallbackStage.NOT_PLACED, None, None)], AttemptOutcome.NO_OPERATOR),
    ],
)
async def test_what_failed_is_tried_again_after_the_pause(
    tmp_path: Path, told: list[tuple[CallbackStage, FirstRung | None, AttemptOutcome | None]], outcome: AttemptOutcome
) -> None:
    """Whatever was told of it, and in whatever order; the dialplan's own word is waited for."""
    async with nodes(tmp_path, "one") as (clock, (node,)):
        callback_id = await node.order()
        await node.until(lambda: bool(node.switch.asked))
        for stage, side, how in told:
            node.tells(stage, side, how)
        failed = await node.state(callback_id, CallbackState.ORDERED)
        assert ([each.outcome for each in failed.attempts], failed.due_at) == ([outcome], T0 + PAUSE)
        await node.until(lambda: [each.kind for each in node.told] == ["callback.ringing", "callback.failed"])
        assert bool(node.switch.unexpected) == (outcome is AttemptOutcome.REFUSED)
        clock[0] += PAUSE
        node.placer.changed()
        await node.until(lambda: len(node.switch.asked) == 2)
        assert node.switch.asked[0].fence < node.switch.asked[1].fence


async def test_nobody_is_rung_in_the_night(tmp_path: Path) -> None:
    """Also when it became night while the order waited: a claim is put back to the morning."""
    evening = CallbackSettings(queue="promo", secret="x", quiet="12:30-09:00", pause_minutes=45)
    async with nodes(tmp_path, "one", settings=evening) as (clock, (node,)):
        callback_id = await node.order()
        await node.until(lambda: bool(node.switch.asked))
        node.tells(CallbackStage.FAILED, CUSTOMER, AttemptOutcome.BUSY)
        await node.state(callback_id, CallbackState.ORDERED)
        clock[0] += timedelta(minutes=45)  # 12:45 in Kyiv
        node.placer.changed()
        morning = datetime.combine(T0.date() + timedelta(days=1), time(9), ZoneInfo("Europe/Kyiv"))
        async with asyncio.timeout(WAIT_S):
            while (await node.state(callback_id, CallbackState.ORDERED)).due_at != morning:  # noqa: ASYNC110 - a row has no event
                await asyncio.sleep(0.005)
        assert len(node.switch.asked) == 1


async def test_no_more_at_once_than_somebody_is_free_for(node: Node) -> None:
    """One free member is rung for one order; another queue's do not wait for it; when he is free again the next follows."""
    node.switch.free_now = {"queue:promo": 1, "queue:full": 0}
    for number in range(3):
        await node.order(f"+38067000000{number}")
    await node.order("+380670000008", queue="full")
    await node.order("+380670000009", queue="unknown")
    await node.until(lambda: len(node.switch.asked) == 2)
    assert sorted(each.queue for each in node.switch.asked) == ["promo", "unknown"]
    node.switch.free_now = {"queue:promo": 0, "queue:full": 0}
    await node.order("+380670000007", queue="other")
    await node.until(lambda: len(node.switch.asked) == 3)
    node.switch.free_now = {"queue:promo": 2, "queue:full": 0}
    await node.until(lambda: len(node.switch.asked) == 4)
    assert node.switch.asked[3].queue == "promo"


async def test_two_nodes_place_each_order_once(tmp_path: Path) -> None:
    """Thirty orders, both awake at once: each customer's phone rings once."""
    settings = CallbackSettings(queue="promo", secret="x", at_once=100)
    async with nodes(tmp_path, "one", "two", settings=settings) as (_, (one, two)):
        for number in range(30):
            await (one, two)[number % 2].order(f"+3806700000{number:02}")
        await one.until(lambda: len(one.switch.asked) + len(two.switch.asked) == 30)
        asked = [each.phone for each in (*one.switch.asked, *two.switch.asked)]
        assert len(set(asked)) == 30


async def test_after_a_crash_nothing_is_rung_within_the_lease_nor_the_pause(tmp_path: Path) -> None:
    """A node that died between asking and hearing leaves an attempt that counts as uncertain."""
    async with nodes(tmp_path, "one", "two") as (clock, (one, two)):
        two.switch.free_now = {"queue:promo": 0}  # so that the first node gets it
        callback_id = await one.order()
        await one.until(lambda: bool(one.switch.asked))
        await one.tasks.cancel()
        two.switch.free_now = {}
        clock[0] += LEASE - timedelta(seconds=1)
        two.placer.changed()
        await asyncio.sleep(0.1)  # long enough for many rounds: there is nothing to wait for when nothing may happen
        assert (await two.state(callback_id, CallbackState.RINGING)).node == "one"
        clock[0] += timedelta(seconds=1)
        two.placer.changed()
        left = await two.state(callback_id, CallbackState.ORDERED)
        assert ([each.outcome for each in left.attempts], left.due_at) == ([AttemptOutcome.UNCERTAIN], clock[0] + PAUSE)
        assert two.switch.asked == []
        clock[0] += PAUSE
        two.placer.changed()
        await two.until(lambda: len(two.switch.asked) == 1)


async def test_a_call_that_goes_on_is_kept_in_hand_by_the_heir(tmp_path: Path) -> None:
    """What the switch still has is never placed again, and its end is taken down."""
    async with nodes(tmp_path, "one", "two") as (clock, (one, two)):
        two.switch.free_now = {"queue:promo": 0}
        callback_id = await one.order()
        await one.until(lambda: bool(one.switch.asked))
        await one.tasks.cancel()
        two.switch.live.add(f"pbx:{one.switch.asked[0].channel_id}")
        clock[0] += LEASE
        two.placer.changed()
        await two.until(lambda: two.placer.in_hand == 1)
        asked = one.switch.asked[0]
        two.placer.told(CallbackHeard(callback_id, asked.fence, CallbackStage.ANSWERED, CUSTOMER))
        await two.state(callback_id, CallbackState.TALKING)
        two.placer.told(CallbackHeard(callback_id, asked.fence, CallbackStage.OVER))
        await two.state(callback_id, CallbackState.DONE)
        assert two.switch.asked == []


async def test_what_a_dead_node_would_have_taken_down_another_does(tmp_path: Path) -> None:
    """Every node hears the switch; after a moment for the owner, whoever is there keeps what was told."""
    async with nodes(tmp_path, "one", "two") as (_, (one, two)):
        two.switch.free_now = {"queue:promo": 0}
        callback_id = await one.order()
        await one.until(lambda: bool(one.switch.asked))
        await one.tasks.cancel()
        asked = one.switch.asked[0]
        two.placer.told(CallbackHeard(callback_id, asked.fence, CallbackStage.ANSWERED, CUSTOMER))
        await two.state(callback_id, CallbackState.TALKING)
        two.placer.told(CallbackHeard(callback_id, asked.fence + 1, CallbackStage.OVER))  # of an attempt there was not
        two.placer.told(CallbackHeard("unknown", 1, CallbackStage.OVER))
        two.placer.told(CallbackHeard(callback_id, asked.fence, CallbackStage.OVER))
        await two.state(callback_id, CallbackState.DONE)


async def test_a_node_that_was_stopped_too_long_does_not_ask(tmp_path: Path) -> None:
    """The claim is old by then: another node may have it."""
    async with nodes(tmp_path, "one") as (clock, (node,)):

        def stopped() -> None:
            clock[0] += timedelta(seconds=16)

        node.switch.on_expect = stopped
        callback_id = await node.order()
        await node.until(lambda: bool(node.switch.unexpected))
        failed = await node.state(callback_id, CallbackState.ORDERED)
        assert [each.outcome for each in failed.attempts] == [AttemptOutcome.REFUSED]
        assert node.switch.asked == []


async def test_no_answer_of_the_switch_is_uncertain_until_the_lease_ends(tmp_path: Path) -> None:
    """Nothing is sent again; what is told of it after all counts."""
    async with nodes(tmp_path, "one") as (clock, (node,)):
        node.switch.answer = CallbackPlaced.UNCERTAIN
        first = await node.order()
        await node.until(lambda: len(node.switch.asked) == 1)
        node.tells(CallbackStage.ANSWERED, CUSTOMER)
        await node.state(first, CallbackState.TALKING)
        second = await node.order("+380670000001")
        await node.until(lambda: len(node.switch.asked) == 2)
        clock[0] += LEASE
        node.placer.changed()
        left = await node.state(second, CallbackState.ORDERED)
        assert [each.outcome for each in left.attempts] == [AttemptOutcome.UNCERTAIN]
        assert len(node.switch.asked) == 2
        assert node.placer.in_hand == 1


async def test_while_the_switch_is_away_orders_wait(node: Node) -> None:
    """None is claimed, no attempt is lost; when it is back the first is placed at once."""
    node.switch.fault = "not connected"
    callback_id = await node.order()
    await asyncio.sleep(0.1)  # long enough for many rounds, in which nothing may happen
    assert (await node.state(callback_id, CallbackState.ORDERED)).revision == 1
    node.switch.fault = ""
    node.placer.changed()
    await node.until(lambda: len(node.switch.asked) == 1)


async def test_an_order_whose_window_is_over_is_given_up(tmp_path: Path) -> None:
    """Nobody is rung a day late."""
    async with nodes(tmp_path, "one") as (clock, (node,)):
        node.switch.fault = "away"
        callback_id = await node.order(until=T0 + timedelta(hours=1))
        clock[0] += timedelta(hours=2)
        node.switch.fault = ""
        node.placer.changed()
        assert (await node.state(callback_id, CallbackState.GIVEN_UP)).attempts == ()
        assert node.switch.asked == []
