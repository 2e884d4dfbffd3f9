"""A rule that looks back further than what it asks for is kept. It works, and finds less than it says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.errors import Fault
from ctiroute.rules.lint.finding import WARNING, Lint
from ctiroute.rules.when import needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ctiroute.rules.lint.subject import Subject
    from ctiroute.rules.ruleset import Ruleset


def beyond(ruleset: Ruleset, kept_days: Mapping[str, int | None]) -> Iterator[Fault]:
    """Yield the rules that look back further than `kept_days` says for "touches", "calls", "interactions"; None: kept for ever."""
    for rule in ruleset.rules:
        needs = needs_of(rule.when)
        for kind, days in kept_days.items():
            asked: timedelta = getattr(needs, kind)
            if days is not None and asked > timedelta(days=days):
                message = f"rule {rule.name} looks back {asked / timedelta(days=1):g} days for {kind}, which are kept for {days}"
                hint = f"keep them for longer (retention.{kind}_days), or ask for less"
                yield Fault(rule.file, rule.line, 1, message, hint=hint)


def find(subject: Subject) -> Iterator[Fault]:
    """Yield them, where the settings are known."""
    return beyond(subject.ruleset, subject.known.kept_days)


LINT = Lint("beyond-retention", WARNING, "A rule looks back further than what it asks for is kept.", find)
