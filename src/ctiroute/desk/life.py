"""What can happen to a pop, each with the commands that follow from it. Knows no events: `desk` says when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ctiroute.desk.commands import ClosePop, Command, ForgetCall, RecordCall, RecordMissed, ShowPop, UpdatePop
from ctiroute.desk.live import IN_TALK, LiveCall, LivePop, Register, age_of
from ctiroute.model import CallRecord, ColleagueNote, Offer, Outcome, PopState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from ctiroute.desk.matching import Directory
    from ctiroute.model import OfferStarted, Operator


class PopLife:
    """The pops of all live calls. `directory` is replaced when operators change."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.register = Register()

    # --- a pop's life

    def ring(self, call: LiveCall, operator: Operator, event: OfferStarted) -> list[Command]:
        """Show the pop of a phone that rings, or count one more leg to the one that stands there."""
        pop = call.showing(operator.operator_id)
        if pop is not None:
            if event.leg_id:
                pop.legs.setdefault(event.leg_id, event.from_leg_id)
            if event.queue and pop.offer.queue is None:  # DialBegin came before AgentCalled
                return [self.update(pop, queue=event.queue)]
            return []
        leg = event.leg_id or f"{sum(known.offer.operator_id == operator.operator_id for known in call.pops) + 1}"
        pop_id = f"{call.call_id}~{operator.operator_id}~{leg}"
        if self.register.pop(pop_id) is not None:
            return []  # this ring is over
        source = self._source(call, operator, event)
        about = source.offer.about_call_id if source and call.consults is source else call.call_id
        offer = Offer(
            pop_id=pop_id,
            revision=1,
            state=PopState.RINGING,
            call_id=call.call_id,
            about_call_id=about,
            operator_id=operator.operator_id,
            leg_id=event.leg_id,
            interface=event.member.interface,
            queue=event.queue,
            offered_at=event.at,
            waited_s=max(0.0, (event.at - call.joined_at).total_seconds()) if call.joined_at else 0.0,
        )
        pop = LivePop(offer, source=source)
        if event.leg_id:
            pop.legs[event.leg_id] = event.from_leg_id
        pop.offer = replace(offer, **self.sender_of(pop))
        self.register.add_pop(call, pop)
        return [ShowPop(pop.offer)]

    def pick_up(
        self, call: LiveCall, pops: Iterable[LivePop], at: datetime, queue: str | None = None, waited_s: float | None = None
    ) -> list[Command]:
        """Let the pops of a phone that was picked up talk, end the others that rang for the same call, and record who has it."""
        commands: list[Command] = []
        taken = list(pops)
        fresh = [pop for pop in taken if pop.offer.state is PopState.RINGING]
        if taken and not fresh:
            return []  # told twice: DialEnd and AgentConnect
        for pop in fresh:
            waited = pop.offer.waited_s if waited_s is None else waited_s
            commands.append(self.update(pop, state=PopState.TALKING, answered_at=at, waited_s=waited, queue=pop.offer.queue or queue))
        first = call.taken_at is None
        call.taken_at = at
        queues = {pop.offer.queue for pop in fresh} or {queue}
        for pop in call.pops:
            if pop.offer.state is PopState.RINGING and pop.offer.queue in queues:
                commands += self.miss(call, pop, at, elsewhere=True)
        if call.consults is None and (fresh or first):
            commands += self.record(
                call,
                queue=queue or next((pop.offer.queue for pop in fresh), None),
                operator_id=fresh[0].offer.operator_id if fresh else None,
                outcome=Outcome.ANSWERED,
                answered_at=at if first else None,
            )
        return commands

    def miss(self, call: LiveCall, pop: LivePop, at: datetime, *, rang_s: float | None = None, elsewhere: bool = False) -> list[Command]:
        """Close the pop of a phone that stopped ringing unanswered: a missed call, unless another phone took it."""
        if elsewhere or (call.taken_at is not None and call.taken_at >= pop.offer.offered_at):
            return self.end(pop, at, elsewhere=True)
        rang = max(0.0, (at - pop.offer.offered_at).total_seconds()) if rang_s is None else rang_s
        return [ClosePop(self._change(pop, state=PopState.MISSED, ended_at=at)), RecordMissed(pop.offer, rang)]

    def stop_ringing(self, call: LiveCall, pops: Iterable[LivePop], at: datetime) -> list[Command]:
        """Close what still rings for a caller who is gone: missed, however short it rang."""
        return [command for pop in pops if pop.offer.state is PopState.RINGING for command in self.miss(call, pop, at)]

    def end(self, pop: LivePop, at: datetime, *, elsewhere: bool = False) -> list[Command]:
        """Close the pop of a talk that is over, or that never began because another phone was faster."""
        return [ClosePop(self._change(pop, state=PopState.ENDED, ended_at=at, elsewhere=elsewhere))]

    def update(self, pop: LivePop, **changes: Any) -> UpdatePop:
        """Change a visible pop."""
        return UpdatePop(self._change(pop, **changes))

    def pass_on(self, call: LiveCall, sender: LivePop) -> list[Command]:
        """Keep who sent the caller on, for the screen on which he rings next; one may ring already."""
        call.passed_by = sender
        commands: list[Command] = []
        for pop in call.pops:
            if pop.offer.state is PopState.RINGING and pop.source is None and pop.offer.operator_id != sender.offer.operator_id:
                pop.source = sender
                commands.append(self.update(pop, **self.sender_of(pop)))
        return commands

    # --- who sent it

    def sender_of(self, pop: LivePop) -> dict[str, Any]:
        """Return the fields of an offer that tell who passed the call on."""
        if pop.source is None:
            return {}
        return {"transferred_from": pop.source.offer.operator_id, "note": self.note_for(pop)}

    def note_for(self, pop: LivePop) -> ColleagueNote | None:
        """Return the note of the nearest colleague before who wrote one; an empty one of the nearest when nobody did."""
        if pop.source is None:
            return None
        writer = next((sender for sender in senders(pop) if sender.note), pop.source)
        operator = self.directory.get(writer.offer.operator_id)
        name = operator.name if operator else writer.offer.operator_id
        return ColleagueNote(name, writer.note, writer.noted_at if writer.note else None)

    def talk_at(self, interface: str, leg_id: str) -> LivePop | None:
        """Return the newest pop with which the operator at this phone was busy when he started `leg_id`: that leg is about it.

        A talk that is younger than the leg is not meant: after a reconnect old legs are told of again, in the middle of other talks.
        """
        here = {operator.operator_id for operator in self.directory.at_interface(interface)}
        if not here:
            return None
        started = age_of(leg_id)
        talks = [
            pop
            for pop in self.register.visible()
            if pop.offer.operator_id in here and pop.offer.state in IN_TALK and age_of(pop.offer.leg_id) <= started
        ]
        return max(talks, key=lambda pop: pop.offer.offered_at, default=None)

    def _source(self, call: LiveCall, operator: Operator, event: OfferStarted) -> LivePop | None:
        """Return the colleague's pop from which this ring comes, if it comes from one."""
        source = call.consults or call.passed_by
        if source is None and event.from_leg_id not in {"", call.call_id}:
            # Asterisk's own attended transfer keeps one linked id: a leg that is not the caller's asks while a colleague talks.
            source = next((pop for pop in call.pops if pop.offer.state in IN_TALK), None)
        return source if source and source.offer.operator_id != operator.operator_id else None

    # --- a call's end

    def over(self, call: LiveCall, at: datetime) -> list[Command]:
        """End a call of which no leg is left: nothing of it stays on a screen, and the record says how it ended."""
        self.register.finish(call)
        commands = self.stop_ringing(call, call.pops, at)
        for pop in call.pops:
            if pop.visible:
                commands += self.end(pop, at)
        if call.consults is None:
            commands += self.record(call, outcome=self._outcome(call), ended_at=at)
        return commands

    def forget(self) -> list[Command]:
        """Return which calls' contexts nobody needs any longer."""
        ended = self.register.ended()
        if not ended:
            return []
        needed = {pop.offer.about_call_id for pop in self.register.visible()}
        done = [call for call in ended if call.call_id not in needed]
        for call in done:
            self.register.settle(call)
        return [ForgetCall(call.call_id) for call in done]

    def record(self, call: LiveCall, **fields: Any) -> list[Command]:
        """Keep something of a call; calls that neither asked us, nor waited in a queue, nor rang an operator leave no record.

        After a restart nobody tells us again that a call asked us, but the switch tells that it waits: its end belongs in the record.
        """
        if not call.recorded and not call.pops and call.joined_at is None:
            return []
        return [RecordCall(CallRecord(call.call_id, received_at=None if call.recorded else call.since, **fields))]

    def _outcome(self, call: LiveCall) -> Outcome | None:
        if call.taken_at is not None:
            return None  # said when it was picked up
        if call.lost_sight:
            return Outcome.UNKNOWN
        return Outcome.ABANDONED if call.joined_at or call.pops else None  # else it took a way that is not ours to judge

    def _change(self, pop: LivePop, **changes: Any) -> Offer:
        pop.offer = replace(pop.offer, revision=pop.offer.revision + 1, **changes)
        if not pop.visible:
            self.register.hide(pop)
        return pop.offer


def senders(pop: LivePop) -> Iterator[LivePop]:
    """Yield the pops of the colleagues through whose hands the call came, the nearest first."""
    source = pop.source
    while source is not None:
        yield source
        source = source.source
