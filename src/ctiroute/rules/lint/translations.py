"""A text that lacks a language in which others are written, or in which operators read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, fault
from ctiroute.rules import fragments as shape
from ctiroute.rules.lint.finding import WARNING, Lint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.errors import Fault
    from ctiroute.rules.lint.subject import Subject


def find(subject: Subject) -> Iterator[Fault]:
    """Yield the texts that are written in some languages and not in all. One text for all languages is taken as meant so."""
    texts = [node for mark, node in subject.marked if mark == shape.LANGUAGES and isinstance(node, Mapping)]
    wanted = {key.partition("-")[0] for node in texts for key in node.entries} | {one.partition("-")[0] for one in subject.known.languages}
    for node in texts:
        missing = sorted(wanted - {key.partition("-")[0] for key in node.entries})
        if missing:
            written = ", ".join(node.entries)
            yield fault(node, f"this text has no {' and no '.join(missing)}", f"it is written in: {written}; others read one of these")


LINT = Lint("missing-translation", WARNING, "A text lacks a language in which other texts of the rules are written.", find)
