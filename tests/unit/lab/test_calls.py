"""Calls through the lab: the events of Asterisk 22 in their order, and the story that is returned."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ctiroute.lab import Behaviour, Lab, LabConfig, LabMenu, LabQueue, Strategy, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.lab import LabCall
    from ctiroute.lab.channels import Event
    from tests.unit.lab.conftest import AgiPeer, Clock

NUMBER, DIALED = "+380671234567", "0800123456"
NEVER = Behaviour(answer_after_s=None)
_QUIET = {"Newstate", "QueueMemberStatus", "BridgeCreate", "BridgeEnter", "BridgeLeave", "BridgeDestroy"}


class Recorded(Lab):
    """A lab that keeps what it told."""

    def __init__(self, config: LabConfig, clock: Clock) -> None:
        super().__init__(config, clock.sleep)
        self.told: list[Event] = []

    def _publish(self, event: Event) -> None:
        self.told.append(event)
        super()._publish(event)

    def story(self, *, quiet: bool = True) -> list[str]:
        """Return the events with the leg each is about, by its interface."""
        lines = []
        for event in self.told:
            headers = dict(event.headers)
            name = (
                headers.get("DestChannel")
                or headers.get("Channel")
                or headers.get("OrigTransfererChannel")
                or headers.get("TransfererChannel", "")
            )
            if not (quiet and event.name in _QUIET):
                half = name[-2:] if ";" in name else ""
                lines.append(f"{event.name} {name.rpartition('-')[0]}{half}".strip())
        return lines


@pytest.fixture
def lab(config: LabConfig, clock: Clock) -> Recorded:
    """Return a lab whose port is closed: nobody needs to listen."""
    return Recorded(config, clock)


@pytest.fixture
def lab_of(clock: Clock) -> Callable[[LabConfig], Recorded]:
    """Return what makes such a lab with another configuration."""
    return lambda config: Recorded(config, clock)


def rings(call: LabCall) -> list[tuple[str, str]]:
    """Return who rang and what became of it."""
    return [(ring.extension, ring.result) for ring in call.rings]


async def test_queue_call(lab: Recorded, agi: AgiPeer, clock: Clock) -> None:
    """No answer, the next member answers, they talk, the caller hangs up: in Asterisk's order."""
    agi.say(call_id="a:1", action="queue", queue="promo", priority="10", rule="autumn", status="routed")
    call = await lab.call(NUMBER, DIALED, "Olena", script={"1001": NEVER})
    assert lab.story() == [
        "Newchannel PJSIP/trunk",
        "QueueCallerJoin PJSIP/trunk",
        "Newchannel PJSIP/1001",
        "AgentCalled PJSIP/1001",
        "DialBegin PJSIP/1001",
        "DialEnd PJSIP/1001",
        "AgentRingNoAnswer PJSIP/1001",
        "Hangup PJSIP/1001",
        "Newchannel PJSIP/1002",
        "AgentCalled PJSIP/1002",
        "DialBegin PJSIP/1002",
        "DialEnd PJSIP/1002",
        "QueueCallerLeave PJSIP/trunk",
        "AgentConnect PJSIP/1002",
        "AgentComplete PJSIP/1002",
        "Hangup PJSIP/1002",
        "Hangup PJSIP/trunk",
    ]
    assert rings(call) == [("1001", "no answer"), ("1002", "answered")]
    assert (call.way, call.target, call.outcome, call.answered_by, call.status) == ("queue", "promo", "completed", "1002", "routed")
    assert call.decision_ms is not None
    assert clock.passed == pytest.approx(15 + 1 + 6 + 60)
    assert lab.switch.channels == {}
    assert [phone.status for phone in lab.switch.phones.values()] == ["1", "1", "1"]


