"""Parsers of texts with names in braces, shared by the actions that show or pass them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Node, fault, text
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.rules.template import mistakes, url_mistakes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules.template import TemplateMistake


def template(node: Node) -> str:
    """Parse a text whose names all exist."""
    return _without(mistakes, node)


def url_template(node: Node) -> str:
    """Parse an https address with a fixed host whose names all exist."""
    return _without(url_mistakes, node)


def script_faults(file: str, script: str) -> list[Fault]:
    """Return the mistakes of a script, each at its own line of the script's file."""
    found = []
    for mistake in mistakes(script):
        before = script[: mistake.offset]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        found.append(Fault(file, line, column, mistake.message, mistake.found, mistake.hint))
    return found


def _without(check: Callable[[str], list[TemplateMistake]], node: Node) -> str:
    value = text(node)
    found = check(value)
    if found:
        place = fault(node, "")
        raise ConfigurationError([Fault(place.file, place.line, place.column, one.message, one.found, one.hint) for one in found])
    return value
