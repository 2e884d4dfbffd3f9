"""`dialed`: the number the caller dialled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, fields, one_or_list
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.guards import Dimension
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.numbers import NUMBER_FRAGMENTS, NUMBER_KEYS, Numbers, number, read_numbers

if TYPE_CHECKING:
    from ctiroute.documents import Node
DIALED = Dimension("dialed", lambda facts: (facts.request.dialed,))


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition; `dialed: "+380441234567"` is short for `dialed: {number: ...}`."""
    if isinstance(node, Mapping):
        with fields(node, "dialed") as f:
            numbers = read_numbers(f, scope)
            if not f.node.entries:
                f.wrong(node, "expected at least one of: number, prefix, list")
    else:
        exact = one_or_list(number)(node)
        numbers = Numbers(frozenset(exact), (), f"number {' or '.join(exact)}")

    def test(facts: Facts) -> Bound | None:
        return HOLDS if facts.request.dialed in numbers else None

    return Probe(
        test,
        lambda facts: facts.request.dialed or "nothing",
        numbers.wanted,
        guards={DIALED: numbers.guard},
        demands=lambda: {NUMBER_KEYS: numbers.demand},
    )


KIND = ConditionKind(
    "dialed",
    "The number the caller dialled.",
    read,
    shape.short_or(shape.many(shape.phone()), shape.mapping(NUMBER_FRAGMENTS, least=1)),
    '["+380441234567", "+380800123456"]',
)
