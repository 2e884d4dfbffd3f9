"""Links by which a customer goes on with a form elsewhere: signed, and good until a time.

`POST /api/v1/interactions/{id}/continue-link` makes one, `GET /api/v1/continue/{token}` gives the form behind it to the company's own page.
A token names an interaction and the end of its life under an HMAC; nothing is kept, so every node with the key takes it, and a new key
ends all that were made. It opens one form and nothing else, and only for a program that has a key with the scope `continue`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from ctiroute.errors import StoreError
from ctiroute.model import Announcement, Scope
from ctiroute.web.api.bodies import answer
from ctiroute.web.api.interactions import no_such
from ctiroute.web.api.interactions_wire import Continued, ContinueLink
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.model import Announcer
    from ctiroute.settings.model import ContinueSettings
    from ctiroute.store.base import Store
    from ctiroute.web.api.keys import ApiKeys

log = logging.getLogger(__name__)

_PURPOSE = b"ctiroute continue-link 1"  # so that a signature made for anything else under the same key opens nothing here
_MAC = 32  # bytes
_TIME = struct.Struct(">Q")  # seconds since 1970
MAX_TOKEN = 600  # characters: ids are at most some 300 bytes


class Continuing:
    """Serves the routes of continue-links."""

    def __init__(
        self, store: Store, keys: ApiKeys, clock: Callable[[], datetime], settings: ContinueSettings, announcer: Announcer | None
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._announcer = announcer

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.post("/api/v1/interactions/{interaction_id}/continue-link", self.link),
            web.get("/api/v1/continue/{token}", self.resolve),
        ]

    async def link(self, request: web.Request) -> web.Response:
        """POST /api/v1/interactions/{interaction_id}/continue-link: a link to its form, told to webhooks as well."""
        key = await self._keys.admit(request, Scope.INTERACTIONS_WRITE)
        secret = self._secret()
        interaction = await self._store.get_interaction(request.match_info["interaction_id"])
        if interaction is None:
            raise no_such()
        now = self._clock()
        expires_at = (now + timedelta(hours=self._settings.hours)).replace(microsecond=0)
        token = sign(interaction.interaction_id, expires_at, secret)
        link = ContinueLink(self._settings.url.replace("{token}", quote(token)), token, expires_at)
        log.info("audit: API key %s (%s) made a link to the form of interaction %s", key.key_id, key.name, interaction.interaction_id)
        if self._announcer is not None:
            who = interaction.identifier
            told = Announcement(
                kind="interaction.link",
                event_id=f"interaction.link:{interaction.interaction_id}:{int(expires_at.timestamp())}",
                key=f"interaction:{interaction.interaction_id}",
                at=now,
                data={
                    "interaction_id": interaction.interaction_id,
                    "source": interaction.source,
                    "external_id": interaction.external_id,
                    "customer_id": interaction.customer_id,
                    "identifier": None if who is None else {"kind": str(who.kind), "value": who.value},
                    "url": link.url,
                    "expires_at": expires_at.isoformat(),
                },
                about=tuple(filter(None, (interaction.interaction_id, interaction.customer_id))),
            )
            try:
                await self._announcer.announce(told)
            except StoreError as error:
                log.warning("the link to the form of interaction %s is told to nobody: %s", interaction.interaction_id, error)
        return answer(link)

    async def resolve(self, request: web.Request) -> web.Response:
        """GET /api/v1/continue/{token}: the form behind a link. One answer for every link that opens nothing."""
        await self._keys.admit(request, Scope.CONTINUE)
        opened = verify(request.match_info["token"], self._clock(), self._secret())
        interaction = None if opened is None else await self._store.get_interaction(opened[0])
        if opened is None or interaction is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-link", "This link opens nothing: it is over, or was never made here.")
        it = interaction
        body = Continued(it.interaction_id, it.revision, it.topic, it.title, it.status, dict(it.form), opened[1])
        return answer(body, revision=it.revision)

    def _secret(self) -> bytes:
        if not self._settings.secret:
            raise Problem(HTTPStatus.CONFLICT, "no-secret", "The settings give no continue.secret to sign links with.")
        return self._settings.secret.encode()


def sign(interaction_id: str, expires_at: datetime, secret: bytes) -> str:
    """Return a token for an interaction, good until a time (to the second)."""
    claim = _TIME.pack(int(expires_at.timestamp())) + interaction_id.encode()
    return urlsafe_b64encode(_mac(claim, secret) + claim).rstrip(b"=").decode()


def verify(token: str, now: datetime, secret: bytes) -> tuple[str, datetime] | None:
    """Return the interaction a token opens, and until when; None: it opens nothing."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        whole = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Base64Error, ValueError):
        return None
    mac, claim = whole[:_MAC], whole[_MAC:]
    if len(claim) <= _TIME.size or not hmac.compare_digest(mac, _mac(claim, secret)):
        return None
    expires_at = datetime.fromtimestamp(_TIME.unpack_from(claim)[0], UTC)
    return (claim[_TIME.size :].decode(), expires_at) if now < expires_at else None


def _mac(claim: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, _PURPOSE + claim, hashlib.sha256).digest()
