"""Ask every source about a caller at once, and take what has answered in time. Knows deadlines and sources, not rules.

A source that is late is not cancelled: it goes on in the background, bounded in time and number, and hands its facts over when it has
them, so that a pop already on a screen is completed by a later revision.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap
from random import random
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from ctiroute.engine.awake import AwakeClock
from ctiroute.engine.guarded import SourceMetrics
from ctiroute.engine.hedge import Hedge
from ctiroute.engine.identify import identity_of
from ctiroute.engine.late import Late
from ctiroute.engine.source import Backed, failure
from ctiroute.model import UNKNOWN, WITHHELD, CallerContext, CallerFacts, CallerQuery, Identifier, IdentifierKind, SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

    from prometheus_client import CollectorRegistry

    from ctiroute.engine.source import Answer, Source
    from ctiroute.model import Interaction, PastCall, Reason, RouteRequest, Touch

    FindNow = Callable[[CallerQuery], CallerFacts]
    Gathered = Callable[[CallerContext], None]

LIMIT = 20  # of each kind of fact; an operator reads the first few
_PHONE = IdentifierKind.PHONE.value

T = TypeVar("T")


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


class Rank(Protocol):
    """Says why somebody may be calling."""

    def __call__(
        self, touches: Sequence[Touch], interactions: Sequence[Interaction], calls: Sequence[PastCall], now: datetime, /
    ) -> tuple[Reason, ...]:
        """Return the reasons, the likeliest first. Must neither block nor raise."""


def no_reasons(*_known: object) -> tuple[Reason, ...]:
    """Return no reasons: nobody ranks them."""
    return ()


class Gatherer:
    """Makes the CallerContext of a request."""

    def __init__(
        self, sources: Sequence[Source | Backed], clock: Callable[[], datetime], registry: CollectorRegistry, rank: Rank = no_reasons
    ) -> None:
        self._rank = rank
        self._metrics = SourceMetrics(registry)
        self._quick: list[tuple[str, FindNow]] = []
        self._slow: list[Hedge] = []
        self._late = Late()
        self._awake = AwakeClock()
        self._clock = clock
        for source in sources:
            self.add(source)

    def add(self, source: Source | Backed) -> None:
        """Ask one more. A source that has its answers at hand never needs its copy."""
        asked = source.source if isinstance(source, Backed) else source
        if (find_now := asked.find_now) is not None:
            self._quick.append((asked.name, find_now))
        else:
            self._slow.append(Hedge(source, self._metrics, self._late, self._clock, self._awake, random))

    def gather_now(self, request: RouteRequest, reach: Reach, now: datetime) -> CallerContext | None:
        """Return what is known when no source has to be waited for; None, with nobody asked, when one has: see `gather`."""
        if self._slow and _is_known_by(request):
            return None
        query = _query(request, reach, now)
        if query is None:
            return _nothing_to_ask(request, now)
        return _context(request, self._ask_quick(query), now, self._rank)

    def begin(
        self, request: RouteRequest, reach: Reach, until: float, gathered: Gathered, completed: Gathered | None = None
    ) -> Callable[[], None]:
        """Call `gathered` once with what is known by `until` (the event loop's clock), which may be at once.

        `completed` is called after that, once for each late source that did answer, with all that is known then. Returns what
        lets go of everything: the caller has gone.
        """
        now = self._clock()
        query = _query(request, reach, now)
        if query is None:
            gathered(_nothing_to_ask(request, now))
            return _nothing
        answers = self._ask_quick(query)
        waiting = len(self._slow)

        def settled() -> None:
            nonlocal waiting
            waiting -= 1
            if waiting <= 0:
                gathered(_context(request, answers, now, self._rank))

        def came_late() -> None:
            if waiting <= 0 and completed is not None:
                completed(_context(request, answers, self._clock(), self._rank))

        if not self._slow:
            settled()
            return _nothing
        look_ups = [hedge.ask(query, answers, until, settled, came_late) for hedge in self._slow]
        if len(look_ups) == 1:  # the usual case
            return look_ups[0].cancel

        def cancel() -> None:
            for look_up in look_ups:
                look_up.cancel()

        return cancel

    async def gather(self, request: RouteRequest, reach: Reach, until: float, completed: Gathered | None = None) -> CallerContext:
        """Do as `begin`, and wait for it."""
        return await waited(lambda gathered: self.begin(request, reach, until, gathered, completed))

    async def close(self) -> None:
        """Let go of late look-ups, and end all others."""
        self._late.close()
        self._awake.close()
        for hedge in self._slow:
            await hedge.close()

    def _ask_quick(self, query: CallerQuery) -> dict[str, Answer]:
        return {name: _ask_now(name, find_now, query) for name, find_now in self._quick}


async def waited(begin: Callable[[Callable[[T], None]], Callable[[], None]]) -> T:
    """Wait for what `begin` brings about: it takes whom to tell, and returns what lets go of it, which a cancellation does."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def told(value: T) -> None:
        if not future.done():
            future.set_result(value)

    let_go = begin(told)
    try:
        return await future
    except asyncio.CancelledError:
        let_go()
        raise


def _nothing() -> None:
    """Let go of nothing."""


def _ask_now(name: str, find_now: FindNow, query: CallerQuery) -> Answer:
    """Ask one source that answers at once. Never raises."""
    started = perf_counter()
    try:
        facts = find_now(query)
    except Exception as error:  # noqa: BLE001 - whatever a source does, the caller goes on
        return None, failure(name, _ms(started), error)
    return facts, SourceReport(name, "ok", _ms(started))


def _ms(started: float) -> float:
    return round((perf_counter() - started) * 1000, 3)


def _is_known_by(request: RouteRequest) -> bool:
    """Return whether there is anything to ask by."""
    return request.caller.phone is not None or request.identifier is not None


def _query(request: RouteRequest, reach: Reach, now: datetime) -> CallerQuery | None:
    phone = request.caller.phone
    identifier = request.identifier if phone is None else Identifier(_PHONE, phone)
    if identifier is None:
        return None
    return CallerQuery(identifier, now - reach.touches, now - reach.calls, now - reach.interactions, LIMIT)


def _nothing_to_ask(request: RouteRequest, now: datetime) -> CallerContext:
    return CallerContext(request, WITHHELD if request.caller.withheld else UNKNOWN, gathered_at=now)


def _context(request: RouteRequest, answers: dict[str, Answer], now: datetime, rank: Rank) -> CallerContext:
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
            claims=dict(ChainMap(*(dict(each.claims) for each in known))),
        )
    calls = tuple(call for call in facts.calls if call.call_id != request.call_id)
    return CallerContext(
        request=request,
        identity=identity_of(facts, now),
        touches=facts.touches,
        interactions=facts.interactions,
        calls=calls,
        sources=reports,
        gathered_at=now,
        reasons=rank(facts.touches, facts.interactions, calls, now),
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
