"""Rows <-> values. Knows the columns' order in `sql/`; never runs a statement.

PostgreSQL's text holds every character but NUL, so a NUL is kept as a mark and a digit, and the mark itself likewise. This is on the
call path, so enumerations are looked up in dictionaries (a tenth of the price of calling the class).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ctiroute.model import (
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    PastCall,
    Touch,
    TouchStatus,
)
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ctiroute.model import Receipt
    from ctiroute.store.touch_rows import TouchRow

Row = tuple[Any, ...]

MAX_EVENTS = 5  # of one interaction are kept, the newest; a screen shows three

# Numbers of the enumerations in touches. They are in the database for good: a new member takes the next number.
MEDIUM_NUMBERS: dict[str, int] = {Medium.VOICE: 1, Medium.SMS: 2, Medium.EMAIL: 3, Medium.CHAT: 4, Medium.TELEGRAM: 5, Medium.WEB: 6}
# The farther a touch got, the greater.
STATUS_NUMBERS: dict[str, int] = {
    TouchStatus.SENT: 0,
    TouchStatus.FAILED: 1,
    TouchStatus.DELIVERED: 2,
    TouchStatus.READ: 3,
    TouchStatus.CLICKED: 4,
    TouchStatus.ANSWERED: 5,
}
_MEDIA_BY_NUMBER = {number: Medium(value) for value, number in MEDIUM_NUMBERS.items()}
_STATUSES_BY_NUMBER = {number: TouchStatus(value) for value, number in STATUS_NUMBERS.items()}
_MEDIA = {member.value: member for member in Medium}
_RECEIPT_TIMES = {TouchStatus.DELIVERED: 2, TouchStatus.READ: 3, TouchStatus.CLICKED: 4}  # places in `receipt_values`
_INTERACTION_STATUSES = {member.value: member for member in InteractionStatus}
_CLOSED = InteractionStatus.CLOSED.value
_OUTCOMES = {member.value: member for member in Outcome}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DIGITS = 18  # what surely fits a bigint; E.164 has at most 15
# A noncharacter, which Unicode keeps for a program's own use: https://www.unicode.org/faq/private_use.html#nonchar1
MARK = "\ufdd0"

_decode_map = msgspec.json.Decoder(dict[str, str]).decode
_decode_events = msgspec.json.Decoder(tuple[tuple[int, str, str], ...]).decode
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_pairs = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_encode = msgspec.json.Encoder().encode


# --- texts, maps, times


def status_of(number: int) -> TouchStatus:
    """Return a touch's status from its number."""
    return _STATUSES_BY_NUMBER[number]


def to_text(value: str) -> str:
    """Return a text without NUL that `from_text` makes the same again."""
    if "\0" in value or MARK in value:
        return value.replace(MARK, MARK + "1").replace("\0", MARK + "0")
    return value


def from_text(value: str) -> str:
    """Return the text that was given to `to_text`."""
    if MARK in value:
        return value.replace(MARK + "0", "\0").replace(MARK + "1", MARK)
    return value


def texts(values: Sequence[object]) -> tuple[Any, ...]:
    """Do as `to_text` with every text among values."""
    return tuple(to_text(value) if isinstance(value, str) else value for value in values)


def texts_back(row: Sequence[object]) -> tuple[Any, ...]:
    """Do as `from_text` with every text of a row."""
    return tuple(from_text(value) if isinstance(value, str) else value for value in row)


def to_optional(value: str | None) -> str | None:
    """Do as `to_text`; None stays None."""
    return None if value is None else to_text(value)


def from_optional(value: str | None) -> str | None:
    """Do as `from_text`; None stays None."""
    return None if value is None else from_text(value)


def to_time(at: datetime) -> datetime:
    """Return an aware time. A naive one raises TypeError: the driver would take it for the machine's own time."""
    if at.tzinfo is None:
        raise TypeError(f"a time without its offset: {at}")
    return at


def optional_time(at: datetime | None) -> datetime | None:
    """Do as `to_time`; None stays None."""
    return None if at is None else to_time(at)


def _to_json(value: Mapping[str, str]) -> str:
    return _encode(dict(value)).decode() if value else "{}"


