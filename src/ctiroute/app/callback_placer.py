"""Places callback orders when they are due: claims them, asks the switch, and takes down how it went.

It sleeps until the next order is ripe, and wakes when one is ordered or ends, or when the switch is back; orders that other nodes or
commands put into the store it finds by looking now and then. What is never done twice, and why: docs/explanation/callbacks.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.app.callback_news import FAILED, announce
from ctiroute.errors import CallbackRefused, StoreError
from ctiroute.model import (
    AttemptOutcome,
    CallbackClaim,
    CallbackOrder,
    CallbackState,
    FirstRung,
    OfferAnswered,
)
from ctiroute.model import callback_life as life
from ctiroute.model.callback import CallbackPlaced, CallbackPlacing, CallbackStage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.app.callback_metrics import CallbackMetrics
    from ctiroute.app.callback_orders import CallbackOrders
    from ctiroute.app.callback_ports import Originates, Surroundings
    from ctiroute.app.tasks import Tasks
    from ctiroute.model import Announcer, CallEvent
    from ctiroute.model.callback import CallbackHeard
    from ctiroute.settings import CallbackSettings
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

SPARE = timedelta(seconds=60)  # of a lease, beyond the time for which phones ring: what clocks of two nodes may differ by is in it
LATEST = timedelta(seconds=15)  # a claim that is not placed within this is not placed at all
UNTOLD = timedelta(seconds=5)  # after which a phone that rings is told to be busy
TALK_LEASE = timedelta(hours=4)  # of a talk whose end nobody tells


@dataclass(frozen=True, slots=True)
class PlacerTiming:
    """How long the placer waits for what, in seconds."""

    look: float = 2.0  # how soon an order is noticed that another node, or a command, put into the store: one probe of an index
    blocked: float = 3.0  # until it is looked again whether somebody is free
    again: float = 2.0  # after the store was away
    grace: float = 1.0  # for the dialplan to say how it went, when the switch says only that it did not
    orphan: float = 3.0  # for the node that placed a call to take down what is heard of it, before another does


@dataclass(slots=True, eq=False)
class _Placed:
    """An order of ours that rings or talks."""

    order: CallbackOrder
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one step at a time, in the order in which they were heard
    over: bool = False
    rang: bool = False  # the dialplan had it


class CallbackPlacer:
    """Places orders, and hears what becomes of them."""

    def __init__(
        self,
        store: Store,
        orders: CallbackOrders,
        settings: CallbackSettings,
        originator: Originates,
        scene: Surroundings,
        tasks: Tasks,
        node: str,
        clock: Callable[[], datetime],
        metrics: CallbackMetrics,
        announcer: Announcer | None = None,
        timing: PlacerTiming | None = None,
    ) -> None:
        self._store = store
        self._orders = orders
        self._settings = settings
        self._originator = originator
        self._scene = scene
        self._tasks = tasks
        self._node = node
        self._clock = clock
        self._metrics = metrics
        self._announcer = announcer
        self._timing = timing or PlacerTiming()
        self._wake = asyncio.Event()
        self._placed: dict[str, _Placed] = {}  # by callback_id
        self._calls: dict[str, str] = {}  # call_id -> callback_id
        self._pause = timedelta(minutes=settings.pause_minutes)
        self._lease = timedelta(seconds=2 * settings.operator_s + settings.customer_s) + SPARE

    @property
    def in_hand(self) -> int:
        """How many orders ring or talk, as far as this node placed them."""
        return len(self._placed)

    # --- what wakes it

    def changed(self) -> None:
        """Look again: something was ordered, moved or is over."""
        self._wake.set()

    # --- placing

    async def run(self) -> None:
        """Place orders until cancelled."""
        while True:
            self._wake.clear()
            try:
                wait_s = await self._round()
            except StoreError as error:
                log.warning("callbacks wait for the store: %s", error)
                wait_s = self._timing.again
            except Exception:  # promises are kept whatever one order brings
                log.exception("callbacks: one could not be placed")
                wait_s = self._timing.again
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def _round(self) -> float:
        """Place what is due; return how long to sleep, in seconds."""
        while True:
            now = self._clock()
            at_once = 0 if self._originator.fault else self._settings.at_once
            claim = CallbackClaim(self._node, now, now + self._lease, at_once, self._busy(now))
            order = await self._store.claim_callback(claim)
            if order is None:
                break
            await self._take_on(order)
        next_at = await self._store.next_callback_at()
        if next_at is None:
            return self._timing.look
        if next_at <= now:
            return self._timing.look if self._originator.fault else self._timing.blocked
        return min(self._timing.look, (next_at - now).total_seconds())

    def _busy(self, now: datetime) -> frozenset[str]:
        """Return the places where nobody is left to be rung, counting what we asked for and the switch has not told of yet."""
        asked = Counter(
            placed.order.place
            for placed in self._placed.values()
            if placed.order.state is CallbackState.RINGING and now - placed.order.attempts[-1].started_at < UNTOLD
        )
        return frozenset(place for place, free in self._scene.free().items() if free <= asked[place])

    async def _take_on(self, order: CallbackOrder) -> None:
        """Deal with an order just claimed. When that breaks the lease sees to it that it is looked at again."""
        now = self._clock()
        if order.state is not CallbackState.CLAIMED:  # a claim of a node that died before it asked the switch is as good as new
            await self._inherit(order, now)
            return
        if now > order.until:
            await self._close(life.give_up(order, now))
            return
        allowed = self._orders.allowed_from(now, order.phone, await self._orders.customer_of(order))
        if allowed > order.until:
            await self._close(life.give_up(order, now))
            return
        if allowed > now:
            await self._store.save_callback(life.put_back(order, allowed))
            return
        await self._place(order)

    async def _inherit(self, order: CallbackOrder, now: datetime) -> None:
        """Go on with the order of a node that died: what it had begun may still go on, and is never begun again."""
        mine = self._placed.get(order.callback_id)
        if mine is not None:
            self._drop(mine)  # our own lease ran out
        if self._originator.fault or self._scene.is_live(order.attempts[-1].call_id):  # while the switch is not heard, nobody can tell
            held = life.hold(order, now + self._lease)
            if await self._store.save_callback(held):
                self._keep(held)
            return
        log.warning("callback %s was %s on a node that is gone", order.callback_id, order.state.value)
        await self._close(life.recover(order, now, now + self._pause))

    async def _close(self, after: CallbackOrder) -> None:
        """Keep that an order, or an attempt, is over."""
        if await self._store.save_callback(after):
            self._metrics.ended(after)
            await self._announce(after)

    async def _announce(self, order: CallbackOrder) -> None:
        await announce(self._announcer, order, self._clock(), FAILED if order.state is CallbackState.ORDERED else "")

    async def _place(self, order: CallbackOrder) -> None:
        now = self._clock()
        placing = self._placing(order)
        call_id = f"{self._originator.name}:{placing.channel_id}"
        ringing = life.ring(order, call_id, now, now + self._lease)
        if not await self._store.save_callback(ringing):
            return  # cancelled meanwhile, or taken over
        self._keep(ringing)
        await self._announce(ringing)
        await self._scene.expect(ringing, call_id)
        if self._clock() > now + LATEST:  # we were stopped in between: another may have taken over by now
            log.warning("callback %s was not placed: too late by the lease", order.callback_id)
            self._later(order.callback_id, AttemptOutcome.REFUSED)
            return
        self._metrics.delay.observe(max(0.0, (now - order.due_at).total_seconds()))
        placed = await self._originator.place(placing)
        if placed is CallbackPlaced.REFUSED:
            self._later(order.callback_id, AttemptOutcome.REFUSED)
        # UNCERTAIN: its phones may ring, and what they do may still be told; else the lease ends it.

    def _placing(self, order: CallbackOrder) -> CallbackPlacing:
        digits = order.phone.removeprefix("+")
        return CallbackPlacing(
            callback_id=order.callback_id,
            fence=order.fence,
            phone=order.phone,
            first=order.first,
            customer_channel=self._settings.customer_channel.replace("{number}", order.phone).replace("{digits}", digits),
            operator_interface=self._scene.interface_of(order.owner) if order.owner else "",
            queue=order.queue or "",
            operator_s=self._settings.operator_s,
            customer_s=self._settings.customer_s,
        )

    # --- what is heard

    def told(self, event: CallbackHeard) -> None:
        """Take what the switch tells of an order; of another node's it is taken down only if that node does not."""
        placed = self._placed.get(event.callback_id)
        if placed is None:
            self._tasks.start(self._orphan(event), f"callback {event.callback_id} of another node")
        elif _is_about(event, placed.order):
            self._tasks.start(self._follow(placed, event), f"callback {event.callback_id} {event.stage.value}")

    def heard(self, event: CallEvent) -> None:
        """Take what the main link tells: which operator of a queue picked up."""
        if not self._calls or not isinstance(event, OfferAnswered):
            return
        placed = self._placed.get(self._calls.get(event.call_id, ""))
        if placed is None or event.member is None:
            return
        operator_id = self._scene.operator_at(event.member)
        if operator_id is not None:
            name = f"callback {placed.order.callback_id} answered by {operator_id}"
            self._tasks.start(self._answered(placed, FirstRung.OPERATOR, operator_id), name)

    async def _follow(self, placed: _Placed, event: CallbackHeard) -> None:
        match event.stage:
            case CallbackStage.ANSWERED if event.side is not None:
                await self._answered(placed, event.side, None)
            case CallbackStage.FAILED if event.outcome is not None:
                await self._failed(placed, event.outcome)
            case CallbackStage.OVER:
                placed.rang = True
                await self._over(placed)
                await asyncio.sleep(self._timing.grace)  # why, the dialplan may tell behind this
                await self._over(placed)
                # It got as far as the dialplan, and nobody tells of the other side: whoever was there first hung up.
                await self._failed(placed, AttemptOutcome.NO_OPERATOR)
            case CallbackStage.NOT_PLACED:
                await asyncio.sleep(self._timing.grace)
                await self._failed(placed, AttemptOutcome.NO_OPERATOR if placed.rang else AttemptOutcome.REFUSED)
            case _:
                pass

    async def _answered(self, placed: _Placed, side: FirstRung, operator_id: str | None) -> None:
        """Take down that one side picked up; when that was the second, they talk."""
        if operator_id is not None and placed.order.attempts[-1].operator_id is None:
            await self._step(placed, lambda order: life.name_operator(order, operator_id))
        if side is not placed.order.first:
            await self._step(placed, lambda order: life.talk(order, self._clock() + TALK_LEASE))

    async def _over(self, placed: _Placed) -> None:
        await self._step(placed, lambda order: life.finish(order, self._clock()))

    async def _failed(self, placed: _Placed, outcome: AttemptOutcome) -> None:
        def fail(order: CallbackOrder) -> CallbackOrder:
            now = self._clock()
            return life.fail(order, outcome, now, now + self._pause)

        await self._step(placed, fail)

    async def _step(self, placed: _Placed, step: Callable[[CallbackOrder], CallbackOrder]) -> None:
        """Make one step of an order of ours and keep it, as long as it is ours. A step that has no place any more is left out."""
        async with placed.turn:
            while not placed.over:
                before = placed.order.state
                try:
                    after = step(placed.order)
                except CallbackRefused:
                    return
                try:
                    if await self._store.save_callback(after):
                        placed.order = after
                    else:
                        now_kept = await self._store.get_callback(placed.order.callback_id)
                        if now_kept is None or now_kept.fence != placed.order.fence or not now_kept.state.is_live:
                            self._drop(placed)
                            return
                        placed.order = now_kept
                        continue
                except StoreError as error:
                    lease = placed.order.lease_until
                    if lease is None or self._clock() > lease:
                        log.error("what became of callback %s is lost: %s", placed.order.callback_id, error)  # noqa: TRY400 - the store says it
                        self._drop(placed)
                        return
                    await asyncio.sleep(self._timing.again)
                    continue
                if not after.state.is_live:
                    self._metrics.ended(after)
                    self._drop(placed)
                if after.state is not before:
                    await self._announce(after)
                return

    async def _orphan(self, event: CallbackHeard) -> None:
        """Take down what another node, or we before a restart, would have: it had time to."""
        await asyncio.sleep(self._timing.orphan)
        try:
            order = await self._store.get_callback(event.callback_id)
        except StoreError as error:
            log.warning("what became of callback %s was not taken down: %s", event.callback_id, error)
            return
        if order is not None and order.state.is_live and _is_about(event, order) and event.callback_id not in self._placed:
            await self._follow(_Placed(order), event)

    # --- pieces

    def _keep(self, order: CallbackOrder) -> None:
        self._placed[order.callback_id] = _Placed(order)
        self._calls[order.attempts[-1].call_id] = order.callback_id

    def _drop(self, placed: _Placed) -> None:
        placed.over = True
        order = placed.order
        if self._placed.get(order.callback_id) is placed:
            del self._placed[order.callback_id]
        if order.attempts:
            self._calls.pop(order.attempts[-1].call_id, None)
            if order.attempts[-1].outcome is AttemptOutcome.REFUSED:
                self._scene.unexpect(order.attempts[-1].call_id)
        self._wake.set()

    def _later(self, callback_id: str, outcome: AttemptOutcome) -> None:
        placed = self._placed.get(callback_id)
        if placed is not None:
            self._tasks.start(self._failed(placed, outcome), f"callback {callback_id} {outcome.value}")


def _is_about(event: CallbackHeard, order: CallbackOrder) -> bool:
    """Say whether an event is about an order's last attempt; its call carries the fence it was placed under."""
    return bool(order.attempts) and order.attempts[-1].call_id.endswith(f":cb{event.callback_id}x{event.fence}")
