"""What every store can do with calls that ended: lend them to whoever attributes their outcome, keep what came of it, count it.

A call is noted for attribution by the same transaction that keeps its end or a note on it. Whoever lends one settles it, in one
transaction with all that follows from it; a loan that is not settled in time falls back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ctiroute.model import Attribution, Delivery, EndedCall, Intake, Receipt
from ctiroute.store.webhooks import WebhookStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from ctiroute.model import CampaignReport


@dataclass(frozen=True, slots=True)
class SentTouch:
    """As much of a touch as an attribution needs."""

    touch_id: str
    campaign: str
    sent_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Settlement:
    """All that follows from a call that ended: kept whole or not at all."""

    lent: EndedCall
    attribution: Attribution | None = None  # None: as it is stored
    receipts: tuple[Receipt, ...] = ()  # what the touch became
    interaction_id: str | None = None
    happened: tuple[Intake, ...] = ()  # in the interaction; known again by `event_id`
    deliveries: tuple[Delivery, ...] = ()
    again_at: datetime | None = None  # aware, UTC: when to look at the call again; None: when something is learnt of it


class AttributionStore(WebhookStore, Protocol):
    """The part of a `Store` that is about what calls did for touches and interactions. Off the call path."""

    async def lend_ended_calls(self, now: datetime, until: datetime, limit: int) -> list[EndedCall]:
        """Return calls to attribute, the longest due first; until a time nobody else gets them. Calls of no record are let go of."""

    async def next_ended_call_at(self) -> datetime | None:
        """Return when a call is due to be attributed; None: none is."""

    async def settle(self, *settlements: Settlement) -> None:
        """Keep what follows from calls. Idempotent. One transaction for all."""

    async def get_attribution(self, call_id: str) -> Attribution | None:
        """Return how a call was attributed, or None."""

    async def sent_touch(self, touch_id: str) -> SentTouch | None:
        """Return when a touch was sent and for what, or None."""

    async def put_attributions(self, attributions: Sequence[Attribution]) -> None:
        """Insert or replace attributions; nothing follows from it, and nothing is to be done for these calls. One transaction."""

    async def campaign_report(self, campaign: str, since: datetime, until: datetime, window: timedelta) -> CampaignReport | None:
        """Count what was sent of a campaign from `since` on and before `until`, and the calls that followed within `window`.

        None: there is no such campaign. Takes a scan of touches.
        """
