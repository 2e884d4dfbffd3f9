"""Who is signed in: session tokens, one-time tickets, and the operators they stand for. Knows no HTTP.

A token is 256 random bits and lives in the browser's cookie alone; the store keeps its SHA-256, so that a stolen database opens
no session. No slow hash is needed: there is nothing to guess.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.errors import AccessDenied
from ctiroute.model import Operator

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from ctiroute.web.ports import SessionKeeper

MAX_TICKETS = 1000  # waiting to be used; the oldest is forgotten first


def digest(token: str) -> bytes:
    """Return what the store knows a token by."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that said who it is."""

    token_hash: bytes
    operator: Operator


@dataclass(frozen=True, slots=True)
class _Ticket:
    operator_id: str
    until: float  # monotonic


class Sessions:
    """Opens, finds and ends sessions."""

    def __init__(
        self,
        keeper: SessionKeeper,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        lifetime: timedelta,
        directory_s: float,
    ) -> None:
        self._keeper = keeper
        self._clock = clock
        self._monotonic = monotonic
        self.lifetime = lifetime
        self._tickets: dict[bytes, _Ticket] = {}
        self._directory: dict[str, Operator] = {}
        self._directory_s = directory_s
        self._directory_until = float("-inf")
        self._directory_lock = asyncio.Lock()

    async def operator(self, operator_id: str) -> Operator | None:
        """Return an operator as he is in the store, or was a moment ago."""
        # When a whole floor reconnects, everybody waits here for one reading instead of making his own.
        async with self._directory_lock:
            if self._monotonic() >= self._directory_until:
                self._directory = {operator.operator_id: operator for operator in await self._keeper.get_operators()}
                self._directory_until = self._monotonic() + self._directory_s
        return self._directory.get(operator_id)

    async def find(self, token: str | None) -> Session | None:
        """Return the session of a cookie's token, or None when it has none that is alive."""
        return None if token is None else await self.find_hash(digest(token))

    async def find_hash(self, token_hash: bytes) -> Session | None:
        """Return the session kept under this hash, or None."""
        operator_id = await self._keeper.get_session(token_hash, self._clock())
        operator = None if operator_id is None else await self.operator(operator_id)
        return None if operator is None else Session(token_hash, operator)

    async def begin(self, operator_id: str) -> tuple[str, Operator]:
        """Open a session; returns its token, for the cookie, and the operator.

        Raises `AccessDenied` when there is no such operator (any more).
        """
        self._directory_until = float("-inf")  # he may have been added a moment ago
        operator = await self.operator(operator_id)
        if operator is None:
            raise AccessDenied
        token = secrets.token_urlsafe(32)
        await self._keeper.put_session(digest(token), operator_id, self._clock() + self.lifetime)
        return token, operator

    async def end(self, token_hash: bytes) -> None:
        """End one session."""
        await self._keeper.drop_sessions(token_hash=token_hash)

    def issue_ticket(self, operator_id: str, ttl_s: float) -> str:
        """Return a one-time ticket that opens a session for this operator. It is kept in memory alone."""
        now = self._monotonic()
        self._tickets = {key: ticket for key, ticket in self._tickets.items() if ticket.until > now}
        if len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = secrets.token_urlsafe(32)
        self._tickets[digest(ticket)] = _Ticket(operator_id, now + ttl_s)
        return ticket

    def redeem(self, ticket: str) -> str:
        """Return the operator a ticket was issued for, and void it.

        Raises `AccessDenied` for a ticket that is not known, used, or too old; which of them is nobody's business.
        """
        found = self._tickets.pop(digest(ticket), None)
        if found is None or found.until <= self._monotonic():
            raise AccessDenied
        return found.operator_id
