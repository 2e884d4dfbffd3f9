"""What stands on an operator's screen, and what is kept of a call."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ctiroute.model.callback import CallbackPromise
from ctiroute.model.context import CallerContext
from ctiroute.model.interaction import Outcome
from ctiroute.model.proposal import Fate
from ctiroute.model.routing import RuleTrace, SourceReport, Status
from ctiroute.model.value import Value


class PopState(StrEnum):
    """Life of a pop."""

    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"
    ENDED = "ended"
    MISSED = "missed"


class ReasonChip(StrEnum):
    """The kind of reason shown beside the headline."""

    CAMPAIGN = "campaign"
    REQUEST = "request"
    VIP = "vip"
    REPEAT = "repeat"
    NONE = "none"


class ColleagueNote(Value, frozen=True):
    """What the operator before wrote."""

    operator_name: str
    text: str  # "" when the colleague wrote nothing
    noted_at: datetime | None  # aware, UTC; None when nothing was written


class Offer(Value, frozen=True):
    """A call that rings, or rang, at one operator's phone. The desk's own state of a pop, without its content."""

    pop_id: str  # the same on every node and after a restart: made of call, operator and leg
    revision: int  # grows by one with every change
    state: PopState
    call_id: str  # the call that rings
    about_call_id: str  # the call it is about: another one while a colleague consults
    operator_id: str
    leg_id: str
    interface: str
    queue: str | None
    offered_at: datetime
    waited_s: float = 0.0  # how long the caller had waited when the phone rang
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    transferred_from: str | None = None  # operator_id of who sent it on
    note: ColleagueNote | None = None
    elsewhere: bool = False  # ended because another phone took it


class ShownProposal(Value, frozen=True):
    """What else may be proposed, worded for one operator, with what became of it before."""

    key: str  # in the catalogue
    title: str
    text: str
    fate: Fate | None = None  # None: never proposed, as far as we know
    at: datetime | None = None  # aware, UTC; when that was noted


class ScreenPop(Value, frozen=True):
    """An offer with its content, worded for one operator."""

    offer: Offer
    context: CallerContext | None  # None: still being looked up (the screen shows a skeleton)
    caller_number: str  # as people write it; "" when withheld
    headline: str  # one sentence, in the operator's language
    chip: ReasonChip
    opening: str  # one suggested first step; "" when the rule gives none
    script: str  # Markdown; "" when the rule gives none
    fields: tuple[tuple[str, str], ...]  # (label, value) in the admin's order
    url: str  # checked; "" when there is none
    rule: str | None
    rules: tuple[RuleTrace, ...]  # why this call came to me: the last ones tried, up to the one that matched
    sources: tuple[SourceReport, ...]  # which look-ups answered, failed or are late
    touch_id: str | None  # the touch the call is about
    interaction_id: str | None  # the interaction it is about
    ring_timeout_s: int | None = None  # how long the phone rings; None: not known
    rules_before: int = 0  # rules tried before those in `rules`; none of them matched
    offers: tuple[ShownProposal, ...] = ()  # what else may be proposed, the best first
    reason_found: str | None = None  # touch_id or interaction_id that an operator found to be the reason; "": neither; None: not said
    tags: tuple[str, ...] = ()  # words the rules gave the call
    callback: CallbackPromise | None = None  # the call was promised, and placed by us; None: it came in
    codes: tuple[tuple[str, str], ...] = ()  # wrap-up codes to choose from: (code, label), in the admin's order


class MissedCall(Value, frozen=True):
    """A line in the list of calls an operator did not take."""

    pop_id: str
    operator_id: str
    call_id: str
    caller_number: str
    caller_name: str
    headline: str
    offered_at: datetime
    rang_s: float


class CallRecord(Value, frozen=True):
    """A call as it is kept. Written often, merged by `call_id`: a field that is None leaves what is stored."""

    call_id: str
    pbx: str = ""
    caller_phone: str | None = None  # E.164
    caller_raw: str | None = None
    dialed: str | None = None
    received_at: datetime | None = None
    status: Status | None = None
    rule: str | None = None
    queue: str | None = None
    customer_id: str | None = None
    touch_id: str | None = None
    interaction_id: str | None = None
    operator_id: str | None = None  # who talked last
    decision_ms: float | None = None
    outcome: Outcome | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    snapshot: bytes | None = None  # JSON of context and decision, so that a restart can still show the pop


class ShadowReport(Value, frozen=True):
    """What one run of a node has learnt so far of the rules it asks beside those in use."""

    run: str  # names the node, and this start of it
    told_at: datetime  # aware, UTC
    report: bytes  # JSON, as `app.shadow` writes it; numbers in it are masked
