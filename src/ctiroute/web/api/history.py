"""GET /api/v1/history: what a customer and we had to do with each other, over all media, in one line of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ctiroute.model import CallerFacts, CallerQuery, Medium, Scope
from ctiroute.store.interactions import MOST
from ctiroute.web.api.bodies import answer, number
from ctiroute.web.api.interactions import LISTED, identifier_of
from ctiroute.web.api.interactions_wire import MAX_NAME, History, IdentifierGiven, TimelineEntry
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.model import Identifier
    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys

MAX_ASKED = 16  # identifiers of one customer, a look-up each
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
        """GET /api/v1/history?kind=phone&value=... or ?customer_id=...: of whoever has this identifier, or of one customer."""
        await self._keys.admit(request, Scope.INTERACTIONS_READ)
        kind, value, customer_id = (request.query.get(name, "") for name in ("kind", "value", "customer_id"))
        if bool(value) is bool(customer_id) or max(len(kind), len(value), len(customer_id)) > MAX_NAME:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "Give customer_id, or value, and kind unless it is a phone.")
        limit = number(request, "limit", LISTED, MOST)
        if customer_id:
            return answer(await self._of_customer(customer_id, limit))
        identifier = identifier_of(IdentifierGiven(kind or "phone", value), self._region)
        facts = await self._facts(identifier, limit)
        return answer(History([customer.customer_id for customer in facts.customers], timeline(facts)[:limit]))

    async def _of_customer(self, customer_id: str, limit: int) -> History:
        """Return what is this customer's, by all his identifiers: calls are known by the number alone that they came from."""
        card = await self._store.get_card(customer_id)
        if card is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-customer", "There is no customer of this id.")
        his = {None, card.customer.customer_id, *card.merged}
        entries = {
            entry.id: entry for entry in timeline(CallerFacts(interactions=tuple(await self._store.interactions_of(customer_id, limit))))
        }
        for identifier in card.customer.identifiers[:MAX_ASKED]:
            facts = await self._facts(identifier, limit)
            entries |= {
                entry.id: entry
                for entry in timeline(
                    replace(
                        facts,
                        touches=tuple(it for it in facts.touches if it.customer_id in his),
                        interactions=tuple(it for it in facts.interactions if it.customer_id in his),
                        calls=tuple(it for it in facts.calls if it.customer_id in his),
                    )
                )
            }
        newest = sorted(entries.values(), key=lambda entry: (entry.at, entry.id), reverse=True)
        return History([card.customer.customer_id], newest[:limit])

    async def _facts(self, identifier: Identifier, limit: int) -> CallerFacts:
        return await self._store.find_caller(CallerQuery(identifier, _EVER, _EVER, _EVER, limit))


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