async def test_figures_of_the_queue(lab: Recorded, agi: AgiPeer) -> None:
    """Seconds where Asterisk writes seconds, milliseconds where it writes those, and the right fields in the right order."""
    agi.say(action="queue", queue="promo", status="routed")
    await lab.call(NUMBER, DIALED, "Olena", script={"1001": NEVER})
    by_name = {event.name: event for event in lab.told}
    connect = dict(by_name["AgentConnect"].headers)
    assert (connect["HoldTime"], connect["RingTime"]) == ("22", "6")
    assert dict(by_name["AgentRingNoAnswer"].headers)["RingTime"] == "15000"
    complete = dict(by_name["AgentComplete"].headers)
    assert (complete["TalkTime"], complete["Reason"]) == ("60", "caller")
    called = by_name["AgentCalled"]
    assert [key for key, _ in called.headers][-3:] == ["Queue", "Interface", "MemberName"]
    assert (called.privilege, by_name["DialBegin"].privilege) == ("agent", "call")
    assert dict(called.headers)["DestLinkedid"] == dict(called.headers)["Linkedid"] == dict(called.headers)["Uniqueid"]
    assert by_name["Hangup"].encode().startswith(b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk-")
    assert by_name["Hangup"].encode().endswith(b"Cause: 16\r\nCause-txt: Normal Clearing\r\n\r\n")


async def test_freepbx_member(lab: Recorded, agi: AgiPeer) -> None:
    """A Local member has two halves and the device, each dialled and each taken down."""
    agi.say(action="queue", queue="local", status="routed")
    await lab.call(NUMBER, DIALED)
    assert lab.story()[2:] == [
        "Newchannel Local/1003@from-queue;1",
        "Newchannel Local/1003@from-queue;2",
        "LocalBridge",
        "AgentCalled Local/1003@from-queue;1",
        "DialBegin Local/1003@from-queue;1",
        "Newchannel PJSIP/1003",
        "DialBegin PJSIP/1003",
        "DialEnd PJSIP/1003",
        "DialEnd Local/1003@from-queue;1",
        "QueueCallerLeave PJSIP/trunk",
        "AgentConnect Local/1003@from-queue;1",
        "AgentComplete Local/1003@from-queue;1",
        "Hangup PJSIP/1003",
        "Hangup Local/1003@from-queue;1",
        "Hangup Local/1003@from-queue;2",
        "Hangup PJSIP/trunk",
    ]
    assert lab.switch.channels == {}


async def test_ring_all(config: LabConfig, lab_of: Callable[[LabConfig], Recorded], agi: AgiPeer) -> None:
    """All phones ring; the fastest has the call, the others stop without a missed call."""
    agi.say(action="queue", queue="all", status="routed")
    lab = lab_of(replace(config, queues=(LabQueue("all", ("1001", "1002", "1003"), Strategy.ALL),), menus=()))
    call = await lab.call(NUMBER, DIALED)
    assert rings(call) == [("1001", "elsewhere"), ("1002", "elsewhere"), ("1003", "answered")]
    assert "AgentRingNoAnswer" not in {event.name for event in lab.told}
    assert [dict(event.headers)["DialStatus"] for event in lab.told if event.name == "DialEnd"] == ["ANSWER", "ANSWER", "CANCEL", "CANCEL"]
    assert [dict(event.headers)["Cause"] for event in lab.told if event.name == "Hangup"][:2] == ["26", "26"]


async def test_caller_loses_patience(lab: Recorded, agi: AgiPeer, clock: Clock) -> None:
    """He leaves in the middle of a ring: the queue says abandoned."""
    agi.say(action="queue", queue="promo", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": NEVER}, patience_s=7)
    assert lab.story()[-5:] == [
        "DialEnd PJSIP/1001", "Hangup PJSIP/1001", "QueueCallerAbandon PJSIP/trunk", "QueueCallerLeave PJSIP/trunk", "Hangup PJSIP/trunk",
    ]  # fmt: skip
    assert (call.outcome, rings(call), clock.passed) == ("abandoned", [("1001", "caller gone")], 7)
    assert lab.switch.waiting == []


async def test_nobody_free(lab: Recorded, agi: AgiPeer) -> None:
    """With every phone busy the caller waits; when the queue's time is over he takes the default way."""
    agi.say(action="queue", queue="promo", status="routed")
    for phone in lab.switch.phones.values():
        phone.status = "2"
    call = await lab.call(NUMBER, DIALED)
    assert (call.way, call.target, call.outcome, call.rings) == ("default", "main", "default", [])


async def test_two_calls_at_once(lab: Recorded, agi: AgiPeer) -> None:
    """The second caller gets the phone that is free."""
    agi.say(action="queue", queue="promo", status="routed")
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(lab.call(f"+38067123456{number}", DIALED), name=f"call {number}") for number in range(2)]
    assert {call.result().answered_by for call in calls} == {"1001", "1002"}


async def test_blind_transfer_to_a_phone(lab: Recorded, agi: AgiPeer) -> None:
    """The member sends the caller on and leaves; the next phone is dialled for the same call."""
    agi.say(action="queue", queue="promo", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, Transfer.BLIND, "1002")})
    assert lab.story()[-8:] == [
        "BlindTransfer PJSIP/1001", "AgentComplete PJSIP/1001", "Hangup PJSIP/1001",
        "Newchannel PJSIP/1002", "DialBegin PJSIP/1002", "DialEnd PJSIP/1002", "Hangup PJSIP/1002", "Hangup PJSIP/trunk",
    ]  # fmt: skip
    assert call.transfers == [("blind", "1001", "1002")]
    assert call.answered_by == "1002"
    assert [dict(event.headers)["Reason"] for event in lab.told if event.name == "AgentComplete"] == ["transfer"]


