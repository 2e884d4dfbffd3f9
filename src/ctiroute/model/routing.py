"""The question "where should this go?", and the answer with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ctiroute.model.identity import Identifier, Medium
from ctiroute.model.phone import country_of
from ctiroute.model.queue import QueueState
from ctiroute.model.value import Value, field

TRIAL = "trial"  # further argument of a request that only asks: no phone rings, and it counts as nobody's call


class Caller(Value, frozen=True):
    """What the network says of who calls: a claim, not a proof."""

    raw: str  # the number as it came, control characters removed, at most 80 characters; may be ""
    phone: str | None  # E.164; None: withheld or not a number that can be a key
    name: str = ""  # the name as it came, cleaned the same way
    withheld: bool = False  # the network says the number may not be shown, or sent a word in its place

    @property
    def country(self) -> str | None:
        """ISO 3166-1 alpha-2 of `phone`; None when it has none. Costs more than the rest of a request, so it is found when asked for."""
        return country_of(self.phone) if self.phone is not None else None


class RouteRequest(Value, frozen=True):
    """One question, from any medium."""

    call_id: str  # "<pbx>:<linkedid>" for voice
    medium: Medium
    caller: Caller
    dialed: str  # E.164 where the number is one, else as dialled
    received_at: datetime  # aware, UTC
    pbx: str = ""  # name of the Asterisk it came from
    language: str | None = None  # as the switch has it
    leg_id: str = ""  # Uniqueid of the caller's channel
    args: tuple[str, ...] = ()  # further arguments the dialplan passed
    attestation: str | None = (
        None  # how far the network vouches for the caller's number (STIR/SHAKEN, RFC 8588): A, B or C; None: not at all
    )
    identifier: Identifier | None = None  # by what somebody of another medium is known; None: by the caller's phone, if by anything

    @property
    def is_trial(self) -> bool:
        """Whether somebody tries the rules, with no caller behind it."""
        return TRIAL in self.args


class Status(StrEnum):
    """CTI_STATUS: how the decision came about."""

    ROUTED = "routed"  # a rule matched
    DEFAULT = "default"  # no rule matched
    TIMEOUT = "timeout"  # the deadline came first
    ERROR = "error"  # something broke; the cause is in the log and the trace


class ToQueue(Value, frozen=True):
    """Wait in a queue."""

    queue: str
    priority: int = 0  # QUEUE_PRIO; higher is served first


class ToOperator(Value, frozen=True):
    """Ring one operator for a bounded time, then what the dialplan does next (the queue, if one is given)."""

    interface: str  # "PJSIP/1001"
    operator_id: str | None = None  # None: an interface nobody signed up for
    timeout_s: int = 20
    queue: str | None = None  # where to go when nobody picks up; None: the default way
    priority: int = 0  # of that queue


class ToMenu(Value, frozen=True):
    """Hear a voice menu."""

    menu: str
    order: tuple[str, ...] = ()  # its options, the likeliest first; (): as the dialplan has them


class ToExtension(Value, frozen=True):
    """Go to an extension of the dialplan's allowed context."""

    extension: str


class ToDefault(Value, frozen=True):
    """The ordinary way, as if ctiroute were not there."""


Destination = ToQueue | ToOperator | ToMenu | ToExtension | ToDefault


class Proposal(Value, frozen=True):
    """What else may be proposed to a customer. Templates by language, like those of a pop."""

    title: Mapping[str, str]
    text: Mapping[str, str] = field(default_factory=dict)  # terms, and how to say it
    key: str = ""  # in the catalogue
    again_s: float = 0.0  # for so long it is not proposed again to whoever accepted or refused it; 0: it is, with what became of it


class PopPlan(Value, frozen=True):
    """What a rule wants on the operator's screen. Texts are templates by language; `rules.template` fills them at ring."""

    headline: Mapping[str, str] = field(default_factory=dict)  # language -> template; {} means a sentence made from the context
    opening: Mapping[str, str] = field(default_factory=dict)  # the suggested first step, by language
    script: Mapping[str, str] = field(default_factory=dict)  # Markdown text (already read from its file), by language
    fields: tuple[tuple[str, str], ...] = ()  # (label, template) in the admin's order
    url: str = ""  # template, https only, fixed host; every value percent-encoded
    at: str = "ring"  # "ring" or "answer"
    offers: tuple[Proposal, ...] = ()  # what else may be proposed, the best first


class Verdict(Value, frozen=True):
    """One condition's result, with the value it saw."""

    condition: str  # where it stands in the rule: "touch", "all[1].caller"
    wanted: str  # what the rule demands, in words: "campaign autumn-*, sms, within 15m"
    seen: str  # what was there: "autumn-sms, sms, 12m ago" or "no touch"
    matched: bool


class RuleTrace(Value, frozen=True):
    """One rule that was tried."""

    rule: str
    matched: bool
    verdicts: tuple[Verdict, ...]  # all of a rule that matched; only the first false one of a rule that did not
    goes_on: bool = False  # it matched, added what it says, and left the call to the rules after it


class SourceReport(Value, frozen=True):
    """What became of one look-up."""

    source: str  # "store", ...
    state: str  # ok | late | failed | skipped
    took_ms: float
    detail: str = ""  # cause in words when it is not ok
    age_s: float | None = None  # how long ago these facts were last known to be true; None: read from the truth, or there are none


@dataclass(slots=True, eq=False)
class Trace:
    """Why a decision came out as it did. Nothing is worded until somebody reads it: on the call path it is free."""

    explain: Callable[[], tuple[RuleTrace, ...]]  # pure; called at most once
    sources: tuple[SourceReport, ...] = ()
    error: str = ""  # why the rules were not asked at all ("deadline", an exception's text); "" when they were
    _rules: tuple[RuleTrace, ...] | None = None

    @property
    def rules(self) -> tuple[RuleTrace, ...]:
        """Every rule tried, in order, up to and with the one that took the call."""
        if self._rules is None:
            self._rules = self.explain()
        return self._rules


class Decision(Value, frozen=True):
    """The answer."""

    status: Status
    destination: Destination
    trace: Trace
    rule: str | None = None  # name of the rule that took the call; None: the default
    added: tuple[str, ...] = ()  # names of the rules that only added to it, in their order
    language: str | None = None
    announce: str | None = None  # sound file the dialplan plays first
    variables: Mapping[str, str] = field(default_factory=dict)  # CTI_X_*, without the prefix
    tags: tuple[str, ...] = ()  # words under which reports find the call
    pop: PopPlan = PopPlan()
    touch_id: str | None = None  # the touch the rule was about; where it was about none, that of the rules that added to it
    interaction_id: str | None = None  # the interaction, likewise
    ruleset_version: str = ""  # Ruleset.version that decided
    queues: tuple[QueueState, ...] = ()  # the live queues that rules asked about, as they were
    available: tuple[str, ...] | None = None  # the operators who could be rung then; None: not known, or no rule asked
