"""What a lint is and what it says. Knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ctiroute.errors import Fault
from ctiroute.rules.lint.subject import Subject

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)  # error: the rules cannot be used; warning: likely not meant; note: worth knowing


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    level: str  # of LEVELS
    kind: str  # "unreachable-rule"; of a mistake the heading that tells of it
    fault: Fault


@dataclass(frozen=True, slots=True)
class Lint:
    """A kind of finding. `find` never raises for rules that compile."""

    name: str  # also its heading in docs/reference/rule-findings.md
    level: str
    summary: str  # one sentence, for the docs and for SARIF
    find: Callable[[Subject], Iterable[Fault]]
