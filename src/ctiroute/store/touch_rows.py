"""Touches as plain tuples of what databases hold: imports make millions of them, and objects of the model cost ten times as much.

Knows no back end. Times are integer microseconds since 1970 UTC, enumerations their text values, maps JSON objects of text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.model import Touch

TouchRow = tuple[
    str,  # 0 touch_id
    str,  # 1 kind of the identifier
    str,  # 2 value of the identifier: a phone as E.164
    str,  # 3 campaign
    str,  # 4 medium
    int,  # 5 sent_at
    str,  # 6 status
    int | None,  # 7 delivered_at
    int | None,  # 8 read_at
    int | None,  # 9 clicked_at
    str | None,  # 10 customer_id
    str,  # 11 title of the offer
    str,  # 12 text
    str,  # 13 terms
    str,  # 14 fields, as JSON
    str,  # 15 campaign_title; last, because it is no column of a touch
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode


def touch_row(touch: Touch) -> TouchRow:
    """Return a touch as a row."""
    offer = touch.offer
    return (
        touch.touch_id,
        touch.identifier.kind,
        touch.identifier.value,
        touch.campaign,
        touch.medium.value,
        to_microseconds(touch.sent_at),
        touch.status.value,
        None if touch.delivered_at is None else to_microseconds(touch.delivered_at),
        None if touch.read_at is None else to_microseconds(touch.read_at),
        None if touch.clicked_at is None else to_microseconds(touch.clicked_at),
        touch.customer_id,
        offer.title,
        offer.text,
        offer.terms,
        to_json(offer.fields),
        touch.campaign_title,
    )


def to_microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 1970 UTC. A naive one raises TypeError: we cannot know what it means."""
    return (at - _EPOCH) // _MICROSECOND


def to_json(value: Mapping[str, str]) -> str:
    """Return a map of text as a JSON object."""
    return _encode(value).decode() if value else "{}"
