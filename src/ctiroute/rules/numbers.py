"""Phone numbers in rules: what the caller has and what was dialled are tested alike."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctiroute.documents import Fields, Node, Parser, Scalar, one_or_list, refuse, text
from ctiroute.errors import ConfigurationError, Fault
from ctiroute.rules import fragments as shape
from ctiroute.rules.forms import Begins
from ctiroute.rules.guards import Guard, by_heads

if TYPE_CHECKING:
    from ctiroute.model import Caller
    from ctiroute.rules.kinds import Scope

_E164 = re.compile(r"\+[1-9][0-9]{5,14}", re.ASCII)
_SHORT = re.compile(r"[0-9*#]{2,8}", re.ASCII)  # service numbers and extensions: never with a country code
_PREFIX = re.compile(r"\+[1-9][0-9]{0,13}", re.ASCII)

MAX_FAULTS = 50  # of one list; nobody reads more at once

Starts = tuple[tuple[int, frozenset[str]], ...]  # beginnings by their length: one look-up a length, however many there are
NO_STARTS: Starts = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers by value, by their beginning, or by list. Empty: any."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    wanted: str = ""  # in words

    starts: Starts = NO_STARTS  # the same for many of them, from lists

    def __contains__(self, number: str) -> bool:
        if number in self.exact or (self.prefixes and number.startswith(self.prefixes)):
            return True
        return any(number[:length] in starts for length, starts in self.starts)

    def fit(self, caller: Caller) -> bool:
        """Say whether a caller has one of them. What is no phone number may be an extension, and is never compared with a whole number."""
        if caller.phone is not None:
            return caller.phone in self
        return caller.raw in self.exact and not caller.raw.startswith("+")

    @property
    def guard(self) -> Guard:
        """What a number has to be, or it fits nothing here."""
        return by_heads(self.exact.union(self.prefixes, *(starts for _, starts in self.starts)), self.__contains__)

    @property
    def demand(self) -> Begins:
        """The same, comparable."""
        return Begins(self.exact, (*self.prefixes, *(start for _, starts in self.starts for start in sorted(starts))))

    def __bool__(self) -> bool:
        return bool(self.wanted)


def read_numbers(f: Fields, scope: Scope) -> Numbers:
    """Read the keys `number`, `prefix` and `list` of a condition; a number that fits one of them fits."""
    exact = f.get("number", one_or_list(number), ())
    prefixes = f.get("prefix", one_or_list(prefix), ())
    names = f.get("list", one_or_list(number_list(scope)), ())
    wanted = [f"number {' or '.join(exact)}"] if exact else []
    wanted += [f"begins with {' or '.join(prefixes)}"] if prefixes else []
    wanted += [f"in list {' or '.join(names)}"] if names else []
    listed = [scope.once(_entries, name) for name in names]
    whole = frozenset(exact).union(*(one.exact for one in listed))
    return Numbers(whole, prefixes, ", or ".join(wanted), tuple(start for one in listed for start in one.starts))


NUMBER_KEYS = "number|prefix|list"  # of all that is demanded by `read_numbers`
# The shape of what it reads.
NUMBER_FRAGMENTS = {
    "number": shape.about(shape.many(shape.phone()), "The whole number, with + and country code.", "+380671234567"),
    "prefix": shape.about(shape.many(shape.prefix()), "How the number begins, with + and country code.", "+38067"),
    "list": shape.about(shape.many(shape.text(shape.LIST)), "The name of a list of numbers, or its file: lists/partners.txt."),
}


def number(node: Node) -> str:
    """Parse a whole number as calls carry it: E.164, or a short service number."""
    value = re.sub(r"[ ()\-]", "", text(node))
    if not _E164.fullmatch(value) and not _SHORT.fullmatch(value):
        refuse(node, "expected a phone number with + and its country code", _with_plus(value))
    return value


def prefix(node: Node) -> str:
    """Parse the beginning of a number in E.164."""
    value = re.sub(r"[ ()\-]", "", text(node))
    if not _PREFIX.fullmatch(value):
        refuse(node, "expected the beginning of a number, with + and the country code", _with_plus(value))
    return value


def number_list(scope: Scope) -> Parser[str]:
    """Return a parser of the name of a list that holds numbers, whole ones and beginnings: +38044*."""

    def parse(node: Node) -> str:
        name = scope.list_name(node)
        scope.once(_entries, name)  # its mistakes are those of whoever takes it for a list of numbers
        return name

    return parse


def _entries(entries: tuple[Node, ...]) -> Numbers:
    """Return the numbers of a list. Raises `ConfigurationError` with every fault."""
    faults: list[Fault] = []
    exact: set[str] = set()
    starts: dict[int, set[str]] = {}
    for entry in entries:
        try:
            if isinstance(entry, Scalar) and entry.text.endswith("*") and entry.text.startswith("+"):
                start = prefix(replace(entry, value=entry.text[:-1], text=entry.text[:-1]))
                starts.setdefault(len(start), set()).add(start)
            else:
                exact.add(number(entry))
        except ConfigurationError as error:
            faults.extend(error.faults)
            if len(faults) >= MAX_FAULTS:
                break
    if faults:
        raise ConfigurationError(faults)
    return Numbers(frozenset(exact), starts=tuple((length, frozenset(found)) for length, found in sorted(starts.items())))


def _with_plus(value: str) -> str:
    bare = value.removeprefix("00")
    return f'write "+{bare}"' if bare.isascii() and bare.isdigit() and not bare.startswith("0") else 'write it as "+380671234567"'
