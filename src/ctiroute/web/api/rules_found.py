"""What trying rules finds: on past calls, on live ones, on the admin's own cases, and about one call. The answers of /api/v1/rules.

Commands print the same. Plain records; the OpenAPI document is made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ctiroute.web.api.rules_wire import Explained, RuleFault


class Kind(StrEnum):
    """What is different about a call."""

    MOVED = "moved"
    SHOWN = "shown otherwise"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class Way:
    """Which rule sends a call where."""

    rule: str  # "default" for the default
    to: str  # in words: "queue promo, priority 10"


@dataclass(frozen=True, slots=True)
class Sample:
    """One call of a group."""

    call_id: str
    at: datetime  # aware, UTC
    caller: str  # masked


@dataclass(frozen=True, slots=True)
class Group:
    """Calls with the same change."""

    kind: Kind
    before: Way
    after: Way
    calls: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How many calls are sent to a queue, by hour of the day."""

    queue: str
    before: tuple[int, ...]  # 24 counts, hour 0 first, in the rules' timezone, over the whole stretch
    after: tuple[int, ...]
    busiest_before: int  # calls in the busiest single hour of all
    busiest_after: int


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Calls that could not be judged, because a rule asked for something that is not kept."""

    rules: str  # "candidate" or "current"
    rule: str
    asked: str
    calls: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A rule that took calls and takes none any more."""

    rule: str
    calls: int  # that it took
    there: bool  # it is still in the candidate


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A rule of the candidate that no call can come to, whatever calls there are."""

    rule: str
    by: str  # the earlier rule that takes all its calls; "": its own conditions exclude each other
    new: bool  # it could be reached in the current rules, or is not there


@dataclass(frozen=True, slots=True)
class Shift:
    """Calls that would have gone from one queue to another. Seconds are means of a call."""

    before: str  # queue, or "" for another way: a menu, an extension
    after: str
    calls: int  # moved this way whose recorded wait is known
    waited_s: float  # as recorded
    would_wait_s: float  # estimated
    error_s: float  # 95 % of such estimates are no further off, if the lines had been as they were
    left_share: float  # of them, how many left before anybody answered, as recorded
    would_leave_share: float  # estimated


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate, never a measurement."""

    shifts: tuple[Shift, ...] = ()  # most calls first
    unknown: dict[str, int] = field(default_factory=dict)  # why -> moved calls of which nothing can be said
    doubts: tuple[str, ...] = ()  # what speaks against believing it


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found."""

    candidate: str  # version
    against: str  # version
    since: datetime
    until: datetime
    complete: bool  # False: stopped, or limited; what is here is about the calls up to `judged_until`
    judged_until: datetime | None  # time of the last call looked at; None: there was none
    judged: int
    changed: int  # would go elsewhere, or be shown otherwise
    moved: int
    shown: int
    renamed: int
    left_out: dict[str, int]
    unjudged: tuple[Unjudged, ...]
    groups: tuple[Group, ...]  # most calls first
    load: tuple[QueueLoad, ...]
    unreachable: tuple[Unreachable, ...]  # rules of the candidate that no call can come to, in their order
    never: tuple[str, ...]  # other rules of the candidate that none of these calls came to, in their order
    lost: tuple[Lost, ...]
    otherwise_then: int  # calls that took another way then than the current rules give: they were decided by earlier rules
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Pair:
    """A rule in use, and the one of the candidate that would have taken its calls."""

    live: str
    candidate: str
    kinds: dict[str, int]  # what would have been different -> calls
    samples: tuple[tuple[Sample, str, str], ...]  # the call, where it went, where it would have gone


@dataclass(frozen=True, slots=True)
class Trial:
    """One version of a candidate beside one of the live rules, over all nodes."""

    candidate: str
    live: str
    since: datetime
    until: datetime
    runs: int  # starts of nodes that have told of it
    faults: tuple[str, ...]  # why the candidate cannot be used, as told lately
    calls: dict[str, int]  # what would have become of them -> calls
    pairs: tuple[Pair, ...]  # most calls first


@dataclass(frozen=True, slots=True)
class Trials:
    """What rules on trial would have done otherwise, by versions, the latest first."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class CaseDifference:
    """An expectation that was not met."""

    what: str
    expected: str
    got: str
    line: int  # in the file of the case


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case."""

    name: str
    title: str
    file: str
    line: int
    passed: bool
    rule: str | None  # that took the call; null: the default
    differences: tuple[CaseDifference, ...]
    why: tuple[str, ...]  # the rules that were asked, in words; only of a case that failed


@dataclass(frozen=True, slots=True)
class RuleReached:
    """How far the cases reach one rule."""

    rule: str
    file: str
    line: int
    taken: int  # cases
    missing: tuple[str, ...]  # what no case reaches


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the cases reach the rules."""

    percent: float
    default_taken: int
    rules: tuple[RuleReached, ...]


@dataclass(frozen=True, slots=True)
class RulesTested:
    """What became of the cases."""

    ok: bool  # rules and cases can be read, and all is as expected
    version: str  # of the rules; "" when they are wrong
    faults: tuple[RuleFault, ...]  # why they, or the cases, cannot be read
    cases: tuple[CaseResult, ...]
    reached: Reached | None  # null: nothing was run


@dataclass(frozen=True, slots=True)
class TracedCall:
    """What happened to a call, and why."""

    call_id: str
    received_at: datetime | None
    status: str | None  # routed | default | timeout | error
    rule: str | None
    decision_ms: float | None
    queue: str | None
    operator_id: str | None  # who talked last
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    notes: tuple[str, ...]  # what the reader has to know: other rules decided then, ...
    explained: Explained | None  # null: what was known then is not kept
