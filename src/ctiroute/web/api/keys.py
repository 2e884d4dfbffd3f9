"""API keys: made, written, and checked on every request. Knows no routes.

A key is `ctk_ID_SECRET`: 256 random bits behind an id. The store keeps the SHA-256 of the secret, so that a stolen database opens nothing.
No slow hash is needed: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import re
import secrets
from collections import OrderedDict
from http import HTTPStatus
from typing import TYPE_CHECKING

from ctiroute.model import ApiKey, Scope
from ctiroute.web.problems import Problem
from ctiroute.web.throttle import MAX_KEYS, Bucket, network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from aiohttp import web
    from prometheus_client import Counter

    from ctiroute.store.base import Store
    from ctiroute.web.security import Gate

log = logging.getLogger(__name__)

FAILURES = 20  # at once from one address
FAILURE_REFILL_S = 10.0  # until one of them is forgiven
_NOTED_EVERY_S = 60.0  # the last use of a key is kept to the minute: a write for every request would cost more than the request
_FORM = re.compile(r"ctk_([0-9a-z]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NOBODY = b"\0" * 32  # compared with when there is no such key, for the same work


def new_key(name: str, scopes: Iterable[Scope], now: datetime, expires_at: datetime | None) -> tuple[ApiKey, str, bytes]:
    """Return a key, what its holder sends (it is shown once and kept nowhere), and the hash to keep."""
    secret = secrets.token_urlsafe(32)
    key = ApiKey(secrets.token_hex(6), name, frozenset(scopes), now, expires_at)
    return key, f"ctk_{key.key_id}_{secret}", _digest(secret)


class ApiKeys:
    """Lets requests in by their key."""

    def __init__(self, store: Store, gate: Gate, clock: Callable[[], datetime], monotonic: Callable[[], float], requests: Counter) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock
        self._monotonic = monotonic
        self._requests = requests
        self._failures: OrderedDict[str, Bucket] = OrderedDict()
        self._noted: OrderedDict[str, float] = OrderedDict()

    async def admit(self, request: web.Request, scope: Scope) -> ApiKey:
        """Return the key of a request that may do this; otherwise raises `Problem`: 401, 403 or 429.

        A key that is not there, wrong, revoked or expired: one answer, after the same work.
        """
        network, now = network_of(self._gate.address(request)), self._monotonic()
        failures = self._failures.get(network)
        if failures is not None and (wait_s := failures.wait_s(now)) > 0:
            self._requests.labels("throttled").inc()
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-attempts",
                "Too many wrong keys; wait a little.",
                {"Retry-After": str(math.ceil(wait_s))},
            )
        key = await self._find(request)
        if key is None:
            self._failed(network, now)
            self._requests.labels("refused").inc()
            log.warning("An API request from %s was refused: no valid key", self._gate.address(request))
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "no-valid-key",
                "Send a valid API key: Authorization: Bearer ctk_...",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope not in key.scopes:
            self._requests.labels("forbidden").inc()
            log.warning("API key %s (%s) may not do %s", key.key_id, key.name, scope.value)
            raise Problem(HTTPStatus.FORBIDDEN, "scope", f"This key has no scope {scope.value!r}.")
        self._requests.labels("ok").inc()
        await self._note(key, now)
        return key

    async def _find(self, request: web.Request) -> ApiKey | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        form = _FORM.fullmatch(token.strip()) if scheme.lower() == "bearer" else None
        if form is None:
            return None
        found = await self._store.get_api_key(form[1])
        key, kept = found if found is not None else (None, _NOBODY)
        matches = hmac.compare_digest(_digest(form[2]), kept)
        return key if key is not None and matches and key.is_valid(self._clock()) else None

    def _failed(self, network: str, now: float) -> None:
        bucket = self._failures.pop(network, None) or Bucket.full(FAILURES, FAILURE_REFILL_S, now)
        bucket.take(now)
        self._failures[network] = bucket
        if len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    async def _note(self, key: ApiKey, now: float) -> None:
        if now - self._noted.get(key.key_id, -math.inf) < _NOTED_EVERY_S:
            return
        self._noted[key.key_id] = now
        if len(self._noted) > MAX_KEYS:
            self._noted.popitem(last=False)
        await self._store.note_api_key_use(key.key_id, self._clock())


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
