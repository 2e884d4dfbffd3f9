"""Asks a source of messages, again and again, for ever: what connectors share that nobody posts to. Knows no medium.

Whatever goes wrong with one source costs that source alone: it is asked again, later and later, and health says why it is not heard.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ctiroute.connectors.backoff import Backoff
from ctiroute.errors import LinkError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from ctiroute.connectors.webhook.metrics import ConnectorMetrics

log = logging.getLogger(__name__)

KEEP_S = 30.0  # for the store to keep a batch
FIRST_S, LONGEST_S = 1.0, 120.0  # until the next try; a source that is back is heard within two minutes
REFUSED_S = 60.0  # least time between two tries that are refused: providers lock accounts that are tried too often


class SourceRefused(LinkError):  # noqa: N818 - reads as what it is
    """The source does not let us in. A person has to mend it; the message says how."""


class Source(Protocol):
    """Something that can be asked for new messages."""

    name: str

    async def ask(self) -> float:
        """Take all that waits, and return the seconds until it should be asked again.

        Raises `SourceRefused`, `LinkError`, `StoreError`, TimeoutError; nothing that was not durably kept may be lost by it.
        """

    async def close(self) -> None:
        """Let go of the connection. Never raises."""


@dataclass(frozen=True, slots=True)
class AskState:
    """How a source is, for health."""

    up: bool
    since: datetime  # aware, UTC: when it became so
    detail: str  # in words; when it is down, the cause and the remedy


class Asking:
    """Keeps one source asked."""

    def __init__(
        self,
        source: Source,
        metrics: ConnectorMetrics,
        clock: Callable[[], datetime],
        rng: Random,
        *,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        refused_s: float = REFUSED_S,
    ) -> None:
        """`rng` spreads the waits; what follows it is for tests."""
        self.name = source.name
        self._source = source
        self._metrics = metrics
        self._clock = clock
        self._backoff = Backoff(rng, first_s, longest_s)
        self._refused_s = refused_s
        self.state = AskState(up=False, since=clock(), detail="not asked yet")
        metrics.up(self.name, up=False)

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                wait_s = await self._once()
                await asyncio.sleep(wait_s)
        finally:
            await self._source.close()

    async def _once(self) -> float:
        """Ask once, and return the seconds to wait then. Never raises but for CancelledError."""
        least_s = 0.0
        try:
            wait_s = await self._source.ask()
        except SourceRefused as error:
            detail, least_s = str(error), self._refused_s
        except LinkError as error:
            detail = str(error)
        except StoreError as error:
            detail = f"what came could not be kept, and is asked for again: {error}"
        except TimeoutError:
            detail = "what came could not be kept in time, and is asked for again"
        except Exception as error:  # a source that was given up for good would be missed by nobody
            log.exception("connector %s broke", self.name)
            detail = f"it broke: {type(error).__name__}; the log has the details"
        else:
            self._became(up=True, detail="heard")
            self._backoff.reset()
            return wait_s
        self._became(up=False, detail=detail)
        await self._source.close()
        return max(least_s, self._backoff.next_s())

    def _became(self, *, up: bool, detail: str) -> None:
        if (up, detail) != (self.state.up, self.state.detail):
            log.log(logging.INFO if up else logging.WARNING, "connector %s: %s", self.name, detail)
        since = self.state.since if up == self.state.up else self._clock()
        self.state = AskState(up, since, detail)
        self._metrics.up(self.name, up=up)
