"""Texts of rule files -> Ruleset, or every mistake in them. Reads no file itself: the shell hands it the texts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ctiroute.documents import Mapping, Node, Scalar, Sequence, fault, fields, kind_of, list_of, load, refuse, text
from ctiroute.errors import ConfigurationError, DocumentError, Fault, RulesError
from ctiroute.rules.check import check_names, check_reachable
from ctiroute.rules.facts import LEAST_NEEDS
from ctiroute.rules.hours import NEVER, Hours, read_hours, read_zone
from ctiroute.rules.kinds import Scope
from ctiroute.rules.names import KnownNames, name
from ctiroute.rules.ruleset import Rule, Ruleset
from ctiroute.rules.then import Plan, read_then
from ctiroute.rules.when import every, needs_of, read_when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctiroute.documents import Parser

MAX_FAULTS = 200  # of one sort; nobody reads more at once, and a hostile file must not make us write them

_LIST_ITEMS = list_of(text)
_AGAIN = {
    "list": "a list of this name is defined already",
    "hours": "hours of this name are defined already",
    "timezone": "there is a timezone already",
}


@dataclass(slots=True)
class _Parts:
    """What the files hold, before anything refers to anything."""

    rules: list[Node] = field(default_factory=list)
    defaults: list[tuple[Scalar, Node]] = field(default_factory=list)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    list_nodes: dict[str, Sequence] = field(default_factory=dict)
    hours_nodes: dict[str, Node] = field(default_factory=dict)
    hours: dict[str, Hours] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    defined: dict[tuple[str, str], Scalar] = field(default_factory=dict)  # ("list", name) -> where
    faults: list[Fault] = field(default_factory=list)
    unread: bool = False  # a file is not even YAML: nobody knows what it defines


def load_ruleset(
    sources: Iterable[tuple[str, bytes | str]],
    read_script: Callable[[str], str | None] = lambda _path: None,
    names: KnownNames | None = None,
    *,
    forms: bool = False,
) -> Ruleset:
    """Return the compiled rules of all files together.

    `sources` are (name of the file, its text); they are read in the order of their names. `read_script` returns the text of a
    script by its path below the rules, or None when there is none. `names` are the queues, menus and extensions the switch is
    known to have. With `forms` conditions keep what lint compares. Raises `RulesError` with every fault of every file, in order: the
    rules in use stay.
    """
    digest = hashlib.sha256()
    ordered = sorted(sources, key=lambda source: source[0])
    parts = _Parts()
    for file, source in ordered:
        _digest(digest, file, source)
        _read_file(file, source, parts)

    def read_and_digest(path: str) -> str | None:
        script = read_script(path)
        _digest(digest, path, script or "")
        return script

    _read_hours(parts)
    scope = Scope(parts.lists, parts.list_nodes, parts.hours, parts.zone, names or KnownNames(), read_and_digest, forms)
    rules, faults = _compile(parts, scope)
    default, default_faults = _default(parts, scope, ordered[0][0] if ordered else "rules")
    faults = [*parts.faults, *faults, *default_faults]
    if faults or default is None:
        order = {file: index for index, (file, _) in enumerate(ordered)}
        raise RulesError(sorted(dict.fromkeys(faults), key=lambda one: (order.get(one.file, len(order)), one.file, one.line, one.column)))
    needs = LEAST_NEEDS | default.needs
    for rule in rules:
        needs |= needs_of(rule.when) | rule.then.needs
    return Ruleset(rules, default, digest.hexdigest()[:12], parts.zone or UTC, needs, tuple(file for file, _ in ordered))


def _digest(digest: hashlib._Hash, name: str, content: bytes | str) -> None:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    digest.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogatepass"))  # lengths keep neighbours apart
    digest.update(data)


def _read_file(file: str, source: bytes | str, parts: _Parts) -> None:
    """Take the parts of one file; its mistakes are noted."""
    try:
        root = load(source, file)
        if kind_of(root) == "nothing":
            return
        with fields(root, "a rule file") as f:
            parts.rules += f.get("rules", _rule_nodes, ())
            f.get("lists", _definitions("list", parts, lambda key, node: _add_list(key, node, parts)), None)
            f.get("hours", _definitions("hours", parts, parts.hours_nodes.__setitem__), None)
            if "timezone" in f:
                key = f.node.entries["timezone"][0]
                parts.zone = f.get("timezone", lambda node: _the_zone(key, node, parts), parts.zone)
            if "default" in f:
                parts.defaults.append(f.node.entries["default"])
    except ConfigurationError as error:
        parts.unread = parts.unread or isinstance(error, DocumentError)
        parts.faults.extend(error.faults)


def _rule_nodes(node: Node) -> tuple[Node, ...]:
    if kind_of(node) == "nothing":  # all of them are commented out
        return ()
    if not isinstance(node, Sequence):
        refuse(node, f"expected a list of rules, not {kind_of(node)}", "write a dash before each rule: - name: ...")
    return node.items


def _add_list(key: str, node: Node, parts: _Parts) -> None:
    parts.lists[key] = ()  # known even when it is wrong: whoever names it has made no mistake
    parts.lists[key] = _LIST_ITEMS(node)
    if isinstance(node, Sequence):
        parts.list_nodes[key] = node


def _once(what: str, key: Scalar, parts: _Parts) -> None:
    """Refuse what another file, or this one, defines already."""
    first = parts.defined.setdefault((what, key.text), key)
    if first is not key:
        refuse(key, _AGAIN[what], f"see {first.file}:{first.line}")


def _the_zone(key: Scalar, node: Node, parts: _Parts) -> ZoneInfo:
    _once("timezone", key, parts)
    return read_zone(node)


def _read_hours(parts: _Parts) -> None:
    """Read the opening hours, now that the timezone of all files is known."""
    for key, node in parts.hours_nodes.items():
        try:
            parts.hours[key] = read_hours(node, parts.zone)
        except ConfigurationError as error:
            parts.faults.extend(error.faults)
            parts.hours[key] = NEVER  # its own faults are enough; whoever names it has made none


def _definitions(what: str, parts: _Parts, add: Callable[[str, Node], None]) -> Parser[None]:
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
                add(key.text, value)
            except ConfigurationError as error:
                faults.extend(error.faults)
        if faults:
            raise ConfigurationError(faults)

    return parse


def _compile(parts: _Parts, scope: Scope) -> tuple[tuple[Rule, ...], list[Fault]]:
    faults: list[Fault] = []
    rules: list[Rule] = []
    for node in parts.rules:
        if len(faults) >= MAX_FAULTS:
            faults.append(fault(node, "the rules from here on were not read", "mend the mistakes before first"))
            break
        try:
            with fields(node, "a rule") as f:
                rule_name = f.require("name", name("rule"))
                if "when" not in f:
                    f.wrong(node, "when is missing", "write when: {} for a rule that takes every call")
                when = f.get("when", lambda one: read_when(one, scope), ())
                then = f.require("then", lambda one: read_then(one, scope))
        except ConfigurationError as error:
            faults.extend(error.faults)
        else:
            rules.append(Rule(rule_name, when, then, every(when), node.file, node.line))
    return tuple(rules), [*faults, *check_names(parts.rules)[:MAX_FAULTS], *check_reachable(parts.rules)[:MAX_FAULTS]]


def _default(parts: _Parts, scope: Scope, first_file: str) -> tuple[Plan | None, list[Fault]]:
    """Return what happens to calls that no rule takes; exactly one file says so."""
    if not parts.defaults:
        if parts.unread:
            return None, []
        hint = "write default: {menu: main}, or default: {} for the ordinary way of the dialplan"
        return None, [Fault(first_file, 0, 0, "no file has a default", hint=hint)]
    faults = [
        fault(key, "there is a default already", f"see {parts.defaults[0][0].file}:{parts.defaults[0][0].line}; remove one")
        for key, _ in parts.defaults[1:]
    ]
    try:
        plan = read_then(parts.defaults[0][1], scope)
    except ConfigurationError as error:
        return None, [*faults, *error.faults]
    if plan.goes_on:
        faults.append(fault(parts.defaults[0][1], "the default cannot go on: no rule is left after it", "remove continue"))
    return plan, faults
