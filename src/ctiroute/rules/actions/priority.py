"""`priority`: the place in the queue; CTI_PRIORITY, which the dialplan gives to QUEUE_PRIO. Higher is served first.

Where several rules add to a call, the highest of theirs stands: what makes it urgent is not undone by where it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import integer
from ctiroute.rules import fragments as shape
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

MAX_PRIORITY = 1000  # far beyond any scheme in use, far below what app_queue can hold


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action."""
    priority = integer(0, MAX_PRIORITY)(node)

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.priority = max(draft.priority, priority)

    return Deed(effect)


KIND = ActionKind(
    "priority",
    "The call's place in the queue: higher is served first.",
    read,
    shape.integer(0, MAX_PRIORITY),
    "10",
    requires=frozenset({"queue", "continue"}),
)
