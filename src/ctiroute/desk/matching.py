"""Which operators sit at a phone. Knows names of phones, nothing of calls.

A switch names the same phone in several ways, and FreePBX rings `Local/1001@from-queue/n`, which is no device at all. So these are
tried in this order, without case, and the first that finds anybody decides:

1. the member's interface is one of the operator's interfaces;
2. the member's state interface is one of them;
3. the member's name is the operator's `member_name`;
4. the extension inside the interface, or else inside the state interface, is the operator's extension.

Several operators may share a phone: all of them are returned, in the order in which they are configured.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ctiroute.model import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ctiroute.model import Operator

# "Local/1001@from-queue/n", "PJSIP/1001", "PJSIP/1001/sip:1001@10.0.0.5": the extension is what follows the technology.
_EXTENSION = re.compile(r"[^/]+/([^/@;]+)")


def extension_in(interface: str) -> str | None:
    """Return the extension inside an interface ("1001" of "Local/1001@from-queue/n"), or None when there is none."""
    found = _EXTENSION.match(interface)
    return found.group(1) if found else None


def phones_of(operator: Operator) -> frozenset[str]:
    """Return every name under which an operator's phone may ring, in lower case, each with its kind."""
    phones = {f"interface:{interface.lower()}" for interface in operator.interfaces}
    if operator.member_name:
        phones.add(f"name:{operator.member_name.lower()}")
    if operator.extension:
        phones.add(f"extension:{operator.extension.lower()}")
    return frozenset(phones)


class Directory:
    """All operators, found by the phone that rings."""

    def __init__(self, operators: Iterable[Operator]) -> None:
        self._by_id: dict[str, Operator] = {}
        self._by_phone: dict[str, list[Operator]] = {}
        for operator in operators:
            self._by_id[operator.operator_id] = operator
            for phone in phones_of(operator):
                self._by_phone.setdefault(phone, []).append(operator)

    def get(self, operator_id: str) -> Operator | None:
        """Return one operator, or None when nobody has that id (any more)."""
        return self._by_id.get(operator_id)

    def at(self, member: Member) -> tuple[Operator, ...]:
        """Return the operators whose phone this is; () for a phone that nobody signed up for."""
        for phone in _names(member):
            found = self._by_phone.get(phone.lower())
            if found:
                return tuple(found)
        return ()

    def at_interface(self, interface: str) -> tuple[Operator, ...]:
        """Return the operators whose phone has this channel name without its serial."""
        return self.at(Member(interface))


def _names(member: Member) -> Iterator[str]:
    """Yield the keys under which a member's operators may be filed, the surest first."""
    if member.interface:
        yield f"interface:{member.interface}"
    if member.state_interface:
        yield f"interface:{member.state_interface}"
    if member.name:
        yield f"name:{member.name}"
    for interface in (member.interface, member.state_interface):
        extension = extension_in(interface)
        if extension:
            yield f"extension:{extension}"
