"""What a value that came from outside has to be: a pattern, several, one of a list, a number within limits, or only there.

Attributes of a customer, fields of an offer and of a form are asked alike. A value that is missing is the empty text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Scalar, boolean, fields, mapping_of, number, one_or_list, refuse
from ctiroute.errors import ConfigurationError
from ctiroute.rules import fragments as shape
from ctiroute.rules.forms import Demand, Patterns, Same, written
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.guards import Guard, by_heads, by_patterns
from ctiroute.rules.limits import HUGE, as_number, fragments_of, read_limits

if TYPE_CHECKING:
    from ctiroute.documents import Node, Parser
    from ctiroute.rules.kinds import Scope


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one value has to be."""

    fits: Callable[[str], bool]
    words: str
    guard: Guard  # what a value must be for `fits` to hold
    demand: Demand  # the same, comparable


def wanted(scope: Scope) -> Parser[Wanted]:
    """Return a parser of what one value has to be."""

    def parse(node: Node) -> Wanted:
        if isinstance(node, Mapping):
            return _described(node, scope)
        patterns = one_or_list(pattern)(node)
        fits = any_glob(patterns, fold=True)
        return Wanted(fits, " or ".join(patterns), by_patterns(patterns, fits, fold=True), Patterns(patterns, fold=True))

    return parse


def wanted_values(scope: Scope) -> Parser[dict[str, Wanted]]:
    """Return a parser of names, each with what its value has to be."""
    return mapping_of(wanted(scope))


def demands_of(key: str, values: dict[str, Wanted]) -> dict[str, Demand]:
    """Return what is demanded of values by their names, comparable; `key` is that of the file under which they stand."""
    return {f"{key}.{name}": one.demand for name, one in values.items()}


def tests_of(values: dict[str, Wanted]) -> tuple[tuple[str, Callable[[str], bool]], ...]:
    """Return what is asked for each call: names with their tests."""
    return tuple((name, one.fits) for name, one in values.items())


# The shape of what `wanted` reads.
VALUE_FRAGMENT = shape.short_or(
    shape.many(shape.pattern()),
    shape.mapping(
        {
            "list": shape.about(shape.text(shape.LIST), "The name of a list that holds the value, or of a file of its own."),
            "known": shape.about(shape.boolean(), "true: there is a value, whatever it is; false: there is none."),
            **fragments_of(shape.number(-HUGE, HUGE)),
        },
        least=1,
    ),
)


def _amount(node: Node) -> float:
    try:
        return number(-HUGE, HUGE)(node)
    except ConfigurationError:
        refuse(node, "expected a number", "write it as 5000 or 12.5, without a currency")


def _folded(entries: tuple[Node, ...]) -> frozenset[str]:
    return frozenset(entry.text.casefold() for entry in entries if isinstance(entry, Scalar))


def _described(node: Mapping, scope: Scope) -> Wanted:
    with fields(node, "a value") as f:
        listed = f.get("list", scope.list_name, None)
        known = f.get("known", boolean, None)
        limits = read_limits(f, _amount, float, lambda value: f"{value:g}" if value < 1e6 else f"{value:.0f}")  # noqa: PLR2004
        if not f.node.entries:
            f.wrong(node, "expected at least one of: list, known, at_least, above, at_most, below")
        if known is False and len(f.node.entries) > 1:
            f.wrong(node, "what is not known has no value to compare", "remove known: false, or the rest")
    values = scope.once(_folded, listed) if listed is not None else None

    def fits(value: str) -> bool:
        if values is not None and value.casefold() not in values:
            return False
        if known is not None and bool(value.strip()) is not known:
            return False
        if limits is None:
            return True
        amount = as_number(value)
        return amount is not None and limits.fits(amount)

    words = [f"in list {listed}"] if listed is not None else []
    words += ["known" if known else "not known"] if known is not None else []
    words += [limits.words] if limits is not None else []
    return Wanted(fits, " and ".join(words), by_heads(values if values is not None else ("",), fits), Same(written(node)))
