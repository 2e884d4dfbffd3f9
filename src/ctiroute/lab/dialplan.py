"""One call through the lab's Asterisk: what the shipped dialplan (asterisk_conf/) and Queue() would do with it.

The people are scripted, so the outcome of each wait is known beforehand: a call is one coroutine that sleeps from one event to the
next, and the same script gives the same events in the same order.
"""

from __future__ import annotations

import re
import time

from ctiroute.lab.agi import ABSOLUTE_S, run_agi
from ctiroute.lab.channels import Channel, ChannelState
from ctiroute.lab.plan import LabConfig, LabQueue, Strategy
from ctiroute.lab.stage import CallerGone, Stage
from ctiroute.lab.switch import Waiting
from ctiroute.lab.talk import TRANSFER_RING_S, talk

OPERATOR_RING_S = 20.0  # CTI_OPERATOR_TIMEOUT when ctiroute gave none
# One budget for several nodes, as in extensions_ctiroute.conf.
_SHARE_S = 0.95  # of a node before the last
_LAST_ASK_S = 1.08  # spent: no further node is asked
_OUTSIDE = re.compile(r"[^A-Za-z0-9_.:@/+&\-]")  # the dialplan's FILTER()


class Dialplan:
    """Carries one call from its first ring to its end; `call` is filled in on the way."""

    def __init__(self, stage: Stage, config: LabConfig, number: int = 1) -> None:
        """Take a call, the `number`-th of its Asterisk: of several nodes each call asks another one first."""
        self._stage = stage
        self._config = config
        ports = (config.agi_port, *config.more_agi_ports)
        first = (number - 1) % len(ports)
        self._nodes = ports[first:] + ports[:first]

    async def run(self, *, callingpres: int, hang_up_in_agi_s: float | None) -> None:
        """Take the call; returns when its last channel is gone."""
        call = self._stage.call
        caller = self._stage.switch.new(
            self._config.trunk, number=call.number, caller_name=call.name, exten=call.dialed, context="ctiroute-route"
        )
        call.linkedid = caller.linkedid
        try:
            await self._ask(caller, callingpres, hang_up_in_agi_s)
            await self._take(caller)
            call.outcome = call.outcome or ("completed" if call.answered_by else call.way)
        except CallerGone:
            call.outcome = "abandoned"
        finally:
            self._stage.drop_all()
            self._stage.switch.hang_up(caller)
            call.ended_at = time.monotonic()

    # --- where to

    async def _ask(self, caller: Channel, callingpres: int, hang_up_s: float | None) -> None:
        """AGI() with the absolute timeout around it, for one node after the other, as [ctiroute-route] has it."""
        caller.application, caller.priority = "AGI", 9
        config, call = self._config, self._stage.call
        began = time.monotonic()
        for number, port in enumerate(self._nodes, 1):
            spent = time.monotonic() - began
            if spent >= _LAST_ASK_S:
                return
            result = await run_agi(
                caller,
                config.agi_host,
                port,
                config.agi_script,
                (caller.linkedid,),
                dnid=call.dialed,
                callingpres=callingpres,
                absolute_s=(ABSOLUTE_S if number == len(self._nodes) else _SHARE_S) - spent,
                hang_up_after_s=hang_up_s,
            )
            # What was set by a node that came too late (the T extension) is not looked at.
            call.variables = {} if result.late else {name: value for name, value in result.variables.items() if name.startswith("CTI_")}
            call.failure = result.failure
            if result.hung_up:
                raise CallerGone
            if call.status:
                call.decision_ms, call.decided_at = result.took_ms, port
                return
            call.failure = call.failure or "the session was closed without an answer"

    async def _take(self, caller: Channel) -> None:
        """[ctiroute-take]: follow the answer, or take the default way."""
        variables = {name: _OUTSIDE.sub("", value) for name, value in self._stage.call.variables.items()}
        action = variables.get("CTI_ACTION", "") if self._stage.call.status in {"routed", "default"} else ""
        caller.language = variables.get("CTI_LANGUAGE") or caller.language
        match action:
            case "queue":
                await self._queue(caller, variables.get("CTI_QUEUE", ""))
            case "operator":
                await self._operator(caller, variables)
            case "menu":
                await self._menu(caller, variables.get("CTI_MENU", ""))
            case "extension" if variables.get("CTI_EXTENSION", "") in self._stage.switch.phones:
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
        self._stage.switch.state(caller, ChannelState.UP)
        caller.application = "BackGround"
        menu = next((menu for menu in self._config.menus if menu.name == name), None)
        if menu is not None:
            await self._stage.wait(menu.listen_s)
            if menu.queue in self._stage.switch.queues:
                await self._queued(caller, self._stage.switch.queues[menu.queue])

    async def _operator(self, caller: Channel, variables: dict[str, str]) -> None:
        """[ctiroute-operator]: ring the interfaces, then the queue if one was named."""
        wanted = variables.get("CTI_OPERATOR", "").split("&")
        plans = [phone.plan for phone in self._stage.switch.phones.values()]
        phones = [plan.extension for plan in plans if {plan.device, plan.interface} & set(wanted)]
        self._went("operator", "&".join(wanted))
        timeout = variables.get("CTI_OPERATOR_TIMEOUT", "")
        if not await self._direct(caller, phones, float(timeout) if timeout.isdecimal() else OPERATOR_RING_S):
            await self._queue(caller, variables.get("CTI_QUEUE", ""))

    async def _queue(self, caller: Channel, name: str) -> None:
        queue = self._stage.switch.queues.get(name)
        if queue is None:
            await self._default(caller)
            return
        self._went("queue", name)
        if not await self._queued(caller, queue):
            await self._default(caller)

    # --- waiting and ringing

    async def _queued(self, caller: Channel, queue: LabQueue) -> bool:
        """Wait in a queue until somebody answered and the talk is over; False when the queue's own time was over."""
        switch = self._stage.switch
        switch.state(caller, ChannelState.UP)
        caller.application = "Queue"
        priority = self._stage.call.variables.get("CTI_PRIORITY", "")
        waiting = Waiting(queue.name, caller, time.monotonic(), int(priority) if priority.isdecimal() else 0)
        switch.waiting.append(waiting)
        began_s = self._stage.waited_s
        position = sum(entry.queue == queue.name for entry in switch.waiting)
        self._stage.queue_event("QueueCallerJoin", caller, queue, ("Position", str(position)), ("Count", str(position)))
        try:
            while self._stage.waited_s - began_s < queue.timeout_s:
                free = switch.free(queue)
                if free:
                    dialled = await self._stage.ring(caller, free if queue.strategy is Strategy.ALL else free[:1], queue.ring_s, queue)
                    if dialled is not None:
                        self._leave_queue(waiting)
                        held = ("HoldTime", str(int(self._stage.waited_s - began_s)))
                        rang = ("RingTime", str(int(self._stage.answers(dialled, queue.ring_s))))
                        self._stage.member_event("AgentConnect", caller, dialled, queue, held, rang)
                        await self._go_on(caller, await talk(self._stage, caller, dialled, queue))
                        return True
                await self._stage.wait(queue.retry_s)
        except CallerGone:
            if waiting in switch.waiting:
                place = (("Position", str(position)), ("OriginalPosition", str(position)))
                self._stage.queue_event("QueueCallerAbandon", caller, queue, *place, ("HoldTime", str(int(self._stage.waited_s - began_s))))
            raise
        finally:
            self._leave_queue(waiting)
        return False

    async def _direct(self, caller: Channel, extensions: list[str], ring_s: float) -> bool:
        """Dial() phones and talk; False when nobody picked up."""
        caller.application = "Dial"
        free = [phone for phone in map(self._stage.switch.phones.get, extensions) if phone is not None and phone.status == "1"]
        dialled = await self._stage.ring(caller, free, ring_s, None) if free else None
        if dialled is None:
            return False
        self._stage.switch.state(caller, ChannelState.UP)
        await self._go_on(caller, await talk(self._stage, caller, dialled, None))
        return True

    async def _go_on(self, caller: Channel, target: str) -> None:
        """Follow a blind transfer; without one the call is over."""
        if target in self._stage.switch.queues:
            await self._queued(caller, self._stage.switch.queues[target])
        elif target:
            await self._direct(caller, [target], TRANSFER_RING_S)

    def _leave_queue(self, waiting: Waiting) -> None:
        if waiting in self._stage.switch.waiting:
            self._stage.switch.waiting.remove(waiting)
            queue = self._stage.switch.queues[waiting.queue]
            left = sum(entry.queue == waiting.queue for entry in self._stage.switch.waiting)
            self._stage.queue_event("QueueCallerLeave", waiting.channel, queue, ("Count", str(left)), ("Position", "1"))

    def _went(self, way: str, target: str) -> None:
        self._stage.call.way, self._stage.call.target = way, target
