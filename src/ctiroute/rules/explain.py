"""Why: every rule, every condition, the value it saw and where that came from. Never on the call path.

A decision's own trace ends with the rule that took the call and says of a rule that failed only its first failure; here nothing is left
out, also what was never asked. The facts are the same, so the answers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ctiroute.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.rules.facts import Facts
    from ctiroute.rules.ruleset import Rule, Ruleset
    from ctiroute.rules.when import Condition

MAX_CAUSE = 200  # characters of a failure


class Origin(StrEnum):
    """Where a value comes from."""

    CALL = "the call"  # what the network says
    CLOCK = "the clock"  # and the opening hours of the files
    SWITCH = "the switch"  # queues and phones, as last heard
    KNOWN = "what is known"  # touches, interactions, customer, earlier calls: from the sources of the context
    RECKONED = "worked out"  # follows from the others


_ORIGINS = {
    "caller": Origin.CALL,
    "dialed": Origin.CALL,
    "medium": Origin.CALL,
    "hours": Origin.CLOCK,
    "queue": Origin.SWITCH,
    "available": Origin.SWITCH,
    "sample": Origin.RECKONED,
    "reason": Origin.RECKONED,
}


class Standing(StrEnum):
    """What became of a rule."""

    TOOK = "took the call"
    ADDED = "added to it, and went on"
    HOLDS = "holds, but an earlier rule took the call"
    FAILED = "does not hold"


@dataclass(frozen=True, slots=True)
class Step:
    """One condition of a rule, or what joins several."""

    depth: int  # 0: stands in the rule itself
    verdict: Verdict  # of what joins several, `seen` is "": its parts follow
    origin: Origin | None  # None: joins several


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """One rule, whole."""

    rule: str
    file: str
    line: int
    standing: Standing
    steps: tuple[Step, ...]


def explain(ruleset: Ruleset, facts: Facts, taken_by: str | None) -> tuple[RuleExplanation, ...]:
    """Return every rule with every condition; `taken_by` is the rule that took the call (`Decision.rule`). Never raises."""
    found: list[RuleExplanation] = []
    over = False
    for rule in ruleset.rules:
        holds = _holds(rule, facts)
        standing = Standing.FAILED
        if holds:
            standing = Standing.HOLDS if over else Standing.TOOK if rule.name == taken_by else Standing.ADDED
        over = over or rule.name == taken_by
        found.append(RuleExplanation(rule.name, rule.file, rule.line, standing, tuple(_steps(rule.when, facts, 0))))
    return tuple(found)


def _holds(rule: Rule, facts: Facts) -> bool:
    try:
        return rule.test(facts) is not None
    except Exception:  # noqa: BLE001 - a rule that fails does not hold, for real calls either; its steps say why
        return False


def _steps(conditions: tuple[Condition, ...], facts: Facts, depth: int) -> Iterator[Step]:
    for condition in conditions:
        kind = condition.where.rpartition(".")[2]
        if condition.parts:
            yield Step(depth, Verdict(condition.where, condition.wanted, "", matched=_test(condition, facts)), None)
            for part in condition.parts:
                yield from _steps(part, facts, depth + 1)
            continue
        try:
            verdicts = condition.explain(facts)
        except Exception as error:  # noqa: BLE001 - the same
            verdicts = (Verdict(condition.where, condition.wanted, f"failed: {error!r}"[:MAX_CAUSE], matched=False),)
        for verdict in verdicts:
            yield Step(depth, verdict, _ORIGINS.get(kind, Origin.KNOWN))


def _test(condition: Condition, facts: Facts) -> bool:
    try:
        return condition.test(facts) is not None
    except Exception:  # noqa: BLE001 - the same
        return False
