"""Signing in and out: /api/v1/session. Knows nothing of screens but that a session that ends closes its own.

Unknown user, wrong password, operator without a password: one answer, after the same work.
"""

from __future__ import annotations

import asyncio
import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from aiohttp import web

from ctiroute.errors import AccessDenied
from ctiroute.model import Operator
from ctiroute.web.live import SIGNED_OUT
from ctiroute.web.passwords import MAX_PASSWORD, BusyError
from ctiroute.web.problems import Problem, signed_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.store.base import Store
    from ctiroute.web.cookie import SessionCookie
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.metrics import WebMetrics
    from ctiroute.web.passwords import PasswordChecker
    from ctiroute.web.screens import Screens
    from ctiroute.web.security import Gate
    from ctiroute.web.sessions import Sessions
    from ctiroute.web.throttle import SignInThrottle

log = logging.getLogger(__name__)


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/session."""

    operator: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    password: Annotated[str, msgspec.Meta(max_length=MAX_PASSWORD)]


class TicketSignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/session/ticket."""

    ticket: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class SessionView(msgspec.Struct, frozen=True):
    """Answer of GET and POST: who is signed in."""

    operator: Operator


_Body = TypeVar("_Body", bound=msgspec.Struct)


class Access:
    """Serves /api/v1/session."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        screens: Screens,
        gate: Gate,
        cookie: SessionCookie,
        throttle: SignInThrottle,
        checker: PasswordChecker,
        limits: WebLimits,
        metrics: WebMetrics,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._screens = screens
        self._gate = gate
        self._cookie = cookie
        self._throttle = throttle
        self._checker = checker
        self._limits = limits
        self._metrics = metrics
        self._monotonic = monotonic

    async def who(self, request: web.Request) -> web.Response:
        """GET: tell who is signed in."""
        session = await self._sessions.find(self._cookie.read(request))
        if session is None:
            raise signed_out()
        return _view(session.operator)

    async def sign_in(self, request: web.Request) -> web.Response:
        """POST: open a session for a name and a password."""
        self._gate.check_change(request)
        body = await self._body(request, SignIn)
        operator_id, address = body.operator.strip().lower(), self._gate.address(request)
        self._charge("password", operator_id, address)
        try:
            matched = await self._checker.check(await self._store.password_hash(operator_id), body.password)
        except BusyError:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many people sign in at once; try again in a moment.", {"Retry-After": "2"}
            ) from None
        if not matched:
            raise self._denied("password", address)
        return await self._welcome("password", operator_id, address, request)

    async def sign_in_by_ticket(self, request: web.Request) -> web.Response:
        """POST: open a session for a one-time ticket."""
        self._gate.check_change(request)
        body = await self._body(request, TicketSignIn)
        address = self._gate.address(request)
        self._charge("ticket", "", address)
        try:
            operator_id = self._sessions.redeem(body.ticket)
        except AccessDenied:
            raise self._denied("ticket", address) from None
        return await self._welcome("ticket", operator_id, address, request)

    async def sign_out(self, request: web.Request) -> web.Response:
        """DELETE: end this session and close its screens. Signing out twice is no error."""
        self._gate.check_change(request)
        session = await self._sessions.find(self._cookie.read(request))
        if session is not None:
            await self._sessions.end(session.token_hash)
            self._screens.close_session(session.token_hash, SIGNED_OUT, "signed out")
            log.info("%s signed out", session.operator.operator_id)
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        self._cookie.clear(response)
        return response

    def _charge(self, way: str, user: str, address: str) -> None:
        wait_s = self._throttle.attempt(user, address, self._monotonic())
        if wait_s > 0:
            self._metrics.sign_ins.labels(way, "throttled").inc()
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-attempts",
                "Too many attempts; wait a little.",
                {"Retry-After": str(math.ceil(wait_s))},
            )

    def _denied(self, way: str, address: str) -> Problem:
        self._metrics.sign_ins.labels(way, "refused").inc()
        # Not the name: people type their password into that field.
        log.warning("A sign-in by %s from %s was refused", way, address)
        return Problem(HTTPStatus.UNAUTHORIZED, "sign-in-refused", "Name and password do not match, or the link was used already.")

    async def _welcome(self, way: str, operator_id: str, address: str, request: web.Request) -> web.Response:
        try:
            token, operator = await self._sessions.begin(operator_id)
        except AccessDenied:
            raise self._denied(way, address) from None
        self._throttle.succeeded(operator_id if way == "password" else "", address, self._monotonic())
        before = await self._sessions.find(self._cookie.read(request))
        if before is not None:  # this browser's old session would only lie about
            await self._sessions.end(before.token_hash)
            self._screens.close_session(before.token_hash, SIGNED_OUT, "signed in again")
        self._metrics.sign_ins.labels(way, "ok").inc()
        log.info("%s signed in by %s from %s", operator.operator_id, way, address)
        response = _view(operator)
        self._cookie.write(response, token, self._sessions.lifetime)
        return response

    async def _body(self, request: web.Request, kind: type[_Body]) -> _Body:
        if request.content_type != "application/json":
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Send application/json.")
        try:
            async with asyncio.timeout(self._limits.body_s):
                return msgspec.json.decode(await request.read(), type=kind)
        except TimeoutError:
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, "slow-body", "The body took too long.") from None
        except (msgspec.DecodeError, UnicodeError):
            # Not the parser's words: they may quote a password.
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", "The body is not what this address takes.") from None


def _view(operator: Operator) -> web.Response:
    return web.Response(body=msgspec.json.encode(SessionView(operator)), content_type="application/json")
