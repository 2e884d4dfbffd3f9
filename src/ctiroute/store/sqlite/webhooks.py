"""The outbox of webhooks in the file. Its one writer lends a delivery to one node at a time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ctiroute.model import DeliveryState
from ctiroute.store.delivery_rows import backlog_of, delivery_of, delivery_values, from_number, progress_values
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays
from ctiroute.store.touch_rows import to_microseconds
from ctiroute.store.webhooks import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import Backlog, Delivery
    from ctiroute.store.sqlite.rows import Row


class Webhooks(SqliteWays):
    """The part of a `Store` that is about telling other systems."""

    async def put_deliveries(self, deliveries: Sequence[Delivery]) -> int:
        """Keep new deliveries; return how many were new."""
        return await self._write("keep deliveries", lambda connection: put_deliveries(connection, deliveries))

    async def restore_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert deliveries as they stand in another store."""
        await self.put_deliveries(deliveries)

    async def lend_deliveries(self, webhook: str, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        """Return deliveries to try now, which nobody else gets until a time."""
        values = webhook, to_microseconds(now), to_microseconds(until), limit
        found = await self._write("lend deliveries", lambda connection: connection.execute(SQL["lend_deliveries"], values).fetchall())
        with readable():
            return [delivery_of(row) for row in sorted(found)]

    async def end_delivery(self, lent: Delivery, ended: Delivery) -> bool:
        """Keep what became of a delivery that was lent; False: it has fallen back."""
        return await self._write("end a delivery", lambda connection: _end(connection, lent, ended))

    async def next_delivery_at(self, webhook: str) -> datetime | None:
        """Return when one of a webhook's deliveries is due; None: none waits."""
        at = self._read("next_delivery_at", webhook)[0][0]
        return None if at is None else from_number(at)

    async def get_deliveries(
        self, webhook: str | None = None, state: DeliveryState | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Delivery]:
        """Return deliveries, the latest first."""
        values = webhook, None if state is None else state.value, before, min(limit, MOST)
        return await self._look(lambda: self._fetch("get_deliveries", values))

    async def replay_deliveries(self, delivery_ids: Sequence[int] | None, webhook: str | None, now: datetime) -> int:
        """Have deliveries that were given up, or named ones, tried anew; return how many."""
        return await self._write("replay", lambda connection: _replay(connection, delivery_ids, webhook, to_microseconds(now)))

    async def backlogs(self) -> list[Backlog]:
        """Return how many deliveries stand where."""

        def count() -> list[Backlog]:
            with mapped("count deliveries"), readable(), closing(self._apart()) as connection:
                return [backlog_of(row) for row in connection.execute(SQL["backlogs"])]

        return await self._look(count)

    def _fetch(self, name: str, values: Row) -> list[Delivery]:
        with mapped("read deliveries"), readable(), closing(self._apart()) as connection:
            return [delivery_of(row) for row in connection.execute(SQL[name], values)]

    def _apart(self) -> sqlite3.Connection:
        """Return a connection that only reads: what it reads may be much."""
        return sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)


def put_deliveries(connection: sqlite3.Connection, deliveries: Sequence[Delivery]) -> int:
    """Keep new deliveries; return how many were new. For any transaction."""
    return sum(connection.execute(SQL["put_delivery"], delivery_values(delivery)).rowcount for delivery in deliveries)


def _end(connection: sqlite3.Connection, lent: Delivery, ended: Delivery) -> bool:
    state, attempts, due, *rest = progress_values(ended)
    until = 0 if lent.due_at is None else to_microseconds(lent.due_at)
    if not connection.execute(SQL["end_delivery"], (lent.delivery_id, until, state, attempts, due, *rest)).rowcount:
        return False
    if ended.state is DeliveryState.WAITING:
        connection.execute(SQL["put_off_key"], (lent.webhook, lent.key, due))
    else:
        connection.execute(SQL["release_key"], (lent.webhook, lent.key, rest[0] or 0))
    return True


def _replay(connection: sqlite3.Connection, delivery_ids: Sequence[int] | None, webhook: str | None, now: int) -> int:
    if delivery_ids is None:
        return connection.execute(SQL["replay_dead"], (webhook, now)).rowcount
    return sum(connection.execute(SQL["replay_one"], (each, now)).rowcount for each in delivery_ids)
