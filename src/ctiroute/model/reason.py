"""Why a customer may be calling: candidates with their confidence, and what operators found the reason to be."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ctiroute.model.identity import Medium
from ctiroute.model.value import Value


class ReasonKind(StrEnum):
    """What a reason is about."""

    TOUCH = "touch"  # something the company sent
    INTERACTION = "interaction"  # a conversation that is open
    NONE = "none"  # none of what is known: something else


class Evidence(Value, frozen=True):
    """What a confidence rests on, as parts for words. The same for everything that is as old and of the same campaign or topic."""

    within_s: float = 0.0  # "of those who call after this, so many call within this time": a round figure not below the age
    share: float = 0.0  # 0..1
    calls: int = 0  # calls of the past that were laid to this campaign or topic; 0: what is usual for the medium
    confirmed: int = 0  # of these, how often an operator said so


class Reason(Value, frozen=True):
    """A candidate for why the customer calls; of one call's the likeliest comes first, and what they leave to 1 is "none of these"."""

    kind: ReasonKind  # touch or interaction
    about_id: str  # Touch.touch_id or Interaction.interaction_id
    key: str  # Touch.campaign or Interaction.topic: what rules match
    medium: Medium
    label: str  # for people: the offer's, the campaign's or the conversation's title
    since: datetime  # aware, UTC; when it was sent, or when the conversation moved last
    confidence: float  # 0..1; those of one call sum to at most 1
    evidence: Evidence = Evidence()

    @property
    def touch_id(self) -> str | None:
        """The touch it is about, or None."""
        return self.about_id if self.kind is ReasonKind.TOUCH else None

    @property
    def interaction_id(self) -> str | None:
        """The interaction it is about, or None."""
        return self.about_id if self.kind is ReasonKind.INTERACTION else None


class ConfirmedReason(Value, frozen=True):
    """What an operator found the reason of a call to be. One a call: of several operators the last one counts."""

    call_id: str
    operator_id: str
    noted_at: datetime  # aware, UTC
    kind: ReasonKind
    about_id: str  # touch_id or interaction_id; "" for none of what was known, or when the person was erased
    pattern: str = ""  # what was known then, as learning counts it: kinds, campaigns, ages; nothing of the person
    choice: int = -1  # its place in the pattern; -1: none of those
    period: str = ""  # in which stretch of time the call is counted
    counted: int | None = None  # the choice as it has been learnt from; None: not yet


class ReasonTally(Value, frozen=True):
    """One number that response curves are learnt from. Nothing in it is of a person."""

    period: str  # the stretch of time it is of, "2026-11-16": the Monday of a week; "": how far learning got
    what: str  # what is counted, as `reasons.tally` writes it
    amount: float
