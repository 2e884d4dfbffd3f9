"""What cases reach of rules and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.rules.cases import cover
from tests.unit.rules.cases.conftest import RULES, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules.cases import Coverage, Result

    Run = Callable[..., tuple[Result, ...]]


def covered(results: Run, *givens: str, rules: str = RULES) -> Coverage:
    """Return what these facts reach."""
    cases = "\n".join(f"  - {{name: c{place}, given: {{{given}}}, expect: {{about: '*'}}}}" for place, given in enumerate(givens))
    return cover(results(cases, rules), rules_of(rules))


def test_what_nobody_asks_is_missing(results: Run) -> None:
    """A call that the first rule takes says nothing about those behind it."""
    coverage = covered(results, "touch: {campaign: autumn-a-sms, sent: now}")
    _, campaign, form, night = coverage.rules
    assert (campaign.taken, campaign.missing) == (1, ("touch never fails",))
    assert form.missing == ("never taken", "interaction never holds", "interaction never fails")
    assert [one.where for one in night.conditions] == ["any[0].not.hours", "any[1].caller"]
    assert (coverage.taken, coverage.default_taken) == (2, 0)
    assert coverage.percent == pytest.approx(100 * 4 / 15)


def test_branches_are_counted_one_by_one(results: Run) -> None:
    """Of alternatives those behind the one that holds are not asked."""
    night = covered(results, "now: '2026-11-20 20:00'").rules[3]
    assert night.missing == ("any[0].not.hours never holds", "any[1].caller never holds", "any[1].caller never fails")
    night = covered(results, "now: '2026-11-20 20:00'", "caller: withheld").rules[3]
    assert night.missing == ("any[1].caller never fails",)


def test_everything_can_be_reached(results: Run) -> None:
    """One hundred per cent is possible, and means it."""
    coverage = covered(
        results,
        "touch: {campaign: autumn-a-sms, sent: now}",
        "interaction: {topic: credit, updated: now}",
        "now: '2026-11-20 20:00'",
        "caller: withheld",
        "dialed: '+380440000000'",
    )
    assert coverage.percent == 100
    assert [rule.missing for rule in coverage.rules] == [(), (), (), ()]
    assert coverage.default_taken == 1


def test_conditions_behind_a_failed_one_are_not_asked(results: Run) -> None:
    """As for a real call."""
    rules = "rules: [{name: a, when: {customer: known, caller: {withheld: false}}, then: {queue: q}}]\ndefault: {}\ntimezone: Europe/Kyiv"
    (rule,) = covered(results, "caller: '+380501110000'", rules=rules).rules
    assert [(one.where, one.held, one.failed) for one in rule.conditions] == [("customer", 0, 1), ("caller", 0, 0)]
