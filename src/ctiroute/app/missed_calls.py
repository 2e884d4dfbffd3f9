"""The lists of calls that operators did not take: those just missed, and those the store has."""

from __future__ import annotations

import logging
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError
from ctiroute.model import MissedCall

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.app.forgetting import Traces
    from ctiroute.model import ScreenPop
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

MISSED_WINDOW = timedelta(hours=24)
MAX_MISSED = 50  # lines an operator's list shows


class MissedCalls:
    """Missed calls by operator. What was missed a moment ago is here before the store has it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lately: dict[str, deque[MissedCall]] = {}

    def keep(self, pop: ScreenPop, rang_s: float) -> MissedCall:
        """Put a pop that nobody answered into its operator's list."""
        offer = pop.offer
        customer = pop.context.identity.customer if pop.context is not None else None
        missed = MissedCall(
            pop_id=offer.pop_id,
            operator_id=offer.operator_id,
            call_id=offer.call_id,
            caller_number=pop.caller_number,
            caller_name=customer.name if customer is not None else "",
            headline=pop.headline,
            offered_at=offer.offered_at,
            rang_s=rang_s,
        )
        self._lately.setdefault(offer.operator_id, deque(maxlen=MAX_MISSED)).append(missed)
        return missed

    async def of(self, operator_id: str, now: datetime) -> tuple[MissedCall, ...]:
        """Return an operator's missed calls of the last day, the latest first."""
        since = now - MISSED_WINDOW
        missed = {call.pop_id: call for call in await self._stored(operator_id, since)}
        missed |= {call.pop_id: call for call in self._lately.get(operator_id, ()) if call.offered_at >= since}
        return tuple(sorted(missed.values(), key=lambda it: it.offered_at, reverse=True)[:MAX_MISSED])

    def forget(self, traces: Traces) -> None:
        """Let go of the names of somebody who was erased."""
        for calls in self._lately.values():
            kept = [traces.without_name(missed) for missed in calls]
            calls.clear()
            calls.extend(kept)

    async def _stored(self, operator_id: str, since: datetime) -> list[MissedCall]:
        try:
            return await self._store.missed_since(operator_id, since)
        except StoreError as error:  # a screen without yesterday's list is better than no screen
            log.warning("missed calls of %s cannot be read: %s", operator_id, error)
            return []
