"""What operators find out of who calls, written back: whoever calls next from that number is told better.

A choice among candidates confirms the link, a reported mistake denies it. Both are in the audit, and can be undone there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.errors import StoreConflict, StoreError
from ctiroute.model import Confirm, Deny, Identifier, IdentifierKind, Identity, Undo

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.app.tasks import Tasks
    from ctiroute.model import CallerContext
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)
audit = logging.getLogger("ctiroute.audit")

RETRY_S = (1.0, 5.0, 30.0, 120.0)  # while the store is away; then the choice holds for its call only
_REMEMBERED = 1_000  # calls whose choice may yet be mended


class Matches:
    """Keeps what operators say of who calls."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._confirmed: OrderedDict[str, int] = OrderedDict()  # call_id -> the change that confirmed the choice
        self._turn = asyncio.Lock()  # a choice that is mended follows the one it mends

    def chosen(self, context: CallerContext, customer_id: str, operator_id: str, tasks: Tasks) -> None:
        """Write a choice back, behind the pop's back: the screen does not wait for the store."""
        identifier = identifier_of(context)
        if identifier is not None:
            call_id = context.request.call_id
            tasks.start(self._confirm(call_id, Confirm(identifier, customer_id), operator_id), f"choice of {call_id}")

    async def wrong(self, context: CallerContext, customer_id: str, operator_id: str) -> bool:
        """Deny the link of the number and a customer; False when there is no number. Raises `StoreError` when it could not be kept."""
        identifier = identifier_of(context)
        if identifier is None:
            return False
        call_id = context.request.call_id
        async with self._turn:
            try:
                change = await self._store.change_identity(
                    Deny(identifier, customer_id), self._clock(), operator_id, f"wrong match, reported on call {call_id}"
                )
            except StoreConflict:  # another source than the store knows this customer: it is wrong for this call at least
                log.info("a wrong match on call %s cannot be kept: the store has no such customer", call_id)
                return True
            self._confirmed.pop(call_id, None)
        audit.info("%s reported a wrong match on call %s: change %d", operator_id, call_id, change.change_id)
        return True

    async def _confirm(self, call_id: str, order: Confirm, operator_id: str) -> None:
        for pause in (*RETRY_S, None):
            try:
                async with self._turn:
                    await self._confirm_once(call_id, order, operator_id)
            except StoreConflict as error:
                log.info("the choice on call %s is not written back: %s", call_id, error)
            except StoreError as error:
                if pause is not None:
                    await asyncio.sleep(pause)
                    continue
                log.warning("the choice on call %s is not written back, it holds for that call only: %s", call_id, error)
            return

    async def _confirm_once(self, call_id: str, order: Confirm, operator_id: str) -> None:
        now = self._clock()
        before = self._confirmed.pop(call_id, None)
        if before is not None:  # he chose again: the first choice was a slip
            try:
                await self._store.change_identity(Undo(before), now, operator_id)
            except StoreConflict as error:
                log.info("the earlier choice on call %s is not taken back: %s", call_id, error)
        change = await self._store.change_identity(order, now, operator_id, f"chosen on call {call_id}")
        audit.info("%s chose who calls on call %s: change %d", operator_id, call_id, change.change_id)
        self._confirmed[call_id] = change.change_id
        if len(self._confirmed) > _REMEMBERED:
            self._confirmed.popitem(last=False)


def identifier_of(context: CallerContext) -> Identifier | None:
    """Return by what somebody called or wrote; None: it was withheld, or is no key."""
    request = context.request
    if request.identifier is not None:
        return request.identifier
    return None if request.caller.phone is None else Identifier(IdentifierKind.PHONE.value, request.caller.phone)


def without(context: CallerContext, customer_id: str) -> CallerContext:
    """Return a context as if a customer had not been found: neither as a candidate, nor by what only leads to him."""
    identity = context.identity
    gone = next((each for each in identity.customers if each.customer_id == customer_id), None)
    if gone is None:
        return context
    left = tuple(each for each in identity.customers if each is not gone)
    candidates = tuple(each for each in identity.candidates if each.customer_id != customer_id)
    was_chosen = identity.customer is not None and identity.customer is not gone  # somebody else, and he stays
    asked = identifier_of(context)
    theirs = set(gone.identifiers) - {one for each in left for one in each.identifiers} - {asked}
    return replace(
        context,
        identity=replace(identity, customers=left, candidates=candidates) if was_chosen else Identity.of(left, candidates),
        touches=tuple(it for it in context.touches if it.customer_id != customer_id and it.identifier not in theirs),
        interactions=tuple(it for it in context.interactions if it.customer_id != customer_id and it.identifier not in theirs),
        calls=tuple(it for it in context.calls if it.customer_id != customer_id),
        reasons=(),
    )
