"""`vars`: further channel variables, CTI_X_<NAME>, for the company's own dialplan. Values may be templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, mapping_of, refuse, text
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions.texts import template
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import to_alphabet
from ctiroute.rules.template import Subject, fill_value

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

MAX_VARIABLES = 20  # each costs Asterisk a set, and all have to fit one AGI command
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action."""
    templates = mapping_of(_value, key=_name)(node)
    if len(templates) > MAX_VARIABLES:
        refuse(node, f"expected at most {MAX_VARIABLES} variables")

    def effect(draft: Draft, facts: Facts, bound: Bound) -> None:
        subject = Subject(facts.context, bound.touch, bound.interaction, facts.now)
        for name, value in templates.items():
            draft.variables[name] = fill_value(value, subject) if "{" in value else value

    return Deed(effect)


KIND = ActionKind(
    "vars",
    "Further channel variables for the dialplan, CTI_X_<NAME>.",
    read,
    shape.mapping_of(
        shape.value(),
        keys=f"^{_NAME.pattern}$",
        meaning="the name of a variable: capital letters, digits and _",
        most=MAX_VARIABLES,
    ),
    '{CAMPAIGN: "{touch.campaign_key}", SOURCE: campaign}',
)


def _name(key: Scalar) -> str:
    if not _NAME.fullmatch(key.text):
        refuse(key, "expected the name of a variable", "capital letters, digits and _, at most 32; CTI_X_ is put before it")
    return key.text


def _value(node: Node) -> str:
    value = text(node)
    if "{" in value or "}" in value:
        return template(node)
    if to_alphabet(value) != value:
        refuse(node, "expected a value for the dialplan", "Latin letters, digits and _ . : @ / + & - only, at most 128")
    return value
