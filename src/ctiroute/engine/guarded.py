"""One source behind its breaker: asked, for longer than the caller's patience if need be, judged, measured. Knows no other source."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from ctiroute.engine.breaker import Breaker, BreakerPolicy, BreakerState
from ctiroute.engine.source import Telling, failure
from ctiroute.errors import StoreUnavailable
from ctiroute.model import SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.engine.awake import AwakeClock
    from ctiroute.engine.breaker import Permit
    from ctiroute.engine.source import Answer, Copy, Source
    from ctiroute.model import CallerFacts, CallerQuery

    FindSoon = Callable[[CallerQuery, Callable[[CallerFacts | Exception], None]], Callable[[], object]]

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
    """A look-up under way, or ended. A caller's way leads through here, so it has no future and no timer of its own."""

    __slots__ = ("_arrived", "_by", "_end", "answer", "at", "permit", "started")

    def __init__(self, by: Guarded, permit: Permit, at: float, arrived: Callable[[Asked], None]) -> None:
        self._by = by
        # Both are let go of when it ends: who asked holds this, and what goes in circles waits for the garbage collector.
        self._arrived: Callable[[Asked], None] | None = arrived
        self._end: Callable[[], object] | None = None
        self.permit = permit
        self.at = at  # the event loop's clock
        self.started = perf_counter()  # finer than the clock of some event loops
        self.answer: Answer | None = None  # None: there is none yet, or nobody waits for one

    @property
    def is_probe(self) -> bool:
        """Whether the source is being tried again."""
        return self.permit.is_probe

    @property
    def facts(self) -> CallerFacts | None:
        """What was answered; None: nothing, or nothing yet."""
        return None if self.answer is None else self.answer[0]

    def begin(self, find_soon: FindSoon, query: CallerQuery) -> None:
        """Ask."""
        self._end = find_soon(query, self._told)

    def cancel(self) -> None:
        """End it: nobody waits for the answer any more, which says nothing against the source."""
        if self.let_go() is not None:
            self._by.forget(self)

    def time_out(self, why: str) -> None:
        """End it: it has taken so long that it counts as not answered."""
        arrived = self.let_go()
        if arrived is not None:
            self.answer = self._by.silent(self, why)
            arrived(self)

    def let_go(self) -> Callable[[Asked], None] | None:
        """End it without a word; return whom to tell, None: it has ended."""
        end, arrived = self._end, self._arrived
        self._end = self._arrived = None
        if end is not None:
            end()
        return arrived

    def _told(self, result: CallerFacts | Exception) -> None:
        arrived, self._arrived = self._arrived, None
        self._end = None
        if arrived is not None:  # not given up in the same moment
            self.answer = self._by.told(self, result)
            arrived(self)


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
        self._find_soon: FindSoon = source.find_soon if isinstance(source, Telling) else self._find_in_task
        self._policy = policy
        self._clock = clock
        self._awake = awake
        self._breaker = Breaker(policy, chance, self._changed)
        self._running: set[Asked] = set()
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks weakly
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
        asked = Asked(self, permit, now, arrived)
        self._running.add(asked)
        asked.begin(self._find_soon, query)
        return asked

    def answer(self, asked: Asked | None, now: float) -> Answer:
        """Return what has come of a look-up by `now` (the event loop's clock); None: the source was not asked."""
        if asked is None:
            return None, SourceReport(self.name, "skipped", 0.0, "it has not answered lately, and is tried again soon")
        if asked.answer is None:
            return None, SourceReport(self.name, "late", _ms(now - asked.at), "had not answered when the call had to be decided")
        return asked.answer

    def forget(self, asked: Asked) -> None:
        """Take note that nobody waits for a look-up any more."""
        self._running.discard(asked)
        self._breaker.forgotten(asked.permit, self._awake.time())
        self._results["left"].inc()

    def silent(self, asked: Asked, why: str) -> Answer:
        """Return what is said of a look-up that took too long, and take note of it."""
        return self._failed(asked, "silent", SourceReport(self.name, "late", _ms_since(asked.started), why))

    def told(self, asked: Asked, result: CallerFacts | Exception) -> Answer:
        """Return what is said of an answer, and take note of it."""
        if isinstance(result, Exception):
            return self._failed(asked, "failed", failure(self.name, _ms_since(asked.started), result))
        took = perf_counter() - asked.started
        in_time = asyncio.get_running_loop().time() - asked.at < self._policy.slow_s
        self._running.discard(asked)
        self._breaker.answered(asked.permit, self._awake.time())
        self._results["ok" if in_time else "slow"].inc()
        self._seconds.observe(took)
        age = None if result.read_at is None else max(0.0, round((self._clock() - result.read_at).total_seconds(), 3))
        return result, SourceReport(self.name, "ok", _ms(took), age_s=age)

    async def close(self) -> None:
        """End all look-ups, and return when they have ended."""
        for asked in tuple(self._running):
            asked.let_go()
        self._running.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _find_in_task(self, query: CallerQuery, told: Callable[[CallerFacts | Exception], None]) -> Callable[[], object]:
        task = asyncio.get_running_loop().create_task(self._find(query, told), name=self._task_name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task.cancel

    async def _find(self, query: CallerQuery, told: Callable[[CallerFacts | Exception], None]) -> None:
        result: CallerFacts | Exception
        try:
            result = await self._source.find_caller(query)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # nobody waits for it any more
            result = StoreUnavailable("lost its connection")
        except Exception as error:  # noqa: BLE001 - whatever a source does, the caller goes on
            result = error
        told(result)

    def _failed(self, asked: Asked, result: str, report: SourceReport) -> Answer:
        self._running.discard(asked)
        self._breaker.failed(asked.permit, self._awake.time())
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