async def test_blind_transfer_to_a_queue_and_to_nowhere(lab: Recorded, agi: AgiPeer) -> None:
    """A queue may be the target; a target that is not there ends the call."""
    agi.say(action="queue", queue="promo", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, Transfer.BLIND, "local")})
    assert rings(call) == [("1001", "answered"), ("1003", "answered")]
    call = await lab.call(NUMBER, DIALED, script={"1002": Behaviour(1, 10, Transfer.BLIND, "9999")})
    assert (rings(call), call.outcome) == ([("1002", "answered")], "completed")


async def test_attended_transfer(lab: Recorded, agi: AgiPeer) -> None:
    """The member asks on a second call; its legs have another linked id until the two are joined."""
    agi.say(action="queue", queue="promo", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, Transfer.ATTENDED, "1002", 5)})
    [transfer] = [dict(event.headers) for event in lab.told if event.name == "AttendedTransfer"]
    assert transfer["OrigTransfererLinkedid"] == call.linkedid != transfer["SecondTransfererLinkedid"]
    assert transfer["TransferTargetLinkedid"] == transfer["SecondTransfererLinkedid"]
    assert transfer["TransfereeUniqueid"] == call.linkedid
    last = [dict(event.headers) for event in lab.told if event.name == "Hangup"][-2]
    assert (last["Channel"].rpartition("-")[0], last["Linkedid"]) == ("PJSIP/1002", call.linkedid)
    assert call.transfers == [("attended", "1001", "1002")]
    assert lab.switch.channels == {}


async def test_attended_transfer_while_it_rings(lab: Recorded, agi: AgiPeer) -> None:
    """Without a consultation the calls are joined before the colleague picks up."""
    agi.say(action="queue", queue="promo", status="routed")
    await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, Transfer.ATTENDED, "1002", 0)})
    names = lab.story()
    assert names.index("AttendedTransfer PJSIP/1001") < names.index("DialEnd PJSIP/1002")


async def test_transfer_by_asterisks_own_feature(lab: Recorded, agi: AgiPeer) -> None:
    """The consultation has the caller's linked id and goes over a Local leg that nobody dialled."""
    agi.say(action="queue", queue="promo", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, Transfer.FEATURE, "1002", 5)})
    assert {dict(event.headers).get("Linkedid", call.linkedid) for event in lab.told} == {call.linkedid}
    assert [line for line in lab.story() if "1002" in line and line.startswith("Dial")] == ["DialBegin PJSIP/1002", "DialEnd PJSIP/1002"]
    assert lab.switch.channels == {}


@pytest.mark.parametrize("how", [Transfer.ATTENDED, Transfer.FEATURE])
async def test_colleague_who_does_not_pick_up(lab: Recorded, agi: AgiPeer, how: Transfer) -> None:
    """The member comes back to the caller and they end the call themselves."""
    agi.say(action="queue", queue="promo", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, how, "1002"), "1002": NEVER})
    assert rings(call) == [("1001", "answered"), ("1002", "no answer")]
    assert call.transfers == []
    assert [event.name for event in lab.told if "old" in event.name] == ["Hold", "Unhold"]
    assert lab.switch.channels == {}


async def test_colleague_who_is_busy(lab: Recorded, agi: AgiPeer) -> None:
    """A colleague in another call is not asked."""
    agi.say(action="queue", queue="promo", status="routed")
    lab.switch.phones["1002"].status = "2"
    call = await lab.call(NUMBER, DIALED, script={"1001": Behaviour(1, 10, Transfer.ATTENDED, "1002")})
    assert rings(call) == [("1001", "answered")]


async def test_operator_then_queue(lab: Recorded, agi: AgiPeer) -> None:
    """An operator is rung for his time; when he does not pick up, the queue that was named is next."""
    agi.say(action="operator", operator="PJSIP/1001", operator_timeout="9", queue="local", status="routed")
    call = await lab.call(NUMBER, DIALED, script={"1001": NEVER})
    assert rings(call) == [("1001", "no answer"), ("1003", "answered")]
    assert (call.way, call.rings[0].queue, call.rings[1].queue) == ("queue", "", "local")


async def test_operator_who_picks_up(lab: Recorded, agi: AgiPeer) -> None:
    """A direct call is Dial() alone: no queue says anything."""
    agi.say(action="operator", operator="PJSIP/1001&Local/1003@from-queue/n", status="routed")
    call = await lab.call(NUMBER, DIALED)
    assert (rings(call), call.way) == ([("1001", "elsewhere"), ("1003", "answered")], "operator")
    assert not any(name.startswith(("Agent", "QueueCaller")) for name in lab.story())


