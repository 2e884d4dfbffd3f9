"""`queue`: how a queue stands right now: its members, who of them is free, who waits. What is not known does not hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import duration, fields, integer
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts, Needs
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.limits import fragments_of, limited
from ctiroute.rules.names import name
from ctiroute.rules.words import age_in_words, span_in_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctiroute.documents import Node
    from ctiroute.model import QueueState
    from ctiroute.rules.fragments import Fragment
    from ctiroute.rules.limits import Limits

MAX_COUNT = 100_000
NOT_KNOWN = "not known"
_COUNTS: dict[str, tuple[str, Callable[[QueueState, datetime], float]]] = {
    "members": ("members", lambda state, _now: state.members),
    "free": ("free", lambda state, _now: state.free),
    "waiting": ("waiting", lambda state, _now: state.waiting),
}
_MEASURES = {**_COUNTS, "longest_wait": ("longest wait", lambda state, now: state.longest_wait_at(now))}


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition."""
    with fields(node, "queue") as f:
        queue = f.require("name", name("queue", scope.names.queues))
        limits = {key: f.get(key, limited(integer(0, MAX_COUNT), float, str), None) for key in _COUNTS}
        limits["longest_wait"] = f.get("longest_wait", limited(duration, lambda span: span.total_seconds(), span_in_words), None)
        if len(f.node.entries) < 2 and "name" in f:  # noqa: PLR2004 - its name and one thing to ask about it
            f.wrong(node, f"expected at least one of: {', '.join(_MEASURES)}")
    asked = {key: limit for key, limit in limits.items() if limit is not None}
    tests = tuple((_MEASURES[key][1], limit.fits) for key, limit in asked.items())

    def test(facts: Facts) -> Bound | None:
        state = facts.queues.get(queue)
        if state is None:
            return None
        return HOLDS if all(fits(measure(state, facts.now)) for measure, fits in tests) else None

    def seen(facts: Facts) -> str:
        state = facts.queues.get(queue)
        if state is None:
            return f"{queue} {NOT_KNOWN}"
        wait = f", the longest {age_in_words(timedelta(seconds=state.longest_wait_at(facts.now)))}" if state.waiting else ""
        return f"{queue}: {state.members} members, {state.free} free, {state.waiting} waiting{wait}"

    wanted = ", ".join([queue, *(_worded(key, limit) for key, limit in asked.items())])
    return Probe(test, seen, wanted, Needs(queues=frozenset({queue})))


def _limited(value: Fragment) -> Fragment:
    return shape.short_or(value, shape.mapping(fragments_of(value), least=1))


KIND = ConditionKind(
    "queue",
    "How a queue stands now: members, who is free, who waits and how long.",
    read,
    shape.mapping(
        {
            "name": shape.about(shape.name("queue", shape.QUEUE), "The queue asked about."),
            **{
                key: shape.about(_limited(shape.integer(0, MAX_COUNT)), said)
                for key, said in (
                    ("members", "Phones signed in to it."),
                    ("free", "Of those, how many could ring now."),
                    ("waiting", "Callers in it."),
                )
            },
            "longest_wait": shape.about(_limited(shape.duration()), "How long the first of them has waited."),
        },
        required=["name"],
        least=2,
    ),
    "{name: promo, free: {at_least: 1}, waiting: {at_most: 5}, longest_wait: {below: 2m}}",
)


def _worded(key: str, limit: Limits) -> str:
    word = _MEASURES[key][0]
    return f"{word} {limit.words}" if key == "longest_wait" else f"{limit.words} {word}"
