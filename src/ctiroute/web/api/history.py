"""GET /api/v1/history: what a customer and we had to do with each other, over all media, in one line of time."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ctiroute.model import CallerQuery, Medium, Scope
from ctiroute.store.interactions import MOST
from ctiroute.web.api.bodies import answer, number
from ctiroute.web.api.interactions import LISTED, identifier_of
from ctiroute.web.api.interactions_wire import MAX_NAME, History, IdentifierGiven, TimelineEntry
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.model import CallerFacts
    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Histories:
    """Serves the history of a customer."""

    def __init__(self, store: Store, keys: ApiKeys, region: str) -> None:
        self._store = store
        self._keys = keys
        self._region = region

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [web.get("/api/v1/history", self.history)]

    async def history(self, request: web.Request) -> web.Response:
        """GET /api/v1/history?kind=phone&value=...: of whoever has this identifier."""
        await self._keys.admit(request, Scope.INTERACTIONS_READ)
        kind, value = request.query.get("kind", "phone"), request.query.get("value", "")
        if not value or max(len(kind), len(value)) > MAX_NAME:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "Give value, and kind unless it is a phone.")
        limit = number(request, "limit", LISTED, MOST)
        identifier = identifier_of(IdentifierGiven(kind, value), self._region)
        facts = await self._store.find_caller(CallerQuery(identifier, _EVER, _EVER, _EVER, limit))
        return answer(History([customer.customer_id for customer in facts.customers], timeline(facts)[:limit]))


def timeline(facts: CallerFacts) -> list[TimelineEntry]:
    """Return what facts tell of in one line of time, the newest first."""
    return sorted(_entries(facts), key=lambda entry: (entry.at, entry.id), reverse=True)


def _entries(facts: CallerFacts) -> Iterator[TimelineEntry]:
    for touch in facts.touches:
        title = touch.offer.title or touch.campaign_title or touch.campaign
        yield TimelineEntry(touch.sent_at, "touch", touch.medium, touch.touch_id, title, touch.offer.text, touch.status, "")
    for it in facts.interactions:
        words = it.events[0].text if it.events else ""
        yield TimelineEntry(it.updated_at, "interaction", it.medium, it.interaction_id, it.title or it.topic, words, it.status, it.outcome)
    for call in facts.calls:
        yield TimelineEntry(call.received_at, "call", Medium.VOICE, call.call_id, call.rule or "", "", "", call.outcome or "")
