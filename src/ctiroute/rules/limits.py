"""Comparisons in rules: `{at_least: 5000, below: 20000}`. Knows nothing of what is compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ctiroute.documents import Mapping, fields
from ctiroute.rules import fragments as shape

if TYPE_CHECKING:
    from ctiroute.documents import Fields, Node, Parser
    from ctiroute.rules.fragments import Fragment

T = TypeVar("T")

KEYS = {"at_least": "at least", "above": "above", "at_most": "at most", "below": "below"}
_LOWER, _UPPER = ("at_least", "above"), ("at_most", "below")
HUGE = 1e15  # beyond it a float is no exact count of anything
_NUMBER = re.compile(r"-?(?:\d{1,15}|\d{1,3}(?:[ \u00a0\u202f]\d{3}){1,4})(?:\.\d{1,9}|,(?:\d{1,2}|\d{4,9}))?", re.ASCII)
_SPACES = re.compile("[ \u00a0\u202f]")


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which values something has to be."""

    fits: Callable[[float], bool]
    words: str  # "at least 5000 and below 20000"


def read_limits(f: Fields, parser: Parser[T], number: Callable[[T], float], word: Callable[[T], str]) -> Limits | None:
    """Read the keys of comparisons; None when there is none of them. `number` and `word` say a parsed limit as a number and in words."""
    found = {key: f.get(key, parser, None) for key in KEYS if key in f}
    given = {key: value for key, value in found.items() if value is not None}
    for low, high in ((_LOWER, "lower"), (_UPPER, "upper")):
        both = [key for key in low if key in found]
        if len(both) > 1:
            f.wrong(f.node.entries[both[1]][0], f"there is a {high} limit already", f"write {both[0]} or {both[1]}, not both")
    if not given:
        return None
    least = max((number(given[key]) for key in _LOWER if key in given), default=None)
    most = min((number(given[key]) for key in _UPPER if key in given), default=None)
    if least is not None and most is not None and (least > most or (least == most and ("above" in given or "below" in given))):
        f.wrong(f.node, "no value is within these limits", "the lower limit has to be below the upper one")
    words = " and ".join(f"{KEYS[key]} {word(value)}" for key, value in given.items())
    return Limits(_test({key: number(value) for key, value in given.items()}), words)


def limited(parser: Parser[T], number: Callable[[T], float], word: Callable[[T], str]) -> Parser[Limits]:
    """Return a parser of comparisons, or of one value that has to be met exactly: `waiting: 0`, `waiting: {at_most: 5}`."""

    def parse(node: Node) -> Limits:
        if not isinstance(node, Mapping):
            value = parser(node)
            exact = number(value)
            return Limits(exact.__eq__, word(value))
        with fields(node, "a comparison") as f:
            found = read_limits(f, parser, number, word)
            if not f.node.entries:
                f.wrong(node, f"expected at least one of: {', '.join(KEYS)}")
        return found or Limits(lambda _value: False, "")  # not reached: without a limit the block above has raised

    return parse


def fragments_of(value: Fragment) -> dict[str, Any]:
    """Return the shape of the keys that `read_limits` reads."""
    return {key: shape.about(value, f"It is {words} this.") for key, words in KEYS.items()}


def as_number(text: str) -> float | None:
    """Return the number a text stands for, or None when it is not surely one: "5 000", "1500,50", "12.5", but not "5,000" or "5000 UAH"."""
    bare = text.strip()
    if not _NUMBER.fullmatch(bare):
        return None
    return float(_SPACES.sub("", bare).replace(",", "."))


def _test(given: dict[str, float]) -> Callable[[float], bool]:
    low, high = given.get("at_least", given.get("above")), given.get("at_most", given.get("below"))
    open_low, open_high = "above" in given, "below" in given

    def fits(value: float) -> bool:
        if low is not None and (value <= low if open_low else value < low):
            return False
        return high is None or (value < high if open_high else value <= high)

    return fits
