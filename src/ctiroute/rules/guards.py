"""Guards: what a call must have for a condition to hold at all, said so that an index can use it. Knows no rule and no kind of condition.

A guard is necessary, never sufficient: it may let a rule through that does not match, it never keeps one out that would.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ctiroute.rules.facts import Facts
from ctiroute.rules.globs import literal_head

MAX_HEADS = 100  # a list of numbers may be long and stand in many rules; beyond this its test alone decides
_ANYTHING = frozenset({""})  # every text begins with it: there has to be a value, whatever it is


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing of a call that many rules look at: the campaigns of its touches, the number that was dialled."""

    name: str
    values: Callable[[Facts], Iterable[str]] = field(compare=False)  # what this call has; may raise where facts are broken
    fold: bool = field(default=False, compare=False)  # case does not count: the heads of its guards are folded


@dataclass(frozen=True, slots=True)
class Guard:
    """At least one value of the call in some dimension begins with one of `heads` and `fits`, or the condition does not hold."""

    heads: frozenset[str]
    fits: Callable[[str], bool]  # depends on the value alone


Guards = Mapping[Dimension, Guard]  # all of them are necessary


def by_heads(heads: Collection[str], fits: Callable[[str], bool]) -> Guard:
    """Return the guard of values that begin with one of `heads` and fit."""
    return Guard(frozenset(heads) if len(heads) <= MAX_HEADS else _ANYTHING, fits)


def by_patterns(patterns: Collection[str], fits: Callable[[str], bool] | None, *, fold: bool = False) -> Guard:
    """Return the guard of values that match one of `patterns`, as `fits` says; without patterns any value will do."""
    if fits is None:
        return Guard(_ANYTHING, lambda _value: True)
    return by_heads([literal_head(one.casefold() if fold else one) for one in patterns], fits)


def of_all(parts: Iterable[Guards]) -> Guards:
    """Return the guards of conditions that all have to hold: those of each. Of two in one dimension the narrower one is kept."""
    joined: dict[Dimension, Guard] = {}
    for guards in parts:
        for dimension, guard in guards.items():
            if dimension not in joined or "" in joined[dimension].heads:
                joined[dimension] = guard
    return joined


def of_any(branches: Iterable[Guards]) -> Guards:
    """Return the guards of alternatives: in the dimensions where every one of them has a guard, either of these."""
    first, *others = branches
    shared = [dimension for dimension in first if all(dimension in other for other in others)]
    return {dimension: _either([first[dimension], *(other[dimension] for other in others)]) for dimension in shared}


def _either(guards: list[Guard]) -> Guard:
    guards = list(dict.fromkeys(guards))  # a named condition may stand in every branch
    if len(guards) == 1:
        return guards[0]
    tests = tuple(guard.fits for guard in guards)
    return by_heads(frozenset().union(*(guard.heads for guard in guards)), lambda value: any(test(value) for test in tests))
