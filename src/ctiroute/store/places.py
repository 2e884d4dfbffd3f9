"""Where a call stands among all calls, so that they can be read page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctiroute.model import CallRecord

CallPlace = tuple[datetime, str]  # a call's time, aware; its call_id, which orders those of one moment
SHADOW_KEPT = timedelta(days=30)  # as long as the snapshots by which its samples could be looked into
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def place_of(record: CallRecord) -> CallPlace:
    """Return where `calls_between` goes on after this call."""
    return record.received_at or record.answered_at or record.ended_at or _NEVER, record.call_id
