"""Ask every source about a caller at once, and take what has answered in time. Knows deadlines and sources, not rules.

A source that is late is not cancelled: it goes on in the background, bounded in time and number, and hands its facts over when it has
them, so that a pop already on a screen is completed by a later revision.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from ctiroute.errors import StoreError
from ctiroute.model import UNKNOWN, WITHHELD, CallerContext, CallerFacts, CallerQuery, Identifier, IdentifierKind, Identity, SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

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
    def find_now(self) -> Callable[[CallerQuery], CallerFacts] | None:
        """`find_caller` without a wait, from a source that has its answers at hand; None: it has to be awaited."""

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what is known; any exception means that it did not answer."""


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
        """Interactions closed so long ago are of use; open ones are always found."""


class Gatherer:
    """Makes the CallerContext of a request."""

    def __init__(self, sources: Sequence[Source], clock: Callable[[], datetime]) -> None:
        self._quick = [(source.name, find_now) for source in sources if (find_now := source.find_now) is not None]
        self._slow = [source for source in sources if source.find_now is None]
        self._clock = clock
        self._late: set[asyncio.Task[Answer]] = set()

    def gather_now(self, request: RouteRequest, reach: Reach, now: datetime) -> CallerContext | None:
        """Return what is known when no source has to be waited for; None, with nobody asked, when one has: see `gather`."""
        phone = request.caller.phone
        if phone is None:
            return _nothing_to_ask(request, now)
        if self._slow:
            return None
        return _context(request, self._ask_quick(_query(phone, reach, now)), now)

    async def gather(self, request: RouteRequest, reach: Reach, until: float, completed: Completed | None = None) -> CallerContext:
        """Return what is known by `until` (the event loop's clock).

        `completed` is called after that, once for each late source that did answer, with all that is known then.
        """
        now = self._clock()
        phone = request.caller.phone
        if phone is None:
            return _nothing_to_ask(request, now)
        query = _query(phone, reach, now)
        answers = self._ask_quick(query)
        if self._slow:
            await self._ask_slow(query, answers, until, lambda: completed and completed(_context(request, answers, self._clock())))
        return _context(request, answers, now)

    async def close(self) -> None:
        """Let go of late look-ups."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _ask_quick(self, query: CallerQuery) -> dict[str, Answer]:
        return {name: _ask_now(name, find_now, query) for name, find_now in self._quick}

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


def _ask_now(name: str, find_now: Callable[[CallerQuery], CallerFacts], query: CallerQuery) -> Answer:
    """Ask one source that answers at once. Never raises."""
    started = perf_counter()
    try:
        facts = find_now(query)
    except Exception as error:  # noqa: BLE001 - whatever a source does, the caller goes on
        return None, _failure(name, started, error)
    return facts, SourceReport(name, "ok", _ms(started))


async def _ask(source: Source, query: CallerQuery) -> Answer:
    """Ask one source and wait for it. Never raises but for CancelledError."""
    started = perf_counter()
    try:
        async with asyncio.timeout(LATE_LIMIT_S):
            facts = await source.find_caller(query)
    except TimeoutError:
        return None, SourceReport(source.name, "late", _ms(started), f"no answer in {LATE_LIMIT_S:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a source does, the caller goes on
        return None, _failure(source.name, started, error)
    return facts, SourceReport(source.name, "ok", _ms(started))


def _failure(name: str, started: float, error: Exception) -> SourceReport:
    if isinstance(error, StoreError):
        log.warning("%s did not answer: %s", name, error)
        return SourceReport(name, "failed", _ms(started), str(error))
    log.error("%s broke", name, exc_info=error)
    return SourceReport(name, "failed", _ms(started), type(error).__name__)


def _ms(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)


def _query(phone: str, reach: Reach, now: datetime) -> CallerQuery:
    identifier = Identifier(IdentifierKind.PHONE, phone)
    return CallerQuery(identifier, now - reach.touches, now - reach.calls, now - reach.interactions, LIMIT)


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
