"""`/hooks/NAME` over HTTP: body, signature, mapping, store, answer. Knows no vendor.

A message is answered with 200 when it is durably kept, or when trying again would not help; anything else makes a vendor send it again.
So a message that cannot be used never blocks those behind it, and one that came while the store was away is not lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from ctiroute.connectors.webhook.careful import bring_carefully
from ctiroute.connectors.webhook.mapping import Hmac, Mapping, Reading, Refused, Token, Unsigned, place_of, verify
from ctiroute.connectors.webhook.mapping.bodies import read_body
from ctiroute.connectors.webhook.metrics import Arrival
from ctiroute.connectors.webhook.ports import Tally
from ctiroute.connectors.webhook.replay import Remembered
from ctiroute.errors import PayloadError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ctiroute.connectors.webhook.mapping import Brought, Place
    from ctiroute.connectors.webhook.metrics import ConnectorMetrics
    from ctiroute.connectors.webhook.ports import Taking

log = logging.getLogger(__name__)

QUIET_S = 60.0  # between two lines in the log about the same connector: strangers must not fill the disk
_REMEMBER = timedelta(minutes=10)  # of signatures without a time


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Bounds on senders. The size of a body is the mapping's."""

    body_s: float = 20.0  # until a body is read: 26 MB of a mail with attachments from a slow sender
    idle_s: float = 5.0  # between two pieces of it
    at_once: int = 16  # requests; calls go first, and senders come again
    bytes_at_once: int = 64 * 1024 * 1024  # of all their bodies
    take_s: float = 4.0  # to keep it: Telegram and Meta give up after some seconds, and come again
    in_loop: int = 16 * 1024  # bytes; a larger body is read in a thread, so that calls do not wait for it; a message has 1 or 2 KiB


@dataclass(frozen=True, slots=True)
class Hook:
    """One address a vendor posts to."""

    name: str  # of the connector; the source of what it brings
    mapping: Mapping
    secret: str = field(default="", repr=False)
    verify_token: str = field(default="", repr=False)  # of the vendor's question at set-up


