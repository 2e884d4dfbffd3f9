"""Cells -> touches and customers. Pure: no files, no clock, no store. What is not surely right is refused, with the column and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from ctiroute.model import Customer, Identifier, IdentifierKind, Medium, OfferTerms, Touch, TouchStatus
from ctiroute.model.phone import parse_phone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.importing.mapping import Columns

E = TypeVar("E", bound=StrEnum)

_MAX_KEY = 200  # characters of an id, a campaign, an address
_MAX_TEXT = 4000  # characters of any other cell: longer than the longest message
_AHEAD = timedelta(days=1)  # a touch sent later than this after now is a wrong date or timezone
_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every row that does not say otherwise."""

    region: str  # ISO 3166-1 alpha-2 of numbers without a country code
    timezone: tzinfo  # of times without an offset
    now: datetime  # aware, UTC
    medium: Medium = Medium.SMS
    campaign: str = ""  # "": every row must name one


class Refused(ValueError):  # noqa: N818 - reads as what it is
    """A row cannot be used."""

    def __init__(self, column: str, reason: str) -> None:
        self.column = column
        self.reason = reason
        super().__init__(f"{column} {reason}".strip())


def touch_of_cells(cells: Sequence[str], columns: Columns, defaults: Defaults) -> Touch:
    """Return the touch in a row. Without an id column its id is made of campaign, identifier and time. Raises `Refused`."""
    identifier = _recipient(cells, columns, defaults.region)
    campaign = _cell(cells, columns, "campaign", _MAX_KEY) or defaults.campaign
    if not campaign:
        raise Refused("campaign", "is empty")
    sent_at = parse_time(_cell(cells, columns, "sent_at", _MAX_KEY), "sent_at", defaults)
    if sent_at > defaults.now + _AHEAD:
        raise Refused("sent_at", "lies in the future; check the date and the timezone")
    delivered = _cell(cells, columns, "delivered_at", _MAX_KEY)
    status = _cell(cells, columns, "status", _MAX_KEY).lower() or (TouchStatus.DELIVERED if delivered else TouchStatus.SENT).value
    medium = _cell(cells, columns, "medium", _MAX_KEY).lower() or defaults.medium.value
    return Touch(
        touch_id=_cell(cells, columns, "touch_id", _MAX_KEY) or make_touch_id(campaign, identifier, sent_at),
        campaign=campaign,
        campaign_title=_cell(cells, columns, "campaign_title", _MAX_KEY),
        medium=_member(Medium, medium, "medium"),
        identifier=identifier,
        sent_at=sent_at,
        status=_member(TouchStatus, status, "status"),
        offer=OfferTerms(
            _cell(cells, columns, "title"), _cell(cells, columns, "text"), _cell(cells, columns, "terms"), _others(cells, columns)
        ),
        delivered_at=parse_time(delivered, "delivered_at", defaults) if delivered else None,
        customer_id=_cell(cells, columns, "customer_id", _MAX_KEY) or None,
    )


def customer_of_cells(cells: Sequence[str], columns: Columns, defaults: Defaults) -> Customer:
    """Return the customer in a row; several phones or addresses in a cell stand apart by `;`, `,` or `|`. Raises `Refused`."""
    customer_id = _cell(cells, columns, "customer_id", _MAX_KEY)
    if not customer_id:
        raise Refused("customer_id", "is empty")
    identifiers: dict[Identifier, None] = {}
    for kind in IdentifierKind:
        for raw in _cell(cells, columns, kind.value).replace(";", ",").replace("|", ",").split(","):
            if raw.strip():
                identifiers[_identifier(kind, raw.strip(), defaults.region)] = None
    return Customer(
        customer_id=customer_id,
        name=_cell(cells, columns, "name"),
        language=_cell(cells, columns, "language", _MAX_KEY) or None,
        attributes=_others(cells, columns),
        identifiers=tuple(identifiers),
    )


def make_touch_id(campaign: str, identifier: Identifier, sent_at: datetime) -> str:
    """Return the id of a touch that brings none: the same file imported again makes the same ids."""
    key = f"{campaign}\0{identifier.kind.value}\0{identifier.value}\0{sent_at.isoformat()}"
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()


def parse_time(text: str, column: str, defaults: Defaults) -> datetime:
    """Return a time as UTC: ISO 8601, "YYYY-MM-DD HH:MM[:SS]" or "DD.MM.YYYY HH:MM[:SS]". Raises `Refused`.

    A time without an offset is in the default timezone. A day alone is refused: campaigns are matched by the minute. Of an hour
    that a change of clocks repeats, the first is taken.
    """
    if not text:
        raise Refused(column, "is empty")
    at = _parse_iso(text)
    for form in _FORMS:
        if at is None:
            at = _parse_form(text, form)
    if at is None or ":" not in text:
        raise Refused(column, "is not a time; write 2026-11-01 14:30 or 2026-11-01T14:30:00+02:00")
    try:
        return (at if at.tzinfo is not None else at.replace(tzinfo=defaults.timezone)).astimezone(UTC)
    except OverflowError as error:
        raise Refused(column, "is out of range") from error


def _parse_iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parse_form(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the timezone is added by `parse_time`
    except ValueError:
        return None


def _recipient(cells: Sequence[str], columns: Columns, region: str) -> Identifier:
    phone = _cell(cells, columns, "phone")
    if phone:
        return _identifier(IdentifierKind.PHONE, phone, region)
    email = _cell(cells, columns, "email")
    if email:
        return _identifier(IdentifierKind.EMAIL, email, region)
    raise Refused("phone" if "phone" in columns.known else "email", "is empty")


def _identifier(kind: IdentifierKind, raw: str, region: str) -> Identifier:
    if kind is IdentifierKind.PHONE:
        phone = parse_phone(raw.lstrip("'"), region)  # spreadsheets put an apostrophe before a number that is to stay text
        if phone is None:
            raise Refused("phone", "is not a possible phone number")
        return Identifier(kind, phone)
    if len(raw) > _MAX_KEY:
        raise Refused(kind.value, f"is longer than {_MAX_KEY} characters")
    if kind is IdentifierKind.EMAIL:
        name, at, domain = raw.lower().rpartition("@")
        if not (name and at and domain) or any(char.isspace() for char in raw):
            raise Refused("email", "is not an address")
        return Identifier(kind, raw.lower())
    return Identifier(kind, raw)


def _cell(cells: Sequence[str], columns: Columns, name: str, limit: int = _MAX_TEXT) -> str:
    index = columns.known.get(name)
    if index is None:
        return ""
    text = cells[index].strip()
    if len(text) > limit:
        raise Refused(name, f"is longer than {limit} characters")
    return text


def _others(cells: Sequence[str], columns: Columns) -> dict[str, str]:
    found = {name: cells[index].strip() for name, index in columns.others}
    for name, text in found.items():
        if len(text) > _MAX_TEXT:
            raise Refused(name, f"is longer than {_MAX_TEXT} characters")
    return {name: text for name, text in found.items() if text}


def _member(kind: type[E], text: str, column: str) -> E:
    try:
        return kind(text)
    except ValueError as error:
        raise Refused(column, f"must be one of {', '.join(kind)}") from error
