"""Patterns with * and ?, as people know them from file names."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

from ctiroute.documents import Node, Scalar, refuse, text

if TYPE_CHECKING:
    from collections.abc import Callable

_WILDCARD = re.compile(r"[*?]")
MAX_PATTERN = 200  # characters; longer ones are a mistake of quoting


def glob(pattern: str, *, fold: bool = False) -> Callable[[str], bool]:
    """Return a test of whole texts. `*` is any text, `?` one character; with `fold` case does not count.

    The usual shapes avoid regular expressions: a rule set asks this for each touch of each call.
    """
    if fold:
        inner = glob(pattern.casefold())
        return lambda value: inner(value.casefold())
    if "?" not in pattern and "*" not in pattern:
        return pattern.__eq__
    if "?" not in pattern and pattern.count("*") == 1:
        head, tail = pattern.split("*")
        if not tail:
            return lambda value: value.startswith(head)
        least = len(pattern) - 1
        return lambda value: len(value) >= least and value.startswith(head) and value.endswith(tail)
    # fnmatch's translation does not backtrack over earlier stars, so a hostile value costs no more than its length.
    match = re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match
    return lambda value: match(value) is not None


def any_glob(patterns: tuple[str, ...], *, fold: bool = False) -> Callable[[str], bool]:
    """Return a test that holds when one of `patterns` does."""
    tests = tuple(glob(pattern, fold=fold) for pattern in patterns)
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def covers(wider: str, narrower: str) -> bool:
    """Say whether `wider` surely matches every text that `narrower` does; False may only mean that it cannot be told."""
    return "?" not in wider and glob(wider)(narrower)  # its `*` takes the wildcards of the other as it takes any text


def literal_head(pattern: str) -> str:
    """Return what every text that matches `pattern` begins with: all before its first `*` or `?`."""
    return _WILDCARD.split(pattern, maxsplit=1)[0]


def pattern(node: Node) -> str:
    """Parse a pattern. Words like true are taken as written: attributes are text."""
    value = node.text if isinstance(node, Scalar) and isinstance(node.value, bool) else text(node)
    if len(value) > MAX_PATTERN:
        refuse(node, f"expected a pattern of at most {MAX_PATTERN} characters")
    return value
