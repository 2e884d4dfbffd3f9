"""One look-up in a store that has to be waited for, hedged by a copy of it. Knows budgets; knows neither rules nor calls.

The store is the truth: when it answers in time, its answer alone counts. The copy is asked when the store is slower than it should be,
has failed, or is left alone by its breaker; its answer counts when the store's budget is over. The two are never mixed: facts of
two moments may contradict each other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctiroute.engine.guarded import COPY_POLICY, STORE_POLICY, Guarded
from ctiroute.engine.source import Backed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.engine.guarded import Asked, SourceMetrics
    from ctiroute.engine.late import Late
    from ctiroute.engine.source import Answer, Source
    from ctiroute.model import CallerQuery

    Answers = dict[str, Answer]  # by source

HEDGE_AFTER_S = 0.02  # a store in good health answers within 5 ms; asked sooner, the copy would be asked for no reason
# Then the copy's answer will do. With deciding and the answer's way to Asterisk this keeps the promise of 50 ms for 99 of 100 calls
# while the store is silent and its breaker has not opened yet. It is also what a caller gives to a store that is being tried again.
STORE_BUDGET_S = 0.04


class Hedge:
    """A store and its copy, if it has one."""

    def __init__(
        self, source: Source | Backed, metrics: SourceMetrics, late: Late, clock: Callable[[], datetime], chance: Callable[[], float]
    ) -> None:
        store, copy = (source.source, source.copy) if isinstance(source, Backed) else (source, None)
        self.store = Guarded(store, STORE_POLICY, metrics, clock, chance)
        self.copy = None if copy is None else Guarded(copy, COPY_POLICY, metrics, clock, chance)
        self.guarded = [self.store] if self.copy is None else [self.store, self.copy]
        self.nobody = metrics.decided.labels("none")
        self.late = late

    async def ask(self, query: CallerQuery, answers: Answers, until: float, completed: Callable[[], object]) -> None:
        """Put into `answers` what is known at `until` (the event loop's clock) or sooner.

        `completed` is called after that, each time something that came later has changed `answers`.
        """
        loop = asyncio.get_running_loop()
        look_up = _LookUp(self, query, loop, until)
        try:
            while (limit := look_up.wait_until(loop.time())) is not None:
                await look_up.wait(limit)
        except asyncio.CancelledError:  # the caller has gone: nobody needs the answers
            for task in look_up.pending():
                task.cancel()
            raise
        look_up.settle(answers, completed)


class _LookUp:
    """One caller's look-up: who was asked, who has answered, and whether that is enough."""

    __slots__ = ("_begun", "_copy", "_copy_is_due", "_hedge", "_loop", "_query", "_store", "_until", "_waiter")

    def __init__(self, hedge: Hedge, query: CallerQuery, loop: asyncio.AbstractEventLoop, until: float) -> None:
        self._hedge = hedge
        self._query = query
        self._loop = loop
        self._until = until
        self._begun = loop.time()
        self._store = hedge.store.ask(query, loop)
        self._copy: Asked | None = None
        self._copy_is_due = False
        self._waiter: asyncio.Future[None] | None = None
        if self._store is not None:
            self._store.task.add_done_callback(self._wake)

    async def wait(self, limit: float) -> None:
        """Wait for the next answer, or until `limit`. Every call comes by here, and `asyncio.wait` takes twice as long."""
        self._waiter = self._loop.create_future()
        timer = self._loop.call_at(limit, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self, _task: asyncio.Task[Answer] | None = None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def pending(self) -> list[asyncio.Task[Answer]]:
        """Return the look-ups under way."""
        return [asked.task for asked in (self._store, self._copy) if asked is not None and asked.runs]

    def wait_until(self, now: float) -> float | None:
        """Return until when to wait for an answer, None: no longer. Asks the copy when its time has come."""
        store, runs = self._store, self._store is not None and self._store.runs
        on_trial = store is not None and store.is_probe
        if store is not None and store.facts is not None:
            return None
        if self._hedge.copy is not None and not self._copy_is_due:
            due_at = min(self._begun + HEDGE_AFTER_S, self._until)
            if runs and not on_trial and now < due_at:
                return due_at
            self._copy_is_due = True
            self._copy = self._hedge.copy.ask(self._query, self._loop)
            if self._copy is not None:
                self._copy.task.add_done_callback(self._wake)
        copy = self._copy
        if copy is not None and copy.runs:
            limit = self._until
        elif not runs:
            return None
        else:
            enough = on_trial or (copy is not None and copy.facts is not None)
            limit = min(self._begun + STORE_BUDGET_S, self._until) if enough else self._until
        return limit if now < limit else None

    def settle(self, answers: Answers, completed: Callable[[], object]) -> None:
        """Put down what is known now, and follow what is still under way."""
        hedge = self._hedge
        self._put(answers)
        by = next((it for it in hedge.guarded if it.name in answers and answers[it.name][0] is not None), None)
        (hedge.nobody if by is None else by.decided).inc()

        def arrived(_answer: Answer) -> None:
            if answers[hedge.store.name][0] is None:  # else the store has answered meanwhile, and the copy comes too late
                self._put(answers)
                completed()

        for task in self.pending():
            hedge.late.follow(task, arrived)

    def _put(self, answers: Answers) -> None:
        now = self._loop.time()
        store, copy = self._hedge.store, self._hedge.copy
        answers[store.name] = store.answer(self._store, now)
        if copy is not None and self._copy_is_due:
            if answers[store.name][0] is None:
                answers[copy.name] = copy.answer(self._copy, now)
            else:
                answers.pop(copy.name, None)  # the store's answer alone counts
