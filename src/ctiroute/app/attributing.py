"""Attributes calls behind their backs: asks what each was about, keeps what follows, announces it. Several nodes may do so at once.

What is to be done stands in the store, so nothing is lost with the process. Everything that follows from a call is written in one
transaction: its attribution, the touch's and the interaction's change, and what other systems are to be told of it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client import Counter

from ctiroute.app.attribution import About, follow, latest_touch, said
from ctiroute.app.call_files import from_bytes
from ctiroute.errors import StoreConflict, StoreError
from ctiroute.model import AttributedBy, CallerQuery, Identifier, IdentifierKind
from ctiroute.store.attributions import SentTouch, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.connectors.announce.outbox import Outbox
    from ctiroute.model import CallRecord, EndedCall
    from ctiroute.settings import ClosedLoopSettings
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks for calls that ended
AT_ONCE = 50  # calls lent at once; each takes some ms, off everybody's way
LOAN = timedelta(minutes=1)
# A call that ended longer ago and was never attributed came from a copy of another store, or from before there was a loop: the mailing
# tool has acted on it long since, and is not told now.
TOO_LATE = timedelta(hours=24)
MOST_TOUCHES = 20


class Attributor:
    """Finds out what calls were about, and lets it be known."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        settings: ClosedLoopSettings,
        language: str,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
    ) -> None:
        """`language` is the one in which an interaction is told of a call; `clock` gives aware UTC times."""
        self._store = store
        self._outbox = outbox
        self._window = timedelta(hours=settings.touch_hours)
        self._quiet = timedelta(seconds=settings.wrap_up_quiet_s)
        self._language = language
        self._clock = clock
        self.changed: Callable[[Sequence[str]], None] = lambda _: None  # hears which interactions learnt of a call
        self._calls = Counter("ctiroute_attributions", "Calls whose outcome was attributed, by what said so", ["by"], registry=registry)
        self._failures = Counter(
            "ctiroute_attribution_failures", "Calls that could not be attributed and are left alone", registry=registry
        )

    async def run(self) -> None:
        """Attribute until cancelled."""
        while True:
            try:
                more = await self.attribute_some()
            except StoreError as error:
                log.warning("calls cannot be attributed: %s; they wait", error)
                more = False
            if not more:
                await asyncio.sleep(LOOK_S)

    async def attribute_some(self) -> bool:
        """Attribute calls that are due; return whether there may be more. Raises `StoreError`."""
        now = self._clock()
        due_at = await self._store.next_ended_call_at()
        if due_at is None or due_at > now:
            return False
        lent = await self._store.lend_ended_calls(now, now + LOAN, AT_ONCE)
        # One commit for all: after each the embedded store's reader begins with an empty cache, and calls pay for that.
        found = [(await self._following_or_nothing(each), each) for each in lent]
        try:
            await self._settle(*(settlement for settlement, _ in found))
        except StoreConflict:  # one that is refused must cost no other: find it
            for settlement, each in found:
                await self._settle_one(settlement, each)
        return len(lent) == AT_ONCE

    async def _settle(self, *settlements: Settlement) -> None:
        if not settlements:
            return
        await self._store.settle(*settlements)
        self._outbox.told([delivery for each in settlements for delivery in each.deliveries])
        self.changed([each.interaction_id for each in settlements if each.interaction_id is not None and each.happened])
        for each in settlements:
            if each.attribution is not None:
                self._calls.labels(each.attribution.by.value).inc()

    async def _settle_one(self, settlement: Settlement, lent: EndedCall) -> None:
        try:
            await self._settle(settlement)
        except StoreConflict:
            self._failures.inc()
            log.exception("call %s cannot be attributed and is left alone", lent.record.call_id)
            await self._store.settle(Settlement(lent))

    async def _following_or_nothing(self, lent: EndedCall) -> Settlement:
        try:
            return await self._following(lent)
        except StoreError:
            raise
        except Exception:  # one odd call must cost no other
            self._failures.inc()
            log.exception("call %s cannot be attributed and is left alone", lent.record.call_id)
            return Settlement(lent)

    async def _following(self, lent: EndedCall) -> Settlement:
        record, now = lent.record, self._clock()
        if record.ended_at is None or (lent.attribution is None and record.ended_at < now - TOO_LATE):
            return Settlement(lent)
        about = await self._about(record)
        file = from_bytes(record.snapshot) if record.snapshot is not None else None
        past_menu = file.past_menu if file is not None else lent.attribution is not None and lent.attribution.skipped_menu
        following = follow(lent, about, now, quiet=self._quiet, past_menu=past_menu, language=self._language)
        return replace(following.settlement, deliveries=self._outbox.deliveries_of(following.announcements))

    async def _about(self, record: CallRecord) -> About:
        by, touch_id, interaction_id = said(record, await self._store.confirmed_reason(record.call_id))
        touch = None if touch_id is None else await self._store.sent_touch(touch_id)
        interaction = None if interaction_id is None else await self._store.get_interaction(interaction_id)
        if by is AttributedBy.REASON or touch is not None or interaction is not None:
            return About(by, touch, interaction)
        if not self._window or record.caller_phone is None or record.received_at is None:
            return About()
        since = record.received_at - self._window
        query = CallerQuery(
            Identifier(IdentifierKind.PHONE, record.caller_phone), since, record.received_at, record.received_at, MOST_TOUCHES
        )
        found = latest_touch(record, await self._store.find_caller(query), self._window)
        if found is None:
            return About()
        return About(AttributedBy.WINDOW, SentTouch(found.touch_id, found.campaign, found.sent_at))
