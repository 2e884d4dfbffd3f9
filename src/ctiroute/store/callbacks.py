"""What every store can do with callback orders. Two nodes never get the same one: see `claim_callback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import CallbackClaim, CallbackFilter, CallbackOrder


class CallbackStore(Protocol):
    """The part of a `Store` that is about callback orders. Off the call path."""

    async def put_callback(self, order: CallbackOrder) -> CallbackOrder:
        """Keep a new order and return it, or the one that is there already.

        That is one of the same source and external id, whatever became of it; or an open one of the same phone and matter.
        """

    async def claim_callback(self, claim: CallbackClaim) -> CallbackOrder | None:
        """Give one order to a node, or None: the longest due, or one whose lease ran out (its state tells which).

        Exclusive: of several who ask at once each gets another one. An order that is due is held back while `at_once` are in hand, or while
        nobody is free at its place; one whose lease ran out is not.
        """

    async def save_callback(self, order: CallbackOrder) -> bool:
        """Keep an order in place of its revision before; False: somebody else has changed it meanwhile, and nothing is kept."""

    async def get_callback(self, callback_id: str) -> CallbackOrder | None:
        """Return one order, or None."""

    async def find_callbacks(self, wanted: CallbackFilter) -> list[CallbackOrder]:
        """Return orders, the latest ordered first."""

    async def next_callback_at(self) -> datetime | None:
        """Return when the next order has to be looked at: due, or its lease over. None: there is none."""

    async def restore_callbacks(self, orders: Sequence[CallbackOrder]) -> None:
        """Insert or replace orders by id, just as they are: for `db copy`. One transaction."""
