"""Where a value stands in a payload: `message.from.id`, `entry[*].changes[*].value`. Knows nothing of what the value means.

    message.from.id          from the item a kind is about (the payload itself, without `each`)
    contacts[0].wa_id        an item of a list; [-1] is the last
    entry[*].changes[*]      every item; as a value, the first that is there
    contacts[wa_id=from]     the item whose wa_id is what the path `from` leads to; [type="x"] and [id=2] compare with what stands there
    ^.metadata               from the mapping that holds the item; ^^ from the one that holds that
    $.entry[0].id            from the whole payload
    $headers.x-event         a header of the request, $query.name a parameter of its address
    "odd.name"[0]            a name with other characters than letters, digits, - and _ stands in quotes

Nothing is looked up that the path does not name, so a deep or broad payload costs no more than its own reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctiroute.documents import Node, refuse, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_PATH = 300  # characters; the longest sensible one has about 80
MAX_STEPS = 16
MAX_ITEMS = 1000  # that one `each` goes over: the largest batch a known vendor sends is 1,000 (WhatsApp)

_START = re.compile(r"\$headers(?=\.)|\$query(?=\.)|\$(?=[.\[]|$)|\^+(?=[.\[]|$)|")
_NAME = re.compile(r'\.?(?:([A-Za-z0-9_-]+)|"([^"]+)")')
_INDEX = re.compile(r'\[(?:(\*)|(-?[0-9]{1,4})|([A-Za-z0-9_-]+)=(?:"([^"]*)"|([^\]]+)))\]')


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which payload a value is looked for."""

    holders: tuple[object, ...]  # the payload, then each mapping on the way, last the item itself
    headers: Mapping[str, str]  # names in lower case
    query: Mapping[str, str]

    @property
    def item(self) -> object:
        """What a path without a start begins at."""
        return self.holders[-1]


@dataclass(frozen=True, slots=True)
class Every:
    """All items of a list."""


@dataclass(frozen=True, slots=True)
class Where:
    """The items of a list one of whose values is the one looked for."""

    name: str
    value: str | Path  # a text, or where it stands


Step = str | int | Every | Where


@dataclass(frozen=True, slots=True)
class Path:
    """A way through a payload. Made by `read_path`."""

    text: str  # as it was written
    start: str  # "" the item, "$" the payload, "$headers", "$query", "^" one holder up, ...
    steps: tuple[Step, ...]
    straight: bool = False  # through mappings alone, from the item or the payload: most paths are

    def find(self, place: Place) -> object:
        """Return the first value that is there and not null; None: there is none."""
        if self.straight:
            here = place.holders[0 if self.start else -1]
            for step in self.steps:
                if not isinstance(here, dict):
                    return None
                here = here.get(step)
            return here
        return next((places.item for places in self.walk(place) if places.item is not None), None)

    def walk(self, place: Place) -> Iterator[Place]:
        """Yield every place the path leads to, with what holds it."""
        match self.start:
            case "$headers" | "$query":
                source = place.headers if self.start == "$headers" else place.query
                name = self.steps[0] if isinstance(self.steps[0], str) else ""
                yield Place((source.get(name.lower() if self.start == "$headers" else name),), place.headers, place.query)
                return
            case "$":
                holders = place.holders[:1]
            case "":
                holders = place.holders
            case up:
                holders = place.holders[: -len(up)]
        if holders:
            yield from (Place(way, place.headers, place.query) for way in _walk(holders, self.steps, place))


def _walk(holders: tuple[object, ...], steps: tuple[Step, ...], origin: Place) -> Iterator[tuple[object, ...]]:
    if not steps:
        yield holders
        return
    here, step, rest = holders[-1], steps[0], steps[1:]
    if isinstance(step, str):
        if isinstance(here, dict) and step in here:
            yield from _walk((*holders, here[step]), rest, origin)
        return
    if not isinstance(here, list):
        return
    outside = holders[:-1]  # a list holds nothing by itself: what is above an item is the mapping the list stands in
    chosen: Iterable[object]
    if isinstance(step, int):
        chosen = here[step : step + 1 or None]
    elif isinstance(step, Every):
        chosen = here
    else:
        wanted = step.value if isinstance(step.value, str) else as_text(step.value.find(origin))
        chosen = _having(here, step.name, wanted) if wanted is not None else ()
    for one in chosen:
        yield from _walk((*outside, one), rest, origin)


def _having(items: list[object], name: str, wanted: str) -> Iterator[object]:
    """Yield the items with this value: one after the other, as mostly the first is all that is looked for."""
    for one in items:
        if isinstance(one, dict):
            value = one.get(name)
            if value == wanted or (not isinstance(value, str) and value is not None and as_text(value) == wanted):
                yield one


def as_text(value: object) -> str | None:
    """Return one value as text, as JSON writes it; None for what is no single value."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else str(value)
        case _:
            return None


def read_path(node: Node) -> Path:
    """Return the path written in a file. Raises `ConfigurationError`."""
    written = text(node)
    if len(written) > MAX_PATH:
        refuse(node, f"a path has at most {MAX_PATH} characters")
    found = parse_path(written)
    if found is None:
        refuse(node, "is no path", 'write message.from.id, entry[*].changes[*] or $headers.x-event; a constant is written {text: "..."}')
    if len(found.steps) > MAX_STEPS:
        refuse(node, f"a path has at most {MAX_STEPS} steps")
    return found


def parse_path(written: str) -> Path | None:
    """Return the path, or None when it is none."""
    opening = _START.match(written)
    start = opening.group() if opening else ""
    at = len(start)
    steps: list[Step] = []
    while at < len(written):
        if (name := _NAME.match(written, at)) and (written[at] == "." or (not steps and not start)):
            steps.append(name[1] or name[2])
            at = name.end()
        elif (index := _INDEX.match(written, at)) is not None:
            step = _index(index)
            if step is None:
                return None
            steps.append(step)
            at = index.end()
        else:
            return None
    if start in {"$headers", "$query"} and (len(steps) != 1 or not isinstance(steps[0], str)):
        return None
    straight = start in {"", "$"} and all(isinstance(step, str) for step in steps)
    return Path(written, start, tuple(steps), straight) if steps or start else None


def _index(found: re.Match[str]) -> Step | None:
    every, number, name, literal, inner = found.groups()
    if every:
        return Every()
    if number is not None:
        return int(number)
    if inner is None or inner.isdecimal():
        return Where(name, inner or literal)
    path = parse_path(inner)
    return Where(name, path) if path is not None else None
