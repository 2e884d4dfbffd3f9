"""One module for each action a rule may take; this is their list. Reader, docs and their test walk it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.rules.actions import announce, extension, going_on, language, menu, offers, operator, pop, priority, queue, tags, variables

if TYPE_CHECKING:
    from ctiroute.rules.kinds import ActionKind

ACTIONS: dict[str, ActionKind] = {
    module.KIND.name: module.KIND
    for module in (queue, priority, operator, menu, extension, announce, language, variables, tags, pop, offers, going_on)
}
