"""Named conditions: defined once under `conditions:`, used in rules and in each other with `use:`. Knows no kind of condition.

Each is compiled once. What a rule file could make of them (circles, towers, a condition that uses another a thousand times over) is
bounded here, so that whoever walks compiled rules need not mind that parts of them are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ctiroute.documents import Node, did_you_mean, fault, refuse, text
from ctiroute.errors import ConfigurationError, Fault


class HasSize(Protocol):
    """A compiled condition."""

    @property
    def size(self) -> int:
        """How many conditions are in it."""


C = TypeVar("C", bound=HasSize)

MAX_DEPTH = 8  # conditions that use conditions that use conditions: nobody follows more
MAX_SIZE = 1000  # conditions in one, those it uses counted each time
MAX_USED = 200_000  # the same over all uses; a document's own bound (`documents.MAX_NODES`)


@dataclass(frozen=True, slots=True, eq=False)
class Used(Generic[C]):
    """A named condition, compiled."""

    name: str
    conditions: tuple[C, ...]  # empty only after a fault
    size: int  # conditions in it
    depth: int  # levels of use in it


@dataclass(slots=True)
class _Open:
    """A condition that is being compiled."""

    name: str
    depth: int = 1


@dataclass(slots=True, eq=False)
class NamedConditions(Generic[C]):
    """All that the files define."""

    nodes: Mapping[str, Node]
    compile: Callable[[str, Node], tuple[C, ...]]  # name and body
    faults: list[Fault] = field(default_factory=list)  # of the definitions, each once
    _done: dict[str, Used[C]] = field(default_factory=dict)
    _open: list[_Open] = field(default_factory=list)
    _used: int = 0

    def use(self, node: Node) -> Used[C]:
        """Return the condition that `node` names. Raises `ConfigurationError`; a condition that is itself wrong is said so once."""
        name = text(node)
        if name not in self.nodes:
            refuse(
                node, "there is no condition of this name", did_you_mean(name, self.nodes, listing=True) or "define it under conditions:"
            )
        way = [one.name for one in self._open]
        if name in way:
            refuse(node, "a condition cannot use itself", " -> ".join([*way[way.index(name) :], name]))
        if len(self._open) >= MAX_DEPTH:
            refuse(node, f"is used through more than {MAX_DEPTH} others", "write some of them out")
        found = self.compiled(name)
        if self._open:
            self._open[-1].depth = max(self._open[-1].depth, found.depth + 1)
            if self._open[-1].depth > MAX_DEPTH:
                refuse(node, f"is used through more than {MAX_DEPTH} others", "write some of them out")
        self._used += found.size
        if self._used > MAX_USED:
            refuse(node, f"more than {MAX_USED:,} conditions come together, those of named ones counted at each use", "write fewer rules")
        return found

    def compiled(self, name: str) -> Used[C]:
        """Return a condition by its name; its faults are noted, not raised."""
        if name not in self._done:
            self._open.append(_Open(name))
            try:
                conditions = self.compile(name, self.nodes[name])
            except ConfigurationError as error:
                self.faults.extend(error.faults)
                conditions = ()
            size = sum(one.size for one in conditions)
            if size > MAX_SIZE:
                message = f"holds more than {MAX_SIZE:,} conditions, those it uses counted"
                self.faults.append(fault(self.nodes[name], message, "split it into several"))
                conditions, size = (), 0
            self._done[name] = Used(name, conditions, size, self._open.pop().depth)
        return self._done[name]
