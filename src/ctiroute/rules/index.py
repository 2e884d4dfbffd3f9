"""Which rules of many a call could match at all, so that the others need not be asked. Knows guards, and nothing of conditions.

For each dimension every value met so far stands with the rules it leaves, as bits of an integer: one look-up a value and one AND a
dimension, however many rules there are. What is remembered follows from the rules and the value alone, so it is no state.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ctiroute.rules.facts import Facts
    from ctiroute.rules.guards import Dimension, Guard, Guards

MAX_DIMENSIONS = 16  # each is looked at for every call; rules may name any number of attributes
MAX_SEEN = 1024  # values remembered in one dimension: campaigns are few, callers' numbers are not
MAX_SEEN_LENGTH = 200  # characters; longer ones are worked out anew, so that nobody fills the memory

_LEFT, _OUT = b"10"  # a rule's digit in a row
_BEFORE_RULES = len(bin(1))  # "0b1": the first digit is always 1, so that the digits of the rules have fixed places


class Index:
    """The guards of a rule set, made for one question."""

    __slots__ = ("_all", "_dimensions")

    def __init__(self, rules: Sequence[Guards]) -> None:
        """Take the guards of every rule, in the order of the rules."""
        by_dimension: dict[Dimension, dict[int, Guard]] = {}
        for place, guards in enumerate(rules):
            for dimension, guard in guards.items():
                by_dimension.setdefault(dimension, {})[place] = guard
        sizes = Counter({dimension: len(guarded) for dimension, guarded in by_dimension.items()})
        self._all = int(b"1" * (len(rules) + 1), 2)
        self._dimensions: tuple[tuple[Callable[[Facts], Iterable[str]], int, _Seen], ...] = tuple(
            (dimension.values, seen.nothing, seen)
            for dimension, _ in sizes.most_common(MAX_DIMENSIONS)
            for seen in (_Seen(len(rules), by_dimension[dimension], fold=dimension.fold),)
        )

    def candidates(self, facts: Facts) -> Iterator[int]:
        """Give the places of the rules that may match, first ones first. Every rule left out would not match. Never raises."""
        left = self._all
        for values, nothing, seen in self._dimensions:
            try:
                found = nothing
                for value in values(facts):
                    found |= seen[value]
            except Exception:  # noqa: BLE001, S112 - facts that cannot be read here rule nothing out; the rules themselves say what is wrong
                continue
            left &= found
        digits = bin(left)
        place = digits.find("1", _BEFORE_RULES)
        while place >= 0:
            yield place - _BEFORE_RULES
            place = digits.find("1", place + 1)


class _Seen(dict[str, int]):
    """Values of one dimension, each with the rules it leaves: those whose guard it satisfies, and those that have none here."""

    __slots__ = ("_fold", "_guarded", "_heads", "_lengths", "_row", "nothing")

    def __init__(self, rules: int, guarded: Mapping[int, Guard], *, fold: bool) -> None:
        super().__init__()
        self._guarded, self._fold = guarded, fold
        self._row = bytearray([_LEFT]) * (rules + 1)
        self._heads: dict[str, list[int]] = {}
        for place, guard in guarded.items():
            self._row[place + 1] = _OUT
            for head in guard.heads:
                self._heads.setdefault(head, []).append(place)
        self._lengths = sorted({len(head) for head in self._heads})
        self.nothing = int(self._row, 2)  # what a call without a value here leaves

    def __missing__(self, value: str) -> int:
        if not isinstance(value, str):
            raise TypeError(value)
        text = value.casefold() if self._fold else value
        row = self._row.copy()
        for length in self._lengths:
            if length > len(text):
                break
            for place in self._heads.get(text[:length], ()):
                if row[place + 1] == _OUT and self._guarded[place].fits(value):
                    row[place + 1] = _LEFT
        left = int(row, 2)
        if len(value) <= MAX_SEEN_LENGTH:
            if len(self) >= MAX_SEEN:
                self.clear()
            self[value] = left
        return left
