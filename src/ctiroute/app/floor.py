"""The live floor: what the desk decides becomes pops on screens and records in the store.

Everything here runs on the event loop and none of it waits: the desk's commands are carried out in order, one event at a time, and
slow work is left to tasks.

This is the meeting point of four rooms, so it implements their ports: `Ledger` (engine), `EventSink` (connectors), `Floor` (web).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, assert_never

from ctiroute.app.call_files import CallFile, CallFiles, to_bytes
from ctiroute.app.call_search import CallSearch
from ctiroute.app.forgetting import Traces, forget_files
from ctiroute.app.missed_calls import MissedCalls
from ctiroute.app.screen_news import ScreenNews
from ctiroute.app.wording import Wording
from ctiroute.desk.commands import ClosePop, ForgetCall, RecordCall, RecordMissed, ShowPop, UpdatePop
from ctiroute.errors import AccessDenied
from ctiroute.model import CallRecord, LegEnded, LegStarted, Outcome, SwitchLost, SwitchSnapshot, WrapUp
from ctiroute.web.wire import PopMessage, Snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo

    from ctiroute.app.acks import Acks
    from ctiroute.app.answers import Answers
    from ctiroute.app.neighbours import Neighbours
    from ctiroute.app.recorder import Recorder
    from ctiroute.app.tasks import Tasks
    from ctiroute.app.trust import Trust
    from ctiroute.desk import Desk
    from ctiroute.desk.claims import Claims
    from ctiroute.desk.commands import Command
    from ctiroute.model import CallerContext, CallEvent, Decision, Interaction, Offer, Operator, RouteRequest, ScreenPop, Subject
    from ctiroute.settings import WrapUpCode
    from ctiroute.store.base import Store
    from ctiroute.web.screens import Screens
    from ctiroute.web.wire import Ack

log = logging.getLogger(__name__)

MAX_HEARD = 20_000  # calls we only heard of; the oldest goes first


class Floor:
    """Live calls, the screens that show them, the records that stay."""

    def __init__(
        self,
        desk: Desk,
        store: Store,
        recorder: Recorder,
        acks: Acks,
        tasks: Tasks,
        clock: Callable[[], datetime],
        look_up: Callable[[LegStarted], Awaitable[CallFile]],
        explain: Callable[[CallFile], CallFile],
        language: str,
        zone: Callable[[], tzinfo],
        claims: Claims,
        health: Callable[[], Mapping[str, str]],
        neighbours: Neighbours,
        answers: Answers,
        trust: Trust,
        codes: Mapping[str, Sequence[WrapUpCode]] | None = None,
    ) -> None:
        """Take what the floor works with.

        `look_up` makes the file of a call we did not decide: dialled directly, or decided so shortly before a crash that its record
        was lost; `explain` words the trace of a file that was stored without; `zone` is the one in which screens write times; `claims`
        is the desk's own; `health` names parts that are not well; `neighbours` are the other nodes; `answers` finds what operators answered
        before; `trust` says what may be shown of whom; `codes` are the wrap-up codes of each queue, under "*" those of all others.
        """
        self._desk = desk
        self._store = store
        self._recorder = recorder
        self._acks = acks
        self._tasks = tasks
        self._clock = clock
        self._claims = claims
        self.health = health
        self._neighbours = neighbours
        self._answers = answers
        self._wording = Wording(language, zone, trust, codes)
        self._files = CallFiles(explain)
        self._search = CallSearch(store, neighbours, look_up, explain, self._show)
        self._heard: OrderedDict[str, LegStarted] = OrderedDict()
        self._missed = MissedCalls(store)
        self._news = ScreenNews(self._name)
        self._operators: dict[str, Operator] = {}
        self._screens: Screens | None = None
        self.reread: Callable[[str], None] | None = None  # reads a conversation again that was changed on another node

    def attach(self, screens: Screens) -> None:
        """Name the screens to push to. Until then pops are made but shown nowhere."""
        self._screens = self._news.screens = screens

    def set_operators(self, operators: Iterable[Operator]) -> None:
        """Use these operators from now on."""
        by_id = {operator.operator_id: operator for operator in operators}
        if by_id == self._operators:
            return
        changed = [operator_id for operator_id, operator in by_id.items() if self._operators.get(operator_id) != operator]
        self._operators = by_id
        self._desk.set_operators(tuple(by_id.values()))
        for operator_id in changed:  # who is connected already may have another phone now
            if self._screens is not None and self._screens.connected(operator_id):
                self.came(operator_id)

    @property
    def operators(self) -> Mapping[str, Operator]:
        """Operators by id."""
        return self._operators

    def snapshot_bytes(self, call_id: str) -> bytes | None:
        """Return what is to be kept of a call's file; None when there is none."""
        return self._files.packed(call_id)

    # --- Ledger: what the engine tells

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Take note of a decision."""
        request = context.request
        is_trial = request.is_trial
        snapshot = self._files.decided(context, decision, worded=is_trial)  # whoever tries the rules wants to read why
        if not is_trial:
            self._desk.know(request.call_id, request.received_at)
            self._neighbours.decided(request.call_id, snapshot)
        self._recorder.decided(context, decision, took_ms, snapshot)

    def completed(self, context: CallerContext) -> None:
        """Take a context that a late source has completed, and bring the pops about it up to date."""
        if self._files.completed(context):
            self._tell_changed(context.request.call_id)
            self._run(self._desk.refresh(context.request.call_id))

    def abandoned(self, request: RouteRequest) -> None:
        """Take note of a caller who hung up before the decision."""
        self._recorder.record(
            CallRecord(
                call_id=request.call_id,
                pbx=request.pbx,
                caller_phone=request.caller.phone,
                caller_raw=request.caller.raw,
                dialed=request.dialed,
                received_at=request.received_at,
                outcome=Outcome.ABANDONED,
                ended_at=self._clock(),
            )
        )

    # --- EventSink: what connectors hear

    def heard(self, event: CallEvent) -> None:
        """Take one event of a switch."""
        try:
            match event:
                case LegStarted() if event.leg_id == event.call_id:
                    self._hear(event)
                case SwitchSnapshot():
                    for leg in event.legs:
                        if leg.leg_id == leg.call_id and leg.call_id not in self._heard:
                            self._hear(LegStarted(leg.call_id, leg.leg_id, leg.interface, leg.number, "", event.at))
                    self._news.switch(event.pbx, event.at, up=True)
                case SwitchLost():
                    self._news.switch(event.pbx, event.at, up=False)
                case _:
                    pass
            self._run(self._desk.handle(event))
        except Exception:  # one odd event must not deafen us to the others
            log.exception("an event could not be handled: %s", type(event).__name__)

    # --- web's Floor: what screens ask

    async def snapshot(self, operator_id: str) -> Snapshot:
        """Return all that this operator's screen shows now."""
        if operator_id not in self._operators:  # added since the store was asked last
            self.set_operators(await self._store.get_operators())
        operator = self._operators.get(operator_id)
        if operator is None:
            raise AccessDenied(f"{operator_id} is no operator any more")
        missed = await self._missed.of(operator_id, self._clock())
        return Snapshot(
            operator=operator,
            pops=tuple(self._pop(offer) for offer in self._desk.visible(operator_id) if not self._waits_for_answer(offer)),
            missed=missed,
            switches=self._news.switches,
            server_time=self._clock(),
            extension_taken_by=self._name(self._claims.taken_by(operator_id)),
        )

    def acked(self, operator_id: str, ack: Ack) -> None:
        """Take note of how far a pop got."""
        if self._offered(operator_id, ack.pop_id) is not None:
            self._acks.acked(ack)

    async def note(self, operator_id: str, pop_id: str, text: str, code: str) -> bool:
        """Keep an operator's note and wrap-up code; False when the pop is not his, or the code not its."""
        offer = self._offered(operator_id, pop_id)
        if offer is None or (code and all(code != each.code for each in self._wording.codes_of(offer))):
            return False
        now = self._clock()
        self._run(self._desk.write_note(pop_id, operator_id, text, now))
        self._recorder.note(WrapUp(offer.about_call_id, operator_id, text, now, code))
        self._neighbours.noted(pop_id, operator_id, text, now)
        return True

    async def choose(self, operator_id: str, pop_id: str, customer_id: str) -> bool:
        """Take the operator's word for who calls; False when the pop or the candidate is not his to choose."""
        offer = self._offered(operator_id, pop_id)
        if offer is None:
            return False
        file = self._files.get(offer.about_call_id)
        chosen = file.chosen(customer_id) if file is not None else None
        if chosen is None:
            return False
        self._recorder.record(CallRecord(offer.about_call_id, customer_id=customer_id), with_snapshot=True)
        self.show_changed(chosen)
        self._answers.chosen(chosen, customer_id, operator_id, self._tasks)
        return True

    def amend(self, call_id: str, change: Callable[[CallFile], CallFile]) -> None:
        """Change a call's file, if it is still there, and bring the pops about it up to date, here and on other nodes."""
        if (file := self._files.get(call_id)) is not None:
            self._recorder.record(CallRecord(call_id), with_snapshot=True)
            self.show_changed(change(file))

    def came(self, operator_id: str) -> None:
        """Take note that the first browser of this operator connected."""
        operator = self._operators.get(operator_id)
        if operator is not None:
            self._news.claimed(self._claims.came(operator, self._clock()))
        self._neighbours.moved()

    def left(self, operator_id: str) -> None:
        """Take note that the last browser of this operator is gone."""
        self._news.claimed(self._claims.left(operator_id, self._clock()))
        self._neighbours.moved()

    def expire(self) -> None:
        """Forget what is long over. To be called every few seconds."""
        self._run(self._desk.expire(self._clock()))

    async def forget(self, subject: Subject) -> None:
        """Let go of what is held of a person who was erased. A call of theirs that goes on is shown again by what is known now."""
        traces = Traces.of(subject)
        named = await forget_files(self._files, traces)
        self._recorder.forget(traces)
        self._neighbours.forget({*named, *traces.call_ids})
        self._missed.forget(traces)
        for call_id in named:
            self._run(self._desk.refresh(call_id))

    # --- what stands on screens here, for who keeps it true

    def interaction_shown(self, operator_id: str, pop_id: str, interaction_id: str) -> Interaction | None:
        """Return an interaction as it stands on an operator's pop; None when it does not."""
        offer = self._offered(operator_id, pop_id)
        context = None if offer is None else self._pop(offer).context
        return None if context is None else next((it for it in context.interactions if it.interaction_id == interaction_id), None)

    def files_in_view(self) -> Iterator[CallFile]:
        """Return the files of the calls that pops are about."""
        return (file for call_id in self._desk.calls_in_view() if (file := self._files.get(call_id)) is not None)

    def show_changed(self, file: CallFile) -> None:
        """Use this file of a call from now on, here and on other nodes."""
        call_id = file.context.request.call_id
        self._files.keep(file)
        self._tell_changed(call_id)
        self._run(self._desk.refresh(call_id))

    # --- what other nodes tell

    def interaction_changed_elsewhere(self, interaction_id: str) -> None:
        """Have a conversation read again."""
        if self.reread is not None:
            self.reread(interaction_id)

    def noted_elsewhere(self, pop_id: str, operator_id: str, text: str, at: datetime) -> None:
        """Show a note that was written on another node, and is kept by it."""
        self._run(self._desk.write_note(pop_id, operator_id, text, at))

    def changed_elsewhere(self, call_id: str) -> None:
        """Read a call's file again, if it is shown here."""
        if self._files.packed(call_id) is not None:
            self._search.read_again(call_id, self._tasks)

    def forgotten_elsewhere(self, call_ids: Iterable[str]) -> None:
        """Let go of calls of somebody who was erased."""
        for call_id in call_ids:
            self._files.forget(call_id)

    # --- calls that we place ourselves

    def expect(self, file: CallFile) -> None:
        """Take note of a call that is about to be placed, so that its pop stands there when the first phone rings."""
        request = file.context.request
        self._files.keep(file)
        self._desk.know(request.call_id, request.received_at)
        packed = to_bytes(file)
        self._neighbours.decided(request.call_id, packed)
        self._recorder.expected(file.context, file.touch_id, file.interaction_id, packed)

    def unexpect(self, call_id: str) -> None:
        """Take note that a call was not placed after all."""
        self._run(self._desk.handle(LegEnded(call_id, call_id, self._clock())))

    def is_live(self, call_id: str) -> bool:
        """Say whether a call goes on, as far as its switch has told."""
        return self._desk.has_legs(call_id)

    def about(self, operator_id: str, pop_id: str) -> tuple[Offer, CallFile | None] | None:
        """Return the offer of a pop and the file of the call it is about; None when the pop is not this operator's."""
        offer = self._offered(operator_id, pop_id)
        return None if offer is None else (offer, self._files.get(offer.about_call_id))

    # --- carrying out what the desk wants

    def _offered(self, operator_id: str, pop_id: str) -> Offer | None:
        offer = self._desk.offer(pop_id)
        return offer if offer is not None and offer.operator_id == operator_id else None

    def _run(self, commands: Iterable[Command]) -> None:
        for command in commands:
            try:
                self._carry_out(command)
            except Exception:  # a pop that cannot be worded must cost neither a colleague's pop nor the record
                log.exception("%s could not be carried out", type(command).__name__)

    def _carry_out(self, command: Command) -> None:
        match command:
            case ShowPop(offer) if not self._waits_for_answer(offer):
                browsers = self._push("pop", offer)
                if browsers or not self._neighbours.has(offer.operator_id):  # else it is for that node to show, and to count
                    self._acks.pushed(offer.pop_id, browsers=browsers)
            case UpdatePop(offer) if not self._waits_for_answer(offer):
                self._push("pop.update", offer)
            case ClosePop(offer) if not self._waits_for_answer(offer):
                self._push("pop.close", offer)
                self._acks.closed(offer.pop_id)
            case ShowPop() | UpdatePop() | ClosePop():
                pass
            case RecordCall(record):
                self._recorder.record(record)
            case RecordMissed(offer, rang_s):
                self._keep_missed(offer, rang_s)
            case ForgetCall(call_id):
                self._recorder.settle(call_id)
                self._heard.pop(call_id, None)
                self._files.forget(call_id)
            case _:
                assert_never(command)

    def _show(self, file: CallFile) -> None:
        self._files.keep(file)
        self._run(self._desk.refresh(file.context.request.call_id))

    def _tell_changed(self, call_id: str) -> None:
        packed = self._files.packed(call_id)
        if packed is not None:
            self._neighbours.changed(call_id, packed)

    def _waits_for_answer(self, offer: Offer) -> bool:
        """Say whether the rule wants this pop at the answer only, and nobody has answered yet."""
        file = self._files.get(offer.about_call_id)
        return file is not None and file.plan.at == "answer" and offer.answered_at is None

    def _push(self, kind: Literal["pop", "pop.update", "pop.close"], offer: Offer) -> int:
        """Send a pop to its operator's screens; return how many there are."""
        file = self._files.get(offer.about_call_id)
        if file is None:
            self._search.find(offer.about_call_id, self._heard.get(offer.about_call_id), self._tasks)
        else:
            self._answers.find_fates(file, self.amend, self._tasks)
        if self._screens is None:
            return 0
        return self._screens.push(offer.operator_id, PopMessage(type=kind, pop=self._pop(offer), sent_at=self._clock()))

    def _pop(self, offer: Offer) -> ScreenPop:
        return self._wording.pop(offer, self._files.get(offer.about_call_id), self._operators.get(offer.operator_id))

    def _hear(self, started: LegStarted) -> None:
        """Remember who calls, for a call that nobody asks us about."""
        self._heard[started.call_id] = started
        if len(self._heard) > MAX_HEARD:
            self._heard.popitem(last=False)

    def _keep_missed(self, offer: Offer, rang_s: float) -> None:
        self._wording.rang(offer.queue, rang_s)
        self._recorder.missed(self._missed.keep(self._pop(offer), rang_s))

    def _name(self, operator_id: str | None) -> str | None:
        operator = self._operators.get(operator_id or "")
        return operator.name if operator is not None else operator_id
