"""The dialplan we ship, in a real Asterisk, with a FastAGI peer that misbehaves in every way a real one can.

The peer is raw bytes on a socket and knows nothing of ctiroute: what holds here holds whatever ctiroute does. Times are Asterisk's own,
between the start of AGI() and the caller's entry into the default menu.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.real.agi_peer import answering, close_at_once, failure_line, garbage, hung, peer, reset, silent_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.real.agi_peer import Behaviour
    from tests.real.ami import Ami, Heard
    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller, PlainPhone
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]
    PlainPhones = Callable[[str, float], Awaitable[PlainPhone]]

CUSTOMER = "+380671234567"
OFFICE = "+380445550000"


async def default_way(ami: Ami, since: int = 0, timeout_s: float = 5.0) -> float:
    """Wait until the caller is in the default menu; return seconds since AGI() began, by Asterisk's clock (Timestamp)."""
    began = await ami.wait("Newexten", since=since, Application="AGI", timeout_s=timeout_s)
    arrived = await ami.wait("Newexten", since=since, Context="main-ivr", Linkedid=began["Linkedid"], timeout_s=timeout_s)
    return float(arrived["Timestamp"]) - float(began["Timestamp"])


async def way(ami: Ami, name: str) -> Heard:
    """Wait until the dialplan says which way the call took."""
    return await ami.wait("VarSet", Variable="CTI_WAY", Value=name)


async def in_default_menu(asterisk: RealAsterisk, caller: Caller) -> None:
    """Assert that the caller, and nobody else, is on a channel, in the default menu; then that nothing is left when he goes."""
    await caller.wait("answered")
    (channel,) = await asterisk.channels()
    assert (channel.context, channel.state) == ("main-ivr", "Up")
    await caller.hang_up()
    assert await caller.ended() == 0
    await asterisk.no_channels()


