"""Ask every source about a caller at once, and take what has answered in time. Knows deadlines and sources, not rules.

A source that is late is not cancelled: it goes on in the background, bounded in time and number, and hands its facts over when it has
them, so that a pop already on a screen is completed by a later revision.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from ctiroute.errors import StoreError
from ctiroute.model import UNKNOWN, WITHHELD, CallerContext, CallerFacts, CallerQuery, Identifier, IdentifierKind, Identity, SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ctiroute.model import RouteRequest

    Answer = tuple[CallerFacts | None, SourceReport]
    Completed = Callable[[CallerContext], None]

log = logging.getLogger(__name__)

LATE_LIMIT_S = 10.0  # a late look-up is given up after that: by then the call is usually answered
MAX_LATE = 500  # late look-ups at once; more mean a source that is down, and waiting for it would only eat memory
LIMIT = 20  # of each kind of fact; an operator reads the first few

T = TypeVar("T")


class Source(Protocol):
    """Somebody who may know the caller."""

    @property
    def name(self) -> str:
        """What traces and metrics call it."""

    @property
    def immediate(self) -> bool:
        """Whether `find_caller` answers without ever suspending, so that it needs neither a task nor a timer."""

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known; any exception means that it did not answer."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the rules in use look."""

    touches: timedelta
    calls: timedelta
    interactions: timedelta  # closed ones; open ones are always found


class Gatherer:
    """Makes the CallerContext of a request."""

    def __init__(self, sources: Sequence[Source], clock: Callable[[], datetime]) -> None:
        self._immediate = [source for source in sources if source.immediate]
        self._slow = [source for source in sources if not source.immediate]
        self._clock = clock
        self._late: set[asyncio.Task[Answer]] = set()

    async def gather(self, request: RouteRequest, reach: Reach, until: float, completed: Completed | None = None) -> CallerContext:
        """Return what is known by `until` (the event loop's clock).

        `completed` is called after that, once for each late source that did answer, with all that is known then.
        """
        now = self._clock()
        phone = request.caller.phone
        if phone is None:
            return _nothing_to_ask(request, now)
        query = CallerQuery(
            Identifier(IdentifierKind.PHONE, phone), now - reach.touches, now - reach.calls, now - reach.interactions, LIMIT
        )
        answers: dict[str, Answer] = {}
        for source in self._immediate:
            answers[source.name] = await _ask(source, query)
        if self._slow:
            await self._ask_slow(query, answers, until, lambda: completed and completed(_context(request, answers, self._clock())))
        return _context(request, answers, now)

    async def close(self) -> None:
        """Let go of late look-ups."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _ask_slow(self, query: CallerQuery, answers: dict[str, Answer], until: float, completed: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        tasks = {source.name: loop.create_task(_ask(source, query), name=f"look up in {source.name}") for source in self._slow}
        try:
            await asyncio.wait(tasks.values(), timeout=max(0.0, until - loop.time()))
        except asyncio.CancelledError:  # the caller has gone: nobody needs the answers
            for task in tasks.values():
                task.cancel()
            raise
        for name, task in tasks.items():
            if task.done():
                answers[name] = task.result()
            else:
                answers[name] = (None, SourceReport(name, "late", 0.0, "had not answered when the call had to be decided"))
                self._follow(name, task, answers, completed)

    def _follow(self, name: str, task: asyncio.Task[Answer], answers: dict[str, Answer], completed: Callable[[], object]) -> None:
        if len(self._late) >= MAX_LATE:
            task.cancel()
            return

        def arrived(done: asyncio.Task[Answer]) -> None:
            self._late.discard(done)
            if not done.cancelled():
                answers[name] = done.result()
                completed()

        self._late.add(task)
        task.add_done_callback(arrived)


async def _ask(source: Source, query: CallerQuery) -> Answer:
    """Ask one source. Never raises but for CancelledError."""
    started = perf_counter()
    try:
        if source.immediate:
            facts = await source.find_caller(query)
        else:
            async with asyncio.timeout(LATE_LIMIT_S):
                facts = await source.find_caller(query)
    except TimeoutError:
        return None, SourceReport(source.name, "late", _ms(started), f"no answer in {LATE_LIMIT_S:g} s")
    except StoreError as error:
        log.warning("%s did not answer: %s", source.name, error)
        return None, SourceReport(source.name, "failed", _ms(started), str(error))
    except Exception as error:  # whatever a source does, the caller goes on
        log.exception("%s broke", source.name)
        return None, SourceReport(source.name, "failed", _ms(started), type(error).__name__)
    return facts, SourceReport(source.name, "ok", _ms(started))


def _ms(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)


def _nothing_to_ask(request: RouteRequest, now: datetime) -> CallerContext:
    return CallerContext(request, WITHHELD if request.caller.withheld else UNKNOWN, gathered_at=now)


def _context(request: RouteRequest, answers: dict[str, Answer], now: datetime) -> CallerContext:
    reports = tuple(report for _, report in answers.values())
    known = [facts for facts, _ in answers.values() if facts is not None]
    if len(known) == 1:  # the usual case: nothing to merge
        facts = known[0]
    else:
        facts = CallerFacts(
            customers=_merged((each.customers for each in known), lambda it: it.customer_id),
            touches=_newest((each.touches for each in known), lambda it: it.touch_id, lambda it: it.sent_at),
            interactions=_newest((each.interactions for each in known), lambda it: it.interaction_id, lambda it: it.updated_at),
            calls=_newest((each.calls for each in known), lambda it: it.call_id, lambda it: it.received_at),
        )
    return CallerContext(
        request=request,
        identity=Identity.of(facts.customers),
        touches=facts.touches,
        interactions=facts.interactions,
        calls=tuple(call for call in facts.calls if call.call_id != request.call_id),
        sources=reports,
        gathered_at=now,
    )


def _merged(groups: Iterable[Sequence[T]], key: Callable[[T], str]) -> tuple[T, ...]:
    """Join answers; where two sources tell of the same thing, the first source is believed."""
    kept: dict[str, T] = {}
    for group in groups:
        for item in group:
            kept.setdefault(key(item), item)
    return tuple(kept.values())


def _newest(groups: Iterable[Sequence[T]], key: Callable[[T], str], at: Callable[[T], datetime]) -> tuple[T, ...]:
    return tuple(sorted(_merged(groups, key), key=at, reverse=True)[:LIMIT])
