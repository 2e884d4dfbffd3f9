"""What interactions, receipts and touches share: ids, times, and saying that something is of no use."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.connectors.webhook.mapping.conversions import one_line, read_time

if TYPE_CHECKING:
    from ctiroute.connectors.webhook.mapping.conversions import Reading
    from ctiroute.connectors.webhook.mapping.path import Place
    from ctiroute.connectors.webhook.mapping.value import Value

MAX_ID = 200  # characters of an id: what the stores index
MAX_LINE = 200  # of a title, a topic, a name
MAX_SHOWN = 40  # of a value in a note
CLOCKS_APART = timedelta(minutes=5)  # beyond it a source's clock is not believed: one that is ahead would hold its conversation on top
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # before it, a time is a mistake of units


class Useless(ValueError):  # noqa: N818 - reads as what it is
    """A part of a payload from which nothing can be kept; the message says why."""


def moment(value: Value | None, place: Place, how: Reading, field: str, notes: list[str]) -> tuple[datetime, bool]:
    """Return a time, and whether it is the source's own. One that is not told, or cannot be, is that of the arrival."""
    written = value.of(place, how) if value is not None else None
    if not written:
        return how.now, False
    found = read_time(written, how)
    if found is None or found < _EARLIEST:
        notes.append(f"{field}: {short(written)} is no time; that of the arrival is taken")
        return how.now, False
    if found > how.now + CLOCKS_APART:
        notes.append(f"{field}: {short(written)} lies in the future; that of the arrival is taken")
        return how.now, False
    return found, True


def fingerprint(place: Place) -> str:
    """Return a name for what has neither id nor time of its own, so that it is known again when it is sent again."""
    try:
        return "content:" + hashlib.blake2b(msgspec.json.encode(place.item, order="deterministic"), digest_size=12).hexdigest()
    except (RecursionError, msgspec.MsgspecError, TypeError, ValueError):
        return ""


def id_of(value: str | None) -> str:
    """Return an id in one line; of one that is too long a digest stands for the rest, so that it stays unique."""
    written = one_line(value or "", 2000)
    if len(written) <= MAX_ID:
        return written
    return f"{written[:150]}~{hashlib.blake2b(written.encode(), digest_size=12).hexdigest()}"


def short(value: str) -> str:
    """Return a value for a note."""
    shown = one_line(value, MAX_SHOWN + 1)
    return repr(shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…")
