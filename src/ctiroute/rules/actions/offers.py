"""`offers`: what else may be proposed, from the catalogue; shown on the pop. An offer whose conditions do not hold is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.documents import did_you_mean, one_or_list, refuse, text
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import NO_NEEDS
from ctiroute.rules.kinds import ActionKind, Deed, Draft, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.rules.facts import Bound, Facts

MAX_OFFERS = 10  # a pop shows five: some may have been refused lately


def read(node: Node, scope: Scope) -> Deed:
    """Compile the action."""

    def known(one: Node) -> str:
        key = text(one)
        if key not in scope.offers:
            refuse(one, "there is no offer of this name", did_you_mean(key, scope.offers, listing=True) or "define it under offers:")
        return key

    keys = tuple(dict.fromkeys(one_or_list(known)(node)))
    entries = [entry for key in keys if (entry := scope.offers[key]) is not None]
    needs = NO_NEEDS
    for entry in entries:
        needs |= entry.needs

    def effect(draft: Draft, facts: Facts, _bound: Bound) -> None:
        fit = [entry.proposal for entry in entries if entry.test(facts) is not None]
        shown = tuple(one for one in fit if one not in draft.pop.offers)
        draft.pop = replace(draft.pop, offers=(*draft.pop.offers, *shown)[:MAX_OFFERS])

    return Deed(effect, needs)


KIND = ActionKind(
    "offers",
    "What else may be proposed to this caller, from the catalogue.",
    read,
    shape.many(shape.text()),
    "[gold-card, deposit]",
)
