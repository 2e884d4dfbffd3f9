"""One look-up in a store that has to be waited for, hedged by a copy of it. Knows budgets; knows neither rules nor calls.

The store is the truth: when it answers in time, its answer alone counts. The copy is asked when the store is slower than it should be,
has failed, or is left alone by its breaker; its answer counts when the store's budget is over. The two are never mixed: facts of
two moments may contradict each other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctiroute.engine.guarded import COPY_POLICY, LONE_POLICY, STORE_POLICY, Guarded
from ctiroute.engine.source import Backed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.engine.awake import AwakeClock
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
        self,
        source: Source | Backed,
        metrics: SourceMetrics,
        late: Late,
        clock: Callable[[], datetime],
        awake: AwakeClock,
        chance: Callable[[], float],
    ) -> None:
        store, copy = (source.source, source.copy) if isinstance(source, Backed) else (source, None)
        self.store = Guarded(store, LONE_POLICY if copy is None else STORE_POLICY, metrics, clock, awake, chance)
        self.copy = None if copy is None else Guarded(copy, COPY_POLICY, metrics, clock, awake, chance)
        self.guarded = [self.store] if self.copy is None else [self.store, self.copy]
        self.nobody = metrics.decided.labels("none")
        self.late = late

    def ask(self, query: CallerQuery, answers: Answers, until: float, settled: Callable[[], None], completed: Callable[[], None]) -> LookUp:
        """Begin to find out what is known at `until` (the event loop's clock) or sooner.

        `settled` is called once, when it stands in `answers`, which may be at once; `completed` after that, each time something that
        came later has changed them.
        """
        look_up = LookUp(self, query, answers, until, settled, completed)
        look_up.begin()
        return look_up

    async def close(self) -> None:
        """End all look-ups."""
        for guarded in self.guarded:
            await guarded.close()


class LookUp:
    """One caller's look-up: who was asked, who has answered, and whether that is enough.

    It moves when something happens: an answer comes, or the time for the next step has. With a healthy store that is one
    timer that is cancelled, no future, and no task where the store tells by itself.
    """

    __slots__ = (
        "_answers",
        "_begun",
        "_completed",
        "_copy",
        "_copy_is_due",
        "_hedge",
        "_loop",
        "_query",
        "_settled",
        "_store",
        "_timer",
        "_until",
    )

    def __init__(
        self, hedge: Hedge, query: CallerQuery, answers: Answers, until: float, settled: Callable[[], None], completed: Callable[[], None]
    ) -> None:
        self._hedge = hedge
        self._query = query
        self._answers = answers
        self._until = until
        self._settled: Callable[[], None] | None = settled  # None: it was called, or the caller has gone
        self._completed = completed
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._store: Asked | None = None
        self._copy: Asked | None = None
        self._copy_is_due = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Ask."""
        self._store = self._hedge.store.ask(self._query, self._loop, self._arrived)
        self._advance()

    def cancel(self) -> None:
        """End it: the caller has gone, nobody needs the answers."""
        self._settled = None
        self._stop_timer()
        for asked in (self._store, self._copy):
            if asked is not None:
                asked.cancel()

    def _arrived(self, asked: Asked) -> None:
        if self._settled is not None:
            self._advance()
            return
        self._hedge.late.arrived(asked)
        if asked.facts is not None and self._answers[self._hedge.store.name][0] is None:  # else a copy comes after the truth
            self._put()
            self._completed()

    def _advance(self) -> None:
        """Wait for what is still worth waiting for, or settle. Asks the copy when its time has come."""
        self._stop_timer()
        limit = self._wait_until(self._loop.time())
        if limit is not None:
            self._timer = self._loop.call_at(limit, self._advance)
        elif self._settled is not None:
            settled, self._settled = self._settled, None
            self._settle()
            settled()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _wait_until(self, now: float) -> float | None:
        """Return until when to wait for an answer, None: no longer."""
        store = self._store
        if store is not None and store.facts is not None:
            return None
        runs = store is not None and store.answer is None
        on_trial = store is not None and store.is_probe
        if self._hedge.copy is not None and not self._copy_is_due:
            due_at = min(self._begun + HEDGE_AFTER_S, self._until)
            if runs and not on_trial and now < due_at:
                return due_at
            self._copy_is_due = True
            self._copy = self._hedge.copy.ask(self._query, self._loop, self._arrived)
        copy = self._copy
        if copy is not None and copy.answer is None:
            limit = self._until
        elif not runs:
            return None
        else:
            enough = on_trial or (copy is not None and copy.facts is not None)
            limit = min(self._begun + STORE_BUDGET_S, self._until) if enough else self._until
        return limit if now < limit else None

    def _settle(self) -> None:
        """Put down what is known now, and follow what is still under way."""
        hedge, answers = self._hedge, self._answers
        self._put()
        by = next((it for it in hedge.guarded if it.name in answers and answers[it.name][0] is not None), None)
        (hedge.nobody if by is None else by.decided).inc()
        for asked in (self._store, self._copy):
            if asked is not None and asked.answer is None:
                hedge.late.follow(asked, self._loop)

    def _put(self) -> None:
        now = self._loop.time()
        answers, store, copy = self._answers, self._hedge.store, self._hedge.copy
        answers[store.name] = store.answer(self._store, now)
        if copy is not None and self._copy_is_due:
            if answers[store.name][0] is None:
                answers[copy.name] = copy.answer(self._copy, now)
            else:
                answers.pop(copy.name, None)  # the store's answer alone counts
