"""Lets go of what has been kept for long enough: how long is a setting, removing it is the store's, when and how fast is decided here.

It runs once an hour beside the calls, in small steps with a rest between them, and gives way to whatever else the store has to write.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ctiroute.errors import StoreError
from ctiroute.model import Cuts, Purged
from ctiroute.rules.lint.retention import beyond

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.errors import Fault
    from ctiroute.rules import Ruleset
    from ctiroute.settings import RetentionSettings
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

EVERY_S = 3600.0
FIRST_S = 120.0  # after the start, when browsers and links have come back
BITE = 200  # records of a kind in one transaction: 5 ms of the embedded store's one writer, 40 with a checkpoint of its log in it
REST_S = 0.2  # between two steps, for others to write, and for look-ups: after each commit the embedded store reads its pages again
ERASURES_KEPT = timedelta(hours=1)  # for every node to see; one that is away so long has nothing in memory when it is back


def cuts_of(retention: RetentionSettings, now: datetime) -> Cuts:
    """Return the time before which each kind is over."""

    def before(days: int | None) -> datetime | None:
        return None if days is None else now - timedelta(days=days)

    return Cuts(
        touches=before(retention.touches_days),
        interactions=before(retention.interactions_days),
        calls=before(retention.calls_days),
        snapshots=before(retention.snapshots_days),
        missed_calls=before(retention.missed_calls_days),
        wrap_ups=before(retention.wrap_ups_days),
        callbacks=before(retention.callbacks_days),
        reasons=before(retention.calls_days),
        proposals=before(retention.proposals_days),
        attributions=before(retention.calls_days),
        deliveries=before(retention.webhooks_days),
        erasures=now - ERASURES_KEPT,
    )


def beyond_retention(ruleset: Ruleset, retention: RetentionSettings) -> list[Fault]:
    """Return the rules that look back further than what they ask for is kept. They work, and find less than they say."""
    return list(beyond(ruleset, kept_days(retention)))


def kept_days(retention: RetentionSettings) -> dict[str, int | None]:
    """Return for how many days each kind of record that rules look at is kept; None: for ever."""
    return {"touches": retention.touches_days, "calls": retention.calls_days, "interactions": retention.interactions_days}


def in_words(purged: Purged) -> str:
    """Return the counts that are not zero, in words."""
    return ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in purged.by_kind().items() if count) or "nothing"


class Purger:
    """Removes what is old, once an hour."""

    def __init__(self, store: Store, retention: RetentionSettings, registry: CollectorRegistry, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._retention = retention
        self._clock = clock
        self._removed = Counter("ctiroute_purged_records", "Records removed because they were old", ["kind"], registry=registry)
        self._failures = Counter("ctiroute_purge_failures", "Purges that the store broke off", registry=registry)
        self._done_at = Gauge("ctiroute_purge_timestamp_seconds", "When all that was old had been removed last", registry=registry)

    async def run(self) -> None:
        """Purge once an hour until cancelled. What breaks it off is said, and it goes on with the next."""
        wait = FIRST_S
        while True:
            await asyncio.sleep(wait)
            wait = EVERY_S
            try:
                await self.purge()
            except StoreError as error:
                self._failures.inc()
                log.warning("what is old could not all be removed: %s; next try in an hour", error)

    async def purge(self) -> Purged:
        """Remove all that is old now; return what went."""
        cuts = cuts_of(self._retention, self._clock())
        began, total = perf_counter(), Purged()
        while (gone := await self._store.purge(cuts, BITE)).total:
            total += gone
            for kind, count in gone.by_kind().items():
                self._removed.labels(kind).inc(count)
            await asyncio.sleep(REST_S)
        self._done_at.set(self._clock().timestamp())
        if total.total:
            log.info("removed what is old: %s, in %.1f s", in_words(total), perf_counter() - began)
        return total
