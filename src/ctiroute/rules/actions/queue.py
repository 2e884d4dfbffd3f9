"""`queue`: wait in a queue; CTI_ACTION=queue, CTI_QUEUE."""

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
    queue = name("queue", scope.names.queues)(node)

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.queue = queue

    return Deed(effect)


KIND = ActionKind(
    "queue",
    "The call waits in this queue.",
    read,
    shape.name("queue", shape.QUEUE),
    "promo",
    excludes=frozenset({"menu", "extension", "continue"}),
)
