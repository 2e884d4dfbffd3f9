"""Callback orders over HTTP: /api/v1/callbacks. Knows keys, bodies and answers; when and whom to ring is behind a port."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ctiroute.errors import CallbackRefused
from ctiroute.model import CallbackFilter, FirstRung, Medium, Scope
from ctiroute.model.callback import CallbackAsked
from ctiroute.model.identifying import parse_identifier
from ctiroute.web.api.bodies import answer, decoded, in_utc, number
from ctiroute.web.api.callbacks_wire import CallbackList, CallbackMove, NewCallback, view_of
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from ctiroute.model import ApiKey, CallbackOrder, Identifier
    from ctiroute.web.api.callbacks_wire import CallbackIdentifier
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import CallbackDesk

log = logging.getLogger(__name__)

LISTED = 50  # unless asked for more
_MOST = 200
_ID = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_OPEN = {"": None, "true": True, "false": False}


class CallbackRoutes:
    """Serves the routes of callback orders."""

    def __init__(self, desk: CallbackDesk, keys: ApiKeys, limits: WebLimits, region: str) -> None:
        self._desk = desk
        self._keys = keys
        self._limits = limits
        self._region = region

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.post("/api/v1/callbacks", self.order),
            web.get("/api/v1/callbacks", self.listed),
            web.get("/api/v1/callbacks/{callback_id}", self.one),
            web.patch("/api/v1/callbacks/{callback_id}", self.move),
            web.delete("/api/v1/callbacks/{callback_id}", self.cancel),
        ]

    async def order(self, request: web.Request) -> web.Response:
        """POST /api/v1/callbacks: order one; 201, or 200 with the order that was there already."""
        key = await self._keys.admit(request, Scope.CALLBACKS_WRITE)
        body = await decoded(request, self._limits, NewCallback)
        try:
            order, new = await self._desk.take(self._asked(body, key))
        except CallbackRefused as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", f"It was not ordered: {error}.") from None
        return answer(view_of(order), HTTPStatus.CREATED if new else HTTPStatus.OK)

    async def listed(self, request: web.Request) -> web.Response:
        """GET /api/v1/callbacks: the latest first; by phone, customer, open or closed."""
        await self._keys.admit(request, Scope.CALLBACKS_READ)
        asked, limit = request.query, number(request, "limit", LISTED, _MOST)
        if asked.get("open", "") not in _OPEN:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "open is true or false.")
        before = asked.get("before")
        if before is not None and not _ID.fullmatch(before):
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "before is the id of an order.")
        wanted = CallbackFilter(asked.get("phone") or None, asked.get("customer_id") or None, _OPEN[asked.get("open", "")], before, limit)
        found = await self._desk.find(wanted)
        return answer(CallbackList([view_of(each) for each in found], found[-1].callback_id if len(found) == limit else None))

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/v1/callbacks/{callback_id}."""
        await self._keys.admit(request, Scope.CALLBACKS_READ)
        return answer(view_of(_found(await self._desk.get(_id(request)))))

    async def move(self, request: web.Request) -> web.Response:
        """PATCH /api/v1/callbacks/{callback_id}: another time; 409 when it rings already, or is over."""
        key = await self._keys.admit(request, Scope.CALLBACKS_WRITE)
        body = await decoded(request, self._limits, CallbackMove)
        until = None if body.until is None else in_utc(body.until)
        try:
            order = _found(await self._desk.move(_id(request), in_utc(body.due_at), until, body.note))
        except CallbackRefused as error:
            raise _conflict(error) from None
        _audit(key, f"moved callback {order.callback_id} to {order.due_at.isoformat()}")
        return answer(view_of(order))

    async def cancel(self, request: web.Request) -> web.Response:
        """DELETE /api/v1/callbacks/{callback_id}: cancel it; 409 when it rings already, or is over."""
        key = await self._keys.admit(request, Scope.CALLBACKS_WRITE)
        try:
            order = _found(await self._desk.cancel(_id(request)))
        except CallbackRefused as error:
            raise _conflict(error) from None
        _audit(key, f"cancelled callback {order.callback_id}")
        return answer(view_of(order))

    def _asked(self, body: NewCallback, key: ApiKey) -> CallbackAsked:
        return CallbackAsked(
            source=key.name,
            phone=body.phone or "",
            identifier=None if body.identifier is None else self._identifier(body.identifier),
            customer_id=body.customer_id,
            due_at=None if body.due_at is None else in_utc(body.due_at),
            until=None if body.until is None else in_utc(body.until),
            queue=body.queue,
            owner=body.operator,
            first=None if body.first is None else FirstRung(body.first),
            matter=body.matter,
            note=body.note,
            touch_id=body.touch_id,
            interaction_id=body.interaction_id,
            call_id=body.call_id,
            external_id=body.external_id,
            ordered_by=body.ordered_by,
            medium=Medium.WEB,
            attempts=body.attempts,
        )

    def _identifier(self, given: CallbackIdentifier) -> Identifier:
        try:
            return parse_identifier(given.kind, given.value, self._region)
        except ValueError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-body", f"The identifier {error}.") from None


def _id(request: web.Request) -> str:
    callback_id = request.match_info["callback_id"]
    if not _ID.fullmatch(callback_id):
        raise _unknown()
    return callback_id


def _found(order: CallbackOrder | None) -> CallbackOrder:
    if order is None:
        raise _unknown()
    return order


def _unknown() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "no-such-callback", "There is no such order.")


def _conflict(error: CallbackRefused) -> Problem:
    return Problem(HTTPStatus.CONFLICT, "too-late", f"It stays as it is: {error}.")


def _audit(key: ApiKey, what: str) -> None:
    log.info("audit: API key %s (%s) %s", key.key_id, key.name, what)
