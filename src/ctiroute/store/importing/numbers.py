"""Phone numbers of whole files -> E.164, the same as `parse_phone` at a tenth of its price.

Nearly all numbers of a file are written in one of four ways: with a plus sign, or as digits that are the national number, that
number after the trunk prefix, or after the country's own code. For these one regular expression, put together from libphonenumber's
metadata, says whether it is valid and where the national number begins. What it does not match is left to `parse_phone`: a shape that
is missing here costs time, never a different answer.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers

from ctiroute.model.phone import NUMBER, is_plain, parse_phone, plain_form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

_PUNCTUATION = str.maketrans("", "", " ().-/")  # what `NUMBER` allows between digits
_NEVER = re.compile("(?!)")
_MAX_STARTS = 20_000  # of numbers that are remembered: all there are with a plus sign, or digits
_TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")


@lru_cache(maxsize=16)
def number_reader(region: str) -> Callable[[str], str | None]:
    """Return `parse_phone` for one region, quick for what files are full of."""
    national = _national(region)
    if national is None:
        return lambda raw: parse_phone(raw, region)
    match, code = national
    plain = _PlainForms()

    def read(raw: str) -> str | None:
        if plain[raw[:4]](raw) is not None:
            return raw
        text = raw.strip()
        if NUMBER.fullmatch(text) is None:
            return None
        digits = text.translate(_PUNCTUATION)
        if text.startswith("00"):
            digits = f"+{digits[2:]}" if text[2:3] in "123456789" else ""
        if digits.startswith("+"):
            return digits if is_plain(digits) else parse_phone(raw, region)
        found = match(digits)
        return code + found[found.lastgroup or 0] if found is not None else parse_phone(raw, region)

    return read


def column_reader(region: str) -> Callable[[Sequence[str]], Sequence[str | None]]:
    """Return `number_reader` for whole columns. Where all are E.164 of one country already, one match says so.

    Where all are digits alone, and none is written as from abroad, there is nothing to look for but the national number.
    """
    read, national = number_reader(region), _national(region)

    def read_all(column: Sequence[str]) -> Sequence[str | None]:
        form = _lines_of(column[0][:4])
        joined = "\n".join(column)
        if form is not None and joined.count("\n") == len(column) - 1 and form.fullmatch(joined + "\n") is not None:
            return column
        if national is not None and "".join(column).isdigit() and joined.isascii() and not f"\n{joined}".count("\n00"):
            match, code = national
            return [code + found[found.lastgroup or 0] if (found := match(cell)) is not None else read(cell) for cell in column]
        return [*map(read, column)]

    return read_all


@lru_cache(maxsize=16)
def _national(region: str) -> tuple[Callable[[str], re.Match[str] | None], str] | None:
    """Return what matches the national numbers of a region, and what goes before them; None: nothing quick does."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    form = _national_form(metadata) if metadata is not None else None
    return None if metadata is None or form is None else (form.fullmatch, f"+{metadata.country_code}")


@lru_cache(maxsize=64)
def _lines_of(start: str) -> re.Pattern[str] | None:
    """Return the form of lines that are E.164 with the calling code in the first four characters `start`."""
    form = plain_form(start[1:]) if start[:1] == "+" else None
    return re.compile(f"(?:{form.pattern}\n)*") if form is not None else None


class _PlainForms(dict[str, "Callable[[str], re.Match[str] | None]"]):
    """By a number's first four characters: what matches it when it is E.164 already. A dictionary, because nothing is quicker."""

    def __missing__(self, start: str) -> Callable[[str], re.Match[str] | None]:
        form = plain_form(start[1:]) if start[:1] == "+" else None
        found = (form or _NEVER).fullmatch
        if len(self) < _MAX_STARTS:
            self[start] = found
        return found


def _national_form(metadata: PhoneMetadata) -> re.Pattern[str] | None:
    """Return the form of valid numbers of one region without a plus sign; its one group that matches is the national number.

    Follows phonenumbers' `parse` (`_maybe_extract_country_code`, `_maybe_strip_national_prefix_carrier`) and `is_valid_number` where
    these take their straight way.
    """
    code = metadata.country_code
    if code is None:
        return None
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    first = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0]) if regions else None
    if metadata.general_desc is None or first is None or metadata.id not in regions:
        return None
    valid = _is_of(metadata, regions) + _is_valid(metadata)
    # Where the prefix is more than digits to leave out, it may rewrite the number.
    prefix, written = metadata.national_prefix_for_parsing, metadata.national_prefix
    leaves = f"(?!{prefix})" if prefix else ""
    leaves_first = f"(?!{first.national_prefix_for_parsing})" if first.national_prefix_for_parsing else ""
    general = metadata.general_desc.national_number_pattern
    national = r"[0-9]+"
    forms = [
        f"{leaves}{valid}(?P<bare>{national})",
        f"(?!(?:{general})\\Z){code}{leaves}{leaves_first}{valid}(?P<coded>{national})",
    ]
    if prefix and prefix == written:
        forms.append(f"(?!{code}){prefix}{valid}(?P<prefixed>{national})")
    abroad = f"(?!{metadata.international_prefix})" if metadata.international_prefix else ""
    return re.compile(f"{abroad}(?:{'|'.join(forms)})", re.ASCII)


def _is_of(metadata: PhoneMetadata, regions: tuple[str, ...]) -> str:
    """Return what holds, of the regions that share a calling code, for numbers of this one. Source: `region_code_for_number`."""
    found: list[str] = []
    for region in regions if len(regions) > 1 else ():
        other = phonenumbers.PhoneMetadata.metadata_for_region(region)
        if other is None:
            continue
        if other.id == metadata.id:
            return "".join(found) + (f"(?={metadata.leading_digits})" if metadata.leading_digits else "")
        found.append(f"(?!{other.leading_digits})" if other.leading_digits else f"(?!{_is_valid(other)})")
    return ""


def _is_valid(metadata: PhoneMetadata) -> str:
    """Return what holds for the national part of valid numbers of a region. Source: `_number_type_helper`."""
    general = _matches(metadata.general_desc) if metadata.general_desc is not None else "(?!)"
    kinds = [_matches(desc) for desc in (getattr(metadata, name) for name in _TYPES) if desc is not None and desc.national_number_pattern]
    return f"(?={general})(?=(?:{'|'.join(kinds) or '(?!)'}))"


def _matches(desc: PhoneNumberDesc) -> str:
    lengths = "|".join(f"[0-9]{{{length}}}" for length in desc.possible_length if length > 0)
    return (f"(?=(?:{lengths})\\Z)" if lengths else "") + f"(?:{desc.national_number_pattern})\\Z"
