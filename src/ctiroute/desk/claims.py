"""Who has the phone when two operators sign in on one. Knows browsers only as "came" and "left", and no calls.

The answer follows from who is connected, in the order of arrival, and from the policy. A browser that is away for a moment keeps its
place in that order: when a network blinks and everybody reconnects at once, nobody takes anybody's phone. Operators who share no phone
never meet here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from ctiroute.desk.matching import phones_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.model import Operator


BLINK = timedelta(seconds=30)  # a browser back within it never left: presence itself takes as long to notice


class ClaimPolicy(StrEnum):
    """What happens when two operators sign in on one phone."""

    LATEST = "latest"  # the later sign-in takes it, the earlier is told
    ALL = "all"  # both see its calls
    REJECT = "reject"  # who has it keeps it, the newcomer is told


@dataclass(frozen=True, slots=True)
class ClaimChange:
    """An operator lost his phone to another, was refused it, or has it (again). For his screen and for the audit."""

    operator_id: str  # whom it concerns
    taken_by: str | None  # operator_id of who has the phone now; None: it is his again
    at: datetime


class Claims:
    """Which of the operators who share a phone gets its calls.

    Whoever comes or goes concerns those alone with whom he shares a phone: when a network blinks, thousands do within a second, and calls
    wait for each of them.
    """

    def __init__(self, policy: ClaimPolicy = ClaimPolicy.LATEST) -> None:
        self._policy = policy
        self._connected: dict[str, frozenset[str]] = {}  # operator_id -> phones
        self._at: dict[str, set[str]] = {}  # phone -> operator_ids of those connected
        self._places: dict[str, int] = {}  # order of arrival; kept for a moment after leaving
        self._left_at: dict[str, datetime] = {}
        self._arrivals = 0
        self._taken: dict[str, str] = {}  # operator_id of a loser -> of the holder

    def came(self, operator: Operator, at: datetime) -> list[ClaimChange]:
        """Take note that an operator's first browser connected, and return whose claim changed by it."""
        operator_id = operator.operator_id
        left_at = self._left_at.pop(operator_id, None)
        if operator_id not in self._places or (left_at is not None and at - left_at > BLINK):
            self._arrivals += 1
            self._places[operator_id] = self._arrivals
        concerned = self._remove(operator_id)
        self._connected[operator_id] = phones_of(operator)
        for phone in self._connected[operator_id]:
            self._at.setdefault(phone, set()).add(operator_id)
        return self._settle(concerned | self._sharing(operator_id), at)

    def left(self, operator_id: str, at: datetime) -> list[ClaimChange]:
        """Take note that an operator's last browser is gone, and return whose claim changed by it."""
        if operator_id not in self._connected:
            return []
        self._left_at[operator_id] = at
        self._taken.pop(operator_id, None)
        return self._settle(self._remove(operator_id), at)

    def taken_by(self, operator_id: str) -> str | None:
        """Return the operator_id of who has this operator's phone; None: he has it, or is not connected."""
        return self._taken.get(operator_id)

    def holders(self, operators: Sequence[Operator]) -> tuple[Operator, ...]:
        """Return which of the operators at one phone get its call: those who hold it, or all while none is connected.

        Nobody connected means nobody to tell, but each of them shall find the call in his list of missed calls.
        """
        connected = [operator for operator in operators if operator.operator_id in self._connected]
        return tuple(operator for operator in connected if operator.operator_id not in self._taken) or tuple(connected or operators)

    def _remove(self, operator_id: str) -> set[str]:
        """Take an operator out; return whom he shared a phone with, through others as well."""
        concerned = self._sharing(operator_id) - {operator_id}
        for phone in self._connected.pop(operator_id, frozenset()):
            self._at[phone].discard(operator_id)
            if not self._at[phone]:
                del self._at[phone]
        return concerned

    def _sharing(self, operator_id: str) -> set[str]:
        """Return who shares a phone with an operator, or with somebody who does; him, too. Nobody when he is not connected."""
        found = {operator_id} & self._connected.keys()
        waiting = [*found]
        while waiting:
            for phone in self._connected[waiting.pop()]:
                others = self._at[phone] - found
                found |= others
                waiting += others
        return found

    def _settle(self, concerned: set[str], at: datetime) -> list[ClaimChange]:
        """Work out who of some operators holds what, and return the differences from before, the earliest arrival first."""
        taken = {} if self._policy is ClaimPolicy.ALL else self._losers(concerned)
        changed = [
            ClaimChange(operator_id, taken.get(operator_id), at)
            for operator_id in sorted(concerned, key=self._places.__getitem__)
            if taken.get(operator_id) != self._taken.get(operator_id)
        ]
        for operator_id in concerned:
            self._taken.pop(operator_id, None)
        self._taken |= taken
        return changed

    def _losers(self, operators: set[str]) -> dict[str, str]:
        """Give each phone to the first in the policy's order; who shares it with a holder loses it to him."""
        latest_first = self._policy is ClaimPolicy.LATEST
        held: dict[str, tuple[int, str]] = {}  # phone -> rank and operator_id of the holder
        losers: dict[str, str] = {}
        for rank, operator_id in enumerate(sorted(operators, key=self._places.__getitem__, reverse=latest_first)):
            phones = self._connected[operator_id]
            rivals = [held[phone] for phone in phones if phone in held]
            if rivals:
                losers[operator_id] = min(rivals)[1]
            else:
                held |= dict.fromkeys(phones, (rank, operator_id))
        return losers