class Door:
    """Answers for all hooks."""

    def __init__(
        self,
        hooks: Iterable[Hook],
        taking: Taking,
        metrics: ConnectorMetrics,
        clock: Callable[[], datetime],
        region: str,
        touch_id: Callable[[str, str], str],
        limits: DoorLimits | None = None,
    ) -> None:
        """`clock` gives aware UTC times; `region` is the country of numbers without a code, `touch_id` names a touch in the store."""
        self._hooks = {hook.name: hook for hook in hooks}
        self._taking = taking
        self._metrics = metrics
        self._clock = clock
        self._region = region
        self._touch_id = touch_id
        self._limits = limits or DoorLimits()
        self._remembered = {name: Remembered() for name in self._hooks}
        self._at_once = 0
        self._bytes = 0
        self._said: dict[str, float] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server has to serve."""
        return [web.post("/hooks/{name}", self.post), web.get("/hooks/{name}", self.challenge, allow_head=False)]

    async def challenge(self, request: web.Request) -> web.Response:
        """GET /hooks/NAME: answer a vendor that makes sure the address is ours."""
        hook = self._hook(request)
        if hook.mapping.challenge is None:
            raise web.HTTPMethodNotAllowed("GET", ["POST"])
        answer = hook.mapping.challenge.reply(self._place(request, None), hook.verify_token)
        if answer is None:
            self._metrics.arrived(hook.name, Arrival.UNSIGNED)
            self._say(hook, "a question at set-up had another verify_token")
            raise web.HTTPForbidden
        return web.Response(text=answer)

    async def post(self, request: web.Request) -> web.Response:
        """POST /hooks/NAME: keep what the message tells."""
        hook = self._hook(request)
        self._refuse_early(hook, request)
        if self._at_once >= self._limits.at_once or self._bytes > self._limits.bytes_at_once:
            self._metrics.arrived(hook.name, Arrival.BUSY)
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"})
        self._at_once += 1
        held = 0
        try:
            body = await self._body(hook, request)
            held = len(body)
            self._bytes += held
            return await self._answer(hook, request, body)
        finally:
            self._at_once -= 1
            self._bytes -= held

    async def _answer(self, hook: Hook, request: web.Request, body: bytes) -> web.Response:
        how = Reading(self._region, self._clock(), touch_id=self._touch_id)
        try:
            if len(body) > self._limits.in_loop:
                brought, unique, held = await asyncio.to_thread(self._read, hook, request, body, how)
            else:
                brought, unique, held = self._read(hook, request, body, how)
        except PayloadError as error:
            self._metrics.arrived(hook.name, Arrival.MALFORMED)
            self._say(hook, str(error))
            raise web.HTTPBadRequest from None
        except Refused as refused:
            raise self._unsigned(hook, str(refused)) from None
        remembered = self._remembered[hook.name]
        match remembered.seen(unique, held, how.now) if unique else None:
            case True:
                self._metrics.arrived(hook.name, Arrival.REPLAYED)
                return _json(Tally(repeated=1))
            case False:
                raise self._unsigned(hook, "the signature belongs to another message")
        tally = await self._take(hook, brought)
        if unique:
            signature = hook.mapping.signature
            tolerance = signature.tolerance if isinstance(signature, Hmac) and signature.timestamp is not None else _REMEMBER
            remembered.keep(unique, held, how.now, tolerance)
        return _json(tally)

    def _read(self, hook: Hook, request: web.Request, body: bytes, how: Reading) -> tuple[Brought, str, bytes]:
        """Return what a request tells, what is unique of it, and a digest of its body.

        A signature over the body is looked at before the body is read.
        """
        signature, kind = hook.mapping.signature, request.headers.get("Content-Type", "")
        if isinstance(signature, Hmac) and not signature.in_payload:
            unique = verify(signature, hook.secret, body, self._place(request, None), how)
            place = self._place(request, read_body(body, kind, hook.mapping.bodies))
        else:
            place = self._place(request, read_body(body, kind, hook.mapping.bodies))
            unique = verify(signature, hook.secret, body, place, how)
        brought = bring_carefully(hook.mapping, hook.name, lambda: place, how)
        return brought, unique, hashlib.sha256(body).digest() if unique else b""

    async def _take(self, hook: Hook, brought: Brought) -> Tally:
        if brought.refused:
            places = dict.fromkeys(": ".join(reason.split(": ")[:2]) for reason in brought.refused)  # without what somebody wrote there
            self._say(hook, f"a part of a message is of no use ({', '.join(places)}); ctiroute connectors try says why")
        if not brought:
            self._metrics.arrived(hook.name, Arrival.USELESS if brought.refused else Arrival.IGNORED)
            return Tally(refused=len(brought.refused))
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._limits.take_s):
                tally = await self._taking.take(brought)
        except (StoreError, TimeoutError) as error:
            self._metrics.arrived(hook.name, Arrival.AWAY)
            self._say(hook, f"the store could not take a message, which is sent again: {str(error) or 'no answer in time'}")
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"}) from error
        tally = Tally(tally.taken, tally.repeated, tally.refused + len(brought.refused))
        self._metrics.arrived(hook.name, Arrival.TAKEN)
        self._metrics.kept(hook.name, tally, time.perf_counter() - started)
        return tally

    def _refuse_early(self, hook: Hook, request: web.Request) -> None:
        """Turn away, before a byte of the body is read, what is too large or surely not signed."""
        if request.content_length is not None and request.content_length > hook.mapping.max_body:
            raise self._too_large(hook, request.content_length)
        signature = hook.mapping.signature
        if isinstance(signature, Unsigned) or (isinstance(signature, Hmac | Token) and signature.in_payload):
            return
        place = self._place(request, None)
        how = Reading(self._region, self._clock())
        if isinstance(signature, Hmac):
            if not signature.sent.of(place, how):
                raise self._unsigned(hook, "there is no signature")
            return
        try:
            verify(signature, hook.secret, b"", place, how)
        except Refused as refused:
            raise self._unsigned(hook, str(refused)) from None

    async def _body(self, hook: Hook, request: web.Request) -> bytes:
        pieces = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                while True:
                    async with asyncio.timeout(self._limits.idle_s):
                        piece = await request.content.readany()
                    if not piece:
                        return bytes(pieces)
                    pieces += piece  # unpacked, so that a small body cannot become a large one here
                    if len(pieces) > hook.mapping.max_body:
                        raise self._too_large(hook, len(pieces))
        except TimeoutError:
            self._metrics.arrived(hook.name, Arrival.SLOW)
            raise web.HTTPRequestTimeout from None
        except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError) as error:
            self._metrics.arrived(hook.name, Arrival.MALFORMED)
            raise web.HTTPBadRequest from error

    def _too_large(self, hook: Hook, size: int) -> web.HTTPException:
        self._metrics.arrived(hook.name, Arrival.TOO_LARGE)
        self._say(hook, f"a body of {size} bytes was refused; max_body_kib of its mapping allows {hook.mapping.max_body // 1024} KiB")
        return web.HTTPRequestEntityTooLarge(hook.mapping.max_body, size)

    def _unsigned(self, hook: Hook, why: str) -> web.HTTPException:
        self._metrics.arrived(hook.name, Arrival.UNSIGNED)
        self._say(hook, f"a message was refused: {why}")
        return web.HTTPUnauthorized()

    def _hook(self, request: web.Request) -> Hook:
        hook = self._hooks.get(request.match_info["name"])
        if hook is None:
            raise web.HTTPNotFound
        return hook

    def _place(self, request: web.Request, payload: object) -> Place:
        return place_of(payload, dict(request.headers), dict(request.query))

    def _say(self, hook: Hook, what: str) -> None:
        """Log, but not for every message of a flood: metrics count them all. What is said holds nothing of a sender but lengths."""
        now = time.monotonic()
        if now - self._said.get(hook.name, -QUIET_S) >= QUIET_S:
            self._said[hook.name] = now
            log.warning("connector %s: %s", hook.name, what)


def _json(tally: Tally) -> web.Response:
    return web.Response(body=msgspec.json.encode(tally), content_type="application/json")
