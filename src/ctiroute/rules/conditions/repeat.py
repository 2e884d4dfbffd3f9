"""`repeat`: this caller has called before, so many times in a window. The call being decided does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import choice, duration, fields, integer, one_or_list
from ctiroute.model import Outcome
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts, Needs
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.words import span_in_words

if TYPE_CHECKING:
    from ctiroute.documents import Node

MAX_COUNT = 20  # a source returns no more calls than this (CallerQuery.limit)


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "repeat") as f:
        count = f.get("count", integer(1, MAX_COUNT), 1)
        within = f.require("within", duration)
        outcomes = f.get("outcome", one_or_list(choice(*Outcome)), ())

    def calls(facts: Facts) -> int:
        since = facts.now - within
        return sum(1 for call in facts.context.calls if call.received_at >= since and (not outcomes or call.outcome in outcomes))

    def test(facts: Facts) -> Bound | None:
        return HOLDS if len(facts.context.calls) >= count and calls(facts) >= count else None

    def seen(facts: Facts) -> str:
        number = calls(facts)
        return f"{number} earlier call{'' if number == 1 else 's'}"

    kind = f"{' or '.join(outcomes)} " if outcomes else ""
    return Probe(test, seen, f"{count} or more earlier {kind}calls within {span_in_words(within)}", Needs(calls=within))


KIND = ConditionKind(
    "repeat",
    "This caller has called before, so many times in a window.",
    read,
    shape.mapping(
        {
            "count": shape.about(shape.integer(1, MAX_COUNT), "So many earlier calls at least; 1 where it is not given."),
            "within": shape.about(shape.duration(), "Calls of at most so long ago.", "1h"),
            "outcome": shape.about(shape.many(shape.words(*Outcome)), "How they ended; without it any end will do."),
        },
        required=["within"],
    ),
    "{count: 2, within: 1h, outcome: abandoned}",
)
