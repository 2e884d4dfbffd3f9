"""What conditions demand, in a form that can be compared: which rule can never be reached because another takes all its calls.

Reading rules leaves forms behind where somebody asks for them (`load_ruleset(forms=True)`): `lint/` does, the service does not. Every
answer is on the safe side: "covered" is true of all facts, "not covered" may mean that nobody could tell. Knows no kind of condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from ctiroute.documents import Mapping as MappingNode
from ctiroute.documents import Node, Scalar
from ctiroute.documents import Sequence as SequenceNode

_WILDCARDS = re.compile(r"[*?]+")


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value is one of these."""

    values: frozenset[Any]
    alone: bool = False  # a call has one such value and no more, so two demands without a common value exclude each other

    def covers(self, other: object) -> bool:
        """Say whether all that fits `other` fits this."""
        return isinstance(other, OneOf) and other.values <= self.values

    def excludes(self, other: object) -> bool:
        """Say whether nothing that fits `other` fits this."""
        return isinstance(other, OneOf) and self.alone and other.alone and not self.values & other.values


@dataclass(frozen=True, slots=True)
class AtMost:
    """A quantity is no larger: how long ago something was."""

    limit: Any

    def covers(self, other: object) -> bool:
        """Say whether all that fits `other` fits this."""
        return isinstance(other, AtMost) and bool(other.limit <= self.limit)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A quantity is no smaller: how often something was."""

    limit: Any

    def covers(self, other: object) -> bool:
        """Say whether all that fits `other` fits this."""
        return isinstance(other, AtLeast) and bool(other.limit >= self.limit)


@dataclass(frozen=True, slots=True)
class Patterns:
    """A text matches one of these, which may hold * and ?."""

    patterns: tuple[str, ...]
    fold: bool = False  # case does not count

    def covers(self, other: object) -> bool:
        """Say whether all that fits `other` fits this."""
        if not isinstance(other, Patterns) or other.fold is not self.fold:
            return False
        return all(any(wider(one, narrow, fold=self.fold) for one in self.patterns) for narrow in other.patterns)


@dataclass(frozen=True, slots=True)
class Begins:
    """A text is one of `exact`, or begins with one of `prefixes`."""

    exact: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def covers(self, other: object) -> bool:
        """Say whether all that fits `other` fits this."""
        if not isinstance(other, Begins):
            return False
        left = other.exact - self.exact
        if left and not self.prefixes:
            return False
        return all(one.startswith(self.prefixes) for one in (*left, *other.prefixes))


@dataclass(frozen=True, slots=True)
class Same:
    """Something that can only be compared for being the same: hours by their name, the sign-in name of an owner."""

    value: Hashable

    def covers(self, other: object) -> bool:
        """Say whether all that fits `other` fits this."""
        return other == self


Demand = OneOf | AtMost | AtLeast | Patterns | Begins | Same
# What one thing has to be for a condition to hold, neither more nor less; all of it together. A key is that of the file ("within"), with
# the part it speaks of ("offer.product"), or several that are one demand ("number|prefix|list"). Whatever the file may leave out and
# yet counts (a status that is open unless said otherwise) stands here too.
Demands = Mapping[str, Demand]


def those(**demands: Demand) -> Demands:
    """Return the demands among some that were made: of a key that is not in the file the list is empty, the value None."""
    return {key: demand for key, demand in demands.items() if _made(demand)}


def _made(demand: Demand) -> bool:
    match demand:
        case OneOf():
            return bool(demand.values)
        case Patterns():
            return bool(demand.patterns)
        case Begins():
            return bool(demand.exact or demand.prefixes)
        case AtMost() | AtLeast():
            return demand.limit is not None
        case Same():
            return bool(demand.value)


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One condition."""

    kind: str
    node: Node
    demands: Callable[[], Demands] | None  # None: nothing is known but what is written


@dataclass(frozen=True, slots=True, eq=False)
class AllOf:
    """Every part holds; no parts: always."""

    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    """At least one branch holds."""

    branches: tuple[Form, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NotOf:
    """The part does not hold."""

    part: Form


Form = Leaf | AllOf | AnyOf | NotOf
ALWAYS = AllOf(())


def written(node: Node) -> Hashable:
    """Return a node without its place and without the order of keys: equal for what is written alike."""
    match node:
        case Scalar():
            return node.text
        case SequenceNode():
            return ("list", *map(written, node.items))
        case MappingNode():
            return ("mapping", frozenset((key.text, written(value)) for key, value in node))


def wider(pattern: str, narrow: str, *, fold: bool = False) -> bool:
    """Say whether every text that matches `narrow` matches `pattern`. False where it cannot be told."""
    if fold:
        pattern, narrow = pattern.casefold(), narrow.casefold()
    if pattern in {narrow, "*"}:
        return True
    theirs = _tidy(narrow)
    places: dict[str, int] = {}  # where in `narrow` each sign stands, as bits
    for at, sign in enumerate(theirs):
        places[sign] = places.get(sign, 0) | 1 << at
    all_signs, end = (1 << len(theirs)) - 1, 1 << len(theirs)
    reached = 1  # how much of `narrow` the pattern so far can have taken, as bits
    for sign in _tidy(pattern):
        if sign == "*":
            reached = (end << 1) - (reached & -reached)
        elif sign == "?":
            reached = (reached & all_signs & ~places.get("*", 0)) << 1
        else:
            reached = (reached & places.get(sign, 0)) << 1
        if not reached:
            return False
    return bool(reached & end)


def _tidy(pattern: str) -> str:
    """Return a pattern with each run of wildcards in one order, so that *? and ?* are the same."""
    return _WILDCARDS.sub(lambda run: "?" * run[0].count("?") + ("*" if "*" in run[0] else ""), pattern)
