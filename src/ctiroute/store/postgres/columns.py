"""Columns of values <-> what the database takes: what `rows` does with one value, done with many at once. Never runs a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.model import Identifier
from ctiroute.store.postgres.rows import MARK, MAX_DIGITS, key_of, to_text
from ctiroute.store.touch_columns import is_same

if TYPE_CHECKING:
    from collections.abc import Sequence

_PHONES = re.compile(rf"(?:\+[1-9][0-9]{{0,{MAX_DIGITS - 1}}}\n)*")  # lines that `key_of` finds to be their own keys


def to_texts(values: Sequence[str]) -> Sequence[str]:
    """Do as `to_text` with each of many texts."""
    joined = "".join(values)
    return [*map(to_text, values)] if "\0" in joined or MARK in joined else values


def as_one(values: Sequence[str]) -> tuple[str, str]:
    """Return texts as one, and what stands between them."""
    between = "\n"
    while (whole := between.join(values)).count(between) != len(values) - 1 or whole.split(between) != [*values]:
        between += "\1"
    return whole, between


def known_keys(kinds: Sequence[str], values: Sequence[str]) -> list[int | None]:
    """Return the keys of identifiers, as `key_of` does; None: it is in the database."""
    lines = "\n".join(values) + "\n"
    if is_same(kinds) and kinds[0] == "phone" and lines.count("\n") == len(values) and _PHONES.fullmatch(lines) is not None:
        return [*map(int, values)]
    return [key_of(Identifier(kind, value)) for kind, value in zip(kinds, values, strict=True)]
