"""The lab's manager interface, heard on a raw socket and by two clients we did not write."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
from typing import TYPE_CHECKING

import pytest
from asterisk.manager import Manager as Pyst2Manager
from panoramisk import Manager as Panoramisk

from ctiroute.lab import Lab, LabConfig
from ctiroute.lab.channels import Event
from ctiroute.lab.manager import MAX_BACKLOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.unit.lab.conftest import AgiPeer, AmiPeer, Clock


@pytest.fixture
async def lab(config: LabConfig, clock: Clock) -> AsyncIterator[Lab]:
    """Yield a lab that listens."""
    async with Lab(config, clock.sleep) as lab:
        lab.manager.wrong_login_s = 0.01
        yield lab


@pytest.fixture
async def ami(lab: Lab, connect: Callable[[int], Awaitable[AmiPeer]]) -> AsyncIterator[AmiPeer]:
    """Yield a raw client that read the banner."""
    peer = await connect(lab.ami_port)
    yield peer
    await peer.close()


async def test_login_in_clear(ami: AmiPeer) -> None:
    """The action's id comes back, the session may ask."""
    answer = await ami.ask("Action: login|ActionID: 7|Username: ctiroute|Secret: ctiroute")
    assert answer == {"Response": "Success", "ActionID": "7", "Message": "Authentication accepted"}
    answer = await ami.ask("Action: Ping|ActionID: 8")
    assert (answer["Response"], answer["Ping"], answer["ActionID"]) == ("Success", "Pong", "8")
    assert await ami.ask("Action: Frobnicate") == {"Response": "Error", "Message": "Invalid/unknown command"}


async def test_login_by_challenge(ami: AmiPeer) -> None:
    """The MD5 of challenge and secret is as good as the secret."""
    challenge = (await ami.ask("Action: Challenge|AuthType: MD5"))["Challenge"]
    key = hashlib.md5(f"{challenge}ctiroute".encode(), usedforsecurity=False).hexdigest()
    answer = await ami.ask(f"Action: Login|AuthType: MD5|Username: ctiroute|Key: {key}")
    assert answer["Message"] == "Authentication accepted"


async def test_challenge_of_another_kind(ami: AmiPeer) -> None:
    """Only MD5 is known."""
    assert (await ami.ask("Action: Challenge|AuthType: SHA"))["Message"] == "Must specify AuthType"


@pytest.mark.parametrize(
    "action",
    [
        "Action: Login|Username: ctiroute|Secret: wrong",
        "Action: Login|Username: other|Secret: ctiroute",
        "Action: Login|AuthType: MD5|Username: ctiroute|Key: d41d8cd98f00b204e9800998ecf8427e",
        "Action: Login|AuthType: MD5|Username: ctiroute|Key:",
    ],
)
async def test_wrong_login_is_refused_and_closed(ami: AmiPeer, action: str) -> None:
    """The refusal is the last thing said."""
    assert await ami.ask(action) == {"Response": "Error", "Message": "Authentication failed"}
    assert await ami.reader.read() == b""


async def test_who_leaves_before_the_refusal(ami: AmiPeer, lab: Lab) -> None:
    """A refusal that is due is forgotten with its session."""
    lab.manager.wrong_login_s = 60
    ami.send("Action: Login|Username: ctiroute|Secret: wrong")
    await ami.writer.drain()
    await ami.close()
    async with asyncio.timeout(5):
        await lab.manager.idle.wait()
    assert lab.manager.sessions == set()


async def test_nothing_without_a_login(ami: AmiPeer) -> None:
    """Every other action needs a login, and no event comes."""
    assert await ami.ask("Action: QueueStatus") == {"Response": "Error", "Message": "Permission denied"}


async def test_logoff(ami: AmiPeer) -> None:
    """A goodbye, then the end."""
    await ami.log_in()
    assert (await ami.ask("Action: Logoff"))["Response"] == "Goodbye"
    assert await ami.reader.read() == b""


async def test_endless_action_is_cut(ami: AmiPeer, lab: Lab) -> None:
    """A header block without an end does not fill the memory."""
    ami.writer.write(b"Action: x\r\n" * 30_000)
    with contextlib.suppress(ConnectionError):  # cut by a reset or, when all was read, in order
        assert await ami.reader.read() == b""
    assert lab.manager.sessions == set()


async def test_queue_status(ami: AmiPeer, lab: Lab, agi: AgiPeer, clock: Clock) -> None:
    """Queues, members and waiting callers, each list closed with its count."""
    await ami.log_in()
    ami.send("Action: QueueStatus|ActionID: q1")
    blocks = await ami.until("QueueStatusComplete")
    assert blocks[0] == {"Response": "Success", "ActionID": "q1", "EventList": "start", "Message": "Queue status will follow"}
    assert [block["Event"] for block in blocks[1:]] == [
        "QueueParams", "QueueMember", "QueueMember", "QueueParams", "QueueMember", "QueueStatusComplete",
    ]  # fmt: skip
    assert (blocks[2]["Name"], blocks[2]["Location"], blocks[2]["StateInterface"]) == ("Ann Lee", "PJSIP/1001", "PJSIP/1001")
    assert (blocks[5]["Name"], blocks[5]["Location"], blocks[5]["StateInterface"]) == (
        "Local/1003@from-queue/n", "Local/1003@from-queue/n", "PJSIP/1003",
    )  # fmt: skip
    assert all(block["ActionID"] == "q1" for block in blocks)
    assert blocks[-1]["ListItems"] == "5"


