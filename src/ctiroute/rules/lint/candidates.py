"""Which earlier rules could take all calls of a rule at all, by the guards they have: of thousands few are left to compare.

A rule that another one covers has, wherever that one is guarded, a guard whose values all begin as one of that one's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ctiroute.rules.guards import Dimension, Guards


class Candidates:
    """The guards of rules in their order, made for one question."""

    def __init__(self, rules: Sequence[Guards]) -> None:
        self._rules = rules
        self._guarded: dict[Dimension, int] = {}  # the rules that have a guard here, as bits
        self._heads: dict[Dimension, dict[str, int]] = {}  # the rules by what their values begin with
        for place, guards in enumerate(rules):
            for dimension, guard in guards.items():
                self._guarded[dimension] = self._guarded.get(dimension, 0) | 1 << place
                heads = self._heads.setdefault(dimension, {})
                for head in guard.heads:
                    heads[head] = heads.get(head, 0) | 1 << place

    def before(self, place: int) -> Iterator[int]:
        """Yield the places of earlier rules worth comparing, first ones first."""
        left = (1 << place) - 1
        guards = self._rules[place]
        for dimension, guarded in self._guarded.items():
            wider = self._wider(dimension, guards[dimension].heads) if dimension in guards else 0
            left &= ~guarded | wider
        while left:
            lowest = left & -left
            yield lowest.bit_length() - 1
            left ^= lowest

    def _wider(self, dimension: Dimension, heads: Collection[str]) -> int:
        """Return the rules one of whose heads every one of `heads` begins with."""
        known, found = self._heads[dimension], -1
        for head in heads:
            one = 0
            for length in range(len(head) + 1):
                one |= known.get(head[:length], 0)
            found &= one
        return found if heads else 0
