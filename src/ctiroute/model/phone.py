"""Numbers as the network and people write them -> E.164. Refuses to guess: what is not surely a number is no key."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

# What switches and carriers send in place of a number. Matched whole, without case.
_WITHHELD = frozenset(
    {"", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld", "blocked", "asserted", "asterisk", "-", "<unknown>"}
)
_NUMBER = re.compile(r"\+?[0-9][0-9 ().\-/]{2,30}", re.ASCII)
_INTERNATIONAL_PREFIX = re.compile(r"00(?=[1-9])")
_PLAIN = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MASKABLE = 9  # digits; of a shorter number the mask would leave too little hidden
MAX_RAW = 80  # characters of a raw number or name we keep; real ones are under 40


def clean(text: str, limit: int = MAX_RAW) -> str:
    """Return `text` without control and format characters (bidi overrides among them), cut to `limit` characters."""
    kept = "".join(" " if unicodedata.category(char)[0] == "Z" else char for char in text if unicodedata.category(char)[0] != "C")
    return kept.strip()[:limit]


def is_withheld(raw: str) -> bool:
    """Say whether the network sent a word (or nothing) in place of a number."""
    return raw.strip().lower() in _WITHHELD


class Phone(NamedTuple):
    """A number that can be a key."""

    e164: str
    country: str | None  # ISO 3166-1 alpha-2, "001" for numbers of no country; None: not known


def parse_phone(raw: str, region: str) -> str | None:
    """Return `raw` as E.164, or None when it is not surely a possible number; see `read_phone`."""
    phone = read_phone(raw, region)
    return phone.e164 if phone is not None else None


@lru_cache(maxsize=65536)
def read_phone(raw: str, region: str) -> Phone | None:
    """Return the number that `raw` is, with its country, or None when it is not surely a possible number.

    `region` is the ISO 3166-1 alpha-2 country in which numbers without a country code are read. A number with its country
    code but no plus sign ("380671234567") is read as international when that gives a valid number and the national reading
    does not. Source: ITU-T E.164 by way of libphonenumber.
    """
    text = raw.strip()
    if not _NUMBER.fullmatch(text):
        return None
    text = _INTERNATIONAL_PREFIX.sub("+", text, count=1) if text.startswith("00") else text
    national = _parse(text, region)
    if national is not None and (valid := _valid(national)) is not None:
        return valid
    if not text.startswith("+"):
        international = _parse("+" + text, None)
        return _valid(international) if international is not None else None
    if national is not None and phonenumbers.is_possible_number(national):
        # New ranges come before libphonenumber knows them: an explicit country code is believed.
        return _phone(national, phonenumbers.region_code_for_number(national))
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


def _valid(number: phonenumbers.PhoneNumber) -> Phone | None:
    """Return a number of a range that is in use, else None: `is_valid_number`, which finds the country too but keeps it to itself."""
    country = phonenumbers.region_code_for_number(number)
    if country is None or not phonenumbers.is_valid_number_for_region(number, country):
        return None
    return _phone(number, country)


def _phone(number: phonenumbers.PhoneNumber, country: str | None) -> Phone:
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), country)


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    if _PLAIN.fullmatch(text) and (plain := _parse_plain(text)) is not None:
        return plain
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _parse_plain(text: str) -> phonenumbers.PhoneNumber | None:
    """Return what `phonenumbers.parse` makes of a plus sign and digits, at a fifth of its price; None: it has to say.

    Most numbers come that way, and there is next to nothing to interpret: the calling code is cut off, and the rest is the number,
    unless it starts with a zero (which some countries keep) or with what may be a trunk prefix that slipped in.
    """
    plan = _calling_code(text[1:4])
    if plan is None:
        return None
    code, digits, prefix = plan
    national = text[1 + digits :]
    if national[0] == "0" or (prefix is not None and prefix.match(national)):
        return None
    return phonenumbers.PhoneNumber(country_code=code, national_number=int(national))


@lru_cache(maxsize=1000)
def _calling_code(start: str) -> tuple[int, int, re.Pattern[str] | None] | None:
    """Return the calling code at the start of a number, its length, and the trunk prefixes of its main country; None: there is none."""
    for digits in (1, 2, 3):  # no calling code is the beginning of another
        code = int(start[:digits])
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code)
        if regions is not None:
            metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
            if metadata is None:
                return None
            prefix = metadata.national_prefix_for_parsing
            return code, digits, re.compile(prefix) if prefix else None
    return None
