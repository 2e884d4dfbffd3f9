"""What a switch tells of live calls, in our words. The desk sees nothing else.

`call_id` is "<pbx>:<linkedid>", `leg_id` is "<pbx>:<uniqueid>" of one channel. Times are when we read the event.
"""

from __future__ import annotations

from datetime import datetime

from ctiroute.model.operator import Member
from ctiroute.model.value import Value


class LegStarted(Value, frozen=True):
    """A channel came up. `leg_id` equal to `call_id` is the caller's own leg: a new call."""

    call_id: str
    leg_id: str
    interface: str  # "PJSIP/1001": the channel's name without its serial
    number: str  # caller ID number of that channel, cleaned
    dialed: str
    at: datetime


class LegEnded(Value, frozen=True):
    """A channel went down."""

    call_id: str
    leg_id: str
    at: datetime
    cause: int = 0  # Q.850; 0: not given


class QueueJoined(Value, frozen=True):
    """The caller began to wait."""

    call_id: str
    queue: str
    at: datetime
    position: int = 0


class QueueAbandoned(Value, frozen=True):
    """The caller hung up while waiting."""

    call_id: str
    queue: str
    at: datetime
    waited_s: float = 0.0


class OfferStarted(Value, frozen=True):
    """A phone rings for a call."""

    call_id: str
    leg_id: str  # the leg that rings; "" when the event does not tell
    member: Member
    at: datetime
    queue: str | None = None  # None: dialled directly
    from_leg_id: str = ""  # the leg that is waiting for the answer


class OfferAnswered(Value, frozen=True):
    """The phone was picked up."""

    call_id: str
    leg_id: str
    member: Member | None  # None: the event names only the leg
    at: datetime
    queue: str | None = None
    waited_s: float | None = None  # HoldTime
    rang_s: float | None = None  # RingTime


class OfferMissed(Value, frozen=True):
    """The phone stopped ringing unanswered: no answer, busy, rejected, or another member was faster."""

    call_id: str
    leg_id: str
    member: Member | None
    at: datetime
    queue: str | None = None
    rang_s: float | None = None
    elsewhere: bool = False  # another phone took the call: not a missed call


class OfferCompleted(Value, frozen=True):
    """The talk between caller and this member is over."""

    call_id: str
    leg_id: str
    member: Member | None
    at: datetime
    queue: str | None = None
    talked_s: float | None = None
    reason: str = ""  # caller | agent | transfer


class LegHeld(Value, frozen=True):
    """A leg was put on hold, or taken back."""

    call_id: str
    leg_id: str
    held: bool
    at: datetime


class BlindTransferred(Value, frozen=True):
    """A member sent the caller on and left."""

    call_id: str
    leg_id: str  # the transferer's leg
    extension: str  # where to
    at: datetime


class AttendedTransferred(Value, frozen=True):
    """A member joined two calls of his and left: from now on the second call is the first."""

    call_id: str  # the customer's call
    leg_id: str  # the transferer's leg in it
    second_call_id: str  # the consultation call; equal to `call_id` when the switch kept one linked id
    second_leg_id: str  # the transferer's leg in that
    target_leg_id: str  # the leg of who gets the customer; "" when the event does not tell
    at: datetime


class LiveLeg(Value, frozen=True):
    """One channel that is up at the time of a snapshot."""

    call_id: str
    leg_id: str
    interface: str
    up: bool  # answered; False: ringing or dialling
    number: str = ""  # caller ID number, cleaned
    connected: str = ""  # connected line number, cleaned


class SwitchSnapshot(Value, frozen=True):
    """All live legs of one switch, read right after (re)connecting: the truth, whatever we believed."""

    pbx: str
    legs: tuple[LiveLeg, ...]
    at: datetime
    waiting: tuple[tuple[str, str], ...] = ()  # (call_id, queue) of callers in queues


class SwitchLost(Value, frozen=True):
    """The link to a switch is down: what we show may be stale."""

    pbx: str
    at: datetime


CallEvent = (
    LegStarted
    | LegEnded
    | QueueJoined
    | QueueAbandoned
    | OfferStarted
    | OfferAnswered
    | OfferMissed
    | OfferCompleted
    | LegHeld
    | BlindTransferred
    | AttendedTransferred
    | SwitchSnapshot
    | SwitchLost
)
