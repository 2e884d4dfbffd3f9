"""Who is signed in, while the store is away as well: sessions are told to the other nodes, and read back when the store does not answer.

The store is the truth, so it is asked first: a session that ended is over at once, wherever Redis was meanwhile. What only Redis knows
counts only while the store is silent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.app.shared import Shared
    from ctiroute.model import Operator
    from ctiroute.store.base import Store

ASK_S = 0.5  # for the store; a whole floor that reconnects is back within seconds even if it never answers


class SharedSessions:
    """The web room's `SessionKeeper` of a node that has neighbours."""

    def __init__(self, store: Store, shared: Shared, known: Callable[[], list[Operator]]) -> None:
        """`known` are the operators as they were read last."""
        self._store = store
        self._shared = shared
        self._known = known

    async def put_session(self, token_hash: bytes, operator_id: str, expires_at: datetime) -> None:
        """Keep a session, and tell the others."""
        await self._store.put_session(token_hash, operator_id, expires_at)
        self._shared.signed_in(token_hash, operator_id, expires_at)

    async def get_session(self, token_hash: bytes, now: datetime) -> str | None:
        """Return the operator of a session; raises `StoreUnavailable` when neither the store nor Redis knows."""
        try:
            async with asyncio.timeout(ASK_S):
                return await self._store.get_session(token_hash, now)
        except (StoreError, TimeoutError) as error:
            operator_id = await self._shared.find_session(token_hash)
            if operator_id is None:  # that it is not in Redis proves nothing: it may have been flushed
                raise StoreUnavailable("sessions cannot be read: the store does not answer") from error
            return operator_id

    async def drop_sessions(self, *, token_hash: bytes | None = None, operator_id: str | None = None) -> None:
        """End one session, or all of an operator."""
        if token_hash is not None:
            self._shared.signed_out(token_hash)
        await self._store.drop_sessions(token_hash=token_hash, operator_id=operator_id)

    async def get_operators(self) -> list[Operator]:
        """Return all operators, as they were read last when the store does not answer."""
        try:
            async with asyncio.timeout(ASK_S):
                return await self._store.get_operators()
        except (StoreError, TimeoutError) as error:
            if known := self._known():
                return known
            raise StoreUnavailable("operators cannot be read: the store does not answer") from error
