"""The floor as a state machine: what the switch tells goes in, what is to be done comes out. No clock, no I/O.

Two rules carry everything. A pop is made only for a call that we know: our own FastAGI session recorded it, its caller's leg was
announced, or a snapshot of the switch holds it. And a call has at most one visible pop for an operator, whatever number of events and
legs speak of the same ring and in whatever order they come: what is said of a leg that ended, or of a ring that is over, is void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from ctiroute.desk.claims import Claims
from ctiroute.desk.commands import ForgetCall
from ctiroute.desk.life import PopLife, senders
from ctiroute.desk.live import IN_TALK, KEEP_ENDED, KEEP_SILENT, LiveCall, LivePop
from ctiroute.desk.matching import Directory
from ctiroute.desk.resync import missed_events
from ctiroute.model import (
    AttendedTransferred,
    BlindTransferred,
    LegEnded,
    LegHeld,
    LegStarted,
    Offer,
    OfferAnswered,
    OfferCompleted,
    OfferMissed,
    OfferStarted,
    PopState,
    QueueAbandoned,
    QueueJoined,
    SwitchLost,
    SwitchSnapshot,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.desk.commands import Command
    from ctiroute.model import CallEvent, Operator

# What happens to one call: every event but the switch's own comings and goings.
_OfCall = (
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
)
_ANSWERED_ELSEWHERE = 26  # Q.850 cause as Asterisk uses it for the phones of a ring-all that lost


class Desk:
    """Live calls and the operators whose phones ring for them.

    `operators` are all who may have a screen; `claims` decides among those who share a phone (default: the later sign-in has it).
    """

    def __init__(self, operators: Sequence[Operator], claims: Claims | None = None) -> None:
        self._life = PopLife(Directory(operators))
        self._register = self._life.register
        self._claims = claims or Claims()
        self._lost_at: dict[str, datetime] = {}
        self._unknown_offers = 0

    # --- what the rest of the service asks

    @property
    def unknown_offers(self) -> int:
        """How many rings for calls we do not know were ignored so far. Growing: forged blocks, or a switch that tells too little."""
        return self._unknown_offers

    @property
    def live_calls(self) -> tuple[str, ...]:
        """The ids of all calls that are going on."""
        return tuple(call.call_id for call in self._register if not call.over)

    def set_operators(self, operators: Sequence[Operator]) -> None:
        """Use these operators from now on; pops that are visible stay."""
        self._life.directory = Directory(operators)

    def offer(self, pop_id: str) -> Offer | None:
        """Return the offer of a pop that is visible or ended in the last minutes, or None."""
        pop = self._register.pop(pop_id)
        return pop.offer if pop else None

    def visible(self, operator_id: str) -> list[Offer]:
        """Return the offers that stand on an operator's screen, newest first."""
        offers = [pop.offer for pop in self._register.visible() if pop.offer.operator_id == operator_id]
        return sorted(offers, key=lambda offer: offer.offered_at, reverse=True)

    def calls_in_view(self) -> set[str]:
        """Return the calls that visible pops are about."""
        return {pop.offer.about_call_id for pop in self._register.visible()}

    def know(self, call_id: str, at: datetime) -> None:
        """Take note that our own FastAGI session recorded this call."""
        call = self._register.open(call_id, at)
        call.recorded = True
        self._register.add_leg(call, call_id, "", at)

    def has_legs(self, call_id: str) -> bool:
        """Say whether a call goes on: the switch told of a channel of it that is still up."""
        call = self._register.call(call_id)
        return call is not None and any(leg.interface for leg in call.legs.values())

    def write_note(self, pop_id: str, operator_id: str, text: str, at: datetime) -> list[Command]:
        """Keep what an operator wrote about a call, and show it to whom the call was passed on; nothing when the pop is not his."""
        pop = self._register.pop(pop_id)
        if pop is None or pop.offer.operator_id != operator_id:
            return []
        pop.note, pop.noted_at = text, at
        return [self._life.update(other, note=self._life.note_for(other)) for other in self._register.visible() if pop in senders(other)]

    def refresh(self, call_id: str) -> list[Command]:
        """Return updates of every visible pop about this call: its context changed."""
        call = self._register.call(call_id)
        about = {call_id, call.call_id} if call else {call_id}
        return [self._life.update(pop) for pop in self._register.visible() if pop.offer.about_call_id in about]

    def expire(self, now: datetime) -> list[Command]:
        """Forget what is over for long, and calls that have been silent for a day: their end was missed."""
        commands: list[Command] = []
        for call in self._register:
            if not call.over and now - call.last_at > KEEP_SILENT:
                call.lost_sight = True
                commands += self._life.over(call, call.last_at)
        commands += self._life.forget()
        needed = {call.call_id for call in self._register.ended()}  # a colleague still asks about them
        for call in self._register:
            for pop in [pop for pop in call.pops if pop.offer.ended_at and now - pop.offer.ended_at > KEEP_ENDED]:
                self._register.drop_pop(call, pop)
            if call.over and not call.pops and call.call_id not in needed and now - call.last_at > KEEP_ENDED:
                self._register.drop(call)
        return commands

    def handle(self, event: CallEvent) -> list[Command]:
        """Take one event of a switch and return what is to be done, in order."""
        if isinstance(event, SwitchSnapshot):
            return self._snapshot(event)
        if isinstance(event, SwitchLost):
            self._lost_at[event.pbx] = event.at  # nothing closes: the screens say that what they show may be stale
            return []
        return self._dispatch(event) + self._life.forget()

    # --- events

    def _dispatch(self, event: _OfCall) -> list[Command]:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of event
        if isinstance(event, LegStarted):
            return self._leg_started(event)
        if isinstance(event, LegEnded):
            return self._leg_ended(event)
        call = self._register.call(event.call_id)
        if call is None:
            self._unknown_offers += isinstance(event, OfferStarted)
            return []
        call.last_at = max(call.last_at, event.at)
        match event:
            case QueueJoined():
                call.queue, call.joined_at = event.queue, event.at
                return []
            case QueueAbandoned():
                return self._life.stop_ringing(call, (pop for pop in call.pops if pop.offer.queue in {None, event.queue}), event.at)
            case OfferStarted():
                return self._offer_started(call, event)
            case OfferAnswered():
                return self._offer_answered(call, event)
            case OfferMissed():
                return self._offer_missed(call, event)
            case OfferCompleted():
                return self._offer_completed(call, event)
            case LegHeld():
                return self._leg_held(call, event)
            case BlindTransferred():
                return self._blind(call, event)
            case AttendedTransferred():
                return self._attended(call, event)
            case _:
                assert_never(event)

    def _leg_started(self, event: LegStarted) -> list[Command]:
        if event.leg_id == event.call_id:
            call = self._register.open(event.call_id, event.at)
            call.consults = call.consults or self._life.talk_at(event.interface, event.leg_id)
        else:
            found = self._register.call(event.call_id)
            if found is None:
                return []
            call = found
        call.last_at = max(call.last_at, event.at)
        self._register.add_leg(call, event.leg_id, event.interface, event.at)
        return []

    def _leg_ended(self, event: LegEnded) -> list[Command]:
        commands: list[Command] = []
        for call in self._register.calls_of_leg(event.call_id, event.leg_id):
            call.last_at = max(call.last_at, event.at)
            self._register.bury_leg(call, event.leg_id)
            elsewhere = event.cause == _ANSWERED_ELSEWHERE
            for pop in call.pops:
                if pop.offer.state is PopState.RINGING and event.leg_id in {*pop.legs, *pop.legs.values()} and not call.goes_on(pop):
                    commands += self._life.miss(call, pop, event.at, elsewhere=elsewhere)
                elif pop.offer.state in IN_TALK and event.leg_id in pop.legs and not any(leg_id in call.legs for leg_id in pop.legs):
                    commands += self._life.end(pop, event.at)
            if not call.legs and not call.over:
                commands += self._life.over(call, event.at)
        return commands

    def _offer_started(self, call: LiveCall, event: OfferStarted) -> list[Command]:
        void = event.leg_id in call.gone or event.leg_id in call.done or event.from_leg_id in call.gone
        if void or (call.over and not event.leg_id):
            return []
        commands: list[Command] = []
        for operator in self._claims.holders(self._life.directory.at(event.member)):
            commands += self._life.ring(call, operator, event)
        if commands or call.with_leg(event.leg_id):
            self._register.add_leg(call, event.leg_id, event.member.interface, event.at)
        here = [pop for pop in call.with_leg(event.leg_id) if pop.visible]
        if here and event.leg_id in call.answered:
            commands += self._life.pick_up(call, here, event.at)
        return commands

    def _offer_answered(self, call: LiveCall, event: OfferAnswered) -> list[Command]:
        if event.leg_id in call.gone or event.leg_id in call.done or (call.over and not event.leg_id):
            return []
        commands: list[Command] = []
        known = call.with_leg(event.leg_id)
        pops = [pop for pop in known if pop.visible]
        if known and not pops:
            return []  # that ring is over
        if not pops and event.member is not None:
            operators = self._claims.holders(self._life.directory.at(event.member))
            pops = [pop for operator in operators if (pop := call.showing(operator.operator_id))]
            for pop in pops if event.leg_id else []:  # a ring of several legs: this one was not told yet
                pop.legs.setdefault(event.leg_id, call.call_id)
                self._register.add_leg(call, event.leg_id, event.member.interface, event.at)
            if operators and not pops:  # the ring was told late or not at all
                started = OfferStarted(call.call_id, event.leg_id, event.member, event.at, event.queue)
                commands = self._offer_started(call, started)
                pops = call.with_leg(event.leg_id)
        if event.leg_id:
            call.answered.add(event.leg_id)
        return commands + self._life.pick_up(call, pops, event.at, event.queue, event.waited_s)

    def _offer_missed(self, call: LiveCall, event: OfferMissed) -> list[Command]:
        commands: list[Command] = []
        self._done_with(call, event.leg_id)
        for pop in self._pops_of(call, event):
            if pop.offer.state is PopState.RINGING and not (event.leg_id and call.goes_on(pop)):
                commands += self._life.miss(call, pop, event.at, rang_s=event.rang_s, elsewhere=event.elsewhere)
        return commands

    def _offer_completed(self, call: LiveCall, event: OfferCompleted) -> list[Command]:
        commands: list[Command] = []
        self._done_with(call, event.leg_id)
        for pop in self._pops_of(call, event):
            if pop.visible and not (event.leg_id and call.goes_on(pop)):
                commands += self._life.end(pop, event.at)
            if event.reason == "transfer":
                commands += self._life.pass_on(call, pop)
        return commands

    def _leg_held(self, call: LiveCall, event: LegHeld) -> list[Command]:
        before, after = (PopState.TALKING, PopState.HELD) if event.held else (PopState.HELD, PopState.TALKING)
        # The caller's own leg is held when the switch plays him music: then everybody who talks with him holds him.
        pops = call.pops if event.leg_id == call.call_id else call.with_leg(event.leg_id)
        return [self._life.update(pop, state=after) for pop in pops if pop.offer.state is before]

    def _blind(self, call: LiveCall, event: BlindTransferred) -> list[Command]:
        talks = [pop for pop in call.pops if pop.offer.state in IN_TALK]
        senders = call.with_leg(event.leg_id) or (talks if len(talks) == 1 else [])
        commands: list[Command] = []
        for pop in senders:
            if pop.visible:
                commands += self._life.end(pop, event.at)
            commands += self._life.pass_on(call, pop)
        return commands

    def _attended(self, call: LiveCall, event: AttendedTransferred) -> list[Command]:
        """Join the two calls. A phone may ask for it on either of them, so what we know of them says which is the customer's."""
        other = self._register.call(event.second_call_id)
        if other is not None and other is not call and call.consults and not other.consults:
            call, other = other, call
        commands: list[Command] = []
        for leg_id in (event.leg_id, event.second_leg_id):
            for pop in call.with_leg(leg_id):
                if pop.visible:
                    commands += self._life.end(pop, event.at)
                    call.passed_by = pop
        if other is not None and other is not call:
            if other.consults and other.consults.visible:
                commands += self._life.end(other.consults, event.at)
            call.passed_by = other.consults or call.passed_by
            commands += self._join(call, other, event.at)
        for pop in call.pops:
            if pop.offer.state in IN_TALK and pop.source is not None:
                if pop.offer.state is PopState.HELD:
                    commands.append(self._life.update(pop, state=PopState.TALKING))
                commands += self._life.record(call, queue=pop.offer.queue, operator_id=pop.offer.operator_id)
        return commands if other is None or other is call else [*commands, ForgetCall(other.call_id)]

    def _join(self, call: LiveCall, other: LiveCall, at: datetime) -> list[Command]:
        commands = self._life.record(other, ended_at=at) if other.recorded else []  # two customers were joined: both calls are kept
        for pop in other.pops:
            if not pop.visible:
                continue
            if call.showing(pop.offer.operator_id):
                commands += self._life.end(pop, at)
            else:
                pop.source = pop.source or call.passed_by
                # It rings for the customer now, no longer for the colleague, who leaves.
                pop.legs = {leg_id: call.call_id if waits == other.call_id else waits for leg_id, waits in pop.legs.items()}
                commands.append(
                    self._life.update(
                        pop,
                        state=PopState.TALKING if pop.offer.state in IN_TALK else pop.offer.state,
                        call_id=call.call_id,
                        about_call_id=call.call_id,
                        **self._life.sender_of(pop),
                    )
                )
        self._register.join(call, other)
        return commands

    def _snapshot(self, event: SwitchSnapshot) -> list[Command]:
        commands: list[Command] = []
        lost_at = self._lost_at.pop(event.pbx, None)
        for missed in missed_events(self._register, self._life.directory, event, lost_at):
            commands += self._dispatch(missed)
        return commands + self._life.forget()

    @staticmethod
    def _done_with(call: LiveCall, leg_id: str) -> None:
        """Take note that the ring or the talk on a leg is over; its channel may live on a little."""
        if leg_id and leg_id not in call.gone:
            call.done.add(leg_id)

    def _pops_of(self, call: LiveCall, event: OfferMissed | OfferCompleted) -> list[LivePop]:
        """Return the pops an end is about: by its leg, or by its member when it names no leg."""
        if event.leg_id:
            return call.with_leg(event.leg_id)
        operators = self._life.directory.at(event.member) if event.member else ()
        return [pop for operator in operators if (pop := call.showing(operator.operator_id))]
