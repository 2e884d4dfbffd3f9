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

    from ctiroute.engine.breaker import Permit
    from ctiroute.engine.source import Answer, Copy, Source
    from ctiroute.model import CallerFacts, CallerQuery

log = logging.getLogger(__name__)

LATE_LIMIT_S = 10.0  # a late look-up is given up after that: by then the call is usually answered
# Half of the call's usual deadline. Answers that come later than this hardly help a caller, and a store that is merely busy answers sooner.
STORE_POLICY = BreakerPolicy(slow_s=0.5)
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
    """A look-up under way, or ended. Its task never raises but for CancelledError."""

    __slots__ = ("at", "is_probe", "task")

    def __init__(self, task: asyncio.Task[Answer], at: float, *, is_probe: bool) -> None:
        self.task = task
        self.at = at  # the event loop's clock
        self.is_probe = is_probe  # the source is being tried again

    @property
    def runs(self) -> bool:
        """Whether there may yet be an answer."""
        return not self.task.done()

    @property
    def facts(self) -> CallerFacts | None:
        """What was answered; None: nothing, or nothing yet."""
        return self.task.result()[0] if self.task.done() else None


class Guarded:
    """A source, its breaker and its figures."""

    def __init__(
        self,
        source: Source | Copy,
        policy: BreakerPolicy,
        metrics: SourceMetrics,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        self.name = source.name
        self._task_name = f"look up in {source.name}"
        self._source = source
        self._policy = policy
        self._clock = clock
        self._breaker = Breaker(policy, chance, self._changed)
        # A child look-up costs a lock, so each is done once.
        self._results = {result: metrics.look_ups.labels(self.name, result) for result in RESULTS}
        self._changes = {state: metrics.changes.labels(self.name, state.value) for state in BreakerState}
        self._seconds = metrics.seconds.labels(self.name)
        self.decided = metrics.decided.labels(self.name)
        self._state = metrics.state.labels(self.name)

    def ask(self, query: CallerQuery, loop: asyncio.AbstractEventLoop) -> Asked | None:
        """Begin a look-up; None: the breaker is open."""
        now = loop.time()
        permit = self._breaker.permit(now)
        if permit is None:
            self._results["skipped"].inc()
            return None

        async def look_up() -> Answer:
            started = perf_counter()  # finer than the clock of some event loops
            try:
                async with asyncio.timeout(LATE_LIMIT_S):
                    facts = await self._source.find_caller(query)
            except asyncio.CancelledError:
                if task.cancelling():
                    raise  # nobody waits for it any more
                return self._failed(permit, "failed", SourceReport(self.name, "failed", _ms_since(started), "lost its connection"))
            except TimeoutError:
                report = SourceReport(self.name, "late", _ms_since(started), f"no answer in {LATE_LIMIT_S:g} s")
                return self._failed(permit, "silent", report)
            except Exception as error:  # noqa: BLE001 - whatever a source does, the caller goes on
                return self._failed(permit, "failed", failure(self.name, _ms_since(started), error))
            self._breaker.answered(permit, loop.time())
            self._results["ok" if loop.time() - now < self._policy.slow_s else "slow"].inc()
            self._seconds.observe(perf_counter() - started)
            age = None if facts.read_at is None else max(0.0, round((self._clock() - facts.read_at).total_seconds(), 3))
            return facts, SourceReport(self.name, "ok", _ms_since(started), age_s=age)

        def left(ended: asyncio.Task[Answer]) -> None:  # seen here, because a task that is cancelled at once never begins
            if ended.cancelled():
                self._breaker.forgotten(permit, loop.time())
                self._results["left"].inc()

        task = loop.create_task(look_up(), name=self._task_name)
        task.add_done_callback(left)
        return Asked(task, now, is_probe=permit.is_probe)

    def answer(self, asked: Asked | None, now: float) -> Answer:
        """Return what has come of a look-up by `now` (the event loop's clock); None: the source was not asked."""
        if asked is None:
            return None, SourceReport(self.name, "skipped", 0.0, "it has not answered lately, and is tried again soon")
        if asked.runs:
            return None, SourceReport(self.name, "late", _ms(now - asked.at), "had not answered when the call had to be decided")
        return asked.task.result()

    def _failed(self, permit: Permit, result: str, report: SourceReport) -> Answer:
        self._breaker.failed(permit, asyncio.get_running_loop().time())
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
