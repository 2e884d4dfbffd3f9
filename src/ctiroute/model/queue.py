"""A waiting line, as it stands at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class QueueState:
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
