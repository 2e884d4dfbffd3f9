"""Asks the rules about each case. The decision itself is made by whoever decides real calls: it is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.rules.cases.case import Answer, Case, Expectation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctiroute.model import Decision
    from ctiroute.rules.cases.given import Given
    from ctiroute.rules.ruleset import Ruleset

    Decide = Callable[[Given, Ruleset], Decision]


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that was not met."""

    expectation: Expectation
    seen: str  # ""; there was nothing


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case."""

    case: Case
    answer: Answer
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences


def run_cases(cases: Iterable[Case], ruleset: Ruleset, decide: Decide) -> tuple[Result, ...]:
    """Return a result for each case. `decide` must not raise, as it must not for a real call."""
    return tuple(run_case(case, ruleset, decide) for case in cases)


def run_case(case: Case, ruleset: Ruleset, decide: Decide) -> Result:
    """Return what the rules make of one case, held against what it expects."""
    answer = Answer(decide(case.given, ruleset), case.given, ruleset.zone)
    differences = []
    for one in case.expects:
        seen = one.seen(answer)
        if not one.fits(seen):
            differences.append(Difference(one, seen))
    return Result(case, answer, tuple(differences))
