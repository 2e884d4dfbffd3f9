"""Explanations agree with decisions, and leave nothing out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.engine.decide import decide
from ctiroute.rules import load_ruleset
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.explain import Origin, Standing, explain

if TYPE_CHECKING:
    from tests.unit.rules.conftest import World

RULES = """\
rules:
  - {name: adds, when: {caller: {withheld: false}}, then: {continue: true, tags: a}}
  - {name: vip, when: {customer: {attributes: {segment: vip}}, dialed: "+380441234567"}, then: {queue: vip}}
  - {name: either, when: {any: [{caller: {country: KZ}}, {not: {customer: known}}]}, then: {queue: other}}
  - {name: late, when: {}, then: {queue: late}}
default: {menu: main}
"""


@pytest.mark.parametrize(("segment", "taken"), [("vip", "vip"), ("gold", "late"), (None, "either")])
def test_what_is_explained_is_what_was_decided(world: World, segment: str | None, taken: str) -> None:
    """One rule took the call, those before it failed or only added to it, those behind it are said to hold or not."""
    if segment:
        world.known(segment=segment)
    ruleset = load_ruleset([("r.yml", RULES)])
    decision = decide(world.request, world.context, ruleset, world.now, {})
    found = explain(ruleset, world.facts, decision.rule)
    assert decision.rule == taken
    assert [rule.rule for rule in found] == ["adds", "vip", "either", "late"]
    assert [rule.rule for rule in found if rule.standing is Standing.TOOK] == [taken]
    assert [rule.rule for rule in found if rule.standing is Standing.ADDED] == list(decision.added)
    traced = {rule.rule: rule for rule in decision.trace.rules}
    for rule in found[: [one.rule for one in found].index(taken) + 1]:
        assert (rule.standing is not Standing.FAILED) == traced[rule.rule].matched
        conditions = {step.verdict.condition: step.verdict for step in rule.steps}
        assert all(verdict == conditions[verdict.condition] for verdict in traced[rule.rule].verdicts if conditions[verdict.condition].seen)


def test_every_condition_is_shown_with_where_its_value_comes_from(world: World) -> None:
    """Also behind one that fails, and in every branch."""
    _, vip, either, late = explain(load_ruleset([("r.yml", RULES)]), world.facts, "either")
    assert [(step.verdict.condition, step.verdict.matched, step.origin) for step in vip.steps] == [
        ("customer", False, Origin.KNOWN),
        ("dialed", True, Origin.CALL),
    ]
    assert [(step.depth, step.verdict.condition, step.verdict.matched) for step in either.steps] == [
        (0, "any", True),
        (1, "any[0].caller", False),
        (1, "any[1].not", True),
        (2, "any[1].not.customer", False),
    ]
    assert late.standing is Standing.HOLDS
    assert late.steps == ()


def test_a_condition_that_breaks_says_so(world: World) -> None:
    """It does not hold, and costs the explanation of the others nothing."""
    world.touches = (None,)  # type: ignore[assignment]  # facts as a broken source would give them
    text = "rules: [{name: a, when: {touch: {within: 1d}, caller: {withheld: false}}, then: {queue: q}}]\ndefault: {}\n"
    (rule,) = explain(load_ruleset([("r.yml", text)]), world.facts, None)
    assert rule.standing is Standing.FAILED
    first, second = rule.steps
    assert first.verdict.seen.startswith("failed: AttributeError")
    assert second.verdict.matched


def test_where_values_come_from_is_known_of_every_condition() -> None:
    """A new condition that looks at the switch or the clock is named there; what is not named comes from what is known of the caller."""
    assert set(CONDITIONS) == {
        *("caller", "dialed", "medium", "hours", "queue", "available", "sample", "reason"),
        *("touch", "interaction", "customer", "repeat"),
    }
