"""A rule that no call reaches: an earlier one takes every call it would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.errors import Fault
from ctiroute.rules.lint.candidates import Candidates
from ctiroute.rules.lint.finding import WARNING, Lint
from ctiroute.rules.lint.implication import Implication
from ctiroute.rules.lint.subject import takes
from ctiroute.rules.ruleset import Rule
from ctiroute.rules.when import form_of, guards_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.rules.lint.subject import Subject
    from ctiroute.rules.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class Behind:
    """A rule, and the earlier one that takes every call it would."""

    place: int  # of the rule among all
    rule: Rule
    taker: Rule | None  # None: from here on nothing was compared, there are too many
    same: bool = False  # the two take the same calls


def behind(ruleset: Ruleset) -> Iterator[Behind]:
    """Yield the rules whose conditions imply those of an earlier one. `ruleset` was loaded with `forms`."""
    rules = ruleset.rules
    forms = [form_of(rule.when) for rule in rules]
    implication, earlier = Implication(), Candidates([guards_of(rule.when) for rule in rules])
    for place, rule in enumerate(rules):
        for other in earlier.before(place):
            if takes(rules[other]) and implication.implies(forms[place], forms[other]):
                yield Behind(place, rule, rules[other], implication.implies(forms[other], forms[place]))
                break
        if implication.exhausted:
            yield Behind(place, rule, None)
            return


def find(subject: Subject) -> Iterator[Fault]:
    """Yield what to say of each of them."""
    for one in behind(subject.ruleset):
        if one.taker is None:
            message = f"only the first {one.place:,} rules were compared with those before them: there are too many"
            hint = ""
        else:
            taker = f"{one.taker.name} ({one.taker.file}:{one.taker.line})"
            message = f"no call reaches this rule: {taker} takes {'the same calls' if one.same else 'all its calls'}"
            hint = "remove one of them" if one.same else "put this one before it, or narrow that one"
        yield Fault(one.rule.file, one.rule.line, rule_column(subject, one.place), message, one.rule.name, hint)


def rule_column(subject: Subject, place: int) -> int:
    """Return where in its line a rule begins."""
    return subject.nodes[place][1].column


LINT = Lint("unreachable-rule", WARNING, "No call reaches a rule, because an earlier one takes all its calls.", find)
