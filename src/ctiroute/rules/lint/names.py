"""Names that nobody knows: a queue the switch does not have, a campaign the store has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, did_you_mean, fault
from ctiroute.rules import fragments as shape
from ctiroute.rules.actions.operator import LAST, OWNER
from ctiroute.rules.conditions.interaction import ANYBODY, NOBODY
from ctiroute.rules.globs import any_glob
from ctiroute.rules.lint.finding import WARNING, Lint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.errors import Fault
    from ctiroute.rules.lint.subject import Subject

_WORDS = {shape.OPERATOR: frozenset({LAST, OWNER, ANYBODY, NOBODY})}  # of the language itself
_LISTED = 20  # names in a hint; more are no help


def find(subject: Subject) -> Iterator[Fault]:
    """Yield the names that are not among those known, wherever these are known."""
    for mark, node in subject.marked:
        known = subject.known.names.get(mark)
        if known is None or not isinstance(node, Scalar):
            continue
        name = node.text
        if name in known or name in _WORDS.get(mark, ()) or (mark == shape.OPERATOR and "/" in name):
            continue
        if mark in {shape.CAMPAIGN, shape.TOPIC} and any(map(any_glob((name,)), known)):
            continue
        hint = did_you_mean(name, known, listing=len(known) <= _LISTED)
        yield fault(node, f"no {mark} of this name is known", hint)


LINT = Lint("unknown-name", WARNING, "A queue, menu, operator or campaign that is not known where it was looked up.", find)
