"""`announce`: a sound file the dialplan plays first; CTI_ANNOUNCE, for Playback()."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.rules import fragments as shape
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope
from ctiroute.rules.names import name

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts


def read(node: Node, _scope: Scope) -> Deed:
    """Compile the action."""
    sound = name("sound file")(node)

    def effect(draft: Draft, _facts: Facts, _bound: Bound) -> None:
        draft.announce = sound

    return Deed(effect)


KIND = ActionKind(
    "announce",
    "A sound file the caller hears first.",
    read,
    shape.name("sound file"),
    "custom/sorry&custom/short-wait",
)
