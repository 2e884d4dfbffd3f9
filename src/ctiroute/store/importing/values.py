"""Cells -> touches and customers. Pure: no files, no clock, no store. What is not surely right is refused, with the column and why.

A file has millions of rows, so what its columns mean is settled once: `touch_parser` and `customer_parser` return a function for the rows.
Their cells are as many as the header's; behind them we put an empty one: a column that is not there is the last one, -1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from json.encoder import encode_basestring as quoted  # as itself: a third of the price of an encoder for what is always text
from typing import TYPE_CHECKING
from urllib.parse import quote

from ctiroute.model import Customer, Identifier, IdentifierKind, Medium, TouchStatus
from ctiroute.model.identifying import MAX_VALUE, parse_email, parse_identifier
from ctiroute.store.importing.mapping import OWN, is_own_kind
from ctiroute.store.importing.numbers import number_reader
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctiroute.store.importing.mapping import Columns
    from ctiroute.store.touch_rows import TouchRow

MAX_KEY = MAX_VALUE  # characters of an id, a campaign, an address
_MAX_TEXT = 4000  # characters of any other cell: longer than the longest message
_AHEAD = timedelta(days=1)  # a touch sent later than this after now is a wrong date or timezone
_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")
_LONG = frozenset({"title", "text", "terms", "name", "phone", "email"})  # several phones or addresses may stand in a cell
MEDIA = frozenset(medium.value for medium in Medium)
STATUSES = frozenset(status.value for status in TouchStatus)
_Progress = tuple[str, int | None, int | None, int | None]  # status, delivered_at, read_at, clicked_at
SENT: _Progress = (TouchStatus.SENT.value, None, None, None)
PHONE, EMAIL = IdentifierKind.PHONE.value, IdentifierKind.EMAIL.value


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every row that does not say otherwise."""

    region: str  # ISO 3166-1 alpha-2 of numbers without a country code
    timezone: tzinfo  # of times without an offset
    now: datetime  # aware, UTC
    medium: Medium = Medium.SMS
    campaign: str = ""  # "": every row must name one
    only_campaign: bool = False  # `campaign` holds for all rows; one that names another is refused


class Refused(ValueError):  # noqa: N818 - reads as what it is
    """A row cannot be used."""

    def __init__(self, column: str, reason: str) -> None:
        self.column = column
        self.reason = reason
        super().__init__(f"{column} {reason}".strip())


def touch_parser(columns: Columns, defaults: Defaults) -> Callable[[Sequence[str]], TouchRow]:
    """Return what makes a row of cells a touch, or raises `Refused`.

    A touch is known again by its own id, by its external id within the campaign, or else by campaign, identifier and time.
    """
    own_id, external_id, phone, email, campaign, medium = map(
        columns.at, ("touch_id", "external_id", "phone", "email", "campaign", "medium")
    )
    status, sent, customer_id, title, text, terms, campaign_title = map(
        columns.at, ("status", "sent_at", "customer_id", "title", "text", "terms", "campaign_title")
    )
    to_e164, latest, fields = number_reader(defaults.region), latest_of(defaults), _fields(columns)
    check_lengths, check_campaign = _lengths(columns), defaults.only_campaign
    given_campaign, given_medium, missing = defaults.campaign, defaults.medium.value, "phone" if phone >= 0 else "email"
    strip, external_start = str.strip, lru_cache(maxsize=1024)(start_of_external_id)

    @lru_cache(maxsize=65_536)  # messages go out many a second
    def time(cell: str, column: str) -> int:
        return moment_of(cell, column, defaults)

    far = _progress(columns, time)

    def parse(row: Sequence[str]) -> TouchRow:
        if max(map(len, row)) > MAX_KEY:
            check_lengths(row)
        cells = [*map(strip, row), ""]
        number = cells[phone]
        kind = PHONE if number else EMAIL
        # Spreadsheets put an apostrophe before a number that is to stay text.
        value = to_e164(number.lstrip("'")) if number else email_of(cells[email], missing)
        if value is None:
            raise Refused("phone", "is not a possible phone number")
        key = cells[campaign] or given_campaign
        if not key:
            raise Refused("campaign", "is empty")
        if check_campaign and key != given_campaign:
            raise Refused("campaign", f"is not {given_campaign}")
        sent_at = time(cells[sent], "sent_at")
        if sent_at > latest:
            raise Refused("sent_at", "lies in the future; check the date and the timezone")
        by = cells[medium].lower() or given_medium
        if by not in MEDIA:
            raise Refused("medium", f"must be one of {', '.join(Medium)}")
        theirs = cells[external_id]
        return (
            cells[own_id] or (external_start(key) + theirs if theirs else digest_id(key, kind, value, sent_at)),
            kind,
            value,
            key,
            by,
            sent_at,
            *(SENT if far is None else far(cells, cells[status].lower())),
            cells[customer_id] or None,
            cells[title],
            cells[text],
            cells[terms],
            fields(cells),
            cells[campaign_title],
        )

    return parse


