"""What every part of a call needs: the people's patience and habits, ringing phones, and the story that is written down."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.lab.plan import Behaviour, LabCall, LabQueue, Ring, Script

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ctiroute.lab.channels import Channel, Headers
    from ctiroute.lab.switch import Dialled, Phone, Switch


class CallerGone(Exception):  # noqa: N818 - it is an event, not an error
    """The caller lost patience."""


class Stage:
    """One call's people and phones. `sleep` waits simulated seconds; `patience_s` as in `Lab.call`."""

    def __init__(
        self, switch: Switch, call: LabCall, script: Script, sleep: Callable[[float], Awaitable[None]], patience_s: float | None
    ) -> None:
        self.switch = switch
        self.call = call
        self.sleep = sleep
        self.waited_s = 0.0
        self._script = script
        self._patience_s = patience_s
        self._phones: list[Dialled] = []  # every phone with legs up

    async def wait(self, seconds: float) -> None:
        """Let the caller wait. Raises CallerGone when his patience ends first."""
        if self._patience_s is not None and self.waited_s + seconds >= self._patience_s:
            left = max(0.0, self._patience_s - self.waited_s)
            self.waited_s += left
            await self.sleep(left)
            raise CallerGone
        self.waited_s += seconds
        await self.sleep(seconds)

    def behaviour(self, phone: Phone) -> Behaviour:
        """Return what the person at a phone does in this call."""
        return self._script.get(phone.plan.extension, phone.plan.behaviour)

    async def ring(self, caller: Channel, phones: list[Phone], ring_s: float, queue: LabQueue | None) -> Dialled | None:
        """Let phones ring; return the one that was picked up, or None."""
        ringing: list[Dialled] = []
        for phone in phones:
            dialled = self.switch.dial(caller, phone)
            ringing.append(dialled)
            self.rang(dialled, queue)
            if queue is not None:
                self.switch.rung(queue, phone)
                self.member_event("AgentCalled", caller, dialled, queue)
            self.switch.ring(caller, dialled)
        winner = min(ringing, key=lambda dialled: self.answers(dialled, ring_s))
        after = self.answers(winner, ring_s)
        try:
            await self.wait(min(after, ring_s))
        except CallerGone:
            for dialled in ringing:
                self.unanswered(caller, dialled, "CANCEL", "caller gone")
            raise
        if after > ring_s:
            for dialled in ringing:
                self.unanswered(caller, dialled, "NOANSWER", "no answer", queue, ring_s)
            return None
        self.answered(caller, winner)
        for dialled in ringing:
            if dialled is not winner:
                self.unanswered(caller, dialled, "CANCEL", "elsewhere")
        return winner

    def answers(self, dialled: Dialled, ring_s: float) -> float:
        """Return after how many seconds this phone is picked up; more than `ring_s` means it is not."""
        after = self.behaviour(dialled.phone).answer_after_s
        return ring_s + 1 if after is None else after

    def unanswered(
        self, caller: Channel, dialled: Dialled, status: str, result: str, queue: LabQueue | None = None, rang_s: float = 0
    ) -> None:
        """End a ring that nobody picked up."""
        self.switch.end_dial(caller, dialled, status)
        if queue is not None:
            self.member_event("AgentRingNoAnswer", caller, dialled, queue, ("RingTime", str(int(rang_s * 1000))))
        self.ended(dialled, result)
        self.drop(dialled, *((26, "Answered elsewhere") if result == "elsewhere" else ()))

    def answered(self, caller: Channel, dialled: Dialled) -> None:
        """Let a phone be picked up."""
        self.switch.pick_up(caller, dialled)
        dialled.phone.calls_taken += 1
        self.ended(dialled, "answered")
        self.call.answered_by = dialled.phone.plan.extension

    def rang(self, dialled: Dialled, queue: LabQueue | None) -> None:
        """Note that a phone is about to ring."""
        self._phones.append(dialled)
        plan = dialled.phone.plan
        self.call.rings.append(Ring(plan.extension, plan.interface, dialled.leg.uniqueid, queue.name if queue else "", time.monotonic()))

    def ended(self, dialled: Dialled, result: str) -> None:
        """Note how a ring ended."""
        rings = self.call.rings
        for number, ring in enumerate(rings):
            if ring.leg == dialled.leg.uniqueid:
                rings[number] = replace(ring, result=result, ended_at=time.monotonic())

    def drop(self, dialled: Dialled, cause: int = 16, text: str = "Normal Clearing") -> None:
        """Take down every leg to a phone."""
        self._phones.remove(dialled)
        self.switch.drop(dialled, cause, text)

    def queue_event(self, name: str, caller: Channel, queue: LabQueue, *more: tuple[str, str]) -> None:
        """Tell an event of a queue about a caller."""
        self.switch.tell(name, "call", (*caller.headers(), ("Queue", queue.name), *more))

    def member_event(self, name: str, caller: Channel, dialled: Dialled, queue: LabQueue, *more: tuple[str, str]) -> None:
        """Tell an event of a queue about a caller and a member."""
        plan = dialled.phone.plan
        headers: Headers = (("Queue", queue.name), ("Interface", plan.interface), ("MemberName", plan.member_name))
        self.switch.tell(name, "agent", (*caller.headers(), *dialled.leg.headers("Dest"), *headers, *more))

    def drop_all(self) -> None:
        """Take down every phone's legs."""
        for dialled in tuple(self._phones):
            self.drop(dialled)
