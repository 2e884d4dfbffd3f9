"""`available`: an operator's phone could ring now: who talked last with this caller, who owns the open matter, or somebody by name."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, duration, fields, one_or_list
from ctiroute.model import InteractionStatus
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts, Needs
from ctiroute.rules.kinds import ConditionKind, Probe, Scope
from ctiroute.rules.names import name
from ctiroute.rules.words import span_in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.documents import Node

LAST, OWNER = "last", "owner"
_WORDS = {LAST: "the last operator", OWNER: "the owner"}
NOT_KNOWN = "not known who is available"


def read(node: Node, _scope: Scope) -> Probe:
    """Compile the condition; `available: last` is short for `available: {who: last}`."""
    within: timedelta | None = None
    if isinstance(node, Mapping):
        with fields(node, "available") as f:
            who = f.require("who", one_or_list(name("operator")))
            within = f.get("within", duration, None)
            if within is not None and not f.faults and LAST not in who:
                f.wrong(f.node.entries["within"][0], "only asks about the last operator", "remove it, or ask for last")
    else:
        who = one_or_list(name("operator"))(node)
    finders: tuple[Callable[[Facts], str | None], ...] = tuple(_finder(one, within) for one in who)

    def test(facts: Facts) -> Bound | None:
        available = facts.available
        if available is None:
            return None
        return HOLDS if any(find(facts) in available for find in finders) else None

    def seen(facts: Facts) -> str:
        available = facts.available
        if available is None:
            return NOT_KNOWN
        found = [find(facts) for find in finders]
        words = [
            f"{one} is {'' if one in available else 'not '}available" if one else f"no {_short(it)}"
            for it, one in zip(who, found, strict=True)
        ]
        return ", ".join(words)

    wanted = " or ".join(_WORDS.get(one, one) for one in who) + " available"
    needs = Needs(calls=within or timedelta(), available=True, operators=frozenset(who) - {LAST, OWNER})
    return Probe(test, seen, wanted + (f", talked within {span_in_words(within)}" if within else ""), needs)


KIND = ConditionKind(
    "available",
    "An operator's phone could ring now: `last`, `owner`, or a sign-in name.",
    read,
    shape.short_or(
        shape.many(shape.name("operator", shape.OPERATOR)),
        shape.mapping(
            {
                "who": shape.about(
                    shape.many(shape.name("operator", shape.OPERATOR)),
                    "last (who talked last with this caller), owner (of the open interaction), or a sign-in name.",
                    LAST,
                    OWNER,
                ),
                "within": shape.about(shape.duration(), "The last talk was at most so long ago.", "30d"),
            },
            required=["who"],
        ),
    ),
    "last",
)


def last_operator(facts: Facts, within: timedelta | None = None) -> str | None:
    """Return who talked last with this caller and still has a phone, as an operator_id; None: nobody."""
    since = facts.now - within if within else None
    for call in facts.context.calls:  # newest first
        if since is not None and call.received_at < since:
            return None
        operator = facts.operators.get(call.operator_id) if call.operator_id else None
        if operator is not None and operator.interfaces:
            return operator.operator_id
    return None


def owner(facts: Facts) -> str | None:
    """Return who handles the newest interaction that is not over and has an owner."""
    alive = (one for one in facts.context.interactions if one.status is not InteractionStatus.CLOSED)
    return next((one.owner for one in alive if one.owner), None)


def _finder(who: str, within: timedelta | None) -> Callable[[Facts], str | None]:
    if who == LAST:
        return lambda facts: last_operator(facts, within)
    return owner if who == OWNER else lambda _facts: who


def _short(who: str) -> str:
    return "operator talked with this caller" if who == LAST else "interaction has an owner"
