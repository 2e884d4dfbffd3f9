"""Which rules and conditions the cases reach. A condition is tried when some case sees it hold and another sees it fail.

Counted as calls go: rules in order up to the one that took the call, conditions of a rule up to the first that fails; of alternatives
(`any`) each up to the one that holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ctiroute.rules.when import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctiroute.rules.cases.run import Result
    from ctiroute.rules.facts import Facts
    from ctiroute.rules.ruleset import Rule, Ruleset
    from ctiroute.rules.when import Condition


@dataclass(slots=True)
class ConditionCount:
    """How often one condition was seen to hold, and to fail."""

    where: str  # "touch", "any[1].caller"
    held: int = 0
    failed: int = 0


@dataclass(slots=True)
class RuleCount:
    """How often one rule took a call, and what its conditions did."""

    rule: str
    file: str
    line: int
    taken: int = 0
    conditions: list[ConditionCount] = field(default_factory=list)

    @property
    def points(self) -> int:
        """What there is to reach: the rule itself, and each condition both ways."""
        return 1 + 2 * len(self.conditions)

    @property
    def reached(self) -> int:
        """What was reached of it."""
        return bool(self.taken) + sum(bool(one.held) + bool(one.failed) for one in self.conditions)

    @property
    def missing(self) -> tuple[str, ...]:
        """What no case reaches, in words."""
        never = [] if self.taken else ["never taken"]
        never += [f"{one.where} never holds" for one in self.conditions if not one.held]
        never += [f"{one.where} never fails" for one in self.conditions if not one.failed]
        return tuple(never)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a whole suite reaches."""

    rules: tuple[RuleCount, ...]
    default_taken: int

    @property
    def percent(self) -> float:
        """How much of rules, conditions and default is reached, 0 to 100."""
        points = 1 + sum(rule.points for rule in self.rules)
        reached = bool(self.default_taken) + sum(rule.reached for rule in self.rules)
        return 100 * reached / points

    @property
    def taken(self) -> int:
        """How many rules took a call at least once."""
        return sum(bool(rule.taken) for rule in self.rules)


def cover(results: Iterable[Result], ruleset: Ruleset) -> Coverage:
    """Return what these cases reach."""
    counts = [RuleCount(rule.name, rule.file, rule.line) for rule in ruleset.rules]
    by_condition = [_counts_of(rule, count) for rule, count in zip(ruleset.rules, counts, strict=True)]
    default_taken = 0
    for result in results:
        facts, taken_by = result.case.given.facts, result.answer.decision.rule
        default_taken += taken_by is None
        for rule, count, conditions in zip(ruleset.rules, counts, by_condition, strict=True):
            if _walk(rule.when, facts, conditions):
                count.taken += 1
            if rule.name == taken_by:
                break
    return Coverage(tuple(counts), default_taken)


def _counts_of(rule: Rule, count: RuleCount) -> dict[int, ConditionCount]:
    """Return a count for each condition that is no composite, by identity; composites are what is in them."""
    found: dict[int, ConditionCount] = {}

    def add(conditions: tuple[Condition, ...]) -> None:
        for condition in conditions:
            if condition.parts:
                for part in condition.parts:
                    add(part)
            elif id(condition) not in found:  # a named one may stand in several places
                found[id(condition)] = ConditionCount(condition.where)
                count.conditions.append(found[id(condition)])

    add(rule.when)
    return found


def _walk(conditions: tuple[Condition, ...], facts: Facts, counts: dict[int, ConditionCount]) -> bool:
    """Go through conditions that all have to hold, up to the first that fails."""
    return all(_ask(condition, facts, counts) for condition in conditions)


def _ask(condition: Condition, facts: Facts, counts: dict[int, ConditionCount]) -> bool:
    if condition.parts:
        for part in condition.parts:
            if _walk(part, facts, counts) and condition.where.rpartition(".")[2] == ANY:
                break
    try:
        holds = condition.test(facts) is not None
    except Exception:  # noqa: BLE001 - a condition that fails does not hold, for real calls either
        holds = False
    if (count := counts.get(id(condition))) is not None:
        if holds:
            count.held += 1
        else:
            count.failed += 1
    return holds
