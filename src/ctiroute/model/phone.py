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
_NUMBER = re.compile(r"\+?[0-9][0-9 ().\-/]{2,30}", re.ASCII)
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


@lru_cache(maxsize=65536)
def parse_phone(raw: str, region: str) -> str | None:
    """Return `raw` as E.164, or None when it is not surely a possible number.

    `region` is the ISO 3166-1 alpha-2 country in which numbers without a country code are read. A number with its country
    code but no plus sign ("380671234567") is read as international when that gives a valid number and the national reading
    does not. Source: ITU-T E.164 by way of libphonenumber.
    """
    text = raw.strip()
    if not _NUMBER.fullmatch(text):
        return None
    text = _INTERNATIONAL_PREFIX.sub("+", text, count=1) if text.startswith("00") else text
    national = _parse(text, region)
    if national is not None and phonenumbers.is_valid_number(national):
        return phonenumbers.format_number(national, phonenumbers.PhoneNumberFormat.E164)
    if not text.startswith("+"):
        international = _parse("+" + text, None)
        if international is not None and phonenumbers.is_valid_number(international):
            return phonenumbers.format_number(international, phonenumbers.PhoneNumberFormat.E164)
    if text.startswith("+") and national is not None and phonenumbers.is_possible_number(national):
        # New ranges come before libphonenumber knows them: an explicit country code is believed.
        return phonenumbers.format_number(national, phonenumbers.PhoneNumberFormat.E164)
    return None


@lru_cache(maxsize=65536)
def country_of(e164: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 country of an E.164 number, or None when it has none."""
    number = _parse(e164, None)
    return phonenumbers.region_code_for_number(number) if number is not None else None


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


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
