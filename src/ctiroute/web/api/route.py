"""POST /api/v1/route: who this is, what is open, and where it should go, for any medium. The engine, deadline and rules of a call."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from aiohttp import web

from ctiroute.model import (
    Caller,
    CallerContext,
    IdentifierKind,
    Medium,
    RouteRequest,
    Scope,
    Status,
    ToDefault,
    ToExtension,
    ToMenu,
    ToOperator,
    ToQueue,
)
from ctiroute.web.api.bodies import answer, decoded
from ctiroute.web.api.interactions import identifier_of
from ctiroute.web.api.interactions_wire import MAX_NAME, IdentifierGiven

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.model import Destination
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import RouteDesk

log = logging.getLogger(__name__)


class RouteAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The question where somebody should go."""

    medium: Medium
    identifier: IdentifierGiven | None = None  # by what he is known; null: by nothing
    conversation: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""  # what you call it; asked again, its record is kept up to date
    name: Annotated[str, msgspec.Meta(max_length=80)] = ""  # as he gives it
    to: Annotated[str, msgspec.Meta(max_length=80)] = ""  # which of your addresses he wrote to; rules see it as `dialed`
    language: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)] | None = None


class RouteDestination(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to."""

    action: Literal["queue", "operator", "menu", "extension", "default"]
    queue: str | None = None
    priority: int | None = None
    operator_id: str | None = None
    interface: str | None = None
    timeout_s: int | None = None
    menu: str | None = None
    order: list[str] | None = None
    extension: str | None = None


class Routed(msgspec.Struct, frozen=True):
    """The answer, with all that is known."""

    call_id: str  # under which the record is kept
    status: Status
    rule: str | None  # null: the default
    destination: RouteDestination
    language: str | None
    announce: str | None
    variables: dict[str, str]
    tags: list[str]
    touch_id: str | None  # what it is about
    interaction_id: str | None
    headline: str  # what an operator would read first
    opening: str
    context: CallerContext


class Routes:
    """Serves the question of other media."""

    def __init__(self, desk: RouteDesk, keys: ApiKeys, clock: Callable[[], datetime], limits: WebLimits, region: str) -> None:
        self._desk = desk
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._region = region

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [web.post("/api/v1/route", self.route)]

    async def route(self, request: web.Request) -> web.Response:
        """POST /api/v1/route."""
        key = await self._keys.admit(request, Scope.ROUTE)
        asked = await decoded(request, self._limits, RouteAsked)
        question = _request(asked, self._region, self._clock())
        answered = await self._desk.route(question)
        decision = answered.decision
        log.info("audit: API key %s (%s) had %s routed: %s", key.key_id, key.name, question.call_id, decision.rule or decision.status)
        return answer(
            Routed(
                call_id=question.call_id,
                status=decision.status,
                rule=decision.rule,
                destination=_destination(decision.destination),
                language=decision.language,
                announce=decision.announce,
                variables=dict(decision.variables),
                tags=list(decision.tags),
                touch_id=decision.touch_id,
                interaction_id=decision.interaction_id,
                headline=answered.headline,
                opening=answered.opening,
                context=answered.context,
            )
        )


def _request(asked: RouteAsked, region: str, now: datetime) -> RouteRequest:
    identifier = None if asked.identifier is None else identifier_of(asked.identifier, region)
    phone = identifier.value if identifier is not None and identifier.kind == IdentifierKind.PHONE else None
    return RouteRequest(
        call_id=f"{asked.medium}:{asked.conversation or secrets.token_hex(8)}",
        medium=asked.medium,
        caller=Caller(raw=phone or "", phone=phone, name="".join(char for char in asked.name if char.isprintable())),
        dialed=asked.to,
        received_at=now,
        language=asked.language,
        identifier=None if phone is not None else identifier,
    )


def _destination(destination: Destination) -> RouteDestination:
    match destination:
        case ToQueue(queue, priority):
            return RouteDestination("queue", queue=queue, priority=priority)
        case ToOperator(interface, operator_id, timeout_s, queue, priority):
            return RouteDestination("operator", queue, priority, operator_id, interface, timeout_s)
        case ToMenu(menu, order):
            return RouteDestination("menu", menu=menu, order=list(order))
        case ToExtension(extension):
            return RouteDestination("extension", extension=extension)
        case ToDefault():
            return RouteDestination("default")
