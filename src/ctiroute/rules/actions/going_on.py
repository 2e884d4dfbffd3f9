"""`continue: true`: the rule adds what it says to the decision and leaves the call to the rules after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import boolean, refuse
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

CONTINUE = "continue"


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action: it is known from the file alone, and does nothing to the draft."""
    if not boolean(node):
        refuse(node, "a rule ends the search as long as it does not say otherwise", "write true, or leave it out")

    def effect(_draft: Draft, _facts: Facts, _bound: Bound) -> None:
        pass

    return Deed(effect)


KIND = ActionKind(
    CONTINUE,
    "The rule adds to the decision, and the rules after it are asked, too.",
    read,
    {"const": True},
    "true",
    excludes=frozenset({"queue", "operator", "menu", "extension"}),
)
