"""Keeps the hot copy in step with the truth: what was marked as changed is read afresh, and a copy that is not whole is filled.

Any number of nodes may do this at once. Marks are given to one node at a time, a later reading is never replaced by an earlier one, and
filling twice costs work and nothing else. When either side is away it waits, and goes on where it was: marks stay until they are done.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from prometheus_client import Counter, Gauge

from ctiroute.errors import StoreError
from ctiroute.model import CallerQuery
from ctiroute.store.redis.copy import FACTS_TTL_S, Marker
from ctiroute.store.redis.keys import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from random import Random

    from prometheus_client import CollectorRegistry

    from ctiroute.model import Identifier
    from ctiroute.store.outbox import DirtyIdentifiers
    from ctiroute.store.redis import HotCopy

log = logging.getLogger(__name__)

LIMIT = 20  # of each kind of fact, as the engine asks for
BATCH = 500  # identifiers a trip: some ms of the store, and an answer of less than a MiB
LOOK_S = 0.25  # between two looks for marks, when there were none
WATCH_S = 1.0  # between two looks whether the copy is still whole
PART = BUCKETS // 4  # markers at a look: all 256 at once hold up the loop, and with it the calls, for 5 ms
EXPIRY_EVERY_S = 300.0  # between two looks how old it is
CLAIM_S = 30.0  # a node that fills the copy and dies is replaced after that
RENEW_S = 5.0
RATE = 5_000  # identifiers a second while filling; the store has calls to answer meanwhile
PASS_EVERY_S = 6 * 3600  # a copy that is whole is read over from the truth so often, long before its facts expire
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # then every 5 s; half of each is chance
TELL_S = 10.0  # between two lines of progress in the log


class Reach(Protocol):
    """How far back the rules in use look."""

    @property
    def touches(self) -> timedelta:
        """Touches this old are of use."""

    @property
    def calls(self) -> timedelta:
        """Calls this old are of use."""

    @property
    def interactions(self) -> timedelta:
        """Interactions closed so long ago are of use."""


class RelayMetrics:
    """What becomes of the copy."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.warm = Gauge(
            "ctiroute_copy_warm", "1: the hot copy answers for the store; 0: it cannot tell, or there is none", registry=registry
        )
        self.lag = Gauge("ctiroute_copy_lag_seconds", "Age of the oldest change that is not in the hot copy yet", registry=registry)
        self.refreshed = Counter("ctiroute_copy_refreshed", "Identifiers read again because they had changed", registry=registry)
        self.filled = Counter("ctiroute_copy_filled", "Identifiers read in passes over the whole store", registry=registry)
        self.passes = Counter("ctiroute_copy_passes", "Passes by how they ended", ["result"], registry=registry)
        self.failures = Counter("ctiroute_copy_failures", "Steps of keeping the copy that failed and were tried again", registry=registry)


