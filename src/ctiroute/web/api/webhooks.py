"""Webhooks out over HTTP: /api/v1/webhooks: what waits, what was given up, and having it tried anew. Delivers nothing."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ctiroute.model import DeliveryState, Scope
from ctiroute.web.api.bodies import answer, decoded, number
from ctiroute.web.api.webhooks_wire import (
    MOST,
    DeliveryList,
    Replay,
    Replayed,
    TestSent,
    WebhookList,
    WebhookView,
    delivery_view,
)
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import WebhookDesk

log = logging.getLogger(__name__)

LISTED = 50  # unless asked for more
_BEFORE = re.compile(r"[0-9]{1,18}", re.ASCII)


class Webhooks:
    """Serves the routes of webhooks out."""

    def __init__(self, desk: WebhookDesk, store: Store, keys: ApiKeys, clock: Callable[[], datetime], limits: WebLimits) -> None:
        self._desk = desk
        self._store = store
        self._keys = keys
        self._clock = clock
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/api/v1/webhooks", self.all),
            web.get("/api/v1/webhooks/deliveries", self.deliveries),
            web.post("/api/v1/webhooks/deliveries/replay", self.replay),
            web.post("/api/v1/webhooks/{name}/test", self.test),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """GET /api/v1/webhooks: the webhooks of the settings, and what stands in the outbox of each."""
        await self._keys.admit(request, Scope.WEBHOOKS)
        stands = {(each.webhook, each.state): each for each in await self._store.backlogs()}
        views = []
        for name, (events, fault) in self._desk.webhooks().items():
            waiting, dead = stands.get((name, DeliveryState.WAITING)), stands.get((name, DeliveryState.DEAD))
            oldest = waiting.oldest_at if waiting else None
            views.append(WebhookView(name, list(events), waiting.count if waiting else 0, dead.count if dead else 0, oldest, fault))
        return answer(WebhookList(views))

    async def deliveries(self, request: web.Request) -> web.Response:
        """GET /api/v1/webhooks/deliveries: events in the outbox, the latest first."""
        await self._keys.admit(request, Scope.WEBHOOKS)
        asked, before = request.query.get("state"), request.query.get("before")
        if asked is not None and asked not in set(DeliveryState):
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "state is waiting, delivered or dead.")
        if before is not None and _BEFORE.fullmatch(before) is None:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "before is a number from the page before.")
        limit = number(request, "limit", LISTED, MOST)
        found = await self._store.get_deliveries(
            request.query.get("webhook"),
            None if asked is None else DeliveryState(asked),
            before=None if before is None else int(before),
            limit=limit,
        )
        return answer(DeliveryList([delivery_view(each) for each in found], found[-1].delivery_id if len(found) == limit else None))

    async def replay(self, request: web.Request) -> web.Response:
        """POST /api/v1/webhooks/deliveries/replay: have events tried anew."""
        key = await self._keys.admit(request, Scope.WEBHOOKS)
        asked = await decoded(request, self._limits, Replay)
        ids = None if asked.delivery_ids is None else [each for each in asked.delivery_ids if 0 < each < 2**63]
        count = await self._store.replay_deliveries(ids, asked.webhook, self._clock())
        log.info("audit: API key %s (%s) had %d events told anew", key.key_id, key.name, count)
        return answer(Replayed(count))

    async def test(self, request: web.Request) -> web.Response:
        """POST /api/v1/webhooks/{name}/test: put a test event in the outbox of one webhook."""
        await self._keys.admit(request, Scope.WEBHOOKS)
        event_id = await self._desk.test(request.match_info["name"])
        if event_id is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-webhook", "The settings have no webhook of this name.")
        return answer(TestSent(event_id), HTTPStatus.ACCEPTED)
