"""Callback orders in the file. Its one writer gives each order to one node: who claims has the file to himself meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ctiroute.model.callback_life import take
from ctiroute.store.callback_rows import callback_row, from_json
from ctiroute.store.sqlite import rows
from ctiroute.store.sqlite.faults import readable
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import CallbackClaim, CallbackFilter, CallbackOrder


class Callbacks(SqliteWays):
    """The part of a `Store` that is about callback orders."""

    async def put_callback(self, order: CallbackOrder) -> CallbackOrder:
        """Keep a new order, or return the one that is there already."""
        return await self._write("keep a callback", lambda connection: _put(connection, order))

    async def claim_callback(self, claim: CallbackClaim) -> CallbackOrder | None:
        """Give one order to a node."""
        return await self._write("claim a callback", lambda connection: _claim(connection, claim))

    async def save_callback(self, order: CallbackOrder) -> bool:
        """Keep an order in place of its revision before."""
        return await self._write("keep a callback", lambda connection: _save(connection, order))

    async def get_callback(self, callback_id: str) -> CallbackOrder | None:
        """Return one order, or None."""
        found = self._read("get_callback", callback_id)
        with readable():
            return from_json(found[0][0]) if found else None

    async def find_callbacks(self, wanted: CallbackFilter) -> list[CallbackOrder]:
        """Return orders, the latest first."""
        closed = None if wanted.is_open is None else not wanted.is_open
        found = self._read("list_callbacks", wanted.phone, wanted.customer_id, closed, wanted.before, wanted.limit)
        with readable():
            return [from_json(row[0]) for row in found]

    async def next_callback_at(self) -> datetime | None:
        """Return when the next order has to be looked at."""
        at = self._read("next_callback_at")[0][0]
        return None if at is None else rows.from_microseconds(at)

    async def restore_callbacks(self, orders: Sequence[CallbackOrder]) -> None:
        """Insert or replace orders by id."""
        values = [(*callback_row(order), order.revision) for order in orders]
        await self._write("keep callbacks", lambda connection: connection.executemany(SQL["restore_callback"], values))


def _put(connection: sqlite3.Connection, order: CallbackOrder) -> CallbackOrder:
    if connection.execute(SQL["put_callback"], (*callback_row(order), order.revision)).rowcount:
        return order
    values = order.callback_id, order.source, order.external_id, order.phone, order.matter
    return from_json(connection.execute(SQL["same_callback"], values).fetchone()[0])


def _claim(connection: sqlite3.Connection, claim: CallbackClaim) -> CallbackOrder | None:
    now = to_microseconds(claim.now)
    more = connection.execute(SQL["count_live_callbacks"], (now,)).fetchone()[0] < claim.at_once
    found = connection.execute(SQL["ripe_callback"], (now, more, msgspec.json.encode(sorted(claim.not_at)).decode())).fetchone()
    if found is None:
        return None
    taken = take(from_json(found[0]), claim.node, claim.now, claim.lease_until)
    _save(connection, taken)
    return taken


def _save(connection: sqlite3.Connection, order: CallbackOrder) -> bool:
    return connection.execute(SQL["save_callback"], (*callback_row(order), order.revision)).rowcount > 0
