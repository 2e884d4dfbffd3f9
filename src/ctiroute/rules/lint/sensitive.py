"""Something sensitive about a customer in the texts of a rule that believes the caller's number alone: numbers can be forged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Scalar, Sequence, fault
from ctiroute.rules import fragments as shape
from ctiroute.rules.conditions import CONDITIONS
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

_ATTRIBUTE = "customer.attributes."


def find(subject: Subject) -> Iterator[Fault]:
    """Yield the texts that show what the settings call sensitive, in rules without a condition on how sure it is who calls."""
    if not subject.known.sensitive:
        return
    for rule, node in subject.nodes:
        then = node.get("then")
        if then is not None and not trusts(form_of(rule.when)):
            yield from _shown(subject, then)
    default = subject.default()
    if default is not None:
        yield from _shown(subject, default)


def _shown(subject: Subject, actions: Node) -> Iterator[Fault]:
    for _, node in subject.texts_of(actions):
        names = names_in(node.text) if isinstance(node, Scalar) else ()
        for name in dict.fromkeys(names):
            attribute = name.removeprefix(_ATTRIBUTE)
            if attribute != name and attribute in subject.known.sensitive:
                message = f"{{{name}}} is sensitive, and this rule believes whoever calls"
                yield fault(node, message, "demand that the number is attested (caller: {attestation: A}), or remove the name")


def trusts(form: Form) -> bool:
    """Say whether conditions demand something by which the caller is trusted: a key that is marked so."""
    match form:
        case Leaf():
            properties = CONDITIONS[form.kind].schema.get("properties", {}) if form.kind in CONDITIONS else {}
            keys = iter(form.node) if isinstance(form.node, Mapping) else ()
            return any(_values(value) <= properties.get(key.text, {}).get(shape.TRUSTED, frozenset()) for key, value in keys)
        case AllOf():
            return any(map(trusts, form.parts))
        case AnyOf():
            return all(map(trusts, form.branches))
        case NotOf():
            return False


def _values(node: Node) -> frozenset[str]:
    """Return the value, or the values of a list; those of a mapping are none that anybody trusts."""
    items = node.items if isinstance(node, Sequence) else (node,)
    return frozenset(item.text if isinstance(item, Scalar) else "" for item in items)


LINT = Lint("sensitive-text", WARNING, "A text shows what is sensitive though the caller's number is only a claim.", find)
