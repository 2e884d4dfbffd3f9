"""Talking, and passing a caller on: what happens from the answer to the last hang-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.lab.channels import ChannelState
from ctiroute.lab.plan import Transfer

if TYPE_CHECKING:
    from ctiroute.lab.channels import Bridge, Channel
    from ctiroute.lab.plan import Behaviour, LabQueue
    from ctiroute.lab.stage import Stage
    from ctiroute.lab.switch import Dialled

TRANSFER_RING_S = 20.0  # how long a colleague's phone rings


async def talk(stage: Stage, caller: Channel, dialled: Dialled, queue: LabQueue | None) -> str:
    """Talk until somebody hangs up or sends the caller on; return where he was sent, or ""."""
    bridge = stage.switch.bridge()
    stage.switch.enter(bridge, dialled.leg)
    stage.switch.enter(bridge, caller)
    while True:
        behaviour = stage.behaviour(dialled.phone)
        await stage.sleep(behaviour.talk_s)
        colleague = None
        reason = "caller"
        if behaviour.transfer is Transfer.BLIND:
            _blind(stage, caller, bridge, dialled, behaviour)
            reason = "transfer"
        elif behaviour.transfer is not None:
            colleague = await _attended(stage, caller, bridge, dialled, behaviour)
            reason = "transfer" if colleague else reason
        if colleague is None:
            stage.switch.leave(caller)
        if queue is not None:
            figures = (("HoldTime", str(int(stage.waited_s))), ("TalkTime", str(int(behaviour.talk_s))), ("Reason", reason))
            stage.member_event("AgentComplete", caller, dialled, queue, *figures)
        stage.drop(dialled)
        if colleague is None:
            return behaviour.transfer_to if behaviour.transfer is Transfer.BLIND else ""
        dialled, queue = colleague, None


def _blind(stage: Stage, caller: Channel, bridge: Bridge, dialled: Dialled, behaviour: Behaviour) -> None:
    """Tell that a member sends the caller on."""
    stage.call.transfers.append((str(Transfer.BLIND), dialled.phone.plan.extension, behaviour.transfer_to))
    headers = (
        ("Result", "Success"),
        *dialled.leg.headers("Transferer"),
        *caller.headers("Transferee"),
        *bridge.headers(),
        ("IsExternal", "Yes"),
        ("Context", "from-internal"),
        ("Extension", behaviour.transfer_to),
    )
    stage.switch.tell("BlindTransfer", "call", headers)
    caller.context, caller.exten = "from-internal", behaviour.transfer_to


async def _attended(stage: Stage, caller: Channel, bridge: Bridge, dialled: Dialled, behaviour: Behaviour) -> Dialled | None:
    """Ask a colleague, join him with the caller and leave; None when the colleague did not pick up."""
    switch, phone = stage.switch, stage.switch.phones.get(behaviour.transfer_to)
    if phone is None or phone.status != "1":
        return None
    switch.hold(dialled.device, held=True)
    inside, plan = behaviour.transfer is Transfer.FEATURE, dialled.phone.plan
    second = dialled.leg if inside else switch.new(plan.device, number=plan.extension, exten=behaviour.transfer_to)
    colleague = switch.dial(second, phone, asked=inside)
    stage.rang(colleague, None)
    switch.ring(second, colleague)
    try:
        after = stage.answers(colleague, TRANSFER_RING_S)
        if after > TRANSFER_RING_S:
            await stage.sleep(TRANSFER_RING_S)
            stage.unanswered(second, colleague, "NOANSWER", "no answer")
            switch.hold(dialled.device, held=False)
            return None
        if behaviour.consult_s > 0:
            await stage.sleep(after)
            stage.answered(second, colleague)
            switch.state(second, ChannelState.UP)
            await _consult(stage, second, colleague, behaviour.consult_s)
        _join(stage, caller, bridge, dialled, second, colleague, behaviour)
        if behaviour.consult_s <= 0:
            await stage.sleep(after)
            stage.answered(caller, colleague)
        switch.enter(bridge, colleague.leg)
    finally:
        if not inside:
            switch.hang_up(second)
    return colleague


async def _consult(stage: Stage, second: Channel, colleague: Dialled, consult_s: float) -> None:
    bridge = stage.switch.bridge()
    stage.switch.enter(bridge, colleague.leg)
    stage.switch.enter(bridge, second)
    await stage.sleep(consult_s)


def _join(
    stage: Stage, caller: Channel, bridge: Bridge, dialled: Dialled, second: Channel, colleague: Dialled, behaviour: Behaviour
) -> None:
    """Tell the transfer; from now on the colleague's legs belong to the caller's call."""
    stage.call.transfers.append((str(behaviour.transfer), dialled.phone.plan.extension, behaviour.transfer_to))
    second_bridge = second.bridge or bridge
    stage.switch.tell(
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
