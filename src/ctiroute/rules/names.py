"""Names that reach the dialplan: their alphabet, and the ones the switch is known to have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.documents import Node, did_you_mean, refuse, text

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_VALUE = 128  # characters of a channel variable's value
_ALPHABET = "A-Za-z0-9_.:@/+&-"  # no comma, quote, bracket, $ or space: nothing that a dialplan would read as its own
_VALUE = re.compile(rf"[{_ALPHABET}]{{1,{MAX_VALUE}}}", re.ASCII)
OPTION = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)  # of a menu: & stands between options
_OUTSIDE = re.compile(rf"[^{_ALPHABET}]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What the switch has, where that is known. None: not known, so any name passes."""

    queues: frozenset[str] | None = None
    menus: frozenset[str] | None = None
    extensions: frozenset[str] | None = None


def to_alphabet(value: str) -> str:
    """Return `value` as it may reach the dialplan: other characters dropped, cut to 128."""
    return _OUTSIDE.sub("", value)[:MAX_VALUE]


def name(what: str, known: frozenset[str] | None = None) -> Callable[[Node], str]:
    """Return a parser of a name that reaches the dialplan; `what` is the kind of thing: "queue"."""

    def parse(node: Node) -> str:
        value = text(node)
        if not _VALUE.fullmatch(value):
            refuse(node, f"expected the name of a {what}", "Latin letters, digits and _ . : @ / + & - only, at most 128")
        if ".." in value:
            refuse(node, f"expected the name of a {what} without '..'")
        if known is not None and value not in known:
            refuse(node, f"there is no {what} of this name", did_you_mean(value, known, listing=True))
        return value

    return parse
