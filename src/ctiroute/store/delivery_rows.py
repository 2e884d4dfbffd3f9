"""Deliveries as rows, the same for every back end. Times are integer microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ctiroute.model import Backlog, Delivery, DeliveryState
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ERROR = 300  # characters

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode
_decode_about = msgspec.json.Decoder(tuple[str, ...]).decode


def delivery_values(delivery: Delivery) -> tuple[Any, ...]:
    """Return a delivery for `put_delivery`, without its number."""
    return (
        delivery.webhook,
        delivery.event_id,
        delivery.kind,
        delivery.key,
        to_microseconds(delivery.at),
        delivery.body,
        _encode(delivery.about).decode(),
        *progress_values(delivery),
    )


def progress_values(delivery: Delivery) -> tuple[Any, ...]:
    """Return what changes of a delivery: state, attempts, due, ended, status, error."""
    return (
        delivery.state.value,
        delivery.attempts,
        0 if delivery.due_at is None else to_microseconds(delivery.due_at),
        None if delivery.ended_at is None else to_microseconds(delivery.ended_at),
        delivery.status,
        delivery.error[:MAX_ERROR],
    )


def delivery_of(row: Sequence[Any]) -> Delivery:
    """Return a delivery from a row that begins with its number."""
    delivery_id, webhook, event_id, kind, key, at, body, about, state, attempts, due_at, ended_at, status, error = row
    return Delivery(
        webhook=webhook,
        event_id=event_id,
        kind=kind,
        key=key,
        at=from_number(at),
        body=bytes(body),
        about=_decode_about(about),
        delivery_id=delivery_id,
        state=DeliveryState(state),
        attempts=attempts,
        due_at=from_number(due_at) if due_at else None,
        ended_at=None if ended_at is None else from_number(ended_at),
        status=status,
        error=error,
    )


def backlog_of(row: Sequence[Any]) -> Backlog:
    """Return a backlog from a row of `backlogs`."""
    webhook, state, count, oldest = row
    return Backlog(webhook, DeliveryState(state), count, from_number(oldest))


def from_number(microseconds: int) -> datetime:
    """Return a time from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def names_any(about: str, body: bytes, ids: frozenset[str], words: Sequence[bytes]) -> bool:
    """Say whether a delivery tells of one of these records, or holds one of these words (as JSON)."""
    return not ids.isdisjoint(_decode_about(about)) or any(word in body for word in words)
