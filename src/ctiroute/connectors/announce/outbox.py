"""The way into the outbox: what is announced becomes a delivery for each webhook that wants it. Tells nobody by itself."""

from __future__ import annotations

import asyncio
import json
import secrets
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import Announcement, Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.settings import WebhookSettings
    from ctiroute.store.webhooks import WebhookStore

_encode = msgspec.json.Encoder().encode


class Outbox:
    """Announces to the webhooks of the settings: the `Announcer` of a running node, and of commands."""

    def __init__(self, store: WebhookStore, webhooks: Sequence[WebhookSettings]) -> None:
        self._store = store
        self._webhooks = tuple(webhooks)
        self.news = {webhook.name: asyncio.Event() for webhook in webhooks}  # set when something was put in for a webhook

    async def announce(self, *announcements: Announcement) -> None:
        """Keep announcements for every webhook that wants them. Raises `StoreError`."""
        deliveries = self.deliveries_of(announcements)
        if deliveries:
            await self._store.put_deliveries(deliveries)
            self.told(deliveries)

    def deliveries_of(self, announcements: Sequence[Announcement]) -> tuple[Delivery, ...]:
        """Return the deliveries of announcements, for whoever keeps them in a transaction of his own."""
        return tuple(
            Delivery(webhook.name, each.event_id, each.kind, each.key, each.at, body, each.about)
            for each in announcements
            if (wanting := [webhook for webhook in self._webhooks if wants(webhook, each.kind)])
            for body in (body_of(each),)
            for webhook in wanting
        )

    def told(self, deliveries: Sequence[Delivery]) -> None:
        """Wake those who deliver: something for them was kept."""
        for name in {delivery.webhook for delivery in deliveries}:
            self.news[name].set()


def wants(webhook: WebhookSettings, kind: str) -> bool:
    """Say whether a webhook is to be told of a kind of event."""
    return any(fnmatchcase(kind, pattern) for pattern in webhook.events)


def body_of(announcement: Announcement) -> bytes:
    """Return the body under which an announcement is sent: the same for every webhook and every attempt."""
    body = {
        "id": announcement.event_id,
        "type": announcement.kind,
        "at": announcement.at,
        "key": announcement.key,
        "data": dict(announcement.data),
    }
    try:
        return _encode(body)
    except UnicodeEncodeError:  # half of a character, from somewhere that does not check: what is sent is UTF-8
        plain = msgspec.to_builtins(body)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def test_delivery(webhook: str, now: datetime) -> Delivery:
    """Return an event that tells nothing, to see whether a receiver listens: of the kind `test`, whatever the webhook wants."""
    event = Announcement("test", f"test:{secrets.token_hex(8)}", "test", now, {"text": "This is a test of ctiroute's webhooks."})
    return Delivery(webhook, event.event_id, event.kind, event.key, now, body_of(event))
