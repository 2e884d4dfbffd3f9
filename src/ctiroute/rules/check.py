"""Mistakes that only show between rules, and how all mistakes are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Node, Scalar, Sequence, fault
from ctiroute.rules.actions.going_on import CONTINUE

if TYPE_CHECKING:
    from collections.abc import Hashable
    from collections.abc import Sequence as Many

    from ctiroute.errors import Fault


def check_names(rules: Many[Node]) -> list[Fault]:
    """Return a fault for each rule whose name an earlier one has: the name is what screens, logs and reports show."""
    first: dict[str, Scalar] = {}
    faults = []
    for rule in rules:
        name = rule.get("name") if isinstance(rule, Mapping) else None
        if isinstance(name, Scalar) and first.setdefault(name.text, name) is not name:
            other = first[name.text]
            faults.append(fault(name, "another rule has this name", f"see {other.file}:{other.line}"))
    return faults


def check_reachable(rules: Many[Node]) -> list[Fault]:
    """Return a fault for each rule that no call can reach: one before it takes every call, or has the same conditions."""
    taken: dict[Hashable, Mapping] = {}
    all_calls: Mapping | None = None
    faults = []
    for rule in rules:
        when = rule.get("when") if isinstance(rule, Mapping) else None
        if not isinstance(rule, Mapping) or when is None:
            continue
        form = _form(when)
        if all_calls is not None:
            faults.append(fault(rule, f"no call reaches this rule: {_title(all_calls)} takes every call", "move that one to the end"))
        elif form in taken:
            faults.append(fault(rule, f"no call reaches this rule: {_title(taken[form])} has the same conditions", "remove one of them"))
        if _goes_on(rule):
            continue
        taken.setdefault(form, rule)
        if isinstance(when, Mapping) and not when.entries:
            all_calls = all_calls or rule
    return faults


def format_text(faults: Many[Fault]) -> str:
    """Return faults as a terminal shows them: one a line with its place, and how many there are."""
    if not faults:
        return "no mistakes"
    files = len({one.file for one in faults})
    count = f"{len(faults)} mistake{'' if len(faults) == 1 else 's'} in {files} file{'' if files == 1 else 's'}"
    return "\n".join([*map(str, faults), count])


def _goes_on(rule: Mapping) -> bool:
    then = rule.get("then")
    return isinstance(then, Mapping) and CONTINUE in then.entries


def _form(node: Node) -> Hashable:
    """Return a node without its place and without the order of keys."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return ("list", *map(_form, node.items))
        case Mapping():
            return ("mapping", frozenset((key.text, _form(value)) for key, value in node))


def _title(rule: Mapping) -> str:
    name = rule.get("name")
    return f"{name.text if isinstance(name, Scalar) else 'a rule'} ({rule.file}:{rule.line})"
