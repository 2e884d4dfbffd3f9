"""What the API says of webhooks out and of reports. The schemas of the OpenAPI document are made from it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

if TYPE_CHECKING:
    from ctiroute.model import CampaignReport, Delivery

MOST = 500  # deliveries told, or named, at once

State = Literal["waiting", "delivered", "dead"]


class WebhookView(msgspec.Struct, frozen=True):
    """A webhook of the settings, without its address and secret."""

    name: str
    events: list[str]
    waiting: int
    dead: int
    oldest_waiting_at: datetime | None
    fault: str  # why the last attempt of this node failed; "" when it did not


class WebhookList(msgspec.Struct, frozen=True):
    """All webhooks."""

    webhooks: list[WebhookView]


class DeliveryView(msgspec.Struct, frozen=True):
    """One event in the outbox, without what it says of whom."""

    delivery_id: int
    webhook: str
    event_id: str
    type: str
    key: str
    at: datetime
    state: State
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None
    status: int | None
    error: str


class DeliveryList(msgspec.Struct, frozen=True):
    """Events, the latest first."""

    deliveries: list[DeliveryView]
    before: int | None  # ask for the next page with it; None: that was all


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events to try anew: those named, or all that were given up of one webhook, or of all."""

    delivery_ids: Annotated[list[int], msgspec.Meta(max_length=MOST, min_length=1)] | None = None
    webhook: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class Replayed(msgspec.Struct, frozen=True):
    """How many events are tried anew."""

    replayed: int


class TestSent(msgspec.Struct, frozen=True):
    """A test event was put in the outbox."""

    event_id: str


class ReportHour(msgspec.Struct, frozen=True):
    """Calls so many hours after the touch."""

    hour: int
    calls: int
    answered: int


class ReportView(msgspec.Struct, frozen=True):
    """What became of a campaign."""

    campaign: str
    title: str
    since: datetime
    until: datetime
    window_s: float
    sent: int
    touches: dict[str, int]  # status -> touches that got so far and no farther
    calls: int
    callers: int
    answered: int
    skipped_menu: int
    waited_p50_s: float | None
    waited_p90_s: float | None
    talked_mean_s: float | None
    outcomes: dict[str, int]
    codes: dict[str, int]
    attributed_by: dict[str, int]
    hours: list[ReportHour]


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Return a delivery as the API shows it."""
    return DeliveryView(
        delivery.delivery_id,
        delivery.webhook,
        delivery.event_id,
        delivery.kind,
        delivery.key,
        delivery.at,
        delivery.state.value,
        delivery.attempts,
        delivery.due_at,
        delivery.ended_at,
        delivery.status,
        delivery.error,
    )


def report_view(report: CampaignReport) -> ReportView:
    """Return a report as the API shows it."""
    return ReportView(
        report.campaign,
        report.title,
        report.since,
        report.until,
        report.window_s,
        report.sent,
        {status.value: count for status, count in report.touches.items()},
        report.calls,
        report.callers,
        report.answered,
        report.skipped_menu,
        report.waited_p50_s,
        report.waited_p90_s,
        report.talked_mean_s,
        dict(report.outcomes),
        dict(report.codes),
        {by.value: count for by, count in report.attributed_by.items()},
        [ReportHour(each.hour, each.calls, each.answered) for each in report.hours],
    )