def _from_json(text: str) -> dict[str, str]:
    return {} if text == "{}" else _decode_map(text)


# --- identifiers


def key_of(identifier: Identifier) -> int | None:
    """Return the number of a phone in E.164, which is its key; None: its key is in `identifiers`."""
    value = identifier.value
    if (
        identifier.kind == IdentifierKind.PHONE
        and value[:1] == "+"
        and value[1:2] != "0"
        and len(value) <= MAX_DIGITS + 1
        and value.isascii()
        and value[1:].isdigit()
    ):
        return int(value)
    return None


def phone_of(key: int) -> Identifier:
    """Return the phone that is its own key."""
    return Identifier(IdentifierKind.PHONE, f"+{key}")


def phone(value: str) -> Identifier:
    """Return the identifier of a phone in a record."""
    return Identifier(IdentifierKind.PHONE, value)


def identifier_values(identifier: Identifier) -> tuple[str, str]:
    """Return an identifier as (kind, value)."""
    return identifier.kind, to_text(identifier.value)


def identifier_of(kind: str, value: str) -> Identifier:
    """Return an identifier that is not its own key."""
    return Identifier(kind, from_text(value))


# --- customers


def customer_values(customer: Customer, keys: Sequence[int]) -> Row:
    """Return a customer for `put_customers`; `keys` are those of its identifiers, in order and each once."""
    others = [identifier_values(identifier) for identifier in dict.fromkeys(customer.identifiers) if key_of(identifier) is None]
    return (
        to_text(customer.customer_id),
        to_text(customer.name),
        to_optional(customer.language),
        _to_json(customer.attributes),
        "{" + ",".join(map(str, keys)) + "}",
        _encode(others).decode(),
    )


def customer_of(
    customer_id: str, name: str, language: str | None, attributes: str, keys: Sequence[int], others: str
) -> tuple[Customer, dict[int, Identifier]]:
    """Return a customer, and what his keys stand for."""
    known = named_keys(keys, others)
    customer = Customer(from_text(customer_id), from_text(name), from_optional(language), _from_json(attributes), tuple(known.values()))
    return customer, known


def named_keys(keys: Sequence[int], others: str) -> dict[int, Identifier]:
    """Return what a customer's keys stand for."""
    pairs = iter(() if others == "[]" else _decode_pairs(others))
    return {key: phone_of(key) if key > 0 else identifier_of(*next(pairs)) for key in keys}


# --- touches


def touch_row_of(row: Row) -> TouchRow:
    """Return a touch as an import's row from a row of `export_touches`."""
    touch_id, key, kind, value, campaign, medium, sent_at, status, *times, customer_id, title, text, terms, fields, named = row
    delivered_at, read_at, clicked_at = [None if at is None else to_microseconds(at) for at in times]
    return (
        from_text(touch_id),
        "phone" if key > 0 else kind,
        f"+{key}" if key > 0 else from_text(value),
        from_text(campaign),
        _MEDIA_BY_NUMBER[medium].value,
        to_microseconds(sent_at),
        _STATUSES_BY_NUMBER[status].value,
        delivered_at,
        read_at,
        clicked_at,
        from_optional(customer_id),
        from_text(title),
        from_text(text),
        from_text(terms),
        fields,
        from_text(named),
    )


def grown(new: TouchRow, known: Row) -> TouchRow:
    """Return a touch that is to take the place of a known one (a row of `drop_touches`), with what was known of how far it got."""
    _, _, status, *known_times = known
    times = [at if at is not None or was is None else to_microseconds(was) for at, was in zip(new[7:10], known_times, strict=True)]
    furthest = max(new[6], _STATUSES_BY_NUMBER[status].value, key=STATUS_NUMBERS.__getitem__)
    return (*new[:6], furthest, times[0], times[1], times[2], *new[10:])


def receipt_values(receipts: Iterable[Receipt]) -> list[Row]:
    """Return what receipts tell of each touch, once for each touch: touch_id, status, delivered_at, read_at, clicked_at."""
    told: dict[str, list[Any]] = {}
    for receipt in receipts:
        row = told.setdefault(receipt.touch_id, [to_text(receipt.touch_id), 0, None, None, None])
        row[1] = max(row[1], STATUS_NUMBERS[receipt.status])
        place = _RECEIPT_TIMES.get(receipt.status)
        if place is not None:
            at = to_time(receipt.at)
            row[place] = at if row[place] is None else min(at, row[place])
    return [tuple(row) for row in told.values()]