@pytest.mark.parametrize(
    ("answer", "way", "target"),
    [
        ({"action": "menu", "menu": "main", "status": "default"}, "menu", "main"),
        ({"action": "menu", "menu": "nowhere", "status": "routed"}, "default", "main"),
        ({"action": "queue", "queue": "nowhere", "status": "routed"}, "default", "main"),
        ({"action": "queue", "queue": "promo", "status": "error"}, "default", "main"),
        ({"action": "queue", "queue": "promo"}, "default", "main"),
        ({"action": "extension", "extension": "9999", "status": "routed"}, "default", "main"),
        ({"action": "operator", "operator": "PJSIP/9999", "status": "routed"}, "default", "main"),
        ({"action": "dance", "status": "routed"}, "default", "main"),
        ({"action": "extension", "extension": "1001", "status": "routed"}, "extension", "1001"),
        ({"action": "menu", "menu": "sales", "status": "routed"}, "menu", "sales"),
    ],
)
async def test_where_an_answer_leads(lab: Recorded, agi: AgiPeer, answer: dict[str, str], way: str, target: str) -> None:
    """What the dialplan does with each answer; what it cannot follow is the default way."""
    agi.say(**answer)
    call = await lab.call(NUMBER, DIALED)
    assert (call.way, call.target) == (way, target)


async def test_menu_with_a_key(lab: Recorded, agi: AgiPeer) -> None:
    """Who presses the key of a menu waits in its queue."""
    agi.say(action="menu", menu="sales", status="routed")
    call = await lab.call(NUMBER, DIALED)
    assert (call.answered_by, call.outcome, call.rings[0].queue) == ("1001", "completed", "promo")


async def test_ctiroute_is_away(config: LabConfig, lab_of: Callable[[LabConfig], Recorded], agi: AgiPeer) -> None:
    """A refused AGI is the default way, and the story says why."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    call = await lab_of(replace(config, agi_port=port)).call(NUMBER, DIALED)
    assert (call.way, call.decision_ms, call.variables) == ("default", None, {})
    assert "refused the connection" in call.failure


async def test_nodes_are_asked_in_turn(config: LabConfig, lab_of: Callable[[LabConfig], Recorded], agi: AgiPeer) -> None:
    """A node that fails is followed by the next one, and each call begins with another."""
    agi.say(action="menu", menu="main", status="routed")
    asked: list[int] = []
    servers = []
    for number in range(2):

        async def close_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int = number) -> None:
            asked.append(number)
            writer.close()

        servers.append(await asyncio.start_server(close_at_once, "127.0.0.1", 0))
    more = tuple(server.sockets[0].getsockname()[1] for server in servers)
    lab = lab_of(replace(config, more_agi_ports=more))
    stories = [await lab.call(NUMBER, DIALED) for _ in range(3)]
    for server in servers:
        server.close()
        await server.wait_closed()
    assert [(story.way, story.decided_at) for story in stories] == [("menu", agi.port)] * 3
    assert asked == [0, 1, 1]


async def test_ctiroute_closes_without_an_answer(lab: Recorded, agi: AgiPeer) -> None:
    """A session without a status is the default way."""
    call = await lab.call(NUMBER, DIALED)
    assert (call.way, call.failure) == ("default", "the session was closed without an answer")


async def test_caller_leaves_during_the_agi(lab: Recorded, agi: AgiPeer) -> None:
    """He is gone before anything rang."""

    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    agi.then = wait
    call = await lab.call(NUMBER, DIALED, hang_up_in_agi_s=0.01)
    assert (call.outcome, call.rings) == ("abandoned", [])
    assert lab.story() == ["Newchannel PJSIP/trunk", "Hangup PJSIP/trunk"]


async def test_lab_that_stops_in_a_call(lab: Recorded, agi: AgiPeer) -> None:
    """A call that is cancelled takes every channel down."""
    agi.say(action="queue", queue="local", status="routed")
    ringing = asyncio.Event()

    async def forever(_seconds: float) -> None:
        ringing.set()
        await asyncio.Event().wait()

    lab._sleep = forever
    async with asyncio.TaskGroup() as group:
        call = group.create_task(lab.call(NUMBER, DIALED), name="call")
        await ringing.wait()
        assert len(lab.switch.channels) == 4
        call.cancel()
    assert call.cancelled()
    assert lab.switch.channels == {}


def test_floor_that_does_not_fit_together() -> None:
    """Queues name phones that are there, menus lead to queues that are there."""
    with pytest.raises(ValueError, match="queue promo names a phone that is not there: 1001"):
        LabConfig(queues=(LabQueue("promo", ("1001",)),))
    with pytest.raises(ValueError, match="menu main leads to a queue that is not there: promo"):
        LabConfig(menus=(LabMenu("main", queue="promo"),))
