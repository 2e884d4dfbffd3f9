"""What a plain (unquoted) scalar means: YAML 1.2 core (yaml.org/spec/1.2.2, 10.3), less what surprises people at a telephone.

PyYAML reads YAML 1.1: `no` is false, `12:30` is 750, `010` is 8 and `+393331234567` is a number. Here a number is what JSON calls one,
and everything else that is not true, false or null is text.
"""

from __future__ import annotations

import math
import re

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)  # 18 digits fit 64 bits; a longer one is an account number, not a quantity
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,32})?(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_NUMERIC_START = frozenset("-0123456789")


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value that a plain scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(value := float(text)):
        return value
    return text
