"""`tags`: words under which reports find a call, kept with it and shown on the pop. Those of every rule that added to it are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import one_or_list, refuse
from ctiroute.rules import fragments as shape
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import name

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

MAX_TAGS = 20  # of one call; nobody reads more beside a ringing phone


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action."""
    tags = tuple(dict.fromkeys(one_or_list(name("tag"))(node)))
    if len(tags) > MAX_TAGS:
        refuse(node, f"expected at most {MAX_TAGS} tags")

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.tags = tuple(dict.fromkeys((*draft.tags, *tags)))[:MAX_TAGS] if draft.tags else tags

    return Deed(effect)


KIND = ActionKind(
    "tags",
    "Words under which reports find the call, shown on the pop.",
    read,
    shape.many(shape.name("tag")),
    "[campaign, autumn]",
)
