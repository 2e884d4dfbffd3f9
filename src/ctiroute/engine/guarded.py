"""One source behind its breaker: asked in a task that may outlive the caller's patience, judged, measured. Knows no other source."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from ctiroute.engine.breaker import Breaker, BreakerPolicy, BreakerState
from ctiroute.engine.source import failure
from ctiroute.model import SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.engine.awake import AwakeClock
    from ctiroute.engine.breaker import Permit
    from ctiroute.engine.source import Answer, Copy, Source
    from ctiroute.model import CallerFacts, CallerQuery

log = logging.getLogger(__name__)

# A store that is merely busy answers sooner than this, and with a copy at hand nobody has to wait for one that does not.
STORE_POLICY = BreakerPolicy(slow_s=0.5)
LONE_POLICY = BreakerPolicy(slow_s=0.9)  # without a copy, any answer is welcome that comes within the call's usual deadline
COPY_POLICY = BreakerPolicy(slow_s=0.1)  # it has one value to read, which takes a ms; and who asks it has waited already
BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
RESULTS = ("ok", "slow", "failed", "silent", "left", "skipped")
_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class SourceMetrics:
    """The metrics of all sources that have to be waited for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        source = ["source"]
        self.state = Gauge("ctiroute_source_breaker_state", "0 closed, 1 half-open, 2 open", source, registry=registry)
        self.changes = Counter("ctiroute_source_breaker_changes", "Changes of a breaker's state", ["source", "to"], registry=registry)
        self.look_ups = Counter("ctiroute_source_look_ups", "Look-ups by what became of them", ["source", "result"], registry=registry)
        self.seconds = Histogram("ctiroute_source_seconds", "From question to answer", source, buckets=BUCKETS, registry=registry)
        self.decided = Counter("ctiroute_source_decided", "Decisions by the source of their facts", source, registry=registry)


class Asked:
    """A look-up under way, or ended. A caller's way leads through here, so it is one task, and no future and no timer of its own."""

    __slots__ = ("_by", "answer", "at", "permit", "task", "too_late")

    def __init__(self, by: Guarded, permit: Permit, at: float) -> None:
        self._by = by
        self.permit = permit
        self.at = at  # the event loop's clock
        self.answer: Answer | None = None  # None: there is none yet
        self.too_late = ""  # why it was given up, in words
        self.task: asyncio.Task[None] | None = None

    @property
    def is_probe(self) -> bool:
        """Whether the source is being tried again."""
        return self.permit.is_probe

    @property
    def facts(self) -> CallerFacts | None:
        """What was answered; None: nothing, or nothing yet."""
        return None if self.answer is None else self.answer[0]

    def cancel(self) -> None:
        """End it: nobody waits for the answer any more, which says nothing against the source."""
        if self.task is not None and self.answer is None and self.task.cancel():
            self._by.forget(self.permit)

    def time_out(self, why: str) -> None:
        """End it: it has taken so long that it counts as not answered."""
        if self.task is not None and self.answer is None:
            self.too_late = why
            self.task.cancel()


class Guarded:
    """A source, its breaker and its figures."""

    def __init__(
        self,
        source: Source | Copy,
        policy: BreakerPolicy,
        metrics: SourceMetrics,
        clock: Callable[[], datetime],
        awake: AwakeClock,
        chance: Callable[[], float],
    ) -> None:
        """`clock` is the time of day, `awake` the one by which the breaker judges, `chance` returns values from 0 up to 1."""
        self.name = source.name
        self._task_name = f"look up in {source.name}"
        self._source = source
        self._policy = policy
        self._clock = clock
        self._awake = awake
        self._breaker = Breaker(policy, chance, self._changed)
        self._running: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks weakly
        # A child look-up costs a lock, so each is done once.
        self._results = {result: metrics.look_ups.labels(self.name, result) for result in RESULTS}
        self._changes = {state: metrics.changes.labels(self.name, state.value) for state in BreakerState}
        self._seconds = metrics.seconds.labels(self.name)
        self.decided = metrics.decided.labels(self.name)
        self._state = metrics.state.labels(self.name)

    def ask(self, query: CallerQuery, loop: asyncio.AbstractEventLoop, arrived: Callable[[Asked], None]) -> Asked | None:
        """Begin a look-up that calls `arrived` with itself once it has its answer; None: the breaker is open."""
        now = loop.time()
        permit = self._breaker.permit(self._awake.time())
        if permit is None:
            self._results["skipped"].inc()
            return None
        asked = Asked(self, permit, now)
        asked.task = task = loop.create_task(self._look_up(asked, query, loop, arrived), name=self._task_name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return asked

    def answer(self, asked: Asked | None, now: float) -> Answer:
        """Return what has come of a look-up by `now` (the event loop's clock); None: the source was not asked."""
        if asked is None:
            return None, SourceReport(self.name, "skipped", 0.0, "it has not answered lately, and is tried again soon")
        if asked.answer is None:
            return None, SourceReport(self.name, "late", _ms(now - asked.at), "had not answered when the call had to be decided")
        return asked.answer

    def forget(self, permit: Permit) -> None:
        """Take note that nobody waits for a look-up any more."""
        self._breaker.forgotten(permit, self._awake.time())
        self._results["left"].inc()

    async def close(self) -> None:
        """End all look-ups, and return when they have ended."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _look_up(self, asked: Asked, query: CallerQuery, loop: asyncio.AbstractEventLoop, arrived: Callable[[Asked], None]) -> None:
        started = perf_counter()  # finer than the clock of some event loops
        try:
            facts = await self._source.find_caller(query)
        except asyncio.CancelledError:
            if asked.too_late:
                report = SourceReport(self.name, "late", _ms_since(started), asked.too_late)
                asked.answer = self._failed(asked.permit, "silent", report)
            elif asked.task is None or asked.task.cancelling():
                raise  # nobody waits for it any more
            else:
                report = SourceReport(self.name, "failed", _ms_since(started), "lost its connection")
                asked.answer = self._failed(asked.permit, "failed", report)
        except Exception as error:  # noqa: BLE001 - whatever a source does, the caller goes on
            asked.answer = self._failed(asked.permit, "failed", failure(self.name, _ms_since(started), error))
        else:
            now, took = loop.time(), perf_counter() - started
            self._breaker.answered(asked.permit, self._awake.time())
            self._results["ok" if now - asked.at < self._policy.slow_s else "slow"].inc()
            self._seconds.observe(took)
            age = None if facts.read_at is None else max(0.0, round((self._clock() - facts.read_at).total_seconds(), 3))
            asked.answer = facts, SourceReport(self.name, "ok", _ms(took), age_s=age)
        arrived(asked)

    def _failed(self, permit: Permit, result: str, report: SourceReport) -> Answer:
        self._breaker.failed(permit, self._awake.time())
        self._results[result].inc()
        return None, report

    def _changed(self, state: BreakerState) -> None:
        self._state.set(_STATES[state])
        self._changes[state].inc()
        if state is BreakerState.OPEN:
            log.warning("%s does not answer in time and is left alone for a moment", self.name)
        elif state is BreakerState.CLOSED:
            log.info("%s answers again", self.name)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _ms_since(started: float) -> float:
    return _ms(perf_counter() - started)
