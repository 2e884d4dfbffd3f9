"""`hours`: it is open now, by hours that have a name or are written in place. `not: {hours: ...}` is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.documents import Scalar, did_you_mean, refuse, text
from ctiroute.rules import fragments as shape
from ctiroute.rules.facts import HOLDS, Bound, Facts
from ctiroute.rules.hours import DAYS, HOURS_FRAGMENT, Hours, read_hours
from ctiroute.rules.kinds import ConditionKind, Probe, Scope

if TYPE_CHECKING:
    from ctiroute.documents import Node


def read(node: Node, scope: Scope) -> Probe:
    """Compile the condition."""
    if isinstance(node, Scalar):
        name = text(node)
        if name not in scope.hours:
            hint = did_you_mean(name, scope.hours, listing=True) or "define them under hours:"
            refuse(node, "there are no opening hours of this name", hint)
        hours, wanted = scope.hours[name], f"open by {name}"
    else:
        hours, wanted = read_hours(node, scope.zone, scope.calendars), "open"

    def test(facts: Facts) -> Bound | None:
        is_open = facts.memo.get(hours)
        if is_open is None:
            is_open = facts.memo[hours] = hours.is_open(facts.now)
        return HOLDS if is_open else None

    return Probe(test, lambda facts: _seen(hours, facts), wanted)


KIND = ConditionKind(
    "hours",
    "It is open now: weekly hours, holidays, own dates, in a timezone.",
    read,
    shape.short_or(shape.text(shape.HOURS), HOURS_FRAGMENT),
    "business",
)


def _seen(hours: Hours, facts: Facts) -> str:
    local = hours.local(facts.now)
    because = hours.closed_because(local.date())
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {hours.zone.key}" + (f", {because}" if because else "")
