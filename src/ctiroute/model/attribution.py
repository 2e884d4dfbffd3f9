"""What a call did for the outreach and the conversation it was about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ctiroute.model.interaction import Outcome, WrapUp
from ctiroute.model.pop import CallRecord
from ctiroute.model.value import Value


class AttributedBy(StrEnum):
    """What says that a call was about something, the strongest first."""

    REASON = "reason"  # the operator confirmed it
    DECISION = "decision"  # the rule that routed the call
    WINDOW = "window"  # nothing but time: the latest touch to this caller, not long ago
    NOTHING = "nothing"  # the call was about nothing we know


class Attribution(Value, frozen=True):
    """How one call ended, and the touch and the interaction that its outcome, wrap-up code and note belong to."""

    call_id: str
    by: AttributedBy
    received_at: datetime  # aware, UTC
    ended_at: datetime  # aware, UTC
    revision: int = 1  # grows with what is learnt later: a wrap-up code, another reason
    touch_id: str | None = None
    interaction_id: str | None = None
    campaign: str | None = None  # of the touch
    touched_at: datetime | None = None  # aware, UTC; when the touch was sent
    customer_id: str | None = None
    answered_at: datetime | None = None  # aware, UTC; None: nobody picked up
    outcome: Outcome | None = None  # None: it took a way that is not ours to judge
    queue: str | None = None
    operator_id: str | None = None  # who talked last
    code: str = ""  # wrap-up code; "" when none was chosen
    skipped_menu: bool = False  # a rule sent it past the menu

    @property
    def waited_s(self) -> float:
        """How long the caller waited for somebody to pick up, or for nothing."""
        return max(0.0, ((self.answered_at or self.ended_at) - self.received_at).total_seconds())

    @property
    def talked_s(self) -> float:
        """How long they talked, holding included; 0 when nobody picked up."""
        return 0.0 if self.answered_at is None else max(0.0, (self.ended_at - self.answered_at).total_seconds())


class EndedCall(Value, frozen=True):
    """A call whose outcome is to be attributed, with what is kept beside it. Lent: whoever does not give it back loses it to the next."""

    record: CallRecord
    wrap_ups: tuple[WrapUp, ...] = ()  # the latest first
    attribution: Attribution | None = None  # as it was attributed before; None: it was not yet
    lent_until: datetime | None = None  # aware, UTC
