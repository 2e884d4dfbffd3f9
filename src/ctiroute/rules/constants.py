"""Constants: values that have a name, `${fresh}` wherever a value stands. Replaced in the tree, before anything is read from it.

A whole value takes the constant as it is, a list too; inside a text it takes its text. Names of a template, {touch.age}, hold a dot or are
no constants, so the two do not meet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Node, Scalar, Sequence, did_you_mean, fault, refuse
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.rules.template import MAX_TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping as Named

MAX_ITEMS = 100  # of a list; longer ones are lists:, which are kept once however often they are named
SIGN = "${"  # a file without it holds no use of a constant
_USE = re.compile(r"\$\{([^{}.\n]{0,64})\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)


def read_constant(key: Scalar, node: Node) -> Node:
    """Parse a constant: a value, or a list of values."""
    if not _NAME.fullmatch(key.text):
        refuse(key, "expected the name of a constant", "Latin letters, digits, _ and - only, a letter first")
    items = node.items if isinstance(node, Sequence) else (node,)
    if not items or len(items) > MAX_ITEMS:
        refuse(node, f"expected a value, or a list of 1 to {MAX_ITEMS} values")
    for item in items:
        if not isinstance(item, Scalar) or item.value is None:
            refuse(item, "expected a value: a text, a number, a time span", "conditions that are used again stand under conditions:")
        if SIGN in item.text:
            refuse(item, "a constant cannot hold another one", "write the value out")
    return node


def replaced(node: Node, constants: Named[str, Node], faults: list[Fault]) -> Node:
    """Return a tree with its constants replaced; what holds none is returned as it is. Uses of unknown ones are noted in `faults`."""
    match node:
        case Scalar():
            if SIGN not in node.text:
                return node
            try:
                return _scalar(node, constants)
            except ConfigurationError as error:
                faults.extend(error.faults)
                return node
        case Sequence():
            items = tuple(replaced(item, constants, faults) for item in node.items)
            return node if all(map(_is, items, node.items)) else Sequence(items, node.file, node.line, node.column)
        case Mapping():
            entries = {name: (key, replaced(value, constants, faults)) for name, (key, value) in node.entries.items()}
            same = all(value is node.entries[name][1] for name, (_, value) in entries.items())
            return node if same else Mapping(entries, node.file, node.line, node.column)


def constants_in(node: Node) -> frozenset[str]:
    """Return the names of the constants that a tree uses."""
    match node:
        case Scalar():
            return frozenset(name.strip() for name in _USE.findall(node.text)) if SIGN in node.text else frozenset()
        case Sequence():
            return frozenset().union(*map(constants_in, node.items))
        case Mapping():
            return frozenset().union(*(constants_in(value) for _, value in node))


def _is(one: object, other: object) -> bool:
    return one is other


def _scalar(node: Scalar, constants: Named[str, Node]) -> Node:
    place = (node.file, node.line, node.column)
    whole = _USE.fullmatch(node.text.strip())
    if whole:
        found = _constant(whole[1], node, constants)
        if isinstance(found, Scalar):
            return Scalar(found.value, found.text, *place)
        items = tuple(Scalar(one.value, one.text, *place) for one in found.items if isinstance(one, Scalar))
        return Sequence(items, *place)

    def text(use: re.Match[str]) -> str:
        value = _constant(use[1], node, constants)
        if not isinstance(value, Scalar):
            refuse(node, f"{use[1]} is a list, which cannot stand inside a text", "let it stand alone")
        return value.text

    joined = _USE.sub(text, node.text)
    if len(joined) > MAX_TEMPLATE:
        raise ConfigurationError([fault(node, f"is longer than {MAX_TEMPLATE:,} characters, constants written out")])
    return Scalar(joined, joined, *place)


def _constant(name: str, node: Scalar, constants: Named[str, Node]) -> Scalar | Sequence:
    name = name.strip()
    found = constants.get(name)
    if not isinstance(found, Scalar | Sequence):
        hint = did_you_mean(name, constants, listing=True) or "define it under constants:"
        refuse(node, f"there is no constant {name}" if name else "expected the name of a constant in ${}", hint)
    return found
