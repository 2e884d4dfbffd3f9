"""What people and programs write for a key of a customer -> Identifier. Refuses to guess: what is not surely a key is none."""

from __future__ import annotations

import unicodedata

from ctiroute.model.identity import OWN_KIND, Identifier, IdentifierKind
from ctiroute.model.phone import parse_phone

MAX_VALUE = 200  # characters: longer than any address or messenger id, and short enough for every store's index


def parse_kind(text: str) -> str:
    """Return a kind of identifier, known or the company's own. Raises ValueError, with words for who wrote it."""
    if OWN_KIND.fullmatch(text):
        return text
    raise ValueError("is no kind of identifier: write small letters, digits, - and _, beginning with a letter, 32 at most")


def parse_identifier(kind: str, raw: str, region: str) -> Identifier:
    """Return the identifier that `raw` is, as stores keep it.

    `region` is the ISO 3166-1 alpha-2 country in which phones without a country code are read. A phone becomes E.164, an e-mail
    lower case, anything else stays as it is but for the space around it. Raises ValueError, with words for who wrote it.
    """
    kind, value = parse_kind(kind), raw.strip()
    if not value:
        raise ValueError("is empty")
    if len(value) > MAX_VALUE:
        raise ValueError(f"is longer than {MAX_VALUE} characters")
    if any(unicodedata.category(char) in _NO_TEXT for char in value):
        raise ValueError("holds control characters")
    if kind == IdentifierKind.PHONE:
        phone = parse_phone(value, region)
        if phone is None:
            raise ValueError("is not a possible phone number; write it with its country: +380671234567")
        return Identifier(kind, phone)
    return Identifier(kind, parse_email(value) if kind == IdentifierKind.EMAIL else value)


def parse_email(text: str) -> str:
    """Return an address in lower case. Raises ValueError for what cannot be one."""
    name, at, domain = text.lower().rpartition("@")
    if not (name and at and domain) or any(char.isspace() for char in text):
        raise ValueError("is not an address")
    return text.lower()


_NO_TEXT = frozenset({"Cc", "Cs"})  # control characters, and halves of a surrogate pair: no database keeps all of these
