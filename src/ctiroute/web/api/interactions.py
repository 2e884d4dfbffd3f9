"""Interactions over HTTP: /api/v1/interactions/... . Knows keys, bodies and answers; what telling does is the store's business."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec
from aiohttp import web

from ctiroute.errors import StoreError
from ctiroute.model import Announcement, Intake, InteractionEvent, InteractionStatus, Scope
from ctiroute.model.identifying import parse_identifier
from ctiroute.store.interactions import MOST
from ctiroute.web.api.bodies import answer, decoded, if_match, in_utc, number
from ctiroute.web.api.interactions_wire import (
    InteractionChange,
    InteractionClose,
    InteractionEvents,
    InteractionList,
    InteractionTaken,
    NewEvent,
    NewInteraction,
    RequestStatus,
)
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ctiroute.model import Announcer, ApiKey, Identifier, Interaction, Taken
    from ctiroute.store.base import Store
    from ctiroute.web.api.interactions_wire import IdentifierGiven
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import Flags

log = logging.getLogger(__name__)

LISTED = 50  # unless asked for more
STATUS_WORDS: dict[InteractionStatus, dict[str, str]] = {
    InteractionStatus.OPEN: {"en": "We are working on your request.", "uk": "Ми працюємо над вашим зверненням."},
    InteractionStatus.WAITING: {"en": "We are waiting for your answer.", "uk": "Ми чекаємо на вашу відповідь."},
    InteractionStatus.CLOSED: {"en": "Your request is closed.", "uk": "Ваше звернення закрите."},
}


class Interactions:
    """Serves the routes of single interactions."""

    def __init__(
        self,
        store: Store,
        keys: ApiKeys,
        clock: Callable[[], datetime],
        limits: WebLimits,
        region: str,
        announcer: Announcer | None,
        changed: Callable[[Iterable[str]], None],
        flags: Flags | None = None,
    ) -> None:
        """Take what it works with.

        `changed` hears the ids of interactions that were changed, for pops that show them; `flags` raises flags on messages.
        """
        self._flags = flags
        self._store = store
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._region = region
        self._announcer = announcer
        self._changed = changed

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.post("/api/v1/interactions", self.create),
            web.get("/api/v1/interactions", self.listed),
            web.get("/api/v1/interactions/{interaction_id}", self.one),
            web.patch("/api/v1/interactions/{interaction_id}", self.change),
            web.get("/api/v1/interactions/{interaction_id}/events", self.events),
            web.post("/api/v1/interactions/{interaction_id}/events", self.add_event),
            web.post("/api/v1/interactions/{interaction_id}/close", self.close),
            web.get("/api/v1/interactions/{interaction_id}/status", self.status),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """POST /api/v1/interactions: take in what a source tells; 201 when that makes an interaction."""
        key = await self._keys.admit(request, Scope.INTERACTIONS_WRITE)
        told = await decoded(request, self._limits, NewInteraction)
        intake = await self._flagged(intake_of(told, self._region, self._clock()))
        (taken,) = await self._store.take_in([intake], now=self._clock())
        if not taken.repeated:
            self._changed((taken.interaction_id,))
        _audit(key, f"told of interaction {taken.interaction_id}: {result_of(taken)}")
        body = InteractionTaken(taken.interaction_id, taken.revision, result_of(taken))
        return answer(body, HTTPStatus.CREATED if taken.new else HTTPStatus.OK, taken.revision)

    async def _flagged(self, intake: Intake) -> Intake:
        return intake if self._flags is None else (await self._flags.flagged([intake]))[0]

    async def listed(self, request: web.Request) -> web.Response:
        """GET /api/v1/interactions: those of a customer, or the one a source calls so."""
        await self._keys.admit(request, Scope.INTERACTIONS_READ)
        limit, asked = number(request, "limit", LISTED, MOST), request.query
        if asked.get("customer_id"):
            return answer(InteractionList(await self._store.interactions_of(asked["customer_id"], limit)))
        if asked.get("source") and asked.get("external_id"):
            found = await self._store.find_interaction(asked["source"], asked["external_id"])
            return answer(InteractionList([] if found is None else [found]))
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", "Give customer_id, or source and external_id.")

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/v1/interactions/{interaction_id}."""
        await self._keys.admit(request, Scope.INTERACTIONS_READ)
        interaction = await self._get(request)
        return answer(interaction, revision=interaction.revision)

    async def events(self, request: web.Request) -> web.Response:
        """GET /api/v1/interactions/{interaction_id}/events: all that is kept of them."""
        await self._keys.admit(request, Scope.INTERACTIONS_READ)
        interaction = await self._get(request)
        limit = number(request, "limit", LISTED, MOST)
        return answer(InteractionEvents(await self._store.interaction_events(interaction.interaction_id, limit)))

    async def status(self, request: web.Request) -> web.Response:
        """GET /api/v1/interactions/{interaction_id}/status: how it stands, for bots and phone menus."""
        await self._keys.admit(request, Scope.INTERACTIONS_READ)
        it = await self._get(request)
        words, prompt = STATUS_WORDS[it.status], f"ctiroute/status-{it.status}"
        return answer(RequestStatus(it.interaction_id, it.status, words, prompt, it.title, it.outcome, it.updated_at))

    async def change(self, request: web.Request) -> web.Response:
        """PATCH /api/v1/interactions/{interaction_id}: change what somebody has seen; 412 or 409 with what it is now otherwise."""
        key = await self._keys.admit(request, Scope.INTERACTIONS_WRITE)
        wanted = await decoded(request, self._limits, InteractionChange)
        if "If-Match" not in request.headers and wanted.revision is None:
            raise Problem(
                HTTPStatus.PRECONDITION_REQUIRED, "revision-required", "Say which revision you saw: If-Match, or revision in the body."
            )
        intake = replace(
            self._nothing_told(await self._get(request)),
            form=wanted.form,
            title=wanted.title,
            topic=wanted.topic,
            owner=wanted.owner,
            status=wanted.status,
            flags=tuple(wanted.flags),
            event=InteractionEvent(self._clock(), "edit", ", ".join(wanted.form)) if wanted.form else None,
        )
        return await self._amend(request, key, intake, wanted.revision, "changed")

    async def add_event(self, request: web.Request) -> web.Response:
        """POST /api/v1/interactions/{interaction_id}/events: tell what more happened in it."""
        key = await self._keys.admit(request, Scope.INTERACTIONS_WRITE)
        told = await decoded(request, self._limits, NewEvent)
        at = self._clock() if told.at is None else in_utc(told.at)
        known = await self._get(request)
        intake = replace(
            self._nothing_told(known),
            at=at,
            event_id=told.event_id,
            status=told.status,
            form=told.form,
            flags=tuple(told.flags),
            sentiment=told.sentiment,
            event=InteractionEvent(at, told.kind, told.text) if told.text else None,
        )
        who = () if known.identifier is None else (known.identifier,)  # for what the customer wrote before
        flags = (await self._flagged(replace(intake, identifiers=who, topic=known.topic))).flags
        taken = await self._store.tell_interaction(known.interaction_id, replace(intake, flags=flags), now=self._clock())
        if taken is None:
            raise no_such()
        if not taken.repeated:
            self._changed((taken.interaction_id,))
        _audit(key, f"told of interaction {taken.interaction_id}: {result_of(taken)}")
        return answer(InteractionTaken(taken.interaction_id, taken.revision, result_of(taken)), revision=taken.revision)

    async def close(self, request: web.Request) -> web.Response:
        """POST /api/v1/interactions/{interaction_id}/close: it is over, with this outcome."""
        key = await self._keys.admit(request, Scope.INTERACTIONS_WRITE)
        wanted = await decoded(request, self._limits, InteractionClose)
        intake = replace(
            self._nothing_told(await self._get(request)),
            status=InteractionStatus.CLOSED,
            outcome=wanted.outcome,
            event=InteractionEvent(self._clock(), "status", wanted.text) if wanted.text else None,
        )
        return await self._amend(request, key, intake, wanted.revision, "closed")

    async def _amend(self, request: web.Request, key: ApiKey, intake: Intake, revision: int | None, what: str) -> web.Response:
        in_header = if_match(request)
        wanted = revision if in_header is None else in_header
        amended = await self._store.amend_interaction(request.match_info["interaction_id"], intake, wanted, now=self._clock())
        if amended is None:
            raise no_such()
        now = amended.interaction
        if not amended.done:
            status = HTTPStatus.CONFLICT if in_header is None else HTTPStatus.PRECONDITION_FAILED
            detail = f"It has changed: it is at revision {now.revision}, not {wanted}. Look at what it is now, and say it again."
            raise Problem(status, "changed-meanwhile", detail, {"ETag": f'"{now.revision}"'}, {"current": now})
        _audit(key, f"{what} interaction {now.interaction_id}, now revision {now.revision}")
        self._changed((now.interaction_id,))
        await announce(self._announcer, now, what, self._clock())
        return answer(now, revision=now.revision)

    async def _get(self, request: web.Request) -> Interaction:
        found = await self._store.get_interaction(request.match_info["interaction_id"])
        if found is None:
            raise no_such()
        return found

    def _nothing_told(self, known: Interaction) -> Intake:
        return Intake(source=known.source, external_id=known.external_id or "-", at=self._clock(), medium=known.medium)


