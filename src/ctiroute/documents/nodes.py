"""The tree: scalars, sequences and mappings, each with its place. Knows nothing of how it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ctiroute.errors import ConfigurationError, Fault
from ctiroute.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FOUND = 60  # characters of the offending text in a message; more pushes the remedy off the line


class Scalar(Value, frozen=True, eq=False):
    """One value."""

    value: str | int | float | bool | None  # what it is by YAML 1.2 core
    text: str  # what was written, without quotes
    file: str
    line: int  # 1-based; 0: not from a file (an environment variable)
    column: int  # 1-based, in characters


class Sequence(Value, frozen=True, eq=False):
    """A list."""

    items: tuple[Node, ...]
    file: str
    line: int
    column: int


class Mapping(Value, frozen=True, eq=False):
    """Keys and values in file order. A key is its text: `1` and `"1"` are the same key, and no key stands twice."""

    entries: dict[str, tuple[Scalar, Node]]  # never changed once made
    file: str
    line: int
    column: int

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: str) -> Node | None:
        """Return the value of `key`, or None when it is not there."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


Node = Scalar | Sequence | Mapping


def kind_of(node: Node) -> str:
    """Return what a node is, in the words of a message."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar(value=str()):
            return "text"
        case Scalar():
            return "a number"


def fault(node: Node, message: str, hint: str = "") -> Fault:
    """Return a fault at the place of `node`, showing what stands there."""
    found = node.text if isinstance(node, Scalar) else ""
    if len(found) > MAX_FOUND:
        found = found[: MAX_FOUND - 1] + "…"
    return Fault(node.file, node.line, node.column if node.line else 0, message, found, hint)


def refuse(node: Node, message: str, hint: str = "") -> NoReturn:
    """Raise `ConfigurationError` with one fault at the place of `node`."""
    raise ConfigurationError([fault(node, message, hint)])


def overlay(base: Mapping, path: tuple[str, ...], value: Node) -> Mapping:
    """Return `base` with `value` at `path`; mappings on the way are made where missing. Sources over a file use it.

    Raises `ConfigurationError` when something on the way is no mapping.
    """
    key, *rest = path
    mark = Scalar(key, key, value.file, value.line, value.column)
    if rest:
        inner = base.get(key) or Mapping({}, value.file, value.line, value.column)
        if not isinstance(inner, Mapping):
            refuse(value, f"cannot be set: {key} is {kind_of(inner)} in {inner.file}")
        mark = base.entries[key][0] if key in base.entries else mark
        value = overlay(inner, tuple(rest), value)
    return Mapping({**base.entries, key: (mark, value)}, base.file, base.line, base.column)
