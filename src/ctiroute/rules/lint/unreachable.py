"""A rule that no call reaches: an earlier one takes every call it would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.errors import Fault
from ctiroute.rules.lint.candidates import Candidates
from ctiroute.rules.lint.finding import WARNING, Lint
from ctiroute.rules.lint.implication import Implication
from ctiroute.rules.lint.subject import takes
from ctiroute.rules.when import form_of, guards_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.rules.lint.subject import Subject


def find(subject: Subject) -> Iterator[Fault]:
    """Yield the rules whose conditions imply those of an earlier one."""
    rules = subject.ruleset.rules
    forms = [form_of(rule.when) for rule in rules]
    implication, earlier = Implication(), Candidates([guards_of(rule.when) for rule in rules])
    for place, rule in enumerate(rules):
        for other in earlier.before(place):
            if takes(rules[other]) and implication.implies(forms[place], forms[other]):
                taker = f"{rules[other].name} ({rules[other].file}:{rules[other].line})"
                both = implication.implies(forms[other], forms[place])
                message = f"no call reaches this rule: {taker} takes {'the same calls' if both else 'all its calls'}"
                hint = "remove one of them" if both else "put this one before it, or narrow that one"
                yield Fault(rule.file, rule.line, rule_column(subject, place), message, rule.name, hint)
                break
        if implication.exhausted:
            message = f"only the first {place:,} rules were compared with those before them: there are too many"
            yield Fault(rule.file, rule.line, rule_column(subject, place), message, rule.name)
            return


def rule_column(subject: Subject, place: int) -> int:
    """Return where in its line a rule begins."""
    return subject.nodes[place][1].column


LINT = Lint("unreachable-rule", WARNING, "No call reaches a rule, because an earlier one takes all its calls.", find)
