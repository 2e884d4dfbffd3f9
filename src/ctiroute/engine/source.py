"""What can be asked about a caller, and how its answer is reported. Knows nothing of deadlines, breakers and other sources."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from ctiroute.errors import StoreError
from ctiroute.model import CallerFacts, SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.model import CallerQuery

log = logging.getLogger(__name__)

Answer: TypeAlias = tuple[CallerFacts | None, SourceReport]  # None: it has not answered, and the report says why


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


@runtime_checkable
class Telling(Protocol):
    """A source that tells its answer by itself, which spares a task for each caller."""

    def find_soon(self, query: CallerQuery, told: Callable[[CallerFacts | Exception], None]) -> Callable[[], None]:
        """Do as `find_caller`: call `told` once, later, with what is known or what went wrong.

        Returns what lets go of it: `told` is not called any more then.
        """


class Copy(Protocol):
    """Somebody who holds a copy of what a source knows. It is always awaited."""

    @property
    def name(self) -> str:
        """What traces and metrics call it."""

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what was known, with `read_at`; an exception means that it cannot tell."""


@dataclass(frozen=True, slots=True)
class Backed:
    """A source with a copy that stands in for it while it does not answer. Their answers are never mixed."""

    source: Source
    copy: Copy


def failure(name: str, took_ms: float, error: Exception) -> SourceReport:
    """Report and log an exception; what a source says on purpose is shown, what it did not mean to say is only named."""
    if isinstance(error, StoreError):
        log.warning("%s did not answer: %s", name, error)
        return SourceReport(name, "failed", took_ms, str(error))
    log.error("%s broke", name, exc_info=error)
    return SourceReport(name, "failed", took_ms, type(error).__name__)
