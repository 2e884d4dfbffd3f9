"""A waiting line, as it stands at one moment, and what a switch tells of lines. Rules see the state alone."""

from __future__ import annotations

from datetime import datetime

from ctiroute.model.events import SwitchLost
from ctiroute.model.operator import Member
from ctiroute.model.value import Value


class QueueState(Value, frozen=True):
    """What one queue looked like when we last heard of it."""

    queue: str  # as the switch and the rules name it
    members: int  # phones signed in to it, paused ones too; 0: the queue is empty of people
    free: int  # of those, how many could ring now: neither paused nor busy nor unreachable
    waiting: int  # callers in it
    longest_wait_s: float  # how long the first of them had waited at `at`; 0 when nobody waits
    at: datetime  # aware, UTC: when this was so

    def longest_wait_at(self, now: datetime) -> float:
        """Return how long the first caller has waited by `now`, in seconds: he goes on waiting while nothing is heard."""
        return self.longest_wait_s + max(0.0, (now - self.at).total_seconds()) if self.waiting else 0.0


class MemberTold(Value, frozen=True):
    """How a phone in a queue is now. `free`: neither paused nor busy nor unreachable."""

    pbx: str
    queue: str
    member: Member
    free: bool
    at: datetime


class MemberGone(Value, frozen=True):
    """A phone was taken out of a queue."""

    pbx: str
    queue: str
    interface: str
    at: datetime


class WaitBegan(Value, frozen=True):
    """A caller came to wait in a queue."""

    pbx: str
    queue: str
    leg_id: str
    at: datetime


class WaitEnded(Value, frozen=True):
    """A caller waits no longer: was put through, gave up, or timed out."""

    pbx: str
    queue: str
    leg_id: str
    at: datetime


class QueuesTold(Value, frozen=True):
    """All queues of one switch, right after (re)connecting: the truth, whatever we believed."""

    pbx: str
    queues: tuple[str, ...]  # also those with nobody in them
    members: tuple[MemberTold, ...]
    waiting: tuple[WaitBegan, ...]
    at: datetime


QueueEvent = MemberTold | MemberGone | WaitBegan | WaitEnded | QueuesTold | SwitchLost