class Relay:
    """Reads from the truth what has changed, and writes it to the copy."""

    def __init__(
        self,
        copy: HotCopy,
        dirty: DirtyIdentifiers,
        reach: Callable[[], Reach],
        node: str,
        clock: Callable[[], datetime],
        rng: Random,
        metrics: RelayMetrics,
    ) -> None:
        """`reach` says how far back the rules look now; `node` is this node's name among the others."""
        self._copy = copy
        self._dirty = dirty
        self._reach = reach
        self._node = node
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._evicted = 0
        self._whole = [False] * BUCKETS  # as they were last seen
        self._passes = 0  # of this node that ended well
        self._turn = 0  # the first of the part that is looked at next
        self._expiry_due = float("-inf")
        self._unbroken = True  # nothing was missed, or it has been dealt with
        self._cold = asyncio.Event()

    async def run(self) -> None:
        """Keep the copy until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_ever("watch", self.watch), name="copy: watch")
            group.create_task(self._for_ever("refresh", self.refresh), name="copy: refresh")
            group.create_task(self._for_ever("fill", self.fill), name="copy: fill")

    async def _for_ever(self, what: str, step: Callable[[], Awaitable[float]]) -> None:
        """Take a step again and again; it returns how long to wait, and failing makes it wait longer."""
        failures = 0
        while True:
            try:
                pause = await step()
                failures = 0
            except Exception as error:  # whatever it is, the copy has to be kept
                pause = RETRY_S[min(failures, len(RETRY_S) - 1)] * (0.5 + self._rng.random() / 2)
                failures += 1
                self._metrics.failures.inc()
                if what == "watch":
                    self._metrics.warm.set(0)
                if not isinstance(error, StoreError):
                    log.exception("the hot copy: %s broke", what)
                elif failures == 1:
                    log.warning("the hot copy waits (%s): %s", what, error)
            await asyncio.sleep(pause)

    # --- is it whole?

    async def watch(self) -> float:
        """Look whether the copy is whole, and see to it that it is filled when it is not."""
        server = await self._copy.server()
        if server.epoch == self._copy.epoch and server.evicted > self._evicted:
            log.error("Redis threw keys out for want of memory, so the hot copy is filled again: give it more, and set noeviction")
            await self._copy.forget_markers()
        part = range(self._turn, self._turn + PART) if server.epoch == self._copy.epoch else range(BUCKETS)
        self._turn = part.stop % BUCKETS
        self._copy.epoch, self._evicted = server.epoch, server.evicted
        self._copy.in_step_at = await self._copy.step()
        passes = self._passes
        seen = await self._copy.whole(server.epoch, self._needed(server.epoch, self._clock()), part)
        if passes != self._passes:  # what was seen may be of the time before
            return 0.0
        self._whole[part.start : part.stop] = seen
        whole = sum(self._whole)
        self._metrics.warm.set(int(whole == BUCKETS))
        if whole == BUCKETS:
            self._cold.clear()
        elif not self._cold.is_set():
            log.warning("the hot copy is not whole (%d of %d parts): filling it", whole, BUCKETS)
            self._cold.set()
        return WATCH_S

    # --- what has changed

    async def refresh(self) -> float:
        """Read again what was marked; the marks go only when the copy has it."""
        await self._follow()
        async with self._dirty.take(BATCH) as identifiers:
            for start in range(0, len(identifiers), BATCH):  # more than asked for when one mark stands for many
                await self._read(identifiers[start : start + BATCH])
            self._metrics.refreshed.inc(len(identifiers))
        now = self._clock()  # before the question: what is marked after it is younger
        lag_s = await self._dirty.lag_s()
        self._metrics.lag.set(lag_s)
        await self._copy.set_step(now - timedelta(seconds=lag_s))
        return 0.0 if len(identifiers) >= BATCH else LOOK_S

    async def _follow(self) -> None:
        """Have the store mark what changes; where it did not, the copy may have missed something, and is not believed any more."""
        self._unbroken = await self._dirty.follow() and self._unbroken
        if not self._unbroken:
            await self._copy.forget_markers()
            self._unbroken = True  # only now: had that failed, it has to be done yet
            self._whole = [False] * BUCKETS
            log.warning("nobody kept the hot copy for a while: it is filled again")
            self._cold.set()

    async def _read(self, identifiers: Sequence[Identifier]) -> None:
        since = self._needed("", self._clock())
        queries = [
            CallerQuery(identifier, since.touches_since, since.calls_since, since.interactions_since, LIMIT) for identifier in identifiers
        ]
        reading = await self._dirty.read_facts(queries)
        await self._copy.put(queries, reading.facts, reading.as_of)

    # --- all there is

    async def fill(self) -> float:
        """Fill the copy when it is not whole, or its facts come of age, and no other node does."""
        if not self._cold.is_set() and not await self._is_due():
            return WATCH_S
        if not self._copy.epoch or not await self._copy.claim(self._node, CLAIM_S):
            return WATCH_S
        try:
            whole = await self._pass()
        finally:
            with suppress(StoreError):  # it expires by itself; a failure here would take the place of a cancellation
                await self._copy.release(self._node)
        self._metrics.passes.labels("whole" if whole else "overtaken").inc()
        if whole:
            self._passes += 1
            self._whole = [True] * BUCKETS
            self._cold.clear()
            self._metrics.warm.set(1)
        return WATCH_S

    async def _is_due(self) -> bool:
        """Say whether a copy that is whole has to be read over, because the first of its markers come of age."""
        if monotonic() < self._expiry_due:
            return False
        self._expiry_due = monotonic() + EXPIRY_EVERY_S
        return await self._copy.oldest_expiry_s() <= FACTS_TTL_S - PASS_EVERY_S

    async def _pass(self) -> bool:
        """Read everything over; False when a flush, a restart or another node came between."""
        began, token, epoch = self._clock(), secrets.token_hex(8), self._copy.epoch
        marker = self._needed(epoch, began)
        await self._follow()
        await self._copy.begin_pass(token)
        started = renewed = told = monotonic()
        done = 0
        last: Identifier | None = None
        while page := await self._next_page(last, marker):
            await self._read(page)
            last = page[-1]
            done += len(page)
            self._metrics.filled.inc(len(page))
            now = monotonic()
            if now - renewed > RENEW_S:
                renewed = now
                if epoch != self._copy.epoch or not (await self._copy.go_on(token) and await self._copy.claim(self._node, CLAIM_S)):
                    return False
            if now - told > TELL_S:
                told = now
                log.info("the hot copy: %d identifiers so far, %d a second", done, done / (now - started))
            await asyncio.sleep(max(0.0, started + done / RATE - now))
        if (await self._copy.server()).epoch != epoch:
            return False
        whole = await self._copy.finish_pass(token, marker, began) == BUCKETS
        if whole:
            log.info("the hot copy is whole: %d identifiers in %.1f s", done, monotonic() - started)
        return whole

    async def _next_page(self, after: Identifier | None, marker: Marker) -> Sequence[Identifier]:
        return await self._dirty.known_identifiers(after, marker.touches_since, marker.calls_since, marker.interactions_since, BATCH)

    def _needed(self, epoch: str, now: datetime) -> Marker:
        """Return how far back a copy has to look that is made now."""
        reach = self._reach()
        return Marker(epoch, now - reach.touches, now - reach.calls, now - reach.interactions)
