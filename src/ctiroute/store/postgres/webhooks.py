"""The outbox of webhooks in the database. Nodes that lend at the same time pass over what another is about to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import DeliveryState
from ctiroute.store.delivery_rows import backlog_of, delivery_of, delivery_values, from_number, progress_values
from ctiroute.store.postgres import rows
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.schema import WEBHOOKS_LOCK
from ctiroute.store.postgres.ways import PostgresWays
from ctiroute.store.touch_rows import to_microseconds
from ctiroute.store.webhooks import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from ctiroute.model import Backlog, Delivery
    from ctiroute.store.postgres.link import Link


class Webhooks(PostgresWays):
    """The part of a `Store` that is about telling other systems."""

    async def put_deliveries(self, deliveries: Sequence[Delivery]) -> int:
        """Keep new deliveries; return how many were new."""
        return await self._write("keep deliveries", lambda link: put_deliveries(link, deliveries))

    async def restore_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert deliveries as they stand in another store."""
        await self.put_deliveries(deliveries)

    async def lend_deliveries(self, webhook: str, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        """Return deliveries to try now, which nobody else gets until a time."""
        values = rows.to_text(webhook), to_microseconds(now), to_microseconds(until), limit
        found = await self._write("lend deliveries", lambda link: link.run("lend_deliveries", *values))
        return _deliveries(sorted(found, key=lambda row: int(row[0])))

    async def end_delivery(self, lent: Delivery, ended: Delivery) -> bool:
        """Keep what became of a delivery that was lent; False: it has fallen back."""
        return await self._write("end a delivery", lambda link: _end(link, lent, ended))

    async def next_delivery_at(self, webhook: str) -> datetime | None:
        """Return when one of a webhook's deliveries is due; None: none waits."""
        at = (await self._read("next_delivery_at", rows.to_text(webhook)))[0][0]
        return None if at is None else from_number(at)

    async def get_deliveries(
        self, webhook: str | None = None, state: DeliveryState | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Delivery]:
        """Return deliveries, the latest first."""
        values = rows.to_optional(webhook), None if state is None else state.value, before, min(limit, MOST)
        return _deliveries(await self._read("get_deliveries", *values))

    async def replay_deliveries(self, delivery_ids: Sequence[int] | None, webhook: str | None, now: datetime) -> int:
        """Have deliveries that were given up, or named ones, tried anew; return how many."""
        at = to_microseconds(now)

        async def replay(link: Link) -> int:
            if delivery_ids is None:
                return len(await link.run("replay_dead", rows.to_optional(webhook), at))
            return len(await link.run_all("replay_one", [(each, at) for each in delivery_ids]))

        return await self._write("replay", replay)

    async def backlogs(self) -> list[Backlog]:
        """Return how many deliveries stand where."""
        with readable():
            return [backlog_of((rows.from_text(row[0]), *row[1:])) for row in await self._read("backlogs")]


async def put_deliveries(link: Link, deliveries: Sequence[Delivery]) -> int:
    """Keep new deliveries; return how many were new. For the end of any transaction: it takes a turn of all that tell.

    Numbers are given before a transaction ends, so without that turn a later number of a key could be seen, and told, before an earlier.
    """
    if not deliveries:
        return 0
    await link.run("lock", WEBHOOKS_LOCK)
    return len(await link.run_all("put_delivery", [rows.texts(delivery_values(delivery)) for delivery in deliveries]))


async def _end(link: Link, lent: Delivery, ended: Delivery) -> bool:
    state, attempts, due, *rest = rows.texts(progress_values(ended))
    until = 0 if lent.due_at is None else to_microseconds(lent.due_at)
    if not await link.run("end_delivery", lent.delivery_id, until, state, attempts, due, *rest):
        return False
    key = rows.to_text(lent.webhook), rows.to_text(lent.key)
    if ended.state is DeliveryState.WAITING:
        await link.run("put_off_key", *key, due)
    else:
        await link.run("release_key", *key, rest[0] or 0)
    return True


def _deliveries(found: Sequence[asyncpg.Record]) -> list[Delivery]:
    with readable():
        return [delivery_of(rows.texts_back(row)) for row in found]
