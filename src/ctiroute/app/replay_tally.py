"""Adds up what a replay found, call by call, and words it as a report at the end. Knows no store and no terminal.

A call is *moved* when its destination is another one; it is *shown otherwise* when it goes to the same place with another pop, language,
announcement or variables; it is *renamed* when only the name of the rule that says so is another. The first two are changes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from ctiroute.app.hidden import HiddenCaller
from ctiroute.app.what_if import WhatIf
from ctiroute.model import ToDefault, ToExtension, ToMenu, ToOperator, ToQueue
from ctiroute.model.phone import mask_phone
from ctiroute.rules.lint import unreached
from ctiroute.web.api.rules_found import Group, Kind, Lost, QueueLoad, ReplayReport, Sample, Unjudged, Unreachable, Way

if TYPE_CHECKING:
    from ctiroute.model import Caller, CallRecord, Decision, Destination, RouteRequest
    from ctiroute.rules import Ruleset

SAMPLES = 3  # calls shown of each group
MAX_GROUPS = 1000  # kinds of change told apart; the rest is counted together
QUARTER_S = 900  # no time zone differs from another by less than a quarter of an hour, so quarters can be put into local hours later
_TO_QUEUES = (ToQueue, ToOperator)
OTHERS = "(others)"  # changes beyond MAX_GROUPS


class LeftOut(StrEnum):
    """Why a stored call was not judged."""

    NOT_DECIDED = "no rules decided it"  # dialled directly, abandoned before the answer, or something was broken
    NO_SNAPSHOT = "what was known of it is not kept any more"
    UNREADABLE = "its snapshot cannot be read"
    TRIAL = "a trial"


@dataclass(slots=True)
class _Cell:
    calls: int = 0
    samples: list[Sample] = field(default_factory=list)


class Tally:
    """Counts of one replay."""

    def __init__(self, candidate: Ruleset, against: Ruleset) -> None:
        self._candidate, self._against = candidate, against
        self.left_out: Counter[LeftOut] = Counter()
        self.unjudged: Counter[tuple[str, str, str]] = Counter()  # (candidate or current, rule, what it asked for)
        self.judged = 0
        self.last_at: datetime | None = None
        self._kinds: Counter[Kind] = Counter()
        self._groups: dict[tuple[Kind, str | None, Destination, str | None, Destination], _Cell] = {}
        self._others = _Cell()
        self._hits_before: Counter[str | None] = Counter()
        self._hits_after: Counter[str | None] = Counter()
        self._load_before: Counter[tuple[str, int]] = Counter()  # (queue, quarter of an hour since 1970)
        self._load_after: Counter[tuple[str, int]] = Counter()
        self._what_if = WhatIf()
        self._otherwise_then = 0

    def observe(self, record: CallRecord) -> None:
        """Take note of what became of a call, whether it can be judged or not: it tells how long its queue let callers wait."""
        self.last_at = record.received_at or self.last_at
        self._what_if.observe(record)

    def add(self, record: CallRecord, request: RouteRequest, before: Decision, after: Decision) -> None:
        """Count one call that was decided twice."""
        self.judged += 1
        self._hits_before[before.rule] += 1
        self._hits_after[after.rule] += 1
        quarter = int(request.received_at.timestamp()) // QUARTER_S
        queue_before, queue_after = queue_of(before.destination), queue_of(after.destination)
        if queue_before is not None:
            self._load_before[queue_before, quarter] += 1
        if queue_after is not None:
            self._load_after[queue_after, quarter] += 1
        as_then = record.rule == before.rule and (record.queue == queue_before or queue_before is None)
        self._otherwise_then += not as_then
        kind = difference(before, after)
        if kind is None:
            return
        self._kinds[kind] += 1
        if kind is Kind.MOVED:
            self._what_if.moved(record, queue_before, queue_after, as_then=as_then)
        key = (kind, before.rule, before.destination, after.rule, after.destination)
        cell = self._groups.get(key)
        if cell is None:
            cell = self._others if len(self._groups) >= MAX_GROUPS else self._groups.setdefault(key, _Cell())
        cell.calls += 1
        if len(cell.samples) < SAMPLES:
            cell.samples.append(Sample(request.call_id, request.received_at, masked(request.caller)))

    def report(self, since: datetime, until: datetime, *, complete: bool) -> ReplayReport:
        """Return what was found so far. Which rules are unreachable is known of rule sets that were loaded with `forms`."""
        load = self._load()
        already, unreachable = unreached(self._against), unreached(self._candidate)
        names = [rule.name for rule in self._candidate.rules]
        there = set(names)
        groups = [
            Group(kind, Way(rule or "default", in_words(to)), Way(new_rule or "default", in_words(new_to)), cell.calls, tuple(cell.samples))
            for (kind, rule, to, new_rule, new_to), cell in self._groups.items()
        ]
        if self._others.calls:
            others = Way(OTHERS, OTHERS)
            groups.append(Group(Kind.MOVED, others, others, self._others.calls, tuple(self._others.samples)))
        return ReplayReport(
            candidate=self._candidate.version,
            against=self._against.version,
            since=since,
            until=until,
            complete=complete,
            judged_until=self.last_at,
            judged=self.judged,
            changed=self._kinds[Kind.MOVED] + self._kinds[Kind.SHOWN],
            moved=self._kinds[Kind.MOVED],
            shown=self._kinds[Kind.SHOWN],
            renamed=self._kinds[Kind.RENAMED],
            left_out={why.value: count for why, count in self.left_out.most_common()},
            unjudged=tuple(Unjudged(*key, count) for key, count in self.unjudged.most_common()),
            groups=tuple(sorted(groups, key=lambda group: (list(Kind).index(group.kind), -group.calls, group.before.rule))),
            load=load,
            unreachable=tuple(Unreachable(name, unreachable[name], name not in already) for name in names if name in unreachable),
            never=tuple(name for name in names if not self._hits_after[name] and name not in unreachable),
            lost=tuple(
                Lost(rule.name, self._hits_before[rule.name], rule.name in there)
                for rule in self._against.rules
                if self._hits_before[rule.name] and not self._hits_after[rule.name]
            ),
            otherwise_then=self._otherwise_then,
            estimate=self._what_if.estimate({each.queue: (each.busiest_before, each.busiest_after) for each in load}),
        )

    def _load(self) -> tuple[QueueLoad, ...]:
        queues = sorted({queue for queue, _ in (*self._load_before, *self._load_after)})
        before, after = self._by_hour(self._load_before), self._by_hour(self._load_after)
        nothing = [0] * 24
        return tuple(
            QueueLoad(
                queue=queue,
                before=tuple(before[0].get(queue, nothing)),
                after=tuple(after[0].get(queue, nothing)),
                busiest_before=before[1][queue],
                busiest_after=after[1][queue],
            )
            for queue in queues
        )

    def _by_hour(self, quarters: Counter[tuple[str, int]]) -> tuple[dict[str, list[int]], Counter[str]]:
        """Return by queue the counts by hour of the day, and the count of the busiest single hour."""
        zone = self._candidate.zone
        by_day: dict[str, list[int]] = {}
        single: Counter[tuple[str, datetime]] = Counter()
        for (queue, quarter), count in quarters.items():
            local = datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(zone)
            by_day.setdefault(queue, [0] * 24)[local.hour] += count
            whole = (
                local.replace(minute=0) if local.fold == 0 else local.replace(minute=0) + timedelta(days=10_000)
            )  # the hour that comes twice
            single[queue, whole] += count
        busiest: Counter[str] = Counter()
        for (queue, _), count in single.items():
            busiest[queue] = max(busiest[queue], count)
        return by_day, busiest


def difference(before: Decision, after: Decision) -> Kind | None:
    """Return what is different about two decisions of one call; None: nothing that anybody could notice."""
    if before.destination != after.destination:
        return Kind.MOVED
    if (
        before.language != after.language
        or before.announce != after.announce
        or before.variables != after.variables
        or before.tags != after.tags
        or before.pop != after.pop
        or before.touch_id != after.touch_id
        or before.interaction_id != after.interaction_id
    ):
        return Kind.SHOWN
    return Kind.RENAMED if before.rule != after.rule else None


def queue_of(destination: Destination) -> str | None:
    """Return the queue that a call is sent to, after an operator where one is rung first; None: to none."""
    return destination.queue if isinstance(destination, _TO_QUEUES) else None


def in_words(destination: Destination) -> str:
    """Return where a call goes, for people."""
    match destination:
        case ToQueue(queue, priority):
            return f"queue {queue}" + (f", priority {priority}" if priority else "")
        case ToOperator():
            who = destination.operator_id or destination.interface
            return f"operator {who} for {destination.timeout_s} s" + (f", then queue {destination.queue}" if destination.queue else "")
        case ToMenu(menu):
            return f"menu {menu}"
        case ToExtension(extension):
            return f"extension {extension}"
        case ToDefault():
            return "the ordinary way"


def masked(caller: Caller) -> str:
    """Return a caller as a report may show them."""
    if isinstance(caller, HiddenCaller):
        return caller.shown
    return "withheld" if caller.withheld else mask_phone(caller.phone or caller.raw)