async def test_lists_during_a_call(ami: AmiPeer, lab: Lab, agi: AgiPeer) -> None:
    """In the middle of a ring the caller waits in the queue and all legs are listed with their linked id."""
    agi.say(action="queue", queue="local", status="routed")
    ringing, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_seconds: float) -> None:
        ringing.set()
        await go_on.wait()

    lab._sleep = hold
    await ami.log_in("off")
    async with asyncio.TaskGroup() as group:
        group.create_task(lab.call("+380671234567", "0800", "Olena"), name="call")
        await ringing.wait()
        ami.send("Action: CoreShowChannels|ActionID: c1")
        channels = await ami.until("CoreShowChannelsComplete")
        ami.send("Action: QueueStatus")
        queues = await ami.until("QueueStatusComplete")
        go_on.set()
    names = [block["Channel"] for block in channels[1:-1]]
    assert [name.rpartition("-")[0] for name in names] == ["PJSIP/trunk", "Local/1003@from-queue", "Local/1003@from-queue", "PJSIP/1003"]
    assert len({block["Linkedid"] for block in channels[1:-1]}) == 1
    assert channels[-1]["ListItems"] == "4"
    [entry] = [block for block in queues if block.get("Event") == "QueueEntry"]
    assert (entry["Queue"], entry["CallerIDNum"], entry["CallerIDName"]) == ("local", "+380671234567", "Olena")


async def test_event_classes(lab: Lab, connect: Callable[[int], Awaitable[AmiPeer]]) -> None:
    """A session hears the classes it asked for, and may change its mind."""
    calls, nothing = await connect(lab.ami_port), await connect(lab.ami_port)
    await calls.log_in("call")
    await nothing.log_in("off")
    lab.manager.publish(Event("AgentCalled", "agent", (("Queue", "promo"),)))
    lab.manager.publish(Event("Hangup", "call", (("Cause", "16"),)))
    assert await calls.block() == {"Event": "Hangup", "Privilege": "call,all", "Cause": "16"}
    assert await nothing.ask("Action: Events|EventMask: on") == {"Response": "Success", "Events": "On"}
    lab.manager.publish(Event("AgentCalled", "agent", (("Queue", "promo"),)))
    assert (await nothing.block())["Event"] == "AgentCalled"
    assert (await calls.ask("Action: Events|EventMask: off"))["Events"] == "Off"
    await calls.close()
    await nothing.close()


async def test_reader_that_stalls_is_dropped(ami: AmiPeer, lab: Lab) -> None:
    """Who does not read is dropped; the others are not held up."""
    await ami.log_in()
    event = Event("Newchannel", "call", (("Channel", "x" * 60_000),))
    for _ in range(MAX_BACKLOG // 60_000 + 200):
        lab.manager.publish(event)
        await asyncio.sleep(0)
    assert lab.manager.sessions == set()


async def test_a_lost_link_and_a_new_one(lab: Lab, connect: Callable[[int], Awaitable[AmiPeer]]) -> None:
    """Sessions can be broken while the port stays open."""
    first = await connect(lab.ami_port)
    await first.log_in()
    lab.manager.drop()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await first.block()
    second = await connect(lab.ami_port)
    await second.log_in()
    await first.close()
    await second.close()


async def test_waiting_for_a_listener(lab: Lab, ami: AmiPeer) -> None:
    """Somebody listens when he has logged in and read the live channels."""
    assert not await lab.listener(0.01)
    await ami.log_in()
    assert not await lab.listener(0.01)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(lab.listener(5), name="listener")
        ami.send("Action: CoreShowChannels")
    assert waiting.result()


async def test_panoramisk_hears_the_lab(lab: Lab, agi: AgiPeer) -> None:
    """A client we did not write logs in, reads the lists and hears a call."""
    agi.say(action="queue", queue="promo", status="routed")
    manager = Panoramisk(host="127.0.0.1", port=lab.ami_port, username="ctiroute", secret="ctiroute", ping_delay=0, events="on")
    heard: list[tuple[str, str]] = []
    over = asyncio.Event()

    def hear(_manager: object, message: dict[str, str]) -> None:
        heard.append((message["Event"], message["MemberName"]))
        if message["Event"] == "AgentComplete":
            over.set()

    manager.register_event("Agent*", hear)
    try:
        async with asyncio.timeout(10):
            await manager.connect()
            status = await manager.send_action({"Action": "QueueStatus"}, as_list=True)
            events = [message.event for message in status if "Event" in message]
            await lab.call("+380671234567", "0800")
            await over.wait()
    finally:
        manager.close()
    assert events == ["QueueParams", "QueueMember", "QueueMember", "QueueParams", "QueueMember", "QueueStatusComplete"]
    assert heard == [("AgentCalled", "Ann Lee"), ("AgentConnect", "Ann Lee"), ("AgentComplete", "Ann Lee")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyst2 is from 2016
async def test_pyst2_hears_the_lab(lab: Lab, agi: AgiPeer) -> None:
    """The second such client, with threads and the secret in clear."""
    agi.say(action="queue", queue="promo", status="routed")
    manager = Pyst2Manager()
    heard: list[str] = []
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def hear(event: object, _manager: object) -> None:
        heard.append(event.get_header("Linkedid"))  # type: ignore[attr-defined]
        loop.call_soon_threadsafe(over.set)

    manager.register_event("AgentCalled", hear)

    def log_in(manager: Pyst2Manager) -> str:
        manager.connect("127.0.0.1", lab.ami_port)
        return str(manager.login("ctiroute", "ctiroute").get_header("Response"))

    try:
        async with asyncio.timeout(10):
            assert await asyncio.to_thread(log_in, manager) == "Success"
            story = await lab.call("+380671234567", "0800")
            await over.wait()
    finally:
        await asyncio.to_thread(manager.close)
    assert heard == [story.linkedid]
    del manager
    gc.collect()  # its destructor warns too, and shall do so here
