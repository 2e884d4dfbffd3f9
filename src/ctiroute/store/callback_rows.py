"""Callback orders as rows: whole as JSON, beside the few columns that statements look for. The same for every back end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import CallbackOrder
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from datetime import datetime

Row = tuple[str, str, str, str, str, str | None, str, int, int, int | None, int | None, str | None, str | None, str]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CallbackOrder)


def callback_row(order: CallbackOrder) -> Row:
    """Return an order as values for `put_callback`, in the order of its columns. Raises TypeError for a naive time."""
    identifier = order.identifier
    return (
        order.callback_id,
        order.phone,
        order.matter,
        order.source,
        order.external_id,
        order.customer_id,
        order.place,
        order.state.is_over,
        order.state.is_live,
        _microseconds(order.ripe_at),
        _microseconds(order.closed_at),
        None if identifier is None else str(identifier.kind),
        None if identifier is None else identifier.value,
        _encoder.encode(order).decode(),
    )


def from_json(text: str) -> CallbackOrder:
    """Return an order from its JSON. Raises `msgspec.DecodeError` when something newer wrote it."""
    return _decoder.decode(text)


def _microseconds(at: datetime | None) -> int | None:
    return None if at is None else to_microseconds(at)
