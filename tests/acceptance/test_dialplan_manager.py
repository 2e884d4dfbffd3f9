"""The manager account we ship, on a real Asterisk: it hears what ctiroute needs, and can do nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ctiroute.connectors.asterisk.translate import events, queues
from tests.real.asterisk import CTIROUTE
from tests.real.configuration import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

NAMED = set(re.findall(r"name\((\w+)\)", (SHIPPED / "manager_ctiroute.conf").read_text(encoding="utf-8")))


def test_the_filter_lets_through_what_is_used() -> None:
    """The events that the service makes something of are those named in the account's filter: none is missing, none is sent for nothing."""
    assert {*events.WANTED, *queues.WANTED} == NAMED


async def test_resynchronisation_is_allowed(asterisk: RealAsterisk) -> None:
    """QueueStatus and CoreShowChannels, which every connect begins with, are granted and answered in full."""
    async with asterisk.ami(*CTIROUTE) as ami:
        queues = await ami.list("QueueStatus", complete="QueueStatusComplete")
        assert {"QueueParams", "QueueMember"} <= {entry["Event"] for entry in queues}
        assert await ami.list("CoreShowChannels", complete="CoreShowChannelsComplete") == []
        assert (await ami.act("Ping"))["Response"] == "Success"


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        ("Originate", {"Channel": "Local/s@main-ivr", "Application": "System", "Data": "true"}),
        ("Command", {"Command": "core show version"}),
        ("GetConfig", {"Filename": "manager.conf"}),
        ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"}),
        ("Redirect", {"Channel": "x", "Context": "main-ivr", "Exten": "s", "Priority": "1"}),
        ("Hangup", {"Channel": "x"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
        ("Setvar", {"Variable": "A", "Value": "b"}),
        ("QueuePause", {"Interface": "PJSIP/1001", "Paused": "true"}),
        ("ModuleLoad", {"LoadType": "reload"}),
    ],
)
async def test_everything_that_changes_something_is_refused(asterisk: RealAsterisk, action: str, headers: dict[str, str]) -> None:
    """No action that starts, changes or reads more than live calls is granted."""
    async with asterisk.ami(*CTIROUTE) as ami:
        response = await ami.act(action, timeout_s=5.0, **headers)
        assert (response["Response"], response["Message"]) == ("Error", "Permission denied")


async def test_only_the_named_events_come(
    asterisk: RealAsterisk, phones: Callable[[str], Awaitable[SoftPhone]], callers: Callable[..., Awaitable[Caller]]
) -> None:
    """Of a whole queue call, the account hears the events of its filter and no other; the answers to its own actions pass the filter."""
    operator = await phones("1001")
    async with asterisk.ami(*CTIROUTE) as ami:
        caller = await callers("+380671234567", "queue-solo")
        leg = await operator.ringing()
        await ami.wait("AgentCalled")
        await leg.answer()
        await ami.wait("AgentConnect")
        channels = await ami.list("CoreShowChannels", complete="CoreShowChannelsComplete")
        assert len({entry["Linkedid"] for entry in channels}) == 1
        await caller.hang_up()
        await ami.wait("AgentComplete")
        await ami.wait("Hangup")
        spontaneous = {heard["Event"] for heard in ami.events if not heard["ActionID"]}
    assert {
        "Newchannel",
        "QueueCallerJoin",
        "AgentCalled",
        "DialBegin",
        "AgentConnect",
        "AgentComplete",
        "Hangup",
    } <= spontaneous
    assert spontaneous <= NAMED
