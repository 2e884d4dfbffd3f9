"""From a node to a typed value. A parser is a function that returns the value or raises `ConfigurationError` with every fault in it.

They compose: `list_of(choice("sms", "email"))` is a parser too. Messages say what was expected; the place and the text found come
with the fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, overload

from ctiroute.documents.nodes import Mapping, Node, Scalar, Sequence, kind_of, refuse
from ctiroute.documents.reader import did_you_mean
from ctiroute.errors import ConfigurationError, Fault

T = TypeVar("T")
K = TypeVar("K")
Parser = Callable[[Node], T]

MAX_FAULTS = 200  # of one list or mapping; nobody reads more at once
ANY_LANGUAGE = ""  # the key of a text that is the same in every language

_DURATION = re.compile(r"(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,8})s)?", re.ASCII)
_DURATION_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)  # the part of BCP 47 that people use


def text(node: Node) -> str:
    """Return text that is not empty. A number is taken as it was written, so that `queue: 100` needs no quotes."""
    if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
        refuse(node, f"expected text, not {kind_of(node)}", "put it in quotes" if isinstance(node, Scalar) and node.text else "")
    if not node.text.strip():
        refuse(node, "expected text, not an empty one")
    return node.text


def matching(pattern: str, meaning: str, hint: str = "") -> Parser[str]:
    """Return a parser of text that fully matches `pattern` (ASCII); `meaning` completes "expected ..."."""
    compiled = re.compile(pattern, re.ASCII)

    def parse(node: Node) -> str:
        value = text(node)
        if not compiled.fullmatch(value):
            refuse(node, f"expected {meaning}", hint)
        return value

    return parse


def choice(*allowed: str) -> Parser[str]:
    """Return a parser of one of the words `allowed`."""

    def parse(node: Node) -> str:
        value = text(node)
        if value not in allowed:
            refuse(node, f"expected one of: {', '.join(allowed)}", did_you_mean(value, allowed))
        return value

    return parse


def integer(low: int, high: int) -> Parser[int]:
    """Return a parser of a whole number from `low` to `high`."""

    def parse(node: Node) -> int:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            refuse(node, f"expected a whole number from {low} to {high}", "" if isinstance(node, Scalar) else f"not {kind_of(node)}")
        return value

    return parse


def number(low: float, high: float) -> Parser[float]:
    """Return a parser of a number from `low` to `high`."""

    def parse(node: Node) -> float:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            refuse(node, f"expected a number from {low:g} to {high:g}", "" if isinstance(node, Scalar) else f"not {kind_of(node)}")
        return float(value)

    return parse


def boolean(node: Node) -> bool:
    """Return true or false."""
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        yes = isinstance(node, Scalar) and node.text.lower() in {"yes", "on", "y"}
        no = isinstance(node, Scalar) and node.text.lower() in {"no", "off", "n"}
        refuse(node, "expected true or false", "write true" if yes else "write false" if no else "")
    return node.value


def duration(node: Node) -> timedelta:
    """Return a time span that is not zero, written 20s, 15m, 2h, 1d, 1w or joined: 1h30m."""
    written = node.text.replace(" ", "") if isinstance(node, Scalar) and not isinstance(node.value, bool) else ""
    match = _DURATION.fullmatch(written) if written else None
    if match is None:
        refuse(node, "expected a time span", "write a number with its unit: 20s, 15m, 2h, 1d")
    span = timedelta(**{unit: int(amount) for unit, amount in zip(_DURATION_UNITS, match.groups(), strict=True) if amount})
    if not span:
        refuse(node, "expected a time span longer than nothing")
    return span


def list_of(parser: Parser[T], *, empty: bool = False) -> Parser[tuple[T, ...]]:
    """Return a parser of a list whose items `parser` takes; faults of all items come together."""

    def parse(node: Node) -> tuple[T, ...]:
        if not isinstance(node, Sequence):
            refuse(node, f"expected a list, not {kind_of(node)}", "write it as [a, b] or with a dash before each item")
        if not node.items and not empty:
            refuse(node, "expected a list with at least one item")
        faults: list[Fault] = []
        values: list[T] = []
        for item in node.items:
            try:
                values.append(parser(item))
            except ConfigurationError as error:
                faults.extend(error.faults)
                if len(faults) >= MAX_FAULTS:
                    break
        if faults:
            raise ConfigurationError(faults)
        return tuple(values)

    return parse


def one_or_list(parser: Parser[T]) -> Parser[tuple[T, ...]]:
    """Return a parser of one value or a list of them: `medium: sms` and `medium: [sms, email]`."""
    several = list_of(parser)

    def parse(node: Node) -> tuple[T, ...]:
        return several(node) if isinstance(node, Sequence) else (parser(node),)

    return parse


@overload
def mapping_of(parser: Parser[T], *, empty: bool = False) -> Parser[dict[str, T]]: ...
@overload
def mapping_of(parser: Parser[T], *, key: Callable[[Scalar], K], empty: bool = False) -> Parser[dict[K, T]]: ...
def mapping_of(parser: Parser[T], *, key: Callable[[Scalar], Any] = text, empty: bool = False) -> Parser[dict[Any, T]]:
    """Return a parser of a mapping with free keys, in file order; `key` parses a key and may refuse it."""

    def parse(node: Node) -> dict[Any, T]:
        if not isinstance(node, Mapping):
            refuse(node, f"expected a mapping, not {kind_of(node)}", "write it as name: value, one under the other")
        if not node.entries and not empty:
            refuse(node, "expected a mapping with at least one entry")
        faults: list[Fault] = []
        values: dict[Any, T] = {}
        for name, value in node:
            try:
                values[key(name)] = parser(value)
            except ConfigurationError as error:
                faults.extend(error.faults)
                if len(faults) >= MAX_FAULTS:
                    break
        if faults:
            raise ConfigurationError(faults)
        return values

    return parse


def language(node: Node) -> str:
    """Return a language code: en, uk, pt-BR."""
    value = text(node)
    if not _LANGUAGE.fullmatch(value):
        refuse(node, "expected a language code", "write it as en, uk, ru, kk")
    return value


def localized(parser: Parser[T]) -> Parser[dict[str, T]]:
    """Return a parser of one value for all languages (under the key "") or a mapping of language to value."""
    by_language = mapping_of(parser, key=language)

    def parse(node: Node) -> dict[str, T]:
        return by_language(node) if isinstance(node, Mapping) else {ANY_LANGUAGE: parser(node)}

    return parse
