"""Numbers as the network and people write them -> E.164. Refuses to guess: what is not surely a number is no key."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers

# What switches and carriers send in place of a number. Matched whole, without case.
_WITHHELD = frozenset(
    {"", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld", "blocked", "asserted", "asterisk", "-", "<unknown>"}
)
NUMBER = re.compile(r"\+?[0-9][0-9 ().\-/]{2,30}", re.ASCII)
_INTERNATIONAL_PREFIX = re.compile(r"00(?=[1-9])")
_MASKABLE = 9  # digits; of a shorter number the mask would leave too little hidden
MAX_RAW = 80  # characters of a raw number or name we keep; real ones are under 40


def clean(text: str, limit: int = MAX_RAW) -> str:
    """Return `text` without control and format characters (bidi overrides among them), cut to `limit` characters."""
    kept = "".join(" " if unicodedata.category(char)[0] == "Z" else char for char in text if unicodedata.category(char)[0] != "C")
    return kept.strip()[:limit]


def is_withheld(raw: str) -> bool:
    """Say whether the network sent a word (or nothing) in place of a number."""
    return raw.strip().lower() in _WITHHELD


def parse_phone(raw: str, region: str) -> str | None:
    """Return `raw` as E.164, or None when it is not surely a possible number.

    `region` is the ISO 3166-1 alpha-2 country in which numbers without a country code are read. A number with its country
    code but no plus sign ("380671234567") is read as international when that gives a valid number and the national reading
    does not. Source: ITU-T E.164 by way of libphonenumber.
    """
    return raw if _match_plain(raw) is not None else _interpret(raw, region)


def is_plain(text: str) -> bool:
    """Say whether a number is E.164 already, with nothing to interpret; False for some that are."""
    return _match_plain(text) is not None


@lru_cache(maxsize=65536)
def _interpret(raw: str, region: str) -> str | None:
    text = raw.strip()
    if not NUMBER.fullmatch(text):
        return None
    text = _INTERNATIONAL_PREFIX.sub("+", text, count=1) if text.startswith("00") else text
    national = _parse(text, region)
    if national is not None and phonenumbers.is_valid_number(national):
        return _e164(national)
    if not text.startswith("+"):
        international = _parse("+" + text, None)
        return _e164(international) if international is not None and phonenumbers.is_valid_number(international) else None
    if national is not None and phonenumbers.is_possible_number(national):
        # New ranges come before libphonenumber knows them: an explicit country code is believed.
        return _e164(national)
    return None


@lru_cache(maxsize=65536)
def country_of(e164: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 country of an E.164 number, or None when it has none."""
    number = _parse(e164, None)
    return phonenumbers.region_code_for_number(number) if number is not None else None


@lru_cache(maxsize=4096)
def zones_of(e164: str) -> tuple[str, ...]:
    """Return the names of the timezones an E.164 number may be used in, as the tz database has them; () when it does not tell.

    Source: libphonenumber's own table, by prefix. A mobile number has all zones of its country.
    """
    from phonenumbers import timezone  # noqa: PLC0415 - a megabyte of prefixes, which only callbacks need

    number = _parse(e164, None)
    zones = timezone.time_zones_for_number(number) if number is not None else ()
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)


@lru_cache(maxsize=65536)
def display_phone(e164: str) -> str:
    """Return an E.164 number as people write it: "+380 67 123 4567"."""
    number = _parse(e164, None)
    if number is None:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def mask_phone(number: str) -> str:
    """Return a number for a log line: enough to recognise, too little to call ("+7701•••4567")."""
    return f"{number[:-7]}•••{number[-4:]}" if len(number) >= _MASKABLE else "•••"


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    plain = _match_plain(text)
    if plain is not None:
        return phonenumbers.PhoneNumber(country_code=int(plain["code"]), national_number=int(plain["national"]))
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _match_plain(text: str) -> re.Match[str] | None:
    form = plain_form(text[1:4]) if text[:1] == "+" else None
    return form.fullmatch(text) if form is not None else None


@lru_cache(maxsize=1000)
def plain_form(start: str) -> re.Pattern[str] | None:
    """Return the form of numbers that are E.164 already, for the calling code in the three digits `start`; None: there is none.

    Most numbers come as a plus sign and digits, and there is next to nothing to interpret: they are possible when their length is.
    Left to libphonenumber are those that go on with a zero, which some countries keep, or with what may be a trunk prefix that
    slipped in. That is its own `parse` and `is_possible_number` at a fiftieth of their price.
    """
    for digits in (1, 2, 3):  # no calling code is the beginning of another
        code = start[:digits]
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code)) if code.isdecimal() and code.isascii() else None
        if regions is None:
            continue
        metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0])
        if metadata is None or metadata.general_desc is None:
            return None
        slipped_in = f"(?!{metadata.national_prefix_for_parsing})" if metadata.national_prefix_for_parsing else ""
        lengths = "|".join(f"[0-9]{{{length}}}" for length in metadata.general_desc.possible_length)
        return re.compile(rf"\+(?P<code>{code})(?!0){slipped_in}(?P<national>{lengths})")
    return None
