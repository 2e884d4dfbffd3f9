"""`repeat`: this caller has called before, so many times in a window. The call being decided does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import choice, duration, fields, integer, one_or_list
from ctiroute.model import Outcome
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts, Needs
from ctiroute.rules.forms import AtLeast, AtMost, Demands, OneOf, Patterns, those
from ctiroute.rules.globs import any_glob, pattern
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.words import span_in_words

if TYPE_CHECKING:
    from ctiroute.documents import Node
    from ctiroute.model import PastCall

MAX_COUNT = 20  # a source returns no more calls than this (CallerQuery.limit)


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "repeat") as f:
        count = f.get("count", integer(1, MAX_COUNT), 1)
        within = f.require("within", duration)
        outcomes = f.get("outcome", one_or_list(choice(*Outcome)), ())
        queues = f.get("queue", one_or_list(pattern), ())
    queue_fits = any_glob(queues) if queues else None

    def counts(call: PastCall) -> bool:
        return (not outcomes or call.outcome in outcomes) and (queue_fits is None or (call.queue is not None and queue_fits(call.queue)))

    def calls(facts: Facts) -> int:
        since = facts.now - within
        return sum(1 for call in facts.context.calls if call.received_at >= since and counts(call))

    def test(facts: Facts) -> Bound | None:
        return HOLDS if len(facts.context.calls) >= count and calls(facts) >= count else None

    def seen(facts: Facts) -> str:
        number = calls(facts)
        return f"{number} earlier call{'' if number == 1 else 's'}"

    def demands() -> Demands:
        return those(count=AtLeast(count), within=AtMost(within), outcome=OneOf(frozenset(outcomes)), queue=Patterns(queues))

    kind = f"{' or '.join(outcomes)} " if outcomes else ""
    to = f"to {' or '.join(queues)} " if queues else ""
    return Probe(
        test, seen, f"{count} or more earlier {kind}calls {to}within {span_in_words(within)}", Needs(calls=within), demands=demands
    )


KIND = ConditionKind(
    "repeat",
    "This caller has called before, so many times in a window.",
    read,
    shape.mapping(
        {
            "count": shape.about(shape.integer(1, MAX_COUNT), "So many earlier calls at least; 1 where it is not given."),
            "within": shape.about(shape.duration(), "Calls of at most so long ago.", "1h"),
            "queue": shape.about(shape.many(shape.pattern()), "In which queue they waited; * stands for any text."),
            "outcome": shape.about(shape.many(shape.words(*Outcome)), "How they ended; without it any end will do."),
        },
        required=["within"],
    ),
    "{count: 2, within: 1h, outcome: abandoned}",
)