def intake_of(told: NewInteraction, region: str, now: datetime) -> Intake:
    """Return what a body tells. Raises `Problem` 422 when an identifier cannot be one."""
    at = now if told.at is None else in_utc(told.at)
    return Intake(
        source=told.source,
        external_id=told.external_id,
        at=at,
        medium=told.medium,
        event_id=told.event_id,
        identifiers=tuple(identifier_of(each, region) for each in told.identifiers),
        verified=told.verified,
        customer_id=told.customer_id,
        name=told.name,
        topic=told.topic,
        title=told.title,
        status=told.status,
        outcome=told.outcome,
        owner=told.owner,
        language=told.language,
        form=told.form,
        event=InteractionEvent(at, told.kind, told.text) if told.text else None,
        flags=tuple(told.flags),
        sentiment=told.sentiment,
    )


def identifier_of(given: IdentifierGiven, region: str) -> Identifier:
    """Return the identifier a body names. Raises `Problem` 422."""
    try:
        return parse_identifier(given.kind, given.value, region)
    except ValueError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-identifier", f"An identifier of kind {given.kind!r} {error}.") from None


async def announce(announcer: Announcer | None, interaction: Interaction, what: str, now: datetime) -> None:
    """Tell other systems what became of an interaction here. That the outbox is away undoes nothing: it is logged."""
    if announcer is None:
        return
    about = (interaction.interaction_id, *((interaction.customer_id,) if interaction.customer_id else ()))
    told = Announcement(
        kind=f"interaction.{what}",
        event_id=f"interaction.{what}:{interaction.interaction_id}:{interaction.revision}",
        key=f"interaction:{interaction.interaction_id}",
        at=now,
        data={"interaction": msgspec.to_builtins(replace(interaction, events=()))},
        about=about,
    )
    try:
        await announcer.announce(told)
    except StoreError as error:
        log.warning("that interaction %s was %s is told to nobody: %s", interaction.interaction_id, what, error)


def result_of(taken: Taken) -> Literal["new", "changed", "repeated"]:
    """Return what became of a telling in one word."""
    return "new" if taken.new else "repeated" if taken.repeated else "changed"


def no_such() -> Problem:
    """Return the answer to who names an interaction that is not there."""
    return Problem(HTTPStatus.NOT_FOUND, "no-such-interaction", "There is no interaction of this id.")


def _audit(key: ApiKey, what: str) -> None:
    log.info("audit: API key %s (%s) %s", key.key_id, key.name, what)
