"""One call through the lab's Asterisk: what the shipped dialplan (asterisk_conf/) and Queue() would do with it.

The people are scripted, so the outcome of each wait is known beforehand: a call is one coroutine that sleeps from one event to the
next, and the same script gives the same events in the same order.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ctiroute.lab.agi import run_agi
from ctiroute.lab.channels import Channel, ChannelState
from ctiroute.lab.plan import Behaviour, LabCall, LabConfig, LabQueue, Ring, Script, Strategy, Transfer
from ctiroute.lab.switch import Dialled, Phone, Switch, Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ctiroute.lab.channels import Bridge, Headers

OPERATOR_RING_S = 20.0  # CTI_OPERATOR_TIMEOUT when ctiroute gave none
TRANSFER_RING_S = 20.0  # how long the phone rings that a caller was sent on to
_OUTSIDE = re.compile(r"[^A-Za-z0-9_.:@/+&\-]")  # the dialplan's FILTER()


class _CallerGone(Exception):  # noqa: N818 - it is an event, not an error
    """The caller lost patience."""


class Dialplan:
    """Carries one call from its first ring to its end; `call` is filled in on the way.

    `sleep` waits simulated seconds. `patience_s`: how long the caller waits for an answer in all; None: for ever.
    """

    def __init__(
        self,
        switch: Switch,
        config: LabConfig,
        sleep: Callable[[float], Awaitable[None]],
        call: LabCall,
        script: Script,
        patience_s: float | None,
    ) -> None:
        self._switch = switch
        self._config = config
        self._sleep = sleep
        self._call = call
        self._script = script
        self._patience_s = patience_s
        self._waited_s = 0.0
        self._phones: list[Dialled] = []  # every phone with legs up

    async def run(self, *, callingpres: int, hang_up_in_agi_s: float | None) -> None:
        """Take the call; returns when its last channel is gone."""
        call = self._call
        caller = self._switch.new(
            self._config.trunk, number=call.number, caller_name=call.name, exten=call.dialed, context="ctiroute-route"
        )
        call.linkedid = caller.linkedid
        try:
            await self._ask(caller, callingpres, hang_up_in_agi_s)
            await self._take(caller)
            call.outcome = call.outcome or ("completed" if call.answered_by else call.way)
        except _CallerGone:
            call.outcome = "abandoned"
        finally:
            for dialled in tuple(self._phones):
                self._drop(dialled)
            self._switch.hang_up(caller)
            call.ended_at = time.monotonic()

    # --- where to

    async def _ask(self, caller: Channel, callingpres: int, hang_up_s: float | None) -> None:
        """AGI() with the absolute timeout around it, as [ctiroute-route] has it."""
        caller.application, caller.priority = "AGI", 9
        config = self._config
        result = await run_agi(
            caller,
            config.agi_host,
            config.agi_port,
            config.agi_script,
            (caller.linkedid,),
            dnid=self._call.dialed,
            callingpres=callingpres,
            hang_up_after_s=hang_up_s,
        )
        call = self._call
        call.variables = {name: value for name, value in result.variables.items() if name.startswith("CTI_")}
        call.failure = result.failure
        if result.hung_up:
            raise _CallerGone
        if call.status:
            call.decision_ms = result.took_ms
        elif not call.failure:
            call.failure = "the session was closed without an answer"

    async def _take(self, caller: Channel) -> None:
        """[ctiroute-take]: follow the answer, or take the default way."""
        variables = {name: _OUTSIDE.sub("", value) for name, value in self._call.variables.items()}
        action = variables.get("CTI_ACTION", "") if self._call.status in {"routed", "default"} else ""
        caller.language = variables.get("CTI_LANGUAGE") or caller.language
        match action:
            case "queue":
                await self._queue(caller, variables.get("CTI_QUEUE", ""))
            case "operator":
                await self._operator(caller, variables)
            case "menu":
                await self._menu(caller, variables.get("CTI_MENU", ""))
            case "extension" if variables.get("CTI_EXTENSION", "") in self._switch.phones:
                self._went("extension", variables["CTI_EXTENSION"])
                await self._direct(caller, [variables["CTI_EXTENSION"]], OPERATOR_RING_S)
            case _:
                await self._default(caller)

    async def _default(self, caller: Channel) -> None:
        self._went("default", self._config.default_menu)
        await self._listen(caller, self._config.default_menu)

    async def _menu(self, caller: Channel, name: str) -> None:
        if not any(menu.name == name for menu in self._config.menus):
            await self._default(caller)
            return
        self._went("menu", name)
        await self._listen(caller, name)

    async def _listen(self, caller: Channel, name: str) -> None:
        """Hear a menu, then press the key that leads to its queue, or hang up."""
        self._switch.state(caller, ChannelState.UP)
        caller.application = "BackGround"
        menu = next((menu for menu in self._config.menus if menu.name == name), None)
        if menu is not None:
            await self._wait(menu.listen_s)
            if menu.queue in self._switch.queues:
                await self._queued(caller, self._switch.queues[menu.queue])

    async def _operator(self, caller: Channel, variables: dict[str, str]) -> None:
        """[ctiroute-operator]: ring the interfaces, then the queue if one was named."""
        wanted = variables.get("CTI_OPERATOR", "").split("&")
        phones = [phone.plan.extension for phone in self._switch.phones.values() if {phone.plan.device, phone.plan.interface} & set(wanted)]
        self._went("operator", "&".join(wanted))
        timeout = variables.get("CTI_OPERATOR_TIMEOUT", "")
        if not await self._direct(caller, phones, float(timeout) if timeout.isdecimal() else OPERATOR_RING_S):
            await self._queue(caller, variables.get("CTI_QUEUE", ""))

    async def _queue(self, caller: Channel, name: str) -> None:
        queue = self._switch.queues.get(name)
        if queue is None:
            await self._default(caller)
            return
        self._went("queue", name)
        if not await self._queued(caller, queue):
            await self._default(caller)

    # --- waiting and ringing

    async def _queued(self, caller: Channel, queue: LabQueue) -> bool:
        """Wait in a queue until somebody answered and the talk is over; False when the queue's own time was over."""
        switch = self._switch
        switch.state(caller, ChannelState.UP)
        caller.application = "Queue"
        priority = self._call.variables.get("CTI_PRIORITY", "")
        waiting = Waiting(queue.name, caller, time.monotonic(), int(priority) if priority.isdecimal() else 0)
        switch.waiting.append(waiting)
        began_s = self._waited_s
        position = sum(entry.queue == queue.name for entry in switch.waiting)
        self._queue_event("QueueCallerJoin", caller, queue, ("Position", str(position)), ("Count", str(position)))
        try:
            while self._waited_s - began_s < queue.timeout_s:
                free = switch.free(queue)
                if free:
                    dialled = await self._ring(caller, free if queue.strategy is Strategy.ALL else free[:1], queue.ring_s, queue)
                    if dialled is not None:
                        self._leave_queue(waiting)
                        held = ("HoldTime", str(int(self._waited_s - began_s)))
                        rang = ("RingTime", str(int(self._answers(dialled, queue.ring_s))))
                        self._member_event("AgentConnect", caller, dialled, queue, held, rang)
                        await self._talk(caller, dialled, queue)
                        return True
                await self._wait(queue.retry_s)
        except _CallerGone:
            if waiting in switch.waiting:
                place = (("Position", str(position)), ("OriginalPosition", str(position)))
                self._queue_event("QueueCallerAbandon", caller, queue, *place, ("HoldTime", str(int(self._waited_s - began_s))))
            raise
        finally:
            self._leave_queue(waiting)
        return False

    async def _direct(self, caller: Channel, extensions: list[str], ring_s: float) -> bool:
        """Dial() phones and talk; False when nobody picked up."""
        caller.application = "Dial"
        free = [phone for phone in map(self._switch.phones.get, extensions) if phone is not None and phone.status == "1"]
        dialled = await self._ring(caller, free, ring_s, None) if free else None
        if dialled is None:
            return False
        self._switch.state(caller, ChannelState.UP)
        await self._talk(caller, dialled, None)
        return True

    async def _ring(self, caller: Channel, phones: list[Phone], ring_s: float, queue: LabQueue | None) -> Dialled | None:
        """Let phones ring; return the one that was picked up, or None."""
        ringing: list[Dialled] = []
        for phone in phones:
            dialled = self._switch.dial(caller, phone)
            ringing.append(dialled)
            self._phones.append(dialled)
            self._rang(dialled, queue)
            if queue is not None:
                self._switch.rung(queue, phone)
                self._member_event("AgentCalled", caller, dialled, queue)
            self._switch.ring(caller, dialled)
        winner = min(ringing, key=lambda dialled: self._answers(dialled, ring_s))
        after = self._answers(winner, ring_s)
        try:
            await self._wait(min(after, ring_s))
        except _CallerGone:
            for dialled in ringing:
                self._unanswered(caller, dialled, "CANCEL", "caller gone")
            raise
        if after > ring_s:
            for dialled in ringing:
                self._unanswered(caller, dialled, "NOANSWER", "no answer", queue, ring_s)
            return None
        self._answered(caller, winner)
        for dialled in ringing:
            if dialled is not winner:
                self._unanswered(caller, dialled, "CANCEL", "elsewhere")
        return winner

    def _answers(self, dialled: Dialled, ring_s: float) -> float:
        """Return after how many seconds this phone is picked up; more than `ring_s` means it is not."""
        after = self._behaviour(dialled.phone).answer_after_s
        return ring_s + 1 if after is None else after

    def _unanswered(
        self, caller: Channel, dialled: Dialled, status: str, result: str, queue: LabQueue | None = None, rang_s: float = 0
    ) -> None:
        self._switch.end_dial(caller, dialled, status)
        if queue is not None:
            self._member_event("AgentRingNoAnswer", caller, dialled, queue, ("RingTime", str(int(rang_s * 1000))))
        self._ended(dialled, result)
        self._drop(dialled, *((26, "Answered elsewhere") if result == "elsewhere" else ()))

    def _answered(self, caller: Channel, dialled: Dialled) -> None:
        self._switch.pick_up(caller, dialled)
        dialled.phone.calls_taken += 1
        self._ended(dialled, "answered")
        self._call.answered_by = dialled.phone.plan.extension

    # --- talking, and passing on

    async def _talk(self, caller: Channel, dialled: Dialled, queue: LabQueue | None) -> None:
        """Talk until somebody hangs up, however often the caller is passed on."""
        bridge = self._switch.bridge()
        self._switch.enter(bridge, dialled.leg)
        self._switch.enter(bridge, caller)
        while True:
            behaviour = self._behaviour(dialled.phone)
            await self._sleep(behaviour.talk_s)
            if behaviour.transfer is Transfer.BLIND:
                await self._blind(caller, bridge, dialled, behaviour, queue)
                return
            colleague = await self._attended(caller, bridge, dialled, behaviour) if behaviour.transfer is not None else None
            self._complete(caller, dialled, queue, "transfer" if colleague else "caller", behaviour.talk_s)
            if colleague is None:
                self._switch.leave(caller)
                self._drop(dialled)
                return
            self._drop(dialled)
            dialled, queue = colleague, None

    async def _blind(self, caller: Channel, bridge: Bridge, dialled: Dialled, behaviour: Behaviour, queue: LabQueue | None) -> None:
        """Send the caller on and leave."""
        self._call.transfers.append(("blind", dialled.phone.plan.extension, behaviour.transfer_to))
        self._switch.tell(
            "BlindTransfer",
            "call",
            (
                ("Result", "Success"),
                *dialled.leg.headers("Transferer"),
                *caller.headers("Transferee"),
                *bridge.headers(),
                ("IsExternal", "Yes"),
                ("Context", "from-internal"),
                ("Extension", behaviour.transfer_to),
            ),
        )
        self._switch.leave(caller)
        self._complete(caller, dialled, queue, "transfer", behaviour.talk_s)
        self._drop(dialled)
        caller.context, caller.exten = "from-internal", behaviour.transfer_to
        if behaviour.transfer_to in self._switch.queues:
            await self._queued(caller, self._switch.queues[behaviour.transfer_to])
        else:
            await self._direct(caller, [behaviour.transfer_to], TRANSFER_RING_S)

    async def _attended(self, caller: Channel, bridge: Bridge, dialled: Dialled, behaviour: Behaviour) -> Dialled | None:
        """Ask a colleague, join him with the caller and leave; None when the colleague did not pick up."""
        switch, phone = self._switch, self._switch.phones.get(behaviour.transfer_to)
        if phone is None or phone.status != "1":
            return None
        switch.hold(dialled.device, held=True)
        inside = behaviour.transfer is Transfer.FEATURE
        second = (
            dialled.leg
            if inside
            else switch.new(dialled.phone.plan.device, number=dialled.phone.plan.extension, exten=behaviour.transfer_to)
        )
        colleague = switch.dial(second, phone, asked=inside)
        self._phones.append(colleague)
        self._rang(colleague, None)
        switch.ring(second, colleague)
        try:
            after = self._answers(colleague, TRANSFER_RING_S)
            if after > TRANSFER_RING_S:
                await self._sleep(TRANSFER_RING_S)
                self._unanswered(second, colleague, "NOANSWER", "no answer")
                switch.hold(dialled.device, held=False)
                return None
            if behaviour.consult_s > 0:
                await self._sleep(after)
                self._answered(second, colleague)
                switch.state(second, ChannelState.UP)
                await self._consult(second, colleague, behaviour.consult_s)
            self._join(caller, bridge, dialled, second, colleague, behaviour)
            if behaviour.consult_s <= 0:
                await self._sleep(after)
                self._answered(caller, colleague)
            switch.enter(bridge, colleague.leg)
        finally:
            if not inside:
                switch.hang_up(second)
        return colleague

    async def _consult(self, second: Channel, colleague: Dialled, consult_s: float) -> None:
        bridge = self._switch.bridge()
        self._switch.enter(bridge, colleague.leg)
        self._switch.enter(bridge, second)
        await self._sleep(consult_s)

    def _join(self, caller: Channel, bridge: Bridge, dialled: Dialled, second: Channel, colleague: Dialled, behaviour: Behaviour) -> None:
        """Tell the transfer; from now on the colleague's legs belong to the caller's call."""
        self._call.transfers.append((str(behaviour.transfer), dialled.phone.plan.extension, behaviour.transfer_to))
        second_bridge = second.bridge or bridge
        self._switch.tell(
            "AttendedTransfer",
            "call",
            (
                ("Result", "Success"),
                *dialled.leg.headers("OrigTransferer"),
                *bridge.headers("Orig"),
                *second.headers("SecondTransferer"),
                *second_bridge.headers("Second"),
                *caller.headers("Transferee"),
                *colleague.leg.headers("TransferTarget"),
                ("IsExternal", "No" if second is dialled.leg else "Yes"),
                ("DestType", "Bridge"),
                ("DestBridgeUniqueid", bridge.bridge_id),
            ),
        )
        for leg in colleague.legs:
            leg.linkedid = caller.linkedid  # ast_channel_set_linkgroup: the older linked id wins

    # --- pieces

    async def _wait(self, seconds: float) -> None:
        """Let the caller wait. Raises _CallerGone when his patience ends first."""
        if self._patience_s is not None and self._waited_s + seconds >= self._patience_s:
            left = max(0.0, self._patience_s - self._waited_s)
            self._waited_s += left
            await self._sleep(left)
            raise _CallerGone
        self._waited_s += seconds
        await self._sleep(seconds)

    def _behaviour(self, phone: Phone) -> Behaviour:
        return self._script.get(phone.plan.extension, phone.plan.behaviour)

    def _went(self, way: str, target: str) -> None:
        self._call.way, self._call.target = way, target

    def _rang(self, dialled: Dialled, queue: LabQueue | None) -> None:
        plan = dialled.phone.plan
        self._call.rings.append(Ring(plan.extension, plan.interface, dialled.leg.uniqueid, queue.name if queue else "", time.monotonic()))

    def _ended(self, dialled: Dialled, result: str) -> None:
        rings = self._call.rings
        for number, ring in enumerate(rings):
            if ring.leg == dialled.leg.uniqueid:
                rings[number] = replace(ring, result=result, ended_at=time.monotonic())

    def _drop(self, dialled: Dialled, cause: int = 16, text: str = "Normal Clearing") -> None:
        self._phones.remove(dialled)
        self._switch.drop(dialled, cause, text)

    def _complete(self, caller: Channel, dialled: Dialled, queue: LabQueue | None, reason: str, talked_s: float) -> None:
        if queue is not None:
            held = ("HoldTime", str(int(self._waited_s)))
            self._member_event("AgentComplete", caller, dialled, queue, held, ("TalkTime", str(int(talked_s))), ("Reason", reason))

    def _leave_queue(self, waiting: Waiting) -> None:
        if waiting in self._switch.waiting:
            self._switch.waiting.remove(waiting)
            queue = self._switch.queues[waiting.queue]
            left = sum(entry.queue == waiting.queue for entry in self._switch.waiting)
            self._queue_event("QueueCallerLeave", waiting.channel, queue, ("Count", str(left)), ("Position", "1"))

    def _queue_event(self, name: str, caller: Channel, queue: LabQueue, *more: tuple[str, str]) -> None:
        self._switch.tell(name, "call", (*caller.headers(), ("Queue", queue.name), *more))

    def _member_event(self, name: str, caller: Channel, dialled: Dialled, queue: LabQueue, *more: tuple[str, str]) -> None:
        plan = dialled.phone.plan
        headers: Headers = (("Queue", queue.name), ("Interface", plan.interface), ("MemberName", plan.member_name))
        self._switch.tell(name, "agent", (*caller.headers(), *dialled.leg.headers("Dest"), *headers, *more))
