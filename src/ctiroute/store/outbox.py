"""What a store offers so that a copy of it can be kept in step: what has changed, and how to read it again in bulk.

The copy is never patched: a write marks the identifiers whose facts it may have changed, in the transaction of the write itself, and
whoever keeps a copy reads those identifiers afresh. So neither order nor repetition matters, and nothing is lost by a crash in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ctiroute.model import CallerFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from ctiroute.model import CallerQuery, Identifier


@dataclass(frozen=True, slots=True)
class Reading:
    """Facts read from the store in bulk."""

    # The store's own clock, read before the facts were: all that was committed by then is in them. Of two readings of one identifier the
    # later one is the truth, whichever node made it; that is why it is not the clock of a node.
    as_of: datetime  # aware, UTC
    facts: tuple[CallerFacts, ...]  # in the order of the queries; nothing known of an identifier is an empty CallerFacts


class DirtyIdentifiers(Protocol):
    """Identifiers whose facts have changed, and bulk reading. Every method raises `StoreUnavailable` when the store is away."""

    async def follow(self) -> bool:
        """Say that somebody keeps a copy, at least once in some minutes. While nobody does, writes mark nothing.

        False: marks may have been lost before this, so what the copy holds is not to be believed until everything was read over.
        """

    def take(self, limit: int) -> AbstractAsyncContextManager[Sequence[Identifier]]:
        """Take at most `limit` identifiers that are marked, the oldest marks first, each at most once; more where one mark stands for more.

        Leaving the block normally removes exactly the marks that were taken; leaving it by an exception, or a crash, leaves them for
        the next who asks. A mark taken by one node is given to no other meanwhile, and nobody who writes has to wait for it: an identifier
        changed again is marked again.
        """

    async def lag_s(self) -> float:
        """Return the age in seconds of the oldest mark, taken or not, by the store's clock; 0.0 when there is none."""

    async def read_facts(self, queries: Sequence[CallerQuery]) -> Reading:
        """Answer many queries in one trip, each as `Store.find_caller` would."""

    async def known_identifiers(
        self, after: Identifier | None, touches_since: datetime, calls_since: datetime, interactions_since: datetime, limit: int
    ) -> Sequence[Identifier]:
        """Return the next identifiers of which a query with these windows finds anything, in a fixed order; none: that was all.

        `after` is the last one of the page before. One that appears or goes meanwhile may be left out or be there: it is marked as well.
        """


@runtime_checkable
class MarksDirty(Protocol):
    """A store that a copy can be kept in step with."""

    @property
    def dirty(self) -> DirtyIdentifiers:
        """What has changed."""
