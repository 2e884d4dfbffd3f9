"""The compiled rules: immutable, with a default, so that every call has a destination by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from ctiroute.rules.facts import LEAST_NEEDS, Bound, Facts, Needs
from ctiroute.rules.index import Index
from ctiroute.rules.messages import MessageRule
from ctiroute.rules.then import Plan
from ctiroute.rules.when import Condition, guards_of


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One entry of the files."""

    name: str
    when: tuple[Condition, ...]  # all have to hold; empty: every call
    then: Plan
    test: Callable[[Facts], Bound | None]  # `when` in one piece; may raise
    file: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """All rules, first match first. Made by `load_ruleset`."""

    rules: tuple[Rule, ...]
    default: Plan  # of calls that no rule takes
    version: str  # 12 hex digits: the same texts give the same version
    zone: tzinfo = UTC  # in which texts write times
    needs: Needs = LEAST_NEEDS  # how far back rules and timeline look
    files: tuple[str, ...] = ()  # as the user named them, in the order they were read
    messages: tuple[MessageRule, ...] = ()  # over messages of other media
    index: Index = field(init=False, repr=False)  # which of `rules` a call could match

    def __post_init__(self) -> None:
        """Make the index of the rules."""
        object.__setattr__(self, "index", Index([guards_of(rule.when) for rule in self.rules]))
