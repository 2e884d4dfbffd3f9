"""What rules look at and what they hold on to: one call's facts, what a condition bound, how far back a rule set looks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ctiroute.model import CallerContext, Operator, QueueState, RouteRequest
from ctiroute.model.value import Value

if TYPE_CHECKING:
    from ctiroute.model import Interaction, Touch

# The pop's timeline shows this much even where no rule asks for it.
LEAST_TOUCHES = timedelta(days=30)
LEAST_CALLS = timedelta(days=30)
LEAST_INTERACTIONS = timedelta(days=90)  # closed ones; open ones have no age limit

NO_QUEUES: Mapping[str, QueueState] = MappingProxyType({})


@dataclass(slots=True, eq=False)
class Facts:
    """One call as conditions see it. Conditions read it and never change it, but for `memo`."""

    request: RouteRequest
    context: CallerContext
    now: datetime  # aware, UTC
    operators: Mapping[str, Operator]  # by operator_id
    memo: dict[Any, Any] = field(default_factory=dict)  # what several rules would work out again: opening hours by name
    queues: Mapping[str, QueueState] = field(default_factory=lambda: NO_QUEUES)  # live, by queue; a queue that is not in it is not known
    available: Collection[str] | None = None  # operator_ids whose phone could ring now; None: not known


class Bound(NamedTuple):
    """What a condition that holds was about."""

    touch: Touch | None = None
    interaction: Interaction | None = None


HOLDS = Bound()  # holds, and is about nothing in particular


class Needs(Value, frozen=True):
    """How far back a rule set looks, and at what; the engine asks its sources for no more."""

    touches: timedelta = timedelta()
    calls: timedelta = timedelta()
    interactions: timedelta = timedelta()  # closed ones
    queues: frozenset[str] = frozenset()  # those whose live state is asked for
    available: bool = False  # who could be rung now is asked for
    operators: frozenset[str] = frozenset()  # operator_ids asked for by name; others come from the caller's own history

    def __or__(self, other: Needs) -> Needs:
        if other is NO_NEEDS:
            return self
        if self is NO_NEEDS:
            return other
        return Needs(
            max(self.touches, other.touches),
            max(self.calls, other.calls),
            max(self.interactions, other.interactions),
            self.queues | other.queues,
            self.available or other.available,
            self.operators | other.operators,
        )


NO_NEEDS = Needs()
LEAST_NEEDS = Needs(LEAST_TOUCHES, LEAST_CALLS, LEAST_INTERACTIONS)
