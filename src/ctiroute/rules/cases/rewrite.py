"""The text of a test file with its expectations as they came out: only their own values are changed, and nothing else moves.

What cannot stand in the place of the old value (an excerpt of a script, a queue where the call now goes to a menu) is left to the
admin, and named.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from ctiroute.documents import fault, resolve
from ctiroute.errors import Fault
from ctiroute.rules.cases.expect import NONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctiroute.rules.cases.case import Expectation
    from ctiroute.rules.cases.run import Result


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A changed text, and what could not be changed in it."""

    text: str
    left: tuple[Fault, ...]


def rewrite(source: str, results: Iterable[Result]) -> Rewrite:
    """Return `source`, the text of one file, with the expectations of `results` that were not met as they came out.

    An expectation that several cases share (it stands above a table) and that came out differently is left as it is.
    """
    seen: dict[tuple[int, int], tuple[Expectation, set[str]]] = {}
    for result in results:
        failed = {id(one.expectation): one.seen for one in result.differences}
        for one in result.case.expects:
            place = (one.place.line, one.place.column)
            seen.setdefault(place, (one, set()))[1].add(failed.get(id(one), one.wanted))
    spans = _spans(source)
    edits: list[tuple[int, int, str]] = []
    left: list[Fault] = []
    for place, (one, values) in seen.items():
        if values == {one.wanted}:
            continue
        if len(values) > 1:
            left.append(fault(one.place, f"{one.what} differs from row to row", "write it into each row"))
        elif not one.mends or place not in spans:
            left.append(fault(one.place, f"{one.what} has to be changed by hand"))
        else:
            edits.append((*spans[place], _written(values.pop())))
    text = source
    for start, end, value in sorted(edits, reverse=True):
        text = text[:start] + value + text[end:]
    return Rewrite(text, tuple(left))


def _spans(source: str) -> dict[tuple[int, int], tuple[int, int]]:
    """Return where each scalar begins and ends, by its line and column."""
    found = {}
    for event in yaml.parse(source, Loader=yaml.Loader):  # libyaml's own marks count bytes, so this is the slower parser
        if isinstance(event, yaml.ScalarEvent) and event.start_mark and event.end_mark:
            found[event.start_mark.line + 1, event.start_mark.column + 1] = (event.start_mark.index, event.end_mark.index)
    return found


def _written(value: str) -> str:
    """Return a value as YAML writes it: plain where nothing can be taken for anything else, in quotes elsewhere."""
    if not value:
        return NONE
    plain = value.replace("-", "").replace("_", "").replace(".", "").isalnum() and value.isascii() and isinstance(resolve(value), str | int)
    return value if plain and not isinstance(resolve(value), bool) and value != NONE else json.dumps(value, ensure_ascii=False)
