"""The JSON Schema of a rule file, put together from what each condition and action says of its own shape.

Draft-07, which yaml-language-server (and with it most editors) knows best. What a file means is for the reader to say: a schema sees no
other file, so it does not know which lists there are. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ctiroute.documents import Mapping, Node, Scalar, Sequence, load
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions import ACTIONS
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.headings import link, of_action
from ctiroute.rules.sections import SECTIONS
from ctiroute.rules.when import ALL, ANY, COMPOSITES, NOT, USE

if TYPE_CHECKING:
    from ctiroute.rules.fragments import Fragment
    from ctiroute.rules.kinds import ActionKind, ConditionKind

DIALECT = "http://json-schema.org/draft-07/schema#"
_COMPOSITES: dict[str, Fragment] = {
    ALL: shape.list_of(shape.reference("some-conditions")),
    ANY: shape.list_of(shape.reference("some-conditions")),
    NOT: shape.reference("some-conditions"),
    USE: shape.many(shape.text(shape.CONDITION)),
}
# A constant may stand in the place of any value, and only the reader knows what it holds.
_CONSTANT = "constant"
_NO_VALUES = frozenset({"if", "not", "propertyNames", "dependencies"})  # what says which shape to take, not what a value may be


def schema() -> dict[str, Any]:
    """Return the schema of one rule file, ready for `json.dumps`."""
    return {
        "$schema": DIALECT,
        "title": "ctiroute rules",
        "description": "One file of a folder of rules: the first rule whose conditions all hold takes the call.",
        **_published(shape.mapping({key: shape.about(one.fragment, one.summary) for key, one in SECTIONS.items()})),
        "definitions": {
            _CONSTANT: {"type": "string", "pattern": r"\$\{[^{}.]+\}"},
            **{name: _published(fragment) for name, fragment in definitions().items()},
        },
    }


@cache
def definitions() -> MappingABC[str, Fragment]:
    """Return what fragments refer to by name, with their marks: lint reads files along it."""
    when = {name: _described(kind, name) for name, kind in CONDITIONS.items()}
    when |= {name: shape.about(_COMPOSITES[name], _with_link(summary, name)) for name, summary in COMPOSITES.items()}
    then = {name: _described(kind, of_action(name)) for name, kind in ACTIONS.items()}
    conditions, actions = shape.mapping(when), {**shape.mapping(then), **_neighbours()}
    made = {
        "conditions": shape.about(conditions, "Conditions, all of which have to hold; {} holds for every call."),
        "some-conditions": shape.about({**conditions, "minProperties": 1}, "Conditions, all of which have to hold."),
        "actions": shape.about(actions, "What happens to the call."),
    }
    return MappingProxyType(made)


def plain(node: Node) -> Any:
    """Return a tree as lists, dictionaries and values, as other readers of YAML would give it."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node}


def _described(kind: ConditionKind | ActionKind, heading: str) -> Fragment:
    examples = [plain(load(kind.example, "example"))] if kind.example else []
    return shape.about(kind.schema, _with_link(kind.summary, heading), *examples)


def _with_link(summary: str, heading: str) -> str:
    return f"{summary} See {link(heading)}"


def _neighbours() -> dict[str, Any]:
    """Return which actions need another beside them, and which cannot stand together."""
    made: dict[str, Any] = {}
    for kind in ACTIONS.values():
        if kind.excludes:
            made[kind.name] = {"properties": dict.fromkeys(sorted(kind.excludes), False)}
        if kind.requires:
            alone = {"required": [kind.name], "properties": dict.fromkeys(sorted(kind.requires), False)}
            made[kind.name] = {**made.get(kind.name, {}), "not": alone}
    return {"dependencies": made} if made else {}


def _published(fragment: Any, *, value: bool = True) -> Any:
    """Return a fragment without our own marks, and with room for constants where it is that of a `value`."""
    if isinstance(fragment, MappingABC):
        made = {
            key: _published(part, value=value and key not in _NO_VALUES) for key, part in fragment.items() if not key.startswith(shape.MARK)
        }
        return _or_constant(made) if value and _is_value(fragment) else made
    return [_published(one, value=value) for one in fragment] if isinstance(fragment, list | tuple) else fragment


def _is_value(fragment: MappingABC[str, Any]) -> bool:
    """Say whether this is the shape of a value, and not of a mapping, an alternative or the properties of one."""
    kind = fragment.get("type")
    return isinstance(fragment.get("enum"), list) or isinstance(kind, list) or (isinstance(kind, str) and kind not in {"object", "null"})


def _or_constant(made: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {key: made.pop(key) for key in ("description", "examples") if key in made}
    return {**about, "if": shape.reference(_CONSTANT), "then": {}, "else": made}
