"""Takes callback orders from any medium: who is to be rung, when he may be, and whether it was ordered before. Places none."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ctiroute.app.callback_news import MOVED, ORDERED, announce
from ctiroute.errors import CallbackRefused
from ctiroute.model import (
    CallbackFilter,
    CallbackOrder,
    CallerQuery,
    Customer,
    FirstRung,
    Identifier,
    IdentifierKind,
)
from ctiroute.model.callback_life import MAX_ATTEMPTS, cancel, reschedule
from ctiroute.model.phone import mask_phone, parse_phone, zones_of
from ctiroute.model.quiet_hours import next_allowed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from ctiroute.model import Announcer
    from ctiroute.model.callback import CallbackAsked
    from ctiroute.settings import CallbackSettings
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

TIMEZONE = "timezone"  # attribute of a customer: a name of the tz database; it goes before what his number says
MAX_NOTE = 4000  # characters
FARTHEST = timedelta(days=366)  # a promise for later is a mistake in the date
_TRIES = 5  # of a change that met another one


class CallbackOrders:
    """The book of orders. `zone` is the company's own; `changed` is told the source of a new order, or "": then an order was changed."""

    def __init__(
        self,
        store: Store,
        settings: CallbackSettings,
        region: str,
        zone: Callable[[], tzinfo],
        clock: Callable[[], datetime],
        changed: Callable[[str], None] = lambda _: None,
        announcer: Announcer | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._region = region
        self._zone = zone
        self._clock = clock
        self._changed = changed
        self._announcer = announcer

    async def take(self, asked: CallbackAsked) -> tuple[CallbackOrder, bool]:
        """Keep an order, its time moved out of the customer's quiet hours; return it, and whether it is new.

        One that was ordered before is returned as it stands. Raises `CallbackRefused` with what is wrong, and `StoreError`.
        """
        now = self._clock()
        phone, customer = await self._whom(asked, now)
        due = max(asked.due_at or now, now)
        _expect_near(due, now)
        allowed = self.allowed_from(due, phone, customer)
        until = asked.until or allowed + timedelta(hours=self._settings.window_hours)
        if allowed > until:
            raise CallbackRefused(
                f"there is no time within its window at which the customer may be rung: the next is {allowed.isoformat()}"
            )
        queue = asked.queue or (None if asked.owner else self._settings.queue) or None
        if queue is None and not asked.owner:
            raise CallbackRefused("name a queue or an operator: the settings have no callbacks.queue")
        if asked.owner and all(operator.operator_id != asked.owner for operator in await self._store.get_operators()):
            raise CallbackRefused(f"there is no operator {asked.owner[:40]!r}")
        if len(asked.note) > MAX_NOTE:
            raise CallbackRefused(f"the note is over {MAX_NOTE} characters")
        attempts = asked.attempts or self._settings.attempts
        if not 1 <= attempts <= MAX_ATTEMPTS:
            raise CallbackRefused(f"1 to {MAX_ATTEMPTS} attempts")
        order = CallbackOrder(
            callback_id=_new_id(now),
            phone=phone,
            due_at=allowed,
            until=until,
            ordered_at=now,
            asked_at=due,
            source=asked.source,
            external_id=asked.external_id,
            ordered_by=asked.ordered_by,
            matter=asked.matter or _matter(asked),
            customer_id=asked.customer_id or (customer.customer_id if customer is not None else None),
            identifier=asked.identifier,
            medium=asked.medium,
            queue=queue,
            owner=asked.owner,
            first=asked.first or FirstRung(self._settings.first),
            note=asked.note,
            touch_id=asked.touch_id,
            interaction_id=asked.interaction_id,
            call_id=asked.call_id,
            most_attempts=attempts,
        )
        kept = await self._store.put_callback(order)
        new = kept.callback_id == order.callback_id
        if new:
            log.info("callback %s to %s ordered by %s, due %s", kept.callback_id, mask_phone(phone), kept.source, kept.due_at.isoformat())
            self._changed(kept.source)
            await announce(self._announcer, kept, now, ORDERED)
        return kept, new

    async def get(self, callback_id: str) -> CallbackOrder | None:
        """Return one order, or None. Raises `StoreError`."""
        return await self._store.get_callback(callback_id)

    async def find(self, wanted: CallbackFilter) -> list[CallbackOrder]:
        """Return orders, the latest first; a phone in the filter may be written as people do. Raises `StoreError`."""
        phone = wanted.phone
        return await self._store.find_callbacks(
            wanted if phone is None else replace(wanted, phone=parse_phone(phone, self._region) or phone)
        )

    async def move(self, callback_id: str, due_at: datetime, until: datetime | None, note: str | None) -> CallbackOrder | None:
        """Move an order to another time, out of the customer's quiet hours; None: there is none. Raises `CallbackRefused`."""
        customer: Customer | None = None
        for _ in range(_TRIES):
            order = await self._store.get_callback(callback_id)
            if order is None:
                return None
            customer = customer or await self.customer_of(order)
            now = self._clock()
            _expect_near(due_at, now)
            due = self.allowed_from(max(due_at, now), order.phone, customer)
            moved = reschedule(order, due, until or max(order.until, due + timedelta(hours=self._settings.window_hours)), note)
            if await self._store.save_callback(moved):
                self._changed("")
                await announce(self._announcer, moved, self._clock(), MOVED)
                return moved
        raise CallbackRefused("it is being changed by others all the time; try again")

    async def cancel(self, callback_id: str) -> CallbackOrder | None:
        """Cancel an order; None: there is none. Raises `CallbackRefused` when it rings already, or is over."""
        for _ in range(_TRIES):
            order = await self._store.get_callback(callback_id)
            if order is None:
                return None
            gone = cancel(order, self._clock())
            if await self._store.save_callback(gone):
                self._changed("")
                await announce(self._announcer, gone, self._clock())
                return gone
        raise CallbackRefused("it is being changed by others all the time; try again")

    async def customer_of(self, order: CallbackOrder) -> Customer | None:
        """Return what is known of the customer of an order, if it is one. Raises `StoreError`."""
        found = await self._customers(Identifier(IdentifierKind.PHONE, order.phone), self._clock())
        named = [one for one in found if one.customer_id == order.customer_id]
        return (named or found)[0] if named or len(found) == 1 else None

    def allowed_from(self, at: datetime, phone: str, customer: Customer | None) -> datetime:
        """Return the first moment from `at` on at which a customer may be rung, by the clock where he is.

        That is where his attribute `timezone` says, else where his number does. A number of several zones, such as that of a mobile phone
        in a large country, is believed to be in the company's own, if that is one of them.
        """
        own = getattr(self._zone(), "key", "UTC")
        names = (customer.attributes.get(TIMEZONE, ""),) if customer is not None else ()
        zones = _zones(names) or _zones(zones_of(phone))
        if not zones or any(zone.key == own for zone in zones):
            zones = zones if len(zones) == 1 else _zones((own,))
        return next_allowed(at, zones or [ZoneInfo("UTC")], self._settings.quiet_hours)

    async def _whom(self, asked: CallbackAsked, now: datetime) -> tuple[str, Customer | None]:
        """Return the number to ring, and the customer if it is surely one."""
        phone = parse_phone(asked.phone, self._region) if asked.phone else None
        if asked.phone and phone is None:
            raise CallbackRefused(f"{asked.phone[:40]!r} is no phone number; write it with its country: +380671234567")
        identifier = Identifier(IdentifierKind.PHONE, phone) if phone is not None else asked.identifier
        if identifier is None:
            raise CallbackRefused("say whom to ring: a phone, or another identifier of a customer who has one")
        found = await self._customers(identifier, now)
        if asked.customer_id is not None:
            found = [one for one in found if one.customer_id == asked.customer_id]
        customer = found[0] if len(found) == 1 else None
        if phone is not None:
            return phone, customer
        if customer is None:
            raise CallbackRefused(f"{len(found) or 'no'} customers have that identifier: give a phone")
        his = next((one.value for one in customer.identifiers if one.kind == IdentifierKind.PHONE), None)
        if his is None or parse_phone(his, self._region) is None:
            raise CallbackRefused("no phone is known of that customer")
        return his, customer

    async def _customers(self, identifier: Identifier, now: datetime) -> list[Customer]:
        return list((await self._store.find_caller(CallerQuery(identifier, now, now, now, limit=1))).customers)


def _expect_near(due_at: datetime, now: datetime) -> None:
    if due_at - now > FARTHEST:
        raise CallbackRefused("its time is more than a year away")


def _matter(asked: CallbackAsked) -> str:
    if asked.interaction_id:
        return f"interaction:{asked.interaction_id}"
    return f"touch:{asked.touch_id}" if asked.touch_id else ""


def _zones(names: tuple[str, ...]) -> list[ZoneInfo]:
    """Return the zones of these names, as far as there are such; names come from customers' attributes."""
    zones = []
    for name in names:
        try:
            zones.append(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a folder of the tz database, or too long
            continue
    return zones


def _new_id(now: datetime) -> str:
    """Return a fresh id: in the order of time, and not to be guessed, for the dialplan's reports are believed by it."""
    return f"{int(now.timestamp() * 1000):011x}{secrets.token_hex(6)}"
