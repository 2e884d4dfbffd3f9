"""Goes through a tree along the schema, and gives every value whose fragment bears a mark: names of queues, lists, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ctiroute.documents import Mapping, Node, Scalar, Sequence
from ctiroute.rules.fragments import MARK, MARK_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as MappingABC

    from ctiroute.rules.fragments import Fragment

_REFERENCE = "#/definitions/"


class Found(NamedTuple):
    """One value, or one mapping whose keys are marked."""

    mark: str
    node: Node  # a scalar; of marked keys the mapping itself


def walk(node: Node, fragment: Fragment, definitions: MappingABC[str, Fragment]) -> Iterator[Found]:
    """Yield what is marked in a tree, in the order of the file."""
    fragment = resolved(node, fragment, definitions)
    if MARK in fragment and isinstance(node, Scalar):
        yield Found(fragment[MARK], node)
    if isinstance(node, Mapping):
        if MARK_KEYS in fragment:
            yield Found(fragment[MARK_KEYS], node)
        properties, rest = fragment.get("properties", {}), fragment.get("additionalProperties")
        for key, value in node:
            below = properties.get(key.text, rest)
            if below:
                yield from walk(value, below, definitions)
    elif isinstance(node, Sequence) and "items" in fragment:
        for item in node.items:
            yield from walk(item, fragment["items"], definitions)


def resolved(node: Node, fragment: Fragment, definitions: MappingABC[str, Fragment]) -> Fragment:
    """Return the fragment that holds for a node: what a reference names, the branch of an `if` that fits."""
    while True:
        if "$ref" in fragment:
            fragment = definitions[fragment["$ref"].removeprefix(_REFERENCE)]
        elif "if" in fragment:
            fragment = fragment["then" if _is(node, fragment["if"]["type"]) else "else"]
        else:
            return fragment


def _is(node: Node, kind: str) -> bool:
    match node:
        case Mapping():
            return kind == "object"
        case Sequence():
            return kind == "array"
        case Scalar(value=None):
            return kind == "null"
        case Scalar(value=bool()):
            return kind == "boolean"
        case Scalar(value=str()):
            return kind == "string"
        case Scalar():
            return kind in {"number", "integer"}