def _progress(columns: Columns, time: Callable[[str, str], int]) -> Callable[[Sequence[str], str], _Progress] | None:
    """Return what finds in a row how far a touch got: its status (the one given, or the furthest it has a time of), and the times.

    None: the file has no such columns.
    """
    delivered, read, clicked = columns.at("delivered_at"), columns.at("read_at"), columns.at("clicked_at")
    if delivered == read == clicked == columns.at("status") == -1:
        return None

    def of(cells: Sequence[str], given: str) -> _Progress:
        if given and given not in STATUSES:
            raise Refused("status", f"must be one of {', '.join(TouchStatus)}")
        delivered_at = time(cell, "delivered_at") if (cell := cells[delivered]) else None
        read_at = time(cell, "read_at") if (cell := cells[read]) else None
        clicked_at = time(cell, "clicked_at") if (cell := cells[clicked]) else None
        return furthest(given, delivered_at, read_at, clicked_at), delivered_at, read_at, clicked_at

    return of


def furthest(given: str, delivered_at: int | None, read_at: int | None, clicked_at: int | None) -> str:
    """Return the status of a touch: the one given, or the furthest it has a time of."""
    return given or ("clicked" if clicked_at else "read" if read_at else "delivered" if delivered_at else "sent")


def limits_of(columns: Columns) -> list[tuple[str, int, int]]:
    """Return for each column that means something its name, its index, and how many characters a cell of it may have."""
    limits = [(name, index, _MAX_TEXT if name in _LONG else MAX_KEY) for name, index in columns.known.items()]
    return limits + [(name, index, _MAX_TEXT) for name, index in columns.others]


def _lengths(columns: Columns) -> Callable[[Sequence[str]], None]:
    """Return what refuses a row in which a cell is too long for its column."""
    limits = limits_of(columns)

    def check(cells: Sequence[str]) -> None:
        for name, index, limit in limits:
            if len(cells[index].strip()) > limit:
                raise Refused(name, f"is longer than {limit} characters")

    return check


def customer_parser(columns: Columns, defaults: Defaults) -> Callable[[Sequence[str]], Customer]:
    """Return what makes a row of cells a customer, or raises `Refused`; several phones or addresses stand apart by `;`, `,` or `|`."""
    at, check_lengths = columns.at, _lengths(columns)
    kinds = [(kind.value, at(kind.value)) for kind in IdentifierKind]
    kinds += [(name[len(OWN) :], index) for name, index in columns.known.items() if is_own_kind(name)]

    def parse(row: Sequence[str]) -> Customer:
        check_lengths(row)
        cells = [*map(str.strip, row), ""]
        customer_id = cells[at("customer_id")]
        if not customer_id:
            raise Refused("customer_id", "is empty")
        identifiers: dict[Identifier, None] = {}
        for kind, index in kinds:
            for raw in cells[index].replace(";", ",").replace("|", ",").split(","):
                if raw.strip():
                    identifiers[_identifier(kind, raw.strip(), defaults.region)] = None
        return Customer(
            customer_id=customer_id,
            name=cells[at("name")],
            language=cells[at("language")] or None,
            attributes={name: cells[index] for name, index in columns.others if cells[index]},
            identifiers=tuple(identifiers),
        )

    return parse


def external_touch_id(campaign: str, external_id: str) -> str:
    """Return the id of the touch that the company knows by an id of its own, which need only be unique within the campaign."""
    return start_of_external_id(campaign) + external_id


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


def moment_of(text: str, column: str, defaults: Defaults) -> int:
    """Return a time in microseconds since 1970 UTC: `parse_time` for rows of a store. Raises `Refused`."""
    return to_microseconds(parse_time(text, column, defaults))


def latest_of(defaults: Defaults) -> int:
    """Return the last moment, in microseconds since 1970 UTC, at which a touch may have been sent."""
    return to_microseconds(defaults.now + _AHEAD)


def start_of_external_id(campaign: str) -> str:
    """Return what comes before an external id in the id of a touch."""
    return (quote(campaign, safe="") if ":" in campaign or "%" in campaign else campaign) + ":"


def digest_id(campaign: str, kind: str, value: str, sent_at: int) -> str:
    """Return the id of a touch that nobody gave one: made of what it is known by."""
    # The same file imported again makes the same ids. The time goes first: ids of one mailing then stand together in a database's index,
    # and it writes and finds them at a fraction of the price.
    key = f"{campaign}\0{kind}\0{value}\0{sent_at}".encode()
    return f"{sent_at // 1_000_000:08x}{hashlib.blake2b(key, digest_size=10).hexdigest()}"


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


def _identifier(kind: str, raw: str, region: str) -> Identifier:
    if kind == PHONE:
        phone = number_reader(region)(raw.lstrip("'"))
        if phone is None:
            raise Refused("phone", "is not a possible phone number")
        return Identifier(kind, phone)
    try:
        return parse_identifier(kind, raw, region)
    except ValueError as error:
        raise Refused(kind, str(error)) from error


def email_of(text: str, missing: str = "email") -> str:
    """Return an address as stores keep it. Raises `Refused`; `missing` is the column to name when there is none."""
    if not text:
        raise Refused(missing, "is empty")
    if len(text) > MAX_KEY:
        raise Refused("email", f"is longer than {MAX_KEY} characters")
    try:
        return parse_email(text)
    except ValueError as error:
        raise Refused("email", str(error)) from error


def _fields(columns: Columns) -> Callable[[Sequence[str]], str]:
    """Return what makes a JSON object of the cells of columns nobody knows; empty ones are left out."""
    others = [(quoted(name) + ":", index) for name, index in columns.others]

    def fields(cells: Sequence[str]) -> str:
        return "{" + ",".join([name + quoted(cells[index]) for name, index in others if cells[index]]) + "}"

    return fields if others else lambda _: "{}"
