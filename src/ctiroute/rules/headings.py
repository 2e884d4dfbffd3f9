"""Where the documentation speaks of a mistake: the heading of docs/reference/rules.md that belongs to a place in a rule file.

A heading is the kind of condition or action the place stands in, or the part of the file. A test holds that each anchor exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Mapping, Sequence
from ctiroute.rules.actions import ACTIONS
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.sections import A_FILE, SECTIONS
from ctiroute.rules.when import COMPOSITES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.documents import Node
    from ctiroute.errors import Fault

PAGE = "docs/reference/rules.md"
TEXTS = "names-in-texts"
CONDITIONS_HEADING, ACTIONS_HEADING = "conditions", "actions"


def of_action(kind: str) -> str:
    """Return the heading of an action. One that is named like a condition comes second on the page, and its anchor says so."""
    return f"{kind}-1" if kind in CONDITIONS else kind


HEADINGS = tuple(
    dict.fromkeys(
        (
            A_FILE,
            CONDITIONS_HEADING,
            ACTIONS_HEADING,
            TEXTS,
            *(one.heading for one in SECTIONS.values()),
            *CONDITIONS,
            *COMPOSITES,
            *map(of_action, ACTIONS),
        )
    )
)


def link(heading: str) -> str:
    """Return where to read about a heading."""
    return f"{PAGE}#{heading}"


def heading_of(fault: Fault, root: Node | None) -> str:
    """Return the heading that tells about a mistake; `root` is the tree of its file, None where there is none."""
    if root is None or fault.line == 0:
        return A_FILE
    found = A_FILE
    for where, node in _path(root, (fault.line, fault.column)):
        found = _heading(where, found)
        if (node.line, node.column) == (fault.line, fault.column) and not isinstance(node, Mapping | Sequence):
            break
    return found


def _heading(key: str, above: str) -> str:
    if key in {"then", "default"} and above == A_FILE:
        return ACTIONS_HEADING
    if key == "when" and above == A_FILE:
        return CONDITIONS_HEADING
    if above == A_FILE and key in SECTIONS:
        return SECTIONS[key].heading
    if above in {CONDITIONS_HEADING, *COMPOSITES} and (key in CONDITIONS or key in COMPOSITES):
        return key
    return of_action(key) if above == ACTIONS_HEADING and key in ACTIONS else above


def _path(node: Node, place: tuple[int, int]) -> Iterator[tuple[str, Node]]:
    """Yield the keys on the way from the root to a place, with what stands there."""
    while True:
        below = _last_before(node, place)
        if below is None:
            return
        yield below
        node = below[1]


def _last_before(node: Node, place: tuple[int, int]) -> tuple[str, Node] | None:
    """Return the last part of a collection that begins at or before a place. Parts stand in the order of the file."""
    found: tuple[str, Node] | None = None
    if isinstance(node, Mapping):
        for key, value in node:
            if (key.line, key.column) <= place:
                found = (key.text, value)
    elif isinstance(node, Sequence):
        for item in node.items:
            if (item.line, item.column) <= place:
                found = ("", item)
    return found