async def test_campaign_caller_reaches_the_queue_and_the_phone_rings(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """A routed caller meets no menu: the queue named in the answer rings its member, who can talk."""
    decision = answering(CTI_ACTION="queue", CTI_QUEUE="solo", CTI_PRIORITY="10", CTI_LANGUAGE="uk", CTI_STATUS="routed")
    async with peer(asterisk.agi_port, decision), asterisk.ami() as ami:
        operator = await phones("1001")
        caller = await callers(CUSTOMER, OFFICE)
        leg = await operator.ringing()
        assert leg.caller == CUSTOMER
        called = await ami.wait("AgentCalled", Queue="solo")
        assert called["Language"] == "uk"
        assert (await ami.wait("VarSet", Variable="QUEUE_PRIO"))["Value"].lstrip("0") == "10"
        await leg.answer()
        await ami.wait("AgentConnect", Queue="solo")
        await caller.hang_up()
        assert await leg.ended() == "hung up on"
    await asterisk.no_channels()


async def test_plain_phone_answers_by_itself(asterisk: RealAsterisk, plain_phones: PlainPhones, callers: Callers) -> None:
    """A phone that is SIPp, too, takes the call: nothing in the chain leans on our own phone."""
    async with peer(asterisk.agi_port, answering(CTI_ACTION="queue", CTI_QUEUE="solo", CTI_STATUS="routed")):
        operator = await plain_phones("1001", 0.2)
        caller = await callers(CUSTOMER, OFFICE)
        await operator.wait("answered")
        await caller.hang_up()
        assert (await caller.ended(), await operator.ended()) == (0, 0)
    await asterisk.no_channels()


async def test_freepbx_like_local_member_rings(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """A member that is Local/1001@from-queue/n rings the extension behind it, and the caller's number is on its display."""
    async with peer(asterisk.agi_port, answering(CTI_ACTION="queue", CTI_QUEUE="freepbx", CTI_STATUS="routed")), asterisk.ami() as ami:
        operator = await phones("1001")
        caller = await callers(CUSTOMER, OFFICE)
        leg = await operator.ringing()
        assert leg.caller == CUSTOMER
        assert (await ami.wait("AgentCalled"))["Interface"] == "Local/1001@from-queue/n"
        await leg.answer()
        await ami.wait("AgentConnect", Interface="Local/1001@from-queue/n")
        await caller.hang_up()
        await leg.ended()
    await asterisk.no_channels()


async def test_operator_is_rung_then_the_queue(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """An operator who does not answer in his time leaves the caller to the queue that was named."""
    decision = answering(CTI_ACTION="operator", CTI_OPERATOR="PJSIP/1002", CTI_OPERATOR_TIMEOUT="1", CTI_QUEUE="solo", CTI_STATUS="routed")
    async with peer(asterisk.agi_port, decision):
        first, second = await phones("1002"), await phones("1001")
        await callers(CUSTOMER, OFFICE)
        missed = await first.ringing()
        assert await missed.ended() == "cancelled"
        assert (await second.ringing()).caller == CUSTOMER


async def test_operator_without_a_queue_ends_in_the_default_way(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """An operator who refuses leaves the caller to the default way when no queue was named."""
    decision = answering(CTI_ACTION="operator", CTI_OPERATOR="PJSIP/1002", CTI_STATUS="routed")
    async with peer(asterisk.agi_port, decision), asterisk.ami() as ami:
        operator = await phones("1002")
        caller = await callers(CUSTOMER, OFFICE)
        (await operator.ringing()).reject()
        await default_way(ami)
        await in_default_menu(asterisk, caller)


async def test_rules_default_may_be_a_menu(asterisk: RealAsterisk, callers: Callers) -> None:
    """CTI_STATUS "default" carries an action, too: the rules' own default menu."""
    async with peer(asterisk.agi_port, answering(CTI_ACTION="menu", CTI_MENU="main", CTI_STATUS="default")), asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        await way(ami, "menu")
        await in_default_menu(asterisk, caller)


async def test_extension_inside_the_allowed_context(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """An extension that the site allows is dialled."""
    async with peer(asterisk.agi_port, answering(CTI_ACTION="extension", CTI_EXTENSION="1001", CTI_STATUS="routed")):
        operator = await phones("1001")
        await callers(CUSTOMER, OFFICE)
        assert (await operator.ringing()).caller == CUSTOMER


async def test_freepbx_entry_by_gosub_is_asked_with_the_number_dialled(asterisk: RealAsterisk, callers: Callers) -> None:
    """Entered as "s" with FROM_DID, ctiroute is told the number that was dialled, and the default way goes on from there."""
    asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set_result(await reader.readuntil(b"\n\n"))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", asterisk.agi_port)
    async with server, asterisk.ami() as ami:
        caller = await callers(CUSTOMER, "freepbx")
        assert b"agi_extension: +380445550000\n" in await asyncio.wait_for(asked, 5)
        await default_way(ami)
        await in_default_menu(asterisk, caller)


async def test_nobody_listens(asterisk: RealAsterisk, callers: Callers) -> None:
    """With ctiroute down the caller is in the default menu within 50 ms of AGI()."""
    async with asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        assert await default_way(ami) < 0.050
        await in_default_menu(asterisk, caller)


@pytest.mark.parametrize("behaviour", [hung, failure_line], ids=["hung", "failure-then-hung"])
async def test_hung_peer(asterisk: RealAsterisk, callers: Callers, behaviour: Behaviour) -> None:
    """A peer that takes the call and says nothing costs 3.1 s at most: the absolute timeout, and the caller is still there."""
    async with peer(asterisk.agi_port, behaviour), asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        assert await default_way(ami) < 3.1
        await in_default_menu(asterisk, caller)


async def test_host_that_does_not_answer(asterisk: RealAsterisk, callers: Callers) -> None:
    """A host whose listen queue is full, so that connecting never ends, costs the 2 s of Asterisk's own connect timeout."""
    with silent_port() as port:
        await asterisk.set_agi(nodes=f"agi://127.0.0.1:{port}/route")
        async with asterisk.ami() as ami:
            caller = await callers(CUSTOMER, OFFICE)
            assert 1.9 < await default_way(ami) < 3.1
            await in_default_menu(asterisk, caller)


@pytest.mark.parametrize("behaviour", [reset, garbage, close_at_once], ids=["killed", "garbage", "closed"])
async def test_peer_that_dies_or_talks_rubbish(asterisk: RealAsterisk, callers: Callers, behaviour: Behaviour) -> None:
    """A peer that is killed mid-answer, speaks HTTP or closes: the default way at once."""
    async with peer(asterisk.agi_port, behaviour), asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        assert await default_way(ami) < 1.0
        await in_default_menu(asterisk, caller)


HOSTILE = '1,"${SHELL(touch /mnt/owned)}"&$[1/0]);System(x)|../..\\'


@pytest.mark.parametrize(
    "variables",
    [
        {"CTI_ACTION": "queue", "CTI_QUEUE": "solo"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": "solo", "CTI_STATUS": "error"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": "solo", "CTI_STATUS": "timeout"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": "solo", "CTI_STATUS": HOSTILE},
        {"CTI_ACTION": "queue", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": "no-such-queue", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": "nobody", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": HOSTILE, "CTI_PRIORITY": HOSTILE, "CTI_STATUS": "routed"},
        {"CTI_ACTION": "queue", "CTI_QUEUE": "nobody", "CTI_LANGUAGE": HOSTILE, "CTI_ANNOUNCE": HOSTILE, "CTI_STATUS": "routed"},
        {"CTI_ACTION": "menu", "CTI_MENU": "no-such-menu", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "menu", "CTI_MENU": HOSTILE, "CTI_STATUS": "routed"},
        {"CTI_ACTION": "menu", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "extension", "CTI_EXTENSION": "9999999", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "extension", "CTI_EXTENSION": HOSTILE, "CTI_STATUS": "routed"},
        {"CTI_ACTION": "operator", "CTI_OPERATOR": HOSTILE, "CTI_STATUS": "routed"},
        {"CTI_ACTION": "operator", "CTI_OPERATOR": "Local/s@main-ivr", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "operator", "CTI_OPERATOR": "PJSIP/trunk/sip:+900123@127.0.0.1", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "operator", "CTI_OPERATOR": "PJSIP/1004", "CTI_STATUS": "routed"},
        {"CTI_ACTION": "h", "CTI_STATUS": "routed"},
        {"CTI_ACTION": HOSTILE, "CTI_STATUS": "routed"},
        {"CTI_ACTION": "default", "CTI_STATUS": "default"},
    ],
    ids=lambda variables: "-".join("hostile" if value == HOSTILE else value for value in variables.values()),
)
async def test_answers_that_lead_nowhere(asterisk: RealAsterisk, phones: Phones, callers: Callers, variables: dict[str, str]) -> None:
    """Half an answer, an unknown target, an interface not allowed, or text made to be executed: the default way, and nothing ran."""
    async with peer(asterisk.agi_port, answering(**variables)), asterisk.ami() as ami:
        await phones("1001")  # a call that went to the queue all the same would ring here and never reach the menu
        caller = await callers(CUSTOMER, OFFICE)
        await default_way(ami)
        await in_default_menu(asterisk, caller)
        steps = [heard for heard in ami.events if heard["Event"] == "Newexten"]
    assert not [step["AppData"] for step in steps if "SHELL(" in step["AppData"]]  # it never reached an application unfiltered
    assert {step["AppData"].split(",")[0] for step in steps if step["Application"] == "Dial"} <= {"PJSIP/1004"}
    assert not (asterisk.home / "owned").exists()


async def test_stale_answer_of_an_earlier_question_is_not_used(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """A call that asks a second time and gets half an answer is not taken for routed because the first answer was whole."""
    answers = iter(
        (
            answering(CTI_ACTION="extension", CTI_EXTENSION="ask-again", CTI_STATUS="routed"),
            answering(CTI_ACTION="queue", CTI_QUEUE="solo"),
        )
    )

    async def in_turn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with peer(asterisk.agi_port, in_turn), asterisk.ami() as ami:
        await phones("1001")
        caller = await callers(CUSTOMER, OFFICE)
        await default_way(ami)
        asked = [heard for heard in ami.events if heard["Event"] == "Newexten" and heard["Application"] == "AGI"]
        assert len(asked) == 2
        await in_default_menu(asterisk, caller)


@pytest.mark.parametrize("behaviour", [close_at_once, hung], ids=["answered", "hung"])
@pytest.mark.parametrize(("dialed", "left_s"), [("limited", (3500, 3600)), (OFFICE, (0, 0))])
async def test_limit_of_the_site_is_kept(
    asterisk: RealAsterisk, callers: Callers, behaviour: Behaviour, dialed: str, left_s: tuple[int, int]
) -> None:
    """The absolute timeout around AGI() takes the place of the site's own for that time only; where there was none, none is left."""
    async with peer(asterisk.agi_port, behaviour), asterisk.ami() as ami:
        caller = await callers(CUSTOMER, dialed)
        await default_way(ami)
        (channel,) = await asterisk.channels()
        left = await ami.act("Getvar", Channel=channel.name, Variable="TIMEOUT(absolute)")
        assert left_s[0] <= float(left["Value"]) <= left_s[1]
        await in_default_menu(asterisk, caller)


@pytest.fixture
async def unedited(asterisk: RealAsterisk) -> RealAsterisk:
    """Give an Asterisk with the shipped site file on a site that has no main-ivr; the reload after each test brings it back."""
    await asterisk.cli("dialplan remove context main-ivr")
    assert "There is no existence" in await asterisk.cli("dialplan show main-ivr")
    return asterisk


async def test_unedited_site_file_keeps_the_caller(unedited: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """Where the default way leads nowhere, the caller waits in the queue of last resort, and the log says what to set."""
    async with unedited.ami() as ami:
        await ami.act("Setvar", Variable="CTI_SITE_LAST_QUEUE", Value="solo")
        try:
            operator = await phones("1001")
            caller = await callers(CUSTOMER, OFFICE)
            assert (await operator.ringing()).caller == CUSTOMER
            await way(ami, "lost")
            await caller.hang_up()
            await unedited.no_channels()
        finally:
            await ami.act("Setvar", Variable="CTI_SITE_LAST_QUEUE", Value="")
    assert "the default way leads nowhere" in unedited.log()


async def test_unedited_site_file_without_a_queue_speaks_to_the_caller(unedited: RealAsterisk, callers: Callers) -> None:
    """Without a queue of last resort the caller is answered and told to call again, and not cut off in silence."""
    async with unedited.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        await ami.wait("Newexten", Context="ctiroute-lost", Application="Playback", AppData="pls-try-call-later")
        await caller.wait("answered")


async def test_unedited_site_file_entered_by_gosub_returns(unedited: RealAsterisk, callers: Callers) -> None:
    """Who came in by Gosub goes on behind it."""
    async with unedited.ami() as ami:
        await callers(CUSTOMER, "freepbx")
        await ami.wait("Newexten", Context="ctiroute-lost", Application="Return")
        await ami.wait("Newexten", Context="from-trunk", Extension="freepbx", Application="Goto")


async def test_site_file_that_is_not_included_keeps_the_caller(asterisk: RealAsterisk, callers: Callers) -> None:
    """Without the site's file there is neither an address nor a default way: the built-in address is asked, and the caller is kept."""
    await asterisk.cli("dialplan remove context ctiroute-site")
    async with asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        await way(ami, "lost")
        await caller.wait("answered")


async def test_without_a_site_file_a_service_at_the_built_in_address_routes(asterisk: RealAsterisk, callers: Callers) -> None:
    """A service on the same machine, at the port it listens at by default, is found without any setting."""
    await asterisk.cli("dialplan remove context ctiroute-site")
    decision = answering(CTI_ACTION="queue", CTI_QUEUE="solo", CTI_STATUS="routed")
    async with peer(asterisk.built_in_agi_port, decision), asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        await way(ami, "queue")
        await caller.wait("answered")


async def test_caller_who_hangs_up_while_ctiroute_thinks(asterisk: RealAsterisk, callers: Callers) -> None:
    """AGI() ends with the caller: the peer sees the end of the connection and no channel waits for it."""
    connected, closed = asyncio.Event(), asyncio.Event()

    async def watch(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        connected.set()
        while not (await reader.read(4096)).endswith(b"HANGUP\n") and not reader.at_eof():
            pass
        closed.set()

    async with peer(asterisk.agi_port, watch):
        caller = await callers(CUSTOMER, OFFICE)
        await asyncio.wait_for(connected.wait(), 5)
        await caller.hang_up()
        await asyncio.wait_for(closed.wait(), 1)
        await asterisk.no_channels(1.0)
