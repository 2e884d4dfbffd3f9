"""Cases and what they expect, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from ctiroute.documents import Scalar
from ctiroute.model import Decision
from ctiroute.rules.cases.given import Given


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules made of a case."""

    decision: Decision
    given: Given
    zone: tzinfo  # of the rules, in which texts write times


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """One thing a case expects of the answer."""

    what: str  # "queue", "pop.headline (uk)", "trace.autumn-same-day"
    wanted: str  # as it was written; "" : nothing
    seen: Callable[[Answer], str]  # what there is in its place; "": nothing
    fits: Callable[[str], bool]  # of what was seen
    place: Scalar  # where it was written
    mends: bool = True  # what was seen can stand in its place as it is


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One call that the rules are asked about."""

    name: str  # unique in its file; rows of a table have "#2" behind it
    title: str  # the name, and what is special about a row
    given: Given
    expects: tuple[Expectation, ...]
    file: str
    line: int
