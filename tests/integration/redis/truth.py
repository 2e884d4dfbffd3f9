"""A truth to keep a copy of: the embedded store, with marks kept in memory the way the outbox keeps them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.relay import Relay, RelayMetrics
from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerQuery, Identifier, IdentifierKind
from ctiroute.store.base import Store
from ctiroute.store.outbox import Reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ctiroute.model import CallerFacts
    from ctiroute.store.redis import HotCopy


RNG = Random(1)  # noqa: S311 - spreads waits, guards nothing


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def phone(number: int) -> Identifier:
    """Return one of many numbers."""
    return Identifier(IdentifierKind.PHONE, f"+7701{number:07d}")


@dataclass(frozen=True)
class Reach:
    """How far back the rules look."""

    touches: timedelta = timedelta(days=5)
    calls: timedelta = timedelta(days=5)
    interactions: timedelta = timedelta(days=5)

    def query(self, identifier: Identifier, limit: int = 20) -> CallerQuery:
        """Return what the engine asks."""
        now = utc_now()
        return CallerQuery(identifier, now - self.touches, now - self.calls, now - self.interactions, limit)


@dataclass
class Truth:
    """What a store that marks its changes does; `away` makes it silent."""

    store: Store
    known: set[Identifier] = field(default_factory=set)
    away: bool = False
    taken: set[int] = field(default_factory=set)
    marks: dict[int, tuple[Identifier, float]] = field(default_factory=dict)
    reads: int = 0
    unbroken: bool = True
    _next: int = 0

    def mark(self, *identifiers: Identifier) -> None:
        """Say that something about them was written just now."""
        for identifier in identifiers:
            self.known.add(identifier)
            self.marks[self._next] = identifier, monotonic()
            self._next += 1

    async def follow(self) -> bool:
        """Tell, once, whether marks were lost."""
        self._check()
        unbroken, self.unbroken = self.unbroken, True
        return unbroken

    @asynccontextmanager
    async def take(self, limit: int) -> AsyncIterator[Sequence[Identifier]]:
        """Give marks that nobody holds."""
        self._check()
        mine: dict[int, Identifier] = {}
        for number, (identifier, _) in self.marks.items():
            if number not in self.taken and len(mine) < limit:
                mine[number] = identifier
        self.taken |= mine.keys()
        try:
            yield tuple(dict.fromkeys(mine.values()))
            self._check()  # as a commit would fail
            for number in mine:
                del self.marks[number]
        finally:
            self.taken -= mine.keys()

    async def lag_s(self) -> float:
        """Return the age of the oldest mark."""
        self._check()
        return max((monotonic() - at for _, at in self.marks.values()), default=0.0)

    async def read_facts(self, queries: Sequence[CallerQuery]) -> Reading:
        """Read from the store."""
        self._check()
        self.reads += len(queries)
        as_of = utc_now()
        return Reading(as_of, tuple([await self.store.find_caller(query) for query in queries]))

    async def known_identifiers(
        self, after: Identifier | None, touches_since: datetime, calls_since: datetime, interactions_since: datetime, limit: int
    ) -> Sequence[Identifier]:
        """Return a page of all that were ever marked, or are said to be known."""
        self._check()
        assert max(touches_since, calls_since, interactions_since) < utc_now()
        return [each for each in sorted(self.known) if after is None or each > after][:limit]

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")


def relay_of(copy: HotCopy, truth: Truth, node: str = "one") -> tuple[Relay, CollectorRegistry]:
    """Return a relay, and where its metrics are."""
    registry = CollectorRegistry()
    return Relay(copy, truth, Reach, node, utc_now, RNG, RelayMetrics(registry)), registry


async def answers(copy: HotCopy, query: CallerQuery) -> CallerFacts | None:
    """Return what the copy says; None: it cannot tell."""
    try:
        return await copy.find_caller(query)
    except StoreUnavailable:
        return None
