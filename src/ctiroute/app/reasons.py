"""Why people call, in a running node: the curves that calls are ranked by, refreshed behind their backs, and operators' answers.

Ranking never waits and never fails: it uses what is in memory, and before anything was learnt, or while the store is away, what is
usual for the medium.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ctiroute.app.reason_learning import learn_some, read_curves
from ctiroute.errors import StoreError
from ctiroute.model import ConfirmedReason, ReasonKind
from ctiroute.reasons import PRIORS, pattern_of, ranked
from ctiroute.reasons.tally import period_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.model import CallerContext, Interaction, PastCall, Reason, Touch
    from ctiroute.reasons import Curves
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

EVERY_S = 120.0  # a campaign that has just begun is answered within minutes
SOON_S = 1.0  # until the next day of the past is learnt from
AGAIN_S = 15.0  # when the store was away
# Learning scans the touches of a month, which takes a moment for some ten thousand of them, and a minute for tens of millions: it rests for
# so many times as long as it worked, so that calls have the store to themselves.
REST = 100


class ReasonKeeper:
    """Holds the curves, and has them learnt."""

    def __init__(self, store: Store, clock: Callable[[], datetime], registry: CollectorRegistry) -> None:
        self.curves: Curves = PRIORS
        self._store = store
        self._clock = clock
        self._learnt_until: datetime | None = None
        self._broken = False
        self._failures = Counter("ctiroute_reason_failures", "Callers whose likely reasons could not be ranked", registry=registry)
        calls = Gauge("ctiroute_reason_calls", "Calls that likely reasons are learnt from, old ones weighing less", registry=registry)
        calls.set_function(lambda: self.curves.calls)
        confirmed = Gauge("ctiroute_reason_confirmed", "Of these, those of which an operator said why they came", registry=registry)
        confirmed.set_function(lambda: self.curves.confirmed)

    def rank(
        self, touches: Collection[Touch], interactions: Collection[Interaction], calls: Collection[PastCall], now: datetime
    ) -> tuple[Reason, ...]:
        """Return why somebody may be calling. On the call path; never raises."""
        try:
            return ranked(touches, interactions, calls, self.curves, now)
        except Exception:  # a caller is routed without it
            self._failures.inc()
            if not self._broken:
                self._broken = True
                log.exception("likely reasons cannot be ranked; this is said once")
            return ()

    async def run(self) -> None:
        """Learn and refresh until cancelled. A store that is away is asked again."""
        while True:
            began, pause = perf_counter(), EVERY_S
            try:
                if not await self.refresh():
                    pause = SOON_S
            except StoreError as error:
                log.warning("why people call cannot be learnt now: %s", error)
                pause = AGAIN_S
            except Exception:
                log.exception("learning why people call failed")
            await asyncio.sleep(max(pause, REST * (perf_counter() - began)))

    async def refresh(self) -> bool:
        """Learn from what happened since, or take over what another node has learnt; False: there is more. Raises `StoreError`."""
        now = self._clock()
        step = await learn_some(self._store, now)
        until = await self._store.reasons_learnt_until()
        if until != self._learnt_until:
            self.curves = await read_curves(self._store, now)
            self._learnt_until = until
        return step.is_last

    async def confirm(self, context: CallerContext, operator_id: str, kind: ReasonKind, about_id: str) -> ConfirmedReason | None:
        """Keep what an operator found the reason of a call to be; None when the call has no such candidate. Raises `StoreError`."""
        known = {
            ReasonKind.TOUCH: {touch.touch_id for touch in context.touches},
            ReasonKind.INTERACTION: {one.interaction_id for one in context.interactions},
            ReasonKind.NONE: {""},
        }
        if about_id not in known[kind]:
            return None
        at = context.gathered_at or context.request.received_at
        found = pattern_of(context, at, about_id)
        confirmed = ConfirmedReason(
            call_id=context.request.call_id,
            operator_id=operator_id,
            noted_at=self._clock(),
            kind=kind,
            about_id=about_id,
            pattern=found[0].written() if found is not None and (found[1] >= 0 or kind is ReasonKind.NONE) else "",
            choice=found[1] if found is not None else -1,
            period=period_of(at),
        )
        await self._store.confirm_reason(confirmed)
        return confirmed
