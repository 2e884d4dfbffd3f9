"""One value of what is kept: where it is taken from, how it is converted, what stands in for it.

name: message.from.first_name                      # a path
medium: {text: telegram}                           # a constant
name: {join: [first, last], with: " ", max: 80}    # several, those that are there
id: {first: [thread, id]}                          # the first that is there
phone: {path: from, as: phone}                     # converted
status: {path: state, values: {open: open, resolved: closed}, otherwise: open, default: open}
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from ctiroute.connectors.webhook.mapping.conversions import CONVERSIONS, Conversion, Reading, tidy
from ctiroute.connectors.webhook.mapping.path import Path, Place, as_text, read_path
from ctiroute.documents import Mapping, Node, Scalar, choice, fields, integer, list_of, mapping_of, one_or_list, refuse, text

MAX_VALUE = 8000  # characters of one value, whatever its field
MAX_LIST = 50  # items of a list that become one text


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    text: str


@dataclass(frozen=True, slots=True)
class First:
    """The first value that is there."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """The values that are there, one after the other."""

    values: tuple[Value, ...]
    between: str


@dataclass(frozen=True, slots=True)
class Value:
    """One value as the file describes it. Made by `read_value`."""

    source: Path | Literal | First | Join
    conversions: tuple[Conversion, ...] = ()
    table: Map[str, str] | None = None
    otherwise: str | None = None  # for what the table does not name
    default: str | None = None  # when nothing is there
    limit: int = MAX_VALUE

    def of(self, place: Place, how: Reading) -> str | None:
        """Return the text at this place; None: nothing of use is there."""
        found = self._found(place, how)
        for conversion in self.conversions:
            if found is not None:
                found = conversion.convert(found, how)
        if found is not None and self.table is not None:
            found = self.table.get(found, self.otherwise)
        if found is not None:
            found = tidy(found, self.limit)
        return found or self.default

    def given(self, place: Place) -> str | None:
        """Return what the source wrote there, for a message; None: nothing."""
        return as_text(self.source.find(place)) if isinstance(self.source, Path) else None

    def _found(self, place: Place, how: Reading) -> str | None:
        match self.source:
            case Literal(text=constant):
                return constant
            case First(values=values):
                return next((found for one in values if (found := one.of(place, how))), None)
            case Join(values=values, between=between):
                return between.join(found for one in values if (found := one.of(place, how))) or None
            case path:
                return joined(path.find(place))


def joined(found: object) -> str | None:
    """Return a value, or a list of values, as one text; None for what is neither."""
    if isinstance(found, list):
        return ", ".join(part for one in found[:MAX_LIST] if (part := as_text(one))) or None
    return as_text(found)


_SOURCES = ("path", "text", "first", "join")
_TABLE_LIMIT = 500


def read_value(node: Node) -> Value:
    """Return the value described in a file: a path, or a mapping that says more. Raises `ConfigurationError`."""
    if isinstance(node, Scalar):
        return Value(read_path(node))
    with fields(node, "a value") as f:
        path = f.get("path", read_path, None)
        literal = f.get("text", text, None)
        first = f.get("first", list_of(read_value), None)
        several = f.get("join", list_of(read_value), None)
        between = f.get("with", _any_text, " ")
        conversions = f.get("as", one_or_list(choice(*CONVERSIONS)), ())
        table = f.get("values", _table, None)
        otherwise = f.get("otherwise", text, None)
        default = f.get("default", text, None)
        limit = f.get("max", integer(1, MAX_VALUE), MAX_VALUE)
        given = [name for name in _SOURCES if name in f]
        if len(given) != 1:
            f.wrong(
                node,
                "a value has one source",
                f"write one of {', '.join(_SOURCES)}" + (f"; here are {' and '.join(given)}" if given else ""),
            )
        if "with" in f and several is None:
            f.wrong(f.node.get("with") or node, "with belongs to join")
        if otherwise is not None and table is None:
            f.wrong(f.node.get("otherwise") or node, "otherwise belongs to values", "for what is not there write default")
    source: Path | Literal | First | Join
    if path is not None:
        source = path
    elif literal is not None:
        source = Literal(literal)
    elif first is not None:
        source = First(first)
    else:
        source = Join(several or (), between)
    return Value(source, tuple(CONVERSIONS[name] for name in conversions), table, otherwise, default, limit)


def _table(node: Node) -> dict[str, str]:
    if isinstance(node, Mapping) and len(node) > _TABLE_LIMIT:
        refuse(node, f"at most {_TABLE_LIMIT} values")
    return mapping_of(text, key=lambda key: key.text)(node)


def _any_text(node: Node) -> str:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        refuse(node, "expected text", "put it in quotes")
    return node.value
