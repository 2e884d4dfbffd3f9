"""Values of Asterisk's headers, read: texts cleaned and bounded, counts that make sense or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model.phone import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT = 128  # characters of a channel name, queue or extension (AST_CHANNEL_NAME and AST_MAX_EXTENSION are 80)


def text(value: str) -> str:
    """Return a value without what does not belong in it."""
    if len(value) <= MAX_TEXT and value.isascii() and value.isprintable():  # nearly always: nothing to clean
        return value.strip()
    return clean(value, MAX_TEXT)


def seconds(headers: Mapping[str, str], name: str) -> float | None:
    """Return a count (Asterisk writes whole numbers), or None when there is none or it is absurd."""
    value = headers.get(name, "")
    return float(value) if value.isascii() and value.isdigit() and len(value) <= 12 else None  # noqa: PLR2004 - 12 digits: 30,000 years


def count(headers: Mapping[str, str], name: str) -> int:
    """Return a count; 0 when there is none."""
    return int(seconds(headers, name) or 0)
