"""From the text a vendor sends to the text that is kept. Each conversion is a function of the text alone; None: it is of no use.

Names and one line about each stand in `CONVERSIONS`, which the checker, the schema and the reference page walk.
"""

from __future__ import annotations

import email.utils
import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from ctiroute.model.identifying import parse_email
from ctiroute.model.phone import parse_phone

MAX_TEXT = 20_000  # characters that a conversion looks at: more than any field keeps
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style|head|title)\b[^<>]{0,1000}>.{0,20000}?</\1\s*>|<!--.{0,20000}?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")  # not the < of "a < b"
_EPOCH = re.compile(r"-?[0-9]{1,17}(?:\.[0-9]{1,9})?", re.ASCII)
_EUROPEAN = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)", re.ASCII)
_MILLISECONDS_FROM = 10**11  # as seconds, the year 5138; as milliseconds, 1973


@dataclass(frozen=True, slots=True)
class Reading:
    """What a payload does not say by itself."""

    region: str  # ISO 3166-1 alpha-2: of numbers without a country code
    now: datetime  # aware, UTC: when it arrived
    zone: tzinfo = UTC  # of times without an offset
    touch_id: Callable[[str, str], str] = "{}:{}".format  # the store's id of a touch, of its campaign and the sender's own id


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way to change a text."""

    name: str
    summary: str
    convert: Callable[[str, Reading], str | None]


def tidy(value: str, limit: int) -> str:
    """Return text without control and format characters but for line breaks and tabs, cut to `limit` characters."""
    cut = value[: limit * 2 + 64]  # what is removed may be in front, and nobody pays for megabytes
    if not cut.isprintable():  # most texts are, and asking for each character takes a hundred times as long
        lines = cut.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        cut = "\n".join(line if line.isprintable() else "".join(filter(_is_text, line)) for line in lines)
    return cut.strip()[:limit]


def _is_text(char: str) -> bool:
    return char == "\t" or unicodedata.category(char)[0] != "C"


def one_line(value: str, limit: int) -> str:
    """Return the same in one line."""
    return " ".join(tidy(value, limit * 2).split())[:limit]


def _email(value: str, _how: Reading) -> str | None:
    try:
        return parse_email(value.strip())
    except ValueError:
        return None


def _address(value: str, how: Reading) -> str | None:
    return _email(email.utils.parseaddr(value[:1000])[1], how)


def _display_name(value: str, _how: Reading) -> str | None:
    return email.utils.parseaddr(value[:1000])[0] or None


def _sign_in(value: str, _how: Reading) -> str | None:
    return value.strip().partition("@")[0].lower() or None


def strip_html(value: str) -> str:
    """Return the text of a piece of HTML, for people to read; it is shown as text, so nothing rests on its tags being gone."""
    shown = _TAG.sub("", _BREAKS.sub("\n", _HIDDEN.sub("", value[:MAX_TEXT])))
    lines = (" ".join(line.split()) for line in html.unescape(shown).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def read_time(value: str, how: Reading) -> datetime | None:
    """Return a time as UTC: seconds or milliseconds since 1970, ISO 8601, DD.MM.YYYY HH:MM, or that of a mail; None: it is none.

    Seconds and milliseconds are told apart by their size.
    """
    written = value.strip()[:64]
    try:
        if _EPOCH.fullmatch(written):
            amount = float(written)
            return datetime.fromtimestamp(amount / 1000 if abs(amount) >= _MILLISECONDS_FROM else amount, UTC)
        if european := _EUROPEAN.fullmatch(written):
            written = f"{european[3]}-{european[2]}-{european[1]}T{european[4]}"
        return _aware(datetime.fromisoformat(written.removesuffix(" UTC") + "+00:00" if written.endswith(" UTC") else written), how)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return _aware(email.utils.parsedate_to_datetime(written), how)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _aware(moment: datetime, how: Reading) -> datetime:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=how.zone)).astimezone(UTC)


CONVERSIONS = {
    one.name: one
    for one in (
        Conversion(
            "phone",
            "a number as E.164; without a country code it is read as one of `region`",
            lambda v, how: parse_phone(v[:64], how.region),
        ),
        Conversion("email", "a mail address in lower case", _email),
        Conversion("address", "the mail address in `Olena <olena@example.com>`", _address),
        Conversion("sign_in", "what stands before the @ of a mail address, in lower case: an operator's sign-in name", _sign_in),
        Conversion("display_name", "the name in `Olena <olena@example.com>`", _display_name),
        Conversion("html", "the text of HTML, without its tags", lambda v, _how: strip_html(v) or None),
        Conversion("one_line", "line breaks become spaces", lambda v, _how: one_line(v, MAX_TEXT) or None),
        Conversion("first_line", "what stands before the first line break", lambda v, _how: v.strip().partition("\n")[0].strip() or None),
        Conversion(
            "first_word", "what stands before the first space", lambda v, _how: v[:MAX_TEXT].split(maxsplit=1)[0] if v.strip() else None
        ),
        Conversion("trim", "without spaces around it", lambda v, _how: v.strip()),
        Conversion("lower", "in lower case", lambda v, _how: v.lower()),
        Conversion("upper", "in capitals", lambda v, _how: v.upper()),
        Conversion("digits", "its digits alone", lambda v, _how: re.sub("[^0-9]", "", v) or None),
    )
}
