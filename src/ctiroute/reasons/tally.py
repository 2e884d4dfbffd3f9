"""What is counted to learn from, and how it is written down. Nothing of a person is in it: campaigns, topics, media, ages and numbers.

Counted are: calls by the pattern of what was known (each cause with its age), with what the operator said of it; the time that touches
and open conversations have spent at each age; and the time of people who had any of these. From these `fit` makes curves. Counts only
add up, so nodes need no order among them, and what is old goes by its period.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import InteractionStatus, ReasonKind, TouchStatus
from ctiroute.reasons.grid import EDGES_S, bin_of
from ctiroute.reasons.rank import own_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctiroute.model import CallerContext, ConfirmedReason

MAX_CAUSES = 8  # of one pattern, the youngest: older ones next to these weigh nothing
MAX_KEY = 200  # characters of a campaign or topic
NONE_OF_THEM = -1
UNTIL = '["until"]'  # how far learning got, microseconds since 1970
PEOPLE = '["people"]'  # hours of people who had a touch or an open conversation

Cause = tuple[str, str, str, int]  # kind, campaign or topic, medium, stretch of the grid
_STARTS_S = (0.0, *EDGES_S[:-1])
_H = 3600.0
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Pattern:
    """What was known of a caller, as far as it can have made him call."""

    own: int  # how often he called lately for no reason that we know of
    causes: tuple[Cause, ...]  # in their order

    def written(self) -> str:
        """Return the text under which it is counted."""
        return _encode([self.own, self.causes]).decode()


_read_pattern = msgspec.json.Decoder(tuple[int, tuple[Cause, ...]]).decode
_read_calls = msgspec.json.Decoder(tuple[str, int, tuple[Cause, ...], int | None]).decode
_read_time = msgspec.json.Decoder(tuple[str, str, str, str, int]).decode


def pattern_of(context: CallerContext, now: datetime, about_id: str = "") -> tuple[Pattern, int] | None:
    """Return what may have made the caller call at `now`, and the place of `about_id` in it; None when nothing is known that may have."""
    found: list[tuple[float, Cause, str]] = []
    for touch in context.touches:
        age = (now - touch.sent_at).total_seconds()
        place = bin_of(age)
        if place is not None and touch.status is not TouchStatus.FAILED:
            found.append((age, (ReasonKind.TOUCH.value, touch.campaign[:MAX_KEY], touch.medium.value, place), touch.touch_id))
    for one in context.interactions:
        age = (now - one.updated_at).total_seconds()
        place = bin_of(age)
        if place is not None and one.status is not InteractionStatus.CLOSED:
            found.append((age, (ReasonKind.INTERACTION.value, one.topic[:MAX_KEY], one.medium.value, place), one.interaction_id))
    if not found:
        return None
    found = sorted(sorted(found)[:MAX_CAUSES], key=lambda one: one[1])
    chosen = next((place for place, (_, _, known) in enumerate(found) if known == about_id), NONE_OF_THEM)
    return Pattern(own_calls(context.calls, context.touches, now), tuple(cause for _, cause, _ in found)), chosen


def period_of(at: datetime) -> str:
    """Return the week of a time, by its Monday: "2026-11-16"."""
    day = at.astimezone(UTC).date()
    return (day - timedelta(days=day.weekday())).isoformat()


@dataclass(frozen=True, slots=True)
class Exposed:
    """So many touches were sent, or so many open conversations moved last, at about that time."""

    kind: ReasonKind
    key: str  # campaign or topic
    medium: str
    at: datetime  # aware, UTC
    count: int


@dataclass(slots=True)
class Counts:
    """Numbers to be added to those that are kept: by (period, what)."""

    amounts: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def call(self, pattern: Pattern, at: datetime, choice: int | None = None) -> None:
        """Count a call, with its reason's place in the pattern where somebody has said it."""
        self.amounts[period_of(at), _calls(pattern, choice)] += 1

    def confirmed(self, confirmed: ConfirmedReason) -> None:
        """Count what an operator said, in place of what that call has been counted as. Raises `ValueError` when it cannot be read."""
        own, causes = _read_pattern(confirmed.pattern)
        pattern = Pattern(own, causes)
        self.amounts[confirmed.period, _calls(pattern, confirmed.counted)] -= 1
        self.amounts[confirmed.period, _calls(pattern, confirmed.choice)] += 1

    def exposure(self, groups: Iterable[Exposed], people: int, since: datetime, until: datetime) -> None:
        """Count the time, from `since` to `until`, that touches and conversations spent at each age, and people with them."""
        period, span = period_of(until), (until - since).total_seconds()
        for group in groups:
            oldest = (until - group.at).total_seconds()  # its age at the end
            youngest = max(0.0, oldest - span)
            if oldest <= 0 or youngest >= EDGES_S[-1]:
                continue
            first, last = bin_of(youngest), bin_of(min(oldest, EDGES_S[-1]))
            if first is None or last is None:
                continue
            for place in range(first, last + 1):
                spent = min(oldest, EDGES_S[place]) - max(youngest, _STARTS_S[place])
                if spent > 0:
                    what = _encode(["time", group.kind.value, group.key[:MAX_KEY], group.medium, place]).decode()
                    self.amounts[period, what] += spent * group.count / _H
        self.amounts[period, PEOPLE] += people * span / _H


@dataclass(slots=True)
class Totals:
    """Counts read back, those of long ago weighing less."""

    calls: dict[tuple[Pattern, int | None], float] = field(default_factory=dict)  # with the choice; None: nobody said
    hours: dict[Cause, float] = field(default_factory=dict)
    people_h: float = 0.0

    def add(self, what: str, amount: float) -> None:
        """Take one number. What cannot be read (of a newer version) is passed over."""
        if what == PEOPLE:
            self.people_h += max(0.0, amount)
            return
        try:
            if what.startswith('["calls"'):
                _, own, causes, choice = _read_calls(what)
                if causes and all(0 <= place < len(EDGES_S) for *_, place in causes):
                    key = (Pattern(own, causes), choice if choice is None or choice < len(causes) else None)
                    self.calls[key] = self.calls.get(key, 0.0) + amount
            elif what.startswith('["time"'):
                _, kind, key_, medium, place = _read_time(what)
                if 0 <= place < len(EDGES_S):
                    cause = (kind, key_, medium, place)
                    self.hours[cause] = self.hours.get(cause, 0.0) + max(0.0, amount)
        except msgspec.MsgspecError:
            return


def _calls(pattern: Pattern, choice: int | None) -> str:
    return _encode(["calls", pattern.own, pattern.causes, choice]).decode()


def totals_of(tallies: Mapping[tuple[str, str], float], now: datetime, half_life: timedelta) -> Totals:
    """Return all counts together: those of a `half_life` ago weigh half."""
    totals = Totals()
    weights: dict[str, float] = {}
    for (period, what), amount in tallies.items():
        if period not in weights:
            weights[period] = _weight(period, now, half_life)
        if weights[period]:
            totals.add(what, amount * weights[period])
    return totals


def _weight(period: str, now: datetime, half_life: timedelta) -> float:
    try:
        age = now - datetime.fromisoformat(period).replace(tzinfo=UTC) - timedelta(days=7)
    except ValueError:
        return 0.0
    return float(0.5 ** max(0.0, age / half_life))