def touch_of(row: Row, identifier: Identifier) -> Touch:
    """Return a touch from a row of `find_caller`."""
    (
        _,
        _,
        sent_at,
        delivered_at,
        read_at,
        clicked_at,
        medium,
        status,
        touch_id,
        customer_id,
        title,
        text,
        terms,
        campaign,
        named,
        _,
        fields,
    ) = row[:17]
    return Touch(
        from_text(touch_id),
        from_text(campaign),
        from_text(named),
        _MEDIA_BY_NUMBER[medium],
        identifier,
        sent_at,
        _STATUSES_BY_NUMBER[status],
        OfferTerms(from_text(title), from_text(text), from_text(terms), {} if fields == "{}" else _decode_map(fields)),
        delivered_at,
        None if customer_id is None else from_text(customer_id),
        read_at,
        clicked_at,
    )


# --- interactions


def interaction_values(interaction: Interaction, key: int | None, clocks: str = "") -> Row:
    """Return an interaction for `put_interaction`.

    `key` is that of its identifier, `clocks` say when each thing was told; "": it comes whole.
    """
    kind, value = (None, None) if interaction.identifier is None or key is None or key > 0 else identifier_values(interaction.identifier)
    return (
        to_text(interaction.interaction_id),
        to_optional(interaction.customer_id),
        key,
        kind,
        value,
        interaction.status is InteractionStatus.CLOSED,
        to_time(interaction.opened_at),
        to_time(interaction.updated_at),
        interaction.medium.value,
        interaction.status.value,
        to_text(interaction.topic),
        to_text(interaction.title),
        to_optional(interaction.owner),
        to_text(interaction.outcome),
        _to_json(interaction.form),
        _encode([(to_microseconds(event.at), event.kind, event.text) for event in interaction.events[:MAX_EVENTS]]).decode(),
        to_text(interaction.source),
        to_text(interaction.external_id),
        interaction.revision,
        _encode(interaction.flags).decode() if interaction.flags else "[]",
        clocks,
    )


def is_open(row: Row) -> bool:
    """Return whether a row of `find_caller` is of an interaction that is not closed."""
    return bool(row[13].split(" ")[1] != _CLOSED)


def interaction_of(row: Row) -> Interaction:
    """Return an interaction from a row of `find_caller`."""
    _, key, opened_at, updated_at, _, _, _, _, interaction_id, customer_id, title, topic, outcome, words, owner, other, form, events = row[
        :18
    ]
    source, external_id, flags = row[19:22]
    medium, status, revision = words.split(" ")
    identifier = None
    if other is not None:
        kind, _, value = other.partition(" ")
        identifier = identifier_of(kind, value)
    elif key is not None:
        identifier = phone_of(key)
    return Interaction(
        from_text(interaction_id),
        from_optional(customer_id),
        _MEDIA[medium],
        from_text(topic),
        from_text(title),
        _INTERACTION_STATUSES[status],
        opened_at,
        updated_at,
        from_optional(owner),
        from_text(outcome),
        _from_json(form),
        ()
        if events == "[]"
        else tuple([InteractionEvent(_from_microseconds(at), kind, text) for at, kind, text in _decode_events(events)]),
        identifier,
        from_text(source),
        from_text(external_id),
        int(revision),
        () if flags == "[]" else _decode_texts(flags),
    )


def _from_microseconds(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


# --- calls


def past_call_of(row: Row) -> PastCall:
    """Return a past call from a row of `find_caller`."""
    _, _, received_at, _, _, _, _, _, call_id, customer_id, outcome, rule, queue, operator_id = row[:14]
    return PastCall(
        from_text(call_id),
        received_at,
        None if outcome is None else _OUTCOMES[outcome],
        from_optional(rule),
        from_optional(queue),
        from_optional(operator_id),
        from_optional(customer_id),
    )
