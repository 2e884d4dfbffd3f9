"""A text with a name that is always empty: it speaks of a touch or a conversation, and no condition of the rule finds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, fault
from ctiroute.rules.facts import Bound
from ctiroute.rules.forms import AllOf, AnyOf, Leaf, NotOf
from ctiroute.rules.lint.finding import WARNING, Lint
from ctiroute.rules.template import names_in
from ctiroute.rules.when import form_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.documents import Node
    from ctiroute.errors import Fault
    from ctiroute.rules.forms import Form
    from ctiroute.rules.lint.subject import Subject

REASON = "reason"  # a condition of this kind finds the one or the other, whichever is likelier
_BINDING = frozenset(Bound._fields)  # a condition of this name finds what texts call by the same name


def find(subject: Subject) -> Iterator[Fault]:
    """Yield the texts of rules, and of the default, that name what is never there."""
    for rule, node in subject.nodes:
        then = node.get("then")
        if then is not None:
            yield from _empty(subject, then, _BINDING - _bound(form_of(rule.when)), "no condition of this rule finds one")
    default = subject.default()
    if default is not None:
        yield from _empty(subject, default, _BINDING, "no rule has taken the call, so none was found")


def _empty(subject: Subject, actions: Node, missing: frozenset[str], because: str) -> Iterator[Fault]:
    for _, node in subject.texts_of(actions):
        names = names_in(node.text) if isinstance(node, Scalar) else ()
        for name in dict.fromkeys(names):
            about = name.partition(".")[0]
            if about in missing:
                yield fault(node, f"{{{name}}} is always empty: {because}", f"add a condition {about}: to when, or remove the name")


def _bound(form: Form) -> frozenset[str]:
    """Return what some condition may find; what stands under `not` finds nothing."""
    match form:
        case Leaf():
            return _BINDING if form.kind == REASON else frozenset({form.kind}) & _BINDING
        case AllOf():
            return frozenset().union(*map(_bound, form.parts))
        case AnyOf():
            return frozenset().union(*map(_bound, form.branches))
        case NotOf():
            return frozenset()


LINT = Lint("empty-text", WARNING, "A text names a touch or a conversation that no condition of its rule finds.", find)
