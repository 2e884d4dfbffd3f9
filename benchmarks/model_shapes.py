"""What an Asterisk says about one call, by the shape of its dialplan. Counted in recordings of Asterisk 22; a test counts them again.

Most of it is QueueMemberStatus: a phone's change of state is told once for every queue the phone is a member of.
"""

from __future__ import annotations

from typing import Protocol

from benchmarks.model_constants import Burst, Shape


def queue(queues: int = 1) -> Shape:
    """Return a queue that rings one phone, which is picked up. `queues`: how many queues each phone is a member of."""
    return Shape(
        "queue",
        (
            Burst(handled=1),  # Newchannel
            # Newstate, QueueCallerJoin, Newchannel, AgentCalled, DialBegin; DialState, Newstate, and the phone rings
            Burst(over=3, member=queues, handled=4, pops=1),
            # Newstate, DialEnd, QueueCallerLeave, AgentConnect, BridgeEnter twice, and the phone is in use
            Burst(over=4, member=queues, handled=2, pops=1, records=1),
            # AgentComplete, BridgeLeave twice, Hangup twice, and the phone is free
            Burst(over=2, member=queues, handled=3, pops=1, records=1),
        ),
        recording="22-queue-answered.txt",
    )


def ring_all(phones: int = 2, queues: int = 1) -> Shape:
    """Return a queue that rings all its free phones at once; one is picked up, the others hear of it."""
    return Shape(
        "ringall",
        (
            Burst(handled=1),
            Burst(over=1 + 2 * phones, member=phones * queues, handled=1 + 3 * phones, pops=phones),
            # a DialEnd for each, a Hangup for each other, AgentConnect
            Burst(over=4, member=phones * queues, handled=2 * phones, pops=phones, records=1),
            Burst(over=2, member=queues, handled=3, pops=1, records=1),
        ),
        recording="22-queue-ringall.txt",
    )


def local_members(queues: int = 1) -> Shape:
    """Return a queue whose members are Local channels, as FreePBX makes them: three legs to each phone instead of one."""
    return Shape(
        "local",
        (
            Burst(handled=1),
            # Newchannel three times, AgentCalled, DialBegin twice; LocalBridge
            Burst(over=4, member=queues, handled=7, pops=1),
            # DialEnd twice, AgentConnect; BridgeEnter four times
            Burst(over=9, member=queues, handled=3, pops=1, records=1),
            # AgentComplete, Hangup four times; BridgeLeave four times
            Burst(over=4, member=queues, handled=5, pops=1, records=1),
        ),
        recording="22-queue-freepbx-local.txt",
    )


def abandoned(rings: int = 1, queues: int = 1) -> Shape:
    """Return a queue that lets phones ring in turn until the caller leaves."""
    ringing = Burst(over=2, member=queues, handled=3, pops=1)
    # A second DialEnd comes of app_queue.c; then AgentRingNoAnswer or QueueCallerAbandon, and Hangup
    over = Burst(member=queues, handled=4, pops=1, records=1)
    return Shape("abandoned", (Burst(handled=1), Burst(over=1, handled=1), *(ringing, over) * rings, Burst(over=1, handled=1, records=1)))


class _Make(Protocol):
    def __call__(self, *, queues: int) -> Shape: ...


SHAPES: dict[str, _Make] = {"queue": queue, "ringall": ring_all, "local": local_members, "abandoned": abandoned}
