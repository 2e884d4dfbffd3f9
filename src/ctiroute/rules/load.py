"""Texts of rule files -> Ruleset, or every mistake in them. Reads no file itself: the shell hands it the texts."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING

from ctiroute.documents import fault, fields
from ctiroute.errors import ConfigurationError, Fault, RulesError
from ctiroute.rules.catalogue import read_entry
from ctiroute.rules.check import check_names, check_reachable
from ctiroute.rules.facts import LEAST_NEEDS
from ctiroute.rules.kinds import Scope
from ctiroute.rules.messages import read_messages
from ctiroute.rules.named import NamedConditions
from ctiroute.rules.names import KnownNames, name
from ctiroute.rules.parts import Parts, read_file, resolve
from ctiroute.rules.ruleset import Rule, Ruleset
from ctiroute.rules.then import Plan, read_then
from ctiroute.rules.when import Condition, every, needs_of, read_named, read_when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctiroute.documents import Node

MAX_FAULTS = 200  # of one sort; nobody reads more at once, and a hostile file must not make us write them


def load_ruleset(
    sources: Iterable[tuple[str, bytes | str]],
    read_script: Callable[[str], str | None] = lambda _path: None,
    names: KnownNames | None = None,
    *,
    forms: bool = False,
    trees: dict[str, Node] | None = None,
) -> Ruleset:
    """Return the compiled rules of all files together.

    `sources` are (name of the file, its text); they are read in the order of their names. `read_script` returns the text of a
    script by its path below the rules, or None when there is none. `names` are the queues, menus and extensions the switch is
    known to have. With `forms` conditions keep what lint compares. `trees` receives the tree of every file that is one, as it
    was written, mistakes or not. Raises `RulesError` with every fault of every file, in order: the
    rules in use stay.
    """
    digest = hashlib.sha256()
    ordered = sorted(sources, key=lambda source: source[0])
    parts, trees = Parts(), {} if trees is None else trees
    for file, source in ordered:
        _digest(digest, file.rpartition("/")[2], source)  # not the folder: nodes may keep the same rules in different places
        read_file(file, source, parts, trees)

    def read_and_digest(path: str) -> str | None:
        script = read_script(path)
        _digest(digest, path, script or "")
        return script

    resolve(parts, read_and_digest)
    named: NamedConditions[Condition] = NamedConditions(parts.condition_nodes, lambda key, node: read_named(key, node, scope))
    scope: Scope = Scope(
        lists=parts.lists,
        hours=parts.hours,
        calendars=parts.calendars,
        zone=parts.zone,
        names=names or KnownNames(),
        read_script=read_and_digest,
        forms=forms,
        named=named,
    )
    for key in parts.condition_nodes:  # those that no rule uses have to be right, too
        named.compiled(key)
    for key, node in parts.offer_nodes.items():
        try:
            scope.offers[key] = read_entry(key, node, scope)
        except ConfigurationError as error:
            parts.faults.extend(error.faults)
            scope.offers[key] = None
    messages, message_faults = read_messages(parts.messages)
    parts.faults += message_faults
    rules, faults = _compile(parts, scope)
    default, default_faults = _default(parts, scope, ordered[0][0] if ordered else "rules")
    faults = [*parts.unknown, *parts.faults, *named.faults, *faults, *default_faults]
    if faults or default is None:
        places = {(one.file, one.line, one.column) for one in parts.unknown}  # what such a value should have been is anybody's guess
        faults = [*parts.unknown, *(one for one in faults if (one.file, one.line, one.column) not in places)]
        order = {file: index for index, (file, _) in enumerate(ordered)}
        raise RulesError(sorted(dict.fromkeys(faults), key=lambda one: (order.get(one.file, len(order)), one.file, one.line, one.column)))
    needs = LEAST_NEEDS | default.needs
    for rule in rules:
        needs |= needs_of(rule.when) | rule.then.needs
    return Ruleset(rules, default, digest.hexdigest()[:12], parts.zone or UTC, needs, tuple(file for file, _ in ordered), messages)


def _digest(digest: hashlib._Hash, name: str, content: bytes | str) -> None:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    digest.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogatepass"))  # lengths keep neighbours apart
    digest.update(data)


def _compile(parts: Parts, scope: Scope) -> tuple[tuple[Rule, ...], list[Fault]]:
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


def _default(parts: Parts, scope: Scope, first_file: str) -> tuple[Plan | None, list[Fault]]:
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
