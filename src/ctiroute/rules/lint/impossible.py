"""A rule whose own conditions contradict each other: it holds for no call."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ctiroute.errors import Fault
from ctiroute.rules.forms import AllOf
from ctiroute.rules.lint.finding import WARNING, Lint
from ctiroute.rules.lint.implication import Implication
from ctiroute.rules.when import form_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ctiroute.rules.forms import Form
    from ctiroute.rules.lint.subject import Subject
    from ctiroute.rules.ruleset import Rule


def impossible(rules: Iterable[Rule]) -> Iterator[int]:
    """Yield the places of rules two of whose conditions exclude each other. They were loaded with `forms`."""
    implication = Implication()
    for place, rule in enumerate(rules):
        parts = list(_parts(form_of(rule.when)))
        if any(implication.excludes(one, other) for one, other in combinations(parts, 2)):
            yield place


def find(subject: Subject) -> Iterator[Fault]:
    """Yield what to say of each of them."""
    for place in impossible(subject.ruleset.rules):
        rule, node = subject.nodes[place]
        message = "no call meets the conditions of this rule: two of them exclude each other"
        yield Fault(rule.file, rule.line, node.column, message, rule.name, "put alternatives under any:, or remove one")


def _parts(form: Form) -> Iterator[Form]:
    """Yield what all has to hold, taken apart."""
    if isinstance(form, AllOf):
        for part in form.parts:
            yield from _parts(part)
    else:
        yield form


LINT = Lint("impossible-rule", WARNING, "The conditions of a rule exclude each other, so it holds for no call.", find)
