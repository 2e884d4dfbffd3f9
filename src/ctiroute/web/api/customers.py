"""Who is who over HTTP: what is known of somebody of any medium, and what people change of it. Knows keys, bodies and answers."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from ctiroute.errors import StoreConflict
from ctiroute.model import CallerQuery, Confirm, Deny, IdentifierKind, Identity, Merge, Scope, Split, Undo
from ctiroute.model.confidence import rank
from ctiroute.store.identities import MOST_CHANGES
from ctiroute.store.interactions import MOST
from ctiroute.web.api.bodies import answer, decoded, number
from ctiroute.web.api.customers_wire import ContextFound, IdentityChanges, LinkAsked, MergeAsked, SplitAsked, UndoAsked
from ctiroute.web.api.history import timeline
from ctiroute.web.api.interactions import LISTED, identifier_of
from ctiroute.web.api.interactions_wire import MAX_NAME, IdentifierGiven
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.model import Identifier, IdentityOrder
    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits

log = logging.getLogger(__name__)

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_KNOWN = 20  # of each kind, as for a call
_MOST_ID = 999_999_999  # no audit is so long

T = TypeVar("T")


class Customers:
    """Serves the routes of customers."""

    def __init__(self, store: Store, keys: ApiKeys, clock: Callable[[], datetime], limits: WebLimits, region: str) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._region = region

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/api/v1/context", self.context),
            web.get("/api/v1/customers", self.card),
            web.get("/api/v1/customers/changes", self.changes),
            web.post("/api/v1/customers/merge", self.merge),
            web.post("/api/v1/customers/split", self.split),
            web.post("/api/v1/customers/confirm", self.confirm),
            web.post("/api/v1/customers/deny", self.deny),
            web.post("/api/v1/customers/undo", self.undo),
        ]

    async def context(self, request: web.Request) -> web.Response:
        """GET /api/v1/context?phone=...: what a call by this identifier would bring, for any medium."""
        await self._keys.admit(request, Scope.CUSTOMERS_READ)
        identifier, limit = self._asked(request), number(request, "limit", _KNOWN, MOST)
        facts = await self._store.find_caller(CallerQuery(identifier, _EVER, _EVER, _EVER, limit))
        ranked = rank(facts.customers, facts.claims, facts.last_contacts(), self._clock())
        by_id = {each.customer_id: each for each in facts.customers}
        customers = tuple(by_id[each.customer_id] for each in ranked)
        return answer(
            ContextFound(
                identifier=identifier,
                identity=Identity.of(customers).kind,
                customers=list(customers),
                candidates=list(ranked),
                touches=list(facts.touches),
                interactions=list(facts.interactions),
                calls=list(facts.calls),
                timeline=timeline(facts),
            )
        )

    async def card(self, request: web.Request) -> web.Response:
        """GET /api/v1/customers?customer_id=...: who a customer is, and why we think so."""
        await self._keys.admit(request, Scope.CUSTOMERS_READ)
        customer_id = _text(request, "customer_id")
        if not customer_id:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "Give customer_id.")
        card = await self._store.get_card(customer_id)
        if card is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-customer", "There is no customer of that id.")
        return answer(card)

    async def changes(self, request: web.Request) -> web.Response:
        """GET /api/v1/customers/changes: the audit, the latest first."""
        await self._keys.admit(request, Scope.CUSTOMERS_READ)
        before = number(request, "before", _MOST_ID, _MOST_ID) if "before" in request.query else None
        limit = number(request, "limit", LISTED, MOST_CHANGES)
        return answer(IdentityChanges(await self._store.identity_changes(_text(request, "customer_id") or None, before, limit)))

    async def merge(self, request: web.Request) -> web.Response:
        """POST /api/v1/customers/merge."""
        return await self._change(request, MergeAsked, lambda asked: (Merge(asked.into, asked.other), asked.why))

    async def split(self, request: web.Request) -> web.Response:
        """POST /api/v1/customers/split."""
        return await self._change(
            request,
            SplitAsked,
            lambda asked: (
                Split(asked.customer_id, tuple(identifier_of(each, self._region) for each in asked.identifiers), asked.new_id, asked.name),
                asked.why,
            ),
        )

    async def confirm(self, request: web.Request) -> web.Response:
        """POST /api/v1/customers/confirm."""
        return await self._change(
            request, LinkAsked, lambda asked: (Confirm(identifier_of(asked.identifier, self._region), asked.customer_id), asked.why)
        )

    async def deny(self, request: web.Request) -> web.Response:
        """POST /api/v1/customers/deny."""
        return await self._change(
            request, LinkAsked, lambda asked: (Deny(identifier_of(asked.identifier, self._region), asked.customer_id), asked.why)
        )

    async def undo(self, request: web.Request) -> web.Response:
        """POST /api/v1/customers/undo."""
        return await self._change(request, UndoAsked, lambda asked: (Undo(asked.change_id), ""))

    async def _change(self, request: web.Request, kind: type[T], order_of: Callable[[T], tuple[IdentityOrder, str]]) -> web.Response:
        key = await self._keys.admit(request, Scope.CUSTOMERS_WRITE)
        order, why = order_of(await decoded(request, self._limits, kind))
        try:
            change = await self._store.change_identity(order, self._clock(), key.name, why)
        except StoreConflict as error:
            raise Problem(HTTPStatus.CONFLICT, "cannot-be-done", f"As things stand it cannot be done: {error}.") from None
        log.info("audit: API key %s (%s): %s, change %d", key.key_id, key.name, type(order).__name__.lower(), change.change_id)
        return answer(change)

    def _asked(self, request: web.Request) -> Identifier:
        """Return the identifier that a query names: phone=, email=, or kind= and value=."""
        given = [(kind.value, request.query[kind.value]) for kind in IdentifierKind if kind.value in request.query]
        if "value" in request.query:
            given.append((request.query.get("kind", IdentifierKind.PHONE.value), request.query["value"]))
        if len(given) != 1 or max(map(len, given[0])) > MAX_NAME:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "Give one identifier: phone=, email=, or kind= and value=.")
        return identifier_of(IdentifierGiven(*given[0]), self._region)


def _text(request: web.Request, name: str) -> str:
    text = request.query.get(name, "")
    if len(text) > MAX_NAME:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", f"{name} has at most {MAX_NAME} characters.")
    return text
