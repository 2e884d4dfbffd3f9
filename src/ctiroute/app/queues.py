"""How queues stand right now, kept from what the switches tell: the live state that rules may ask for.

Knows no rules and no calls. What a switch has not told, or told before its link was lost, is not known, and is not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from ctiroute.model import QueueState, SwitchLost
from ctiroute.model.queue import MemberGone, MemberTold, QueuesTold, WaitBegan, WaitEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctiroute.model import Operator
    from ctiroute.model.queue import QueueEvent
    from ctiroute.rules import Needs

MAX_WAITING = 10_000  # callers of one queue we remember; beyond that nobody asks how many there are


@dataclass(slots=True)
class _Line:
    """One queue of one switch."""

    members: dict[str, MemberTold] = field(default_factory=dict)  # by interface
    waiting: dict[str, datetime] = field(default_factory=dict)  # leg_id -> since when
    state: QueueState | None = None  # as it was when it was asked for last; None: it has changed since


class Queues:
    """The queues of all switches. Implements the connectors' QueueSink and the router's live facts."""

    def __init__(self, operators: Callable[[], Mapping[str, Operator]], clock: Callable[[], datetime]) -> None:
        self._operators = operators
        self._clock = clock
        self._lines: dict[str, dict[str, _Line]] = {}  # by switch, by queue; a switch that is not in it is not heard
        self._phones: dict[str, set[tuple[str, str, str]]] = {}  # name of a phone, folded -> where it stands: switch, queue, interface
        self._available: frozenset[str] | None = None  # None: something has changed since it was worked out
        self._worked_out_for: Mapping[str, Operator] | None = None

    def heard(self, event: QueueEvent) -> None:
        """Take what a switch tells. Events of a switch whose queues were never told are left out: their count would be wrong."""
        match event:
            case QueuesTold():
                self._lose(event.pbx)
                self._lines[event.pbx] = {queue: _Line() for queue in event.queues}
                for member in event.members:
                    self._member(member)
                for began in event.waiting:
                    self._began(began)
            case SwitchLost():
                self._lose(event.pbx)
            case MemberTold():
                self._member(event)
            case MemberGone():
                self._gone(event)
            case WaitBegan():
                self._began(event)
            case WaitEnded():
                line = self._line(event.pbx, event.queue)
                if line is not None and line.waiting.pop(event.leg_id, None) is not None:
                    line.state = None
            case _:
                assert_never(event)

    def live(self, pbx: str, needs: Needs) -> tuple[dict[str, QueueState], frozenset[str] | None]:
        """Return the queues in `needs` as they stand on the switch a call came from, and who could be rung now, if that is in it.

        For a request that came from no switch those of the only one count. What is not known is left out.
        """
        if not pbx and len(self._lines) == 1:
            pbx = next(iter(self._lines))
        lines = self._lines.get(pbx)
        states = {name: self._state(name, lines[name]) for name in needs.queues if name in lines} if lines else {}
        return states, self._who() if needs.available else None

    def free(self, pbx: str) -> dict[str, int]:
        """Return how many could ring now in each queue of a switch, as far as it has told."""
        return {name: self._state(name, line).free for name, line in self._lines.get(pbx, {}).items()}

    def available(self) -> frozenset[str] | None:
        """Return the operators who could be rung now; None: no switch tells."""
        return self._who()

    def _state(self, name: str, line: _Line) -> QueueState:
        if line.state is None:
            now = self._clock()
            longest = (now - min(line.waiting.values())).total_seconds() if line.waiting else 0.0
            free = sum(member.free for member in line.members.values())
            line.state = QueueState(name, len(line.members), free, len(line.waiting), max(0.0, longest), now)
        return line.state

    def _who(self) -> frozenset[str] | None:
        """Return the operators who could be rung: all with a phone, but those whose phones the switches tell to be away or busy."""
        if not self._lines:
            return None
        operators = self._operators()
        if self._available is None or self._worked_out_for is not operators:
            self._available = frozenset(who for who, operator in operators.items() if operator.interfaces and not self._away(operator))
            self._worked_out_for = operators
        return self._available

    def _away(self, operator: Operator) -> bool:
        names = (*operator.interfaces, operator.member_name or "")
        places = [place for name in names for place in self._phones.get(name.casefold(), ())]
        return bool(places) and not any(self._lines[pbx][queue].members[interface].free for pbx, queue, interface in places)

    def _line(self, pbx: str, queue: str) -> _Line | None:
        lines = self._lines.get(pbx)
        return None if lines is None else lines.setdefault(queue, _Line())

    def _member(self, told: MemberTold) -> None:
        line = self._line(told.pbx, told.queue)
        if line is None:
            return
        before = line.members.get(told.member.interface)
        if before is not None and (before.free, before.member) == (told.free, told.member):
            return
        if before is not None:
            self._forget(before)
        line.members[told.member.interface] = told
        line.state = self._available = None
        for name in _names(told):
            self._phones.setdefault(name, set()).add((told.pbx, told.queue, told.member.interface))

    def _gone(self, event: MemberGone) -> None:
        line = self._line(event.pbx, event.queue)
        told = line.members.pop(event.interface, None) if line is not None else None
        if line is not None and told is not None:
            line.state = None
            self._forget(told)

    def _began(self, event: WaitBegan) -> None:
        line = self._line(event.pbx, event.queue)
        if line is not None and len(line.waiting) < MAX_WAITING:
            line.waiting.setdefault(event.leg_id, event.at)  # told twice after a reconnect: he waits since the first
            line.state = None

    def _lose(self, pbx: str) -> None:
        for line in self._lines.pop(pbx, {}).values():
            for told in line.members.values():
                self._forget(told)

    def _forget(self, told: MemberTold) -> None:
        self._available = None
        for name in _names(told):
            places = self._phones.get(name, set())
            places.discard((told.pbx, told.queue, told.member.interface))
            if not places:
                self._phones.pop(name, None)


def _names(told: MemberTold) -> set[str]:
    """Return what an operator's phone may be known by: the interface, the device behind it, the member's name."""
    member = told.member
    return {name.casefold() for name in (member.interface, member.state_interface, member.name) if name}
