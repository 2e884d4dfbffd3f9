"""What a message of a medium would leave, in words: for `ctiroute connectors try`. Everything in it is shown as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ctiroute.connectors.webhook.mapping import Basic, Hmac, Token, Unsigned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ctiroute.connectors.webhook.mapping import Brought, Signature
    from ctiroute.model import Receipt, Touch
    from ctiroute.model.intake import Intake

_WIDTH = 14  # of the column of names
NOTHING = "nothing to keep: no kind of the mapping matches"


def in_words(brought: Brought) -> Iterator[str]:
    """Yield the lines that say what would be kept, what would not, and why."""
    for intake in brought.intakes:
        yield from _lines("interaction", _of_intake(intake))
    for receipt in brought.receipts:
        yield from _lines("receipt", _of_receipt(receipt))
    for touch in brought.touches:
        yield from _lines("touch", _of_touch(touch))
    for reason in brought.refused:
        yield f"refused: {reason}"
    for note in brought.notes:
        yield f"note: {note}"
    if not brought and not brought.refused:
        yield NOTHING


def as_json(brought: Brought) -> dict[str, Any]:
    """Return the same for a program."""
    made: dict[str, Any] = msgspec.to_builtins(brought)
    return made


def signed_by(signature: Signature) -> str:
    """Return how requests prove who sent them."""
    match signature:
        case Hmac(algorithm=algorithm, over=over, timestamp=timestamp, tolerance=tolerance):
            within = f", not older than {int(tolerance.total_seconds())} s" if timestamp is not None else ""
            return f"HMAC-{algorithm.upper()} over {''.join(over)}{within}"
        case Token():
            return "a token"
        case Basic(user=user):
            return f"user {user} and a password"
        case Unsigned():
            return "nothing: anybody may send"


def _of_intake(intake: Intake) -> Iterator[tuple[str, str]]:
    yield "conversation", f"{intake.source} {intake.external_id}"
    yield "medium", intake.medium.value
    if intake.identifiers:
        believed = "vouched for by the source" if intake.verified else "as the source says"
        yield "who", f"{', '.join(f'{one.kind} {one.value}' for one in intake.identifiers)} ({believed})"
    yield "customer", intake.customer_id or ""
    yield "name", intake.name
    yield "language", intake.language or ""
    yield "topic", intake.topic
    yield "title", intake.title
    yield "status", intake.status.value if intake.status is not None else ""
    yield "outcome", intake.outcome
    yield "owner", intake.owner or ""
    for name, value in intake.form.items():
        yield "form", f"{name}: {value or '(not filled)'}"
    if intake.event is not None:
        yield intake.event.kind, intake.event.text
    yield "sentiment", "" if intake.sentiment is None else f"{intake.sentiment:g}"
    yield "known again by", intake.event_id or "its time and content"
    yield "at", _time(intake.at)


def _of_receipt(receipt: Receipt) -> Iterator[tuple[str, str]]:
    yield "touch", receipt.touch_id
    yield "status", receipt.status.value
    yield "at", _time(receipt.at)


def _of_touch(touch: Touch) -> Iterator[tuple[str, str]]:
    yield "touch", touch.touch_id
    yield "campaign", touch.campaign
    yield "medium", touch.medium.value
    yield "to", f"{touch.identifier.kind} {touch.identifier.value}"
    yield "status", touch.status.value
    yield "title", touch.offer.title
    yield "text", touch.offer.text
    yield "terms", touch.offer.terms
    for name, value in touch.offer.fields.items():
        yield "field", f"{name}: {value}"
    yield "sent at", _time(touch.sent_at)


def _lines(what: str, parts: Iterator[tuple[str, str]]) -> Iterator[str]:
    yield what
    for name, value in parts:
        first, *more = value.splitlines() or [""]
        if value:
            yield f"  {name:{_WIDTH}}  {first}"
            yield from (f"  {'':{_WIDTH}}  {line}" for line in more)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
