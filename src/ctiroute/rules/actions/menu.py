"""`menu`: the caller hears this voice menu; CTI_ACTION=menu, CTI_MENU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.rules import fragments as shape
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import name

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts


def read(node: Node, scope: Scope) -> Deed:
    """Compile the action."""
    menu = name("menu", scope.names.menus)(node)

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.menu = menu

    return Deed(effect)


KIND = ActionKind(
    "menu",
    "The caller hears this voice menu.",
    read,
    shape.name("menu", shape.MENU),
    "welcome",
    excludes=frozenset({"queue", "operator", "extension", "continue"}),
)
