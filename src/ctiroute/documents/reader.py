"""Reading a mapping with known keys: every key asked for is known, every other one is a mistake.

    with fields(node, "fastagi") as f:
        host = f.get("host", text, "127.0.0.1")
        port = f.get("port", integer(0, 65535), 4573)
        name = f.require("name", text)
    return FastAgiSettings(host, port, name)

Leaving the block raises `ConfigurationError` with all faults of the mapping, so what stands after it sees good values only.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Self, TypeVar, cast

from ctiroute.documents.nodes import Mapping, Node, fault, kind_of, refuse
from ctiroute.errors import ConfigurationError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

T = TypeVar("T")
D = TypeVar("D")


def did_you_mean(word: str, known: Iterable[str], *, listing: bool = False) -> str:
    """Return a hint with the nearest of the words `known`; "" when none is near (or all of them, with `listing`)."""
    words = sorted(known)
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known here: {', '.join(words)}" if listing and words else ""


class Fields:
    """One mapping being read. Made by `fields`."""

    def __init__(self, node: Mapping, what: str) -> None:
        self.node = node
        self._what = what
        self.faults: list[Fault] = []
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._asked.add(key)
        return key in self.node.entries

    def get(self, key: str, parser: Callable[[Node], T], default: D) -> T | D:
        """Return the value of `key`, or `default` when it is not there."""
        self._asked.add(key)
        value = self.node.get(key)
        if value is None:
            return default
        try:
            return parser(value)
        except ConfigurationError as error:
            self.faults.extend(error.faults)
            return default

    def require(self, key: str, parser: Callable[[Node], T]) -> T:
        """Return the value of `key`, which has to be there. After a fault the result is None and only for passing on."""
        if key not in self.node.entries:
            self.faults.append(fault(self.node, f"{key} is missing"))
        return cast("T", self.get(key, parser, None))

    def wrong(self, node: Node, message: str, hint: str = "") -> None:
        """Take note of a mistake that only shows in the meaning."""
        self.faults.append(fault(node, message, hint))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise every fault, unknown keys among them, unless something else went wrong already."""
        if kind is not None:
            return
        for key, _ in self.node:
            if key.text not in self._asked:
                self.faults.append(fault(key, f"is not known in {self._what}", did_you_mean(key.text, self._asked, listing=True)))
        if self.faults:
            raise ConfigurationError(sorted(self.faults, key=lambda found: (found.file, found.line, found.column)))


def fields(node: Node, what: str) -> Fields:
    """Read the mapping `node`; `what` names it in messages ("a rule", "fastagi"). What is no mapping is refused at once."""
    if not isinstance(node, Mapping):
        refuse(node, f"expected a mapping for {what}, not {kind_of(node)}", "write it as name: value, one under the other")
    return Fields(node, what)
