"""Whether all calls that meet some conditions meet some others too. Sound, not complete: True is proven, False may be "cannot tell".

A bound on its steps keeps hostile nesting from taking long; beyond it nothing is proven any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping
from ctiroute.rules.forms import AllOf, AnyOf, Begins, Leaf, NotOf, OneOf, Patterns, written

if TYPE_CHECKING:
    from ctiroute.rules.forms import Demand, Demands, Form

MAX_STEPS = 60_000  # comparisons in one examination: some 0.3 s; long lists and patterns count for more

_SMALL = 256  # what is compared within one step


class Implication:
    """Compares forms, and remembers what each demands."""

    def __init__(self) -> None:
        self.steps = 0
        self._demands: dict[Leaf, Demands | None] = {}

    @property
    def exhausted(self) -> bool:
        """Whether the bound was reached, and nothing more can be proven."""
        return self.steps >= MAX_STEPS

    def implies(self, one: Form, other: Form) -> bool:  # noqa: PLR0911 - one for each pair of shapes
        """Say whether `other` surely holds for every call for which `one` does."""
        self.steps += 1
        if self.exhausted:
            return False
        if one is other:
            return True
        match one, other:
            case _, AllOf():
                return all(self.implies(one, part) for part in other.parts)
            case AnyOf(), _:
                return all(self.implies(branch, other) for branch in one.branches)
            case _, AnyOf() if any(self.implies(one, branch) for branch in other.branches):
                return True
            case AllOf(), _:
                return any(self.implies(part, other) for part in one.parts)
            case NotOf(), NotOf():
                return self.implies(other.part, one.part)
            case _, NotOf():
                return self.excludes(one, other.part)
            case Leaf(), Leaf():
                return self._narrower(one, other)
        return False

    def excludes(self, one: Form, other: Form) -> bool:  # noqa: PLR0911 - the same
        """Say whether no call meets both."""
        self.steps += 1
        if self.exhausted:
            return False
        match one, other:
            case AllOf(), _:
                return any(self.excludes(part, other) for part in one.parts)
            case _, AllOf():
                return any(self.excludes(one, part) for part in other.parts)
            case AnyOf(), _:
                return all(self.excludes(branch, other) for branch in one.branches)
            case _, AnyOf():
                return all(self.excludes(one, branch) for branch in other.branches)
            case NotOf(), NotOf():
                return False
            case NotOf(), _:
                return self.implies(other, one.part)
            case _, NotOf():
                return self.implies(one, other.part)
            case Leaf(), Leaf():
                return self._apart(one, other)
        return False

    def _narrower(self, one: Leaf, other: Leaf) -> bool:
        if one.kind != other.kind:
            return False
        mine, theirs = self._of(one), self._of(other)
        if mine is None or theirs is None:
            return written(one.node) == written(other.node)
        for key, demand in theirs.items():
            if key not in mine:
                return False
            self.steps += (_size(demand) * _size(mine[key])) // _SMALL
            if not demand.covers(mine[key]):
                return False
        return True

    def _apart(self, one: Leaf, other: Leaf) -> bool:
        mine, theirs = self._of(one), self._of(other)
        if one.kind != other.kind or mine is None or theirs is None:
            return False
        return any(isinstance(demand, OneOf) and key in mine and demand.excludes(mine[key]) for key, demand in theirs.items())

    def _of(self, leaf: Leaf) -> Demands | None:
        """Return what a condition demands, or None when it does not say all of it: a key it has no word for may narrow it further."""
        if leaf not in self._demands:
            demands = leaf.demands() if leaf.demands is not None else None
            if demands is not None and isinstance(leaf.node, Mapping):
                said = {part for key in demands for part in key.partition(".")[0].split("|")}
                demands = demands if said >= leaf.node.entries.keys() else None
            self._demands[leaf] = demands
        return self._demands[leaf]


def _size(demand: Demand) -> int:
    """Return how much there is to compare: patterns, numbers, their beginnings."""
    match demand:
        case Patterns():
            return sum(map(len, demand.patterns))
        case Begins():
            return 1 + len(demand.exact) // _SMALL + len(demand.prefixes)
        case _:
            return 1
