"""Delivers what stands in the outbox for one webhook: when to try, when to try again, when to give up. Knows no HTTP.

Each delivery has its own attempts, with pauses that double. A receiver that is away is another matter: then one delivery at a time is
tried, with a pause, so that an outage uses up the attempts of few.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from ctiroute.connectors.announce.sending import Answer, Verdict, open_session, send
from ctiroute.errors import StoreError
from ctiroute.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    import aiohttp

    from ctiroute.connectors.announce.metrics import AnnounceMetrics
    from ctiroute.model import Delivery
    from ctiroute.settings import WebhookSettings
    from ctiroute.store.webhooks import WebhookStore

log = logging.getLogger(__name__)

FIRST_S, LAST_S = 2.0, 3600.0  # the pause after the first failed attempt, doubled by each, and the longest
PROBE_S = 60.0  # at most, between two attempts at a receiver that is away
AT_ONCE = 8  # deliveries
LOOK_S = 1.0  # between two looks into the outbox: another process may have put something in
SPARE_S = 30.0  # a loan lasts so much longer than an attempt may: the store may be slow to hear of its end


class Courier:
    """Delivers to one webhook. Several nodes may do so at once."""

    def __init__(
        self,
        webhook: WebhookSettings,
        store: WebhookStore,
        news: asyncio.Event,
        metrics: AnnounceMetrics,
        clock: Callable[[], datetime],
        rng: Random,
    ) -> None:
        """`news` is set when something was put in on this node; `clock` gives aware UTC times."""
        self.webhook = webhook
        self.fault = ""  # why the last attempt failed, in words; "" when it did not
        self._store = store
        self._news = news
        self._metrics = metrics
        self._clock = clock
        self._rng = rng
        self._failures = 0  # one after the other, at the receiver as a whole
        self._stopping = False
        self._idle = asyncio.Event()  # nothing is in hand
        self._idle.set()

    async def run(self) -> None:
        """Deliver until cancelled. An attempt that is broken off is made again when its loan has ended."""
        async with open_session(self.webhook.timeout_s) as session:
            while not self._stopping:
                self._idle.clear()
                try:
                    pause_s = await self.deliver(session)
                except StoreError as error:
                    log.warning("webhook %s: the outbox cannot be read or written: %s", self.webhook.name, error)
                    pause_s = LOOK_S
                finally:
                    self._idle.set()
                await self._rest(pause_s)

    async def drain(self, limit_s: float) -> None:
        """Begin nothing more, and let attempts in hand end: a receiver that says yes now shall not be asked again after the restart."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()

    async def deliver(self, session: aiohttp.ClientSession) -> float:
        """Try what is due; return for how long to rest. Raises `StoreError`."""
        now = self._clock()
        due_at = await self._store.next_delivery_at(self.webhook.name)
        if due_at is None or due_at > now:
            return LOOK_S
        until = now + timedelta(seconds=self.webhook.timeout_s + SPARE_S)
        lent = await self._store.lend_deliveries(self.webhook.name, now, until, 1 if self._failures else AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._try(session, each), name=f"webhook {self.webhook.name}") for each in lent]
        answers = [task.result() for task in tasks]
        self._failures = 0 if any(each.verdict is not Verdict.AWAY for each in answers) else self._failures + len(answers)
        waits = [each.wait_s for each in answers if each.wait_s is not None]
        if waits:
            return max(waits)
        if self._failures and answers:
            return min(PROBE_S, self._pause_s(self._failures))
        return 0.0 if lent else LOOK_S

    async def _try(self, session: aiohttp.ClientSession, lent: Delivery) -> Answer:
        began = perf_counter()
        answer = await send(session, self.webhook, lent, self._clock())
        self._metrics.seconds.labels(self.webhook.name).observe(perf_counter() - began)
        ended = self.after(lent, answer)
        try:
            if not await self._store.end_delivery(lent, ended):
                log.info("webhook %s: event %s had fallen back to another node", self.webhook.name, lent.event_id)
        except StoreError as error:  # the loan ends, and it is told once more: receivers know a repetition by its id
            log.warning("webhook %s: what became of event %s cannot be kept: %s", self.webhook.name, lent.event_id, error)
        self._tell(ended, answer)
        return answer

    def after(self, lent: Delivery, answer: Answer) -> Delivery:
        """Return a delivery as it stands after an attempt."""
        attempts, now = lent.attempts + 1, self._clock()
        told = replace(lent, attempts=attempts, status=answer.status, error=answer.error)
        if answer.verdict is Verdict.TAKEN:
            return replace(told, state=DeliveryState.DELIVERED, due_at=None, ended_at=now)
        if answer.verdict is Verdict.REFUSED or attempts >= self.webhook.attempts:
            return replace(told, state=DeliveryState.DEAD, due_at=None, ended_at=now)
        pause_s = self._pause_s(attempts) if answer.wait_s is None else answer.wait_s
        return replace(told, due_at=now + timedelta(seconds=pause_s))

    def _pause_s(self, failures: int) -> float:
        """Return how long to wait: twice as long after each failure, and never as long as others who failed at the same time."""
        return min(LAST_S, FIRST_S * 2.0 ** min(failures - 1, 20)) * self._rng.uniform(0.75, 1.0)

    def _tell(self, ended: Delivery, answer: Answer) -> None:
        result = {DeliveryState.DELIVERED: "delivered", DeliveryState.DEAD: "given_up", DeliveryState.WAITING: "failed"}[ended.state]
        self._metrics.attempts.labels(self.webhook.name, result).inc()
        self.fault = answer.error
        if ended.state is DeliveryState.DEAD:
            log.error(
                "webhook %s: event %s is given up after %d attempts: %s", self.webhook.name, ended.event_id, ended.attempts, answer.error
            )
        elif ended.state is DeliveryState.WAITING:
            log.warning("webhook %s: event %s, attempt %d: %s", self.webhook.name, ended.event_id, ended.attempts, answer.error)

    async def _rest(self, pause_s: float) -> None:
        if self._failures:  # news do not make a receiver come back
            await asyncio.sleep(pause_s)
            return
        try:
            async with asyncio.timeout(pause_s):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
