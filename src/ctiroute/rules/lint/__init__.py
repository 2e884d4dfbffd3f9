"""What is not a mistake and yet not meant: rules no call can reach, names nobody knows, texts without a translation. Pure.

One module for each kind of finding; this is their list. `lint` asks all of them about rules that compile. All they say is true: where
something cannot be told, nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.rules.lint import impossible, names, retention, sensitive, texts, translations, unreachable, unused
from ctiroute.rules.lint.finding import ERROR, LEVELS, NOTE, WARNING, Finding, Lint
from ctiroute.rules.lint.subject import Known, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctiroute.documents import Node
    from ctiroute.rules.ruleset import Ruleset

LINTS: dict[str, Lint] = {
    module.LINT.name: module.LINT for module in (unreachable, impossible, names, retention, texts, sensitive, translations, unused)
}

__all__ = ["ERROR", "LEVELS", "LINTS", "NOTE", "WARNING", "Finding", "Known", "Lint", "Subject", "lint", "unreached"]


def unreached(ruleset: Ruleset) -> dict[str, str]:
    """Return the rules that surely no call reaches, each with the rule that takes its calls.

    That rule is "" where the rule's own conditions exclude each other. `ruleset` was loaded with `forms`.
    """
    found = {one.rule.name: one.taker.name for one in unreachable.behind(ruleset) if one.taker is not None}
    return found | {ruleset.rules[place].name: "" for place in impossible.impossible(ruleset.rules)}


def lint(ruleset: Ruleset, roots: Mapping[str, Node], known: Known | None = None) -> list[Finding]:
    """Return every finding, in the order of the files.

    `ruleset` was loaded with `forms`; `roots` are the trees of its files by name; `known` is what there is outside of them.
    """
    subject = Subject.of(ruleset, roots, known or Known())
    order = {file: place for place, file in enumerate(ruleset.files)}
    found = [Finding(one.level, one.name, fault) for one in LINTS.values() for fault in one.find(subject)]
    return sorted(
        found, key=lambda one: (order.get(one.fault.file, len(order)), one.fault.file, one.fault.line, one.fault.column, one.kind)
    )
