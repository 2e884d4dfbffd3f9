"""What rule files hold, before anything refers to anything: the keys at the top of each, taken apart and joined over all files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from ctiroute.documents import Mapping, Node, Scalar, Sequence, fields, kind_of, list_of, load, refuse, text
from ctiroute.errors import ConfigurationError, DocumentError, Fault
from ctiroute.rules.constants import SIGN, read_constant, replaced
from ctiroute.rules.hours import NEVER, Calendar, Hours, read_calendar, read_hours, read_zone
from ctiroute.rules.lists import is_file, read_list_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.documents import Parser

T = TypeVar("T")
D = TypeVar("D")

_LIST_ITEMS = list_of(text)
_AGAIN = {
    "list": "a list of this name is defined already",
    "hours": "hours of this name are defined already",
    "calendar": "a calendar of this name is defined already",
    "offer": "an offer of this name is defined already",
    "condition": "a condition of this name is defined already",
    "constant": "a constant of this name is defined already",
    "timezone": "there is a timezone already",
}


@dataclass(slots=True)
class Parts:
    """What the files hold. Names are known even when what they stand for is wrong: whoever uses them has made no mistake."""

    rules: list[Node] = field(default_factory=list)
    defaults: list[tuple[Scalar, Node]] = field(default_factory=list)
    list_nodes: dict[str, Node] = field(default_factory=dict)
    lists: dict[str, Sequence | None] = field(default_factory=dict)  # None: wrong
    hours_nodes: dict[str, Node] = field(default_factory=dict)
    hours: dict[str, Hours] = field(default_factory=dict)
    calendar_nodes: dict[str, Node] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    condition_nodes: dict[str, Node] = field(default_factory=dict)
    offer_nodes: dict[str, Node] = field(default_factory=dict)
    messages: list[Node] = field(default_factory=list)
    constants: dict[str, Node] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    with_constants: set[str] = field(default_factory=set)  # files that use some
    defined: dict[tuple[str, str], Scalar] = field(default_factory=dict)  # ("list", name) -> where
    faults: list[Fault] = field(default_factory=list)
    unknown: list[Fault] = field(default_factory=list)  # uses of constants that there are not
    unread: bool = False  # a file is not even YAML: nobody knows what it defines


def read_file(file: str, source: bytes | str, parts: Parts, trees: dict[str, Node]) -> None:
    """Take the parts of one file; its mistakes are noted, and its tree is put into `trees` when it is one."""
    try:
        root = trees[file] = load(source, file)
        if kind_of(root) == "nothing":
            return
        with fields(root, "a rule file") as f:
            parts.rules += f.get("rules", _rule_nodes, ())
            for key, what, kept in (
                ("lists", "list", parts.list_nodes),
                ("hours", "hours", parts.hours_nodes),
                ("calendars", "calendar", parts.calendar_nodes),
                ("conditions", "condition", parts.condition_nodes),
                ("offers", "offer", parts.offer_nodes),
            ):
                f.get(key, _definitions(what, parts, _keeper(kept)), None)
            parts.messages += f.get("messages", _message_nodes, ())
            f.get("constants", _definitions("constant", parts, lambda name, node: _add_constant(name, node, parts)), None)
            if "timezone" in f:
                key_node = f.node.entries["timezone"][0]
                parts.zone = f.get("timezone", lambda node: _the_zone(key_node, node, parts), parts.zone)
            if "default" in f:
                parts.defaults.append(f.node.entries["default"])
    except ConfigurationError as error:
        parts.unread = parts.unread or isinstance(error, DocumentError)
        parts.faults.extend(error.faults)
    if (SIGN.encode() if isinstance(source, bytes) else SIGN) in source:  # type: ignore[operator]  # of one sort both
        parts.with_constants.add(file)


def resolve(parts: Parts, read_text: Callable[[str], str | None]) -> None:
    """Replace constants, now that all of them are known, and read what others refer to. Mistakes are noted."""
    if parts.with_constants:
        _replace_constants(parts)
    for name, node in parts.list_nodes.items():
        parts.lists[name] = _noted(parts, partial(_read_list, node, read_text), None)
    for name, node in parts.calendar_nodes.items():
        parts.calendars[name] = _noted(parts, partial(read_calendar, node), Calendar())
    for name, node in parts.hours_nodes.items():
        parts.hours[name] = _noted(parts, partial(read_hours, node, parts.zone, parts.calendars), NEVER)


def _replace_constants(parts: Parts) -> None:
    def new(node: Node) -> Node:
        return replaced(node, parts.constants, parts.unknown) if node.file in parts.with_constants else node

    parts.rules = list(map(new, parts.rules))
    parts.messages = list(map(new, parts.messages))
    parts.defaults = [(key, new(node)) for key, node in parts.defaults]
    for nodes in (parts.list_nodes, parts.hours_nodes, parts.calendar_nodes, parts.condition_nodes, parts.offer_nodes):
        nodes.update({name: new(node) for name, node in nodes.items()})


def _noted(parts: Parts, read: Callable[[], T], otherwise: D) -> T | D:
    try:
        return read()
    except ConfigurationError as error:
        parts.faults.extend(error.faults)
        return otherwise


def _read_list(node: Node, read_text: Callable[[str], str | None]) -> Sequence:
    if isinstance(node, Scalar) and is_file(node.text):
        return read_list_file(node, read_text)
    _LIST_ITEMS(node)
    if not isinstance(node, Sequence):
        refuse(node, "expected a list")
    return node


def _rule_nodes(node: Node) -> tuple[Node, ...]:
    if kind_of(node) == "nothing":  # all of them are commented out
        return ()
    if not isinstance(node, Sequence):
        refuse(node, f"expected a list of rules, not {kind_of(node)}", "write a dash before each rule: - name: ...")
    return node.items


def _message_nodes(node: Node) -> tuple[Node, ...]:
    return () if kind_of(node) == "nothing" else (node,)


def _keeper(kept: dict[str, Node]) -> Callable[[Scalar, Node], None]:
    return lambda key, node: kept.__setitem__(key.text, node)


def _add_constant(key: Scalar, node: Node, parts: Parts) -> None:
    parts.constants[key.text] = Scalar("", "", node.file, node.line, node.column)  # known, even when it is wrong
    parts.constants[key.text] = read_constant(key, node)


def _once(what: str, key: Scalar, parts: Parts) -> None:
    """Refuse what another file, or this one, defines already."""
    first = parts.defined.setdefault((what, key.text), key)
    if first is not key:
        refuse(key, _AGAIN[what], f"see {first.file}:{first.line}")


def _the_zone(key: Scalar, node: Node, parts: Parts) -> ZoneInfo:
    _once("timezone", key, parts)
    return read_zone(node)


def _definitions(what: str, parts: Parts, add: Callable[[Scalar, Node], None]) -> Parser[None]:
    """Return a parser of named things, each of which may be defined once over all files."""

    def parse(node: Node) -> None:
        if kind_of(node) == "nothing":
            return
        if not isinstance(node, Mapping):
            refuse(node, f"expected a mapping, not {kind_of(node)}", "write it as name: value, one under the other")
        faults: list[Fault] = []
        for key, value in node:
            try:
                _once(what, key, parts)
                add(key, value)
            except ConfigurationError as error:
                faults.extend(error.faults)
        if faults:
            raise ConfigurationError(faults)

    return parse
