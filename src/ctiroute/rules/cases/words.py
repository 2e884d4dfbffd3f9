"""A result in words: what was expected, what came, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctiroute.model import RuleTrace
    from ctiroute.rules.cases.run import Result

NOTHING = "nothing"


def differences(result: Result) -> list[str]:
    """Return a line for each expectation that was not met, with its place."""
    lines = []
    for one in result.differences:
        place = one.expectation.place
        lines.append(f"{place.file}:{place.line}:{place.column}: {one.expectation.what}")
        lines.append(f"    expected  {one.expectation.wanted or NOTHING}")
        lines.append(f"    got       {one.seen or NOTHING}")
    return lines


def trace(rules: tuple[RuleTrace, ...]) -> list[str]:
    """Return why: each rule that was tried, and what its conditions saw."""
    lines = []
    for rule in rules:
        lines.append(f"{'✓' if rule.matched else '✗'} {rule.rule}")
        lines += [f"    {'✓' if one.matched else '✗'} {one.condition}: wants {one.wanted}; saw {one.seen}" for one in rule.verdicts]
    if not rules or not rules[-1].matched:
        lines.append("no rule took the call: the default way")
    return lines


def failure(result: Result) -> str:
    """Return all of it as one text."""
    lines = [f"{result.case.title} ({result.case.file}:{result.case.line})"]
    lines += [f"  {line}" for line in differences(result)]
    lines += ["  why:", *(f"    {line}" for line in trace(result.answer.decision.trace.rules))]
    return "\n".join(lines)
