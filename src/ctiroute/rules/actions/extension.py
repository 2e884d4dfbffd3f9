"""`extension`: go to an extension of the dialplan's allowed context; CTI_ACTION=extension, CTI_EXTENSION."""

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
    extension = name("extension", scope.names.extensions)(node)

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.extension = extension

    return Deed(effect)


KIND = ActionKind(
    "extension",
    "The call goes to this extension of the dialplan's allowed context.",
    read,
    shape.name("extension", shape.EXTENSION),
    "2099",
    excludes=frozenset({"queue", "operator", "menu", "continue"}),
)
