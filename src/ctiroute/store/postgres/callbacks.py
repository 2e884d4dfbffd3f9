"""Callback orders in the database. Who claims one locks its row, and passes over rows that others have locked.

Claims take turns besides, so that the count of orders in hand is true.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model.callback_life import take
from ctiroute.store.callback_rows import callback_row, from_json
from ctiroute.store.postgres import rows
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.schema import CALLBACKS_LOCK
from ctiroute.store.postgres.ways import PostgresWays
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.model import CallbackClaim, CallbackFilter, CallbackOrder
    from ctiroute.store.postgres.link import Link

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Callbacks(PostgresWays):
    """The part of a `Store` that is about callback orders."""

    async def put_callback(self, order: CallbackOrder) -> CallbackOrder:
        """Keep a new order, or return the one that is there already."""
        return await self._write("keep a callback", lambda link: _put(link, order))

    async def claim_callback(self, claim: CallbackClaim) -> CallbackOrder | None:
        """Give one order to a node."""
        return await self._write("claim a callback", lambda link: _claim(link, claim))

    async def save_callback(self, order: CallbackOrder) -> bool:
        """Keep an order in place of its revision before."""
        return await self._write("keep a callback", lambda link: _save(link, order))

    async def get_callback(self, callback_id: str) -> CallbackOrder | None:
        """Return one order, or None."""
        found = await self._read("get_callback", rows.to_text(callback_id))
        with readable():
            return from_json(found[0][0]) if found else None

    async def find_callbacks(self, wanted: CallbackFilter) -> list[CallbackOrder]:
        """Return orders, the latest first."""
        closed = None if wanted.is_open is None else not wanted.is_open
        texts = rows.to_optional(wanted.phone), rows.to_optional(wanted.customer_id)
        found = await self._read("list_callbacks", *texts, closed, rows.to_optional(wanted.before), wanted.limit)
        with readable():
            return [from_json(row[0]) for row in found]

    async def next_callback_at(self) -> datetime | None:
        """Return when the next order has to be looked at."""
        at = (await self._read("next_callback_at"))[0][0]
        return None if at is None else _EPOCH + timedelta(microseconds=at)

    async def restore_callbacks(self, orders: Sequence[CallbackOrder]) -> None:
        """Insert or replace orders by id."""
        values = [_values(order) for order in orders]
        await self._write("keep callbacks", lambda link: link.run_many("restore_callback", values))


async def _put(link: Link, order: CallbackOrder) -> CallbackOrder:
    while True:
        if await link.run("put_callback", *_values(order)):
            return order
        keys = map(rows.to_text, (order.callback_id, order.source, order.external_id, order.phone, order.matter))
        if found := await link.run("same_callback", *keys):
            return from_json(found[0][0])
        # It was closed between the two statements: now there is room for a new one.


async def _claim(link: Link, claim: CallbackClaim) -> CallbackOrder | None:
    await link.run("lock", CALLBACKS_LOCK)
    now = to_microseconds(claim.now)
    more = (await link.run("count_live_callbacks", now))[0][0] < claim.at_once
    found = await link.run("ripe_callback", now, more, [rows.to_text(place) for place in sorted(claim.not_at)])
    if not found:
        return None
    taken = take(from_json(found[0][0]), claim.node, claim.now, claim.lease_until)
    await _save(link, taken)
    return taken


async def _save(link: Link, order: CallbackOrder) -> bool:
    return bool(await link.run("save_callback", *_values(order)))


def _values(order: CallbackOrder) -> tuple[object, ...]:
    *columns, body = callback_row(order)  # in JSON a NUL is an escape: the body may stand as it is
    return (*(rows.to_text(value) if isinstance(value, str) else value for value in columns), body, order.revision)
