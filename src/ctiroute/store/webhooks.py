"""What every store can do with webhooks: keep what is to be told in an outbox, and lend it to whoever delivers it.

Of one webhook and key only the oldest delivery that waits is lent, to one node at a time, so that the receiver hears of a matter in the
order in which it happened. A loan that is not ended in time (its node died) falls back, and is lent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import Backlog, Delivery, DeliveryState

MOST = 500  # deliveries read at once


class WebhookStore(Protocol):
    """The part of a `Store` that is about telling other systems. Off the call path."""

    async def put_deliveries(self, deliveries: Sequence[Delivery]) -> int:
        """Keep new deliveries in their order; one of a known (webhook, event_id) is left as it is. One transaction.

        Returns how many were new.
        """

    async def lend_deliveries(self, webhook: str, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        """Return deliveries to try now, the longest due first: no key twice. Until a time nobody else gets them (see `due_at`)."""

    async def end_delivery(self, lent: Delivery, ended: Delivery) -> bool:
        """Keep what became of a delivery that was lent; False: it has fallen back since, and somebody else has it.

        While it waits for its next try, nothing else of its key is tried.
        """

    async def next_delivery_at(self, webhook: str) -> datetime | None:
        """Return when one of a webhook's deliveries is due (it may be later: when an older one of its key is not); None: none waits."""

    async def get_deliveries(
        self, webhook: str | None = None, state: DeliveryState | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Delivery]:
        """Return deliveries, the latest first; `before`: those kept before this `delivery_id`. At most `MOST`."""

    async def replay_deliveries(self, delivery_ids: Sequence[int] | None, webhook: str | None, now: datetime) -> int:
        """Have deliveries that were given up (None: all of them, or all of one webhook), or named ones that were delivered, tried anew.

        Returns how many.
        """

    async def backlogs(self) -> list[Backlog]:
        """Return how many deliveries wait, and how many were given up, by webhook."""

    async def restore_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert deliveries as they stand in another store, in their order; known ones are left. One transaction."""
