"""What other systems are told of what happened here, and how far the telling got."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ctiroute.model.value import Value, field


class Announcement(Value, frozen=True):
    """One happening, for whoever listens: a webhook, once for each that wants its kind."""

    kind: str  # "call.ended": two words at most, in lower case; what a webhook's `events:` match
    event_id: str  # the same however often and by whichever node it is told; the receiver knows a repetition by it
    key: str  # what it is about: "touch:autumn-sms:m-1"; of one key the later is told after the earlier
    at: datetime  # aware, UTC; when it happened
    data: Mapping[str, object] = field(default_factory=dict)  # JSON values; described in docs/reference/webhooks.md
    about: tuple[str, ...] = ()  # ids of the records in it (customer, call, touch, interaction), by which an erasure finds it


class Announcer(Protocol):
    """The way to tell other systems. Beside its value and not in one room, because several rooms use it."""

    async def announce(self, *announcements: Announcement) -> None:
        """Keep them in the outbox, for every webhook that wants them; on return they survive a crash, and are delivered later.

        One that is kept already is left as it is. Raises `StoreError`: nothing was kept.
        """


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"  # to be tried, now or after a pause
    DELIVERED = "delivered"  # the receiver said yes
    DEAD = "dead"  # given up: it waits for somebody to look at it, and those after it go on


class Delivery(Value, frozen=True):
    """One announcement for one webhook, as it stands in the outbox."""

    webhook: str  # name in the settings
    event_id: str
    kind: str
    key: str
    at: datetime  # aware, UTC; when it happened
    body: bytes  # JSON, exactly as it is sent and signed
    about: tuple[str, ...] = ()
    delivery_id: int = 0  # grows in the order of telling; 0: not kept yet
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0  # that have ended
    due_at: datetime | None = None  # aware, UTC; not tried before; None: at once
    ended_at: datetime | None = None  # aware, UTC; when it was delivered or given up
    status: int | None = None  # the receiver's last HTTP status; None: no answer came, or none was asked for
    error: str = ""  # why the last attempt failed, in words; "" when it did not


class Backlog(Value, frozen=True):
    """How many deliveries of one webhook stand where."""

    webhook: str
    state: DeliveryState
    count: int
    oldest_at: datetime  # aware, UTC; when the oldest of them happened
