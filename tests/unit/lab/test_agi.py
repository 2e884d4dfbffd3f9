"""The AGI() of the lab behaves as res_agi.c does, on a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ctiroute.lab.agi import VERSION, answer, run_agi, split
from ctiroute.lab.channels import Channel, ChannelState

if TYPE_CHECKING:
    from tests.unit.lab.conftest import AgiPeer


@pytest.fixture
def channel() -> Channel:
    """Return a caller's channel."""
    return Channel("PJSIP/trunk-00000001", "1790000000.1", "1790000000.1", "+380671234567", "Olena", "0800", state=ChannelState.RING)


async def test_environment_is_what_asterisk_writes(agi: AgiPeer, channel: Channel) -> None:
    """Line by line, in Asterisk's order, the arguments last and a blank line behind."""
    result = await run_agi(channel, "127.0.0.1", agi.port, "route/secret", ("1790000000.1", "x y"), dnid="0800")
    assert agi.environment.decode() == (
        "agi_network: yes\nagi_network_script: route/secret\n"
        f"agi_request: agi://127.0.0.1:{agi.port}/route/secret\nagi_channel: PJSIP/trunk-00000001\n"
        "agi_language: en\nagi_type: PJSIP\nagi_uniqueid: 1790000000.1\n"
        f"agi_version: {VERSION}\nagi_callerid: +380671234567\nagi_calleridname: Olena\nagi_callingpres: 0\n"
        "agi_callingani2: 0\nagi_callington: 0\nagi_callingtns: 0\nagi_dnid: 0800\nagi_rdnis: unknown\n"
        "agi_context: from-internal\nagi_extension: 0800\nagi_priority: 1\nagi_enhanced: 0.0\nagi_accountcode: \n"
        "agi_threadid: 139936183936704\nagi_arg_1: 1790000000.1\nagi_arg_2: x y\n\n"
    )
    assert (result.status, result.failure, result.variables) == ("SUCCESS", "", {})


async def test_who_withholds_his_number_is_unknown(agi: AgiPeer, channel: Channel) -> None:
    """No number and no name are the word `unknown`."""
    channel.number = channel.caller_name = ""
    await run_agi(channel, "127.0.0.1", agi.port, "route", (), dnid="")
    assert b"agi_callerid: unknown\nagi_calleridname: unknown\n" in agi.environment
    assert b"agi_dnid: unknown\n" in agi.environment


async def test_commands_are_answered_one_by_one(agi: AgiPeer, channel: Channel) -> None:
    """Each command has its reply, and variables are set on the way."""
    agi.commands = [
        b'EXEC MSet "CTI_QUEUE=promo,CTI_STATUS=routed"\n',
        b'SET VARIABLE CTI_X_NOTE "two words, one value"\n',
        b"GET VARIABLE CTI_X_NOTE\n",
        b"get variable NOTHING\n",
        b"FROBNICATE\n",
    ]
    result = await run_agi(channel, "127.0.0.1", agi.port, "route", (), dnid="0800")
    assert result.variables == {"CTI_QUEUE": "promo", "CTI_STATUS": "routed", "CTI_X_NOTE": "two words, one value"}
    assert agi.replies == [
        b"200 result=0\n",
        b"200 result=1\n",
        b"200 result=1 (two words, one value)\n",
        b"200 result=0\n",
        b"510 Invalid or unknown command\n",
    ]
    assert result.took_ms > 0


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("ANSWER", "200 result=0\n"),
        ("NOOP hello", "200 result=0\n"),
        ('VERBOSE "hi" 3', "200 result=1\n"),
        ("HANGUP", "200 result=1\n"),
        ("CHANNEL STATUS", "200 result=4\n"),
        ("SET EXTENSION 5", "200 result=0\n"),
        ("EXEC Verbose hi", "200 result=0\n"),
        ("EXEC System rm", "200 result=-2\n"),
        ("EXEC Set A=b,c", "200 result=0\n"),
        ("GET FULL VARIABLE ${CTI_A}", "200 result=1 (1)\n"),
        ("GET VARIABLE UNIQUEID", "200 result=1 (1790000000.1)\n"),
        (
            "SET VARIABLE A",
            "520-Invalid command syntax.  Proper usage follows:\nUsage: SET VARIABLE <variablename> <value>\n520 End of proper usage.\n",
        ),
        ("", "510 Invalid or unknown command\n"),
    ],
)
def test_replies(command: str, reply: str, channel: Channel) -> None:
    """The replies of res_agi.c to what a script may send."""
    assert answer(command, {"CTI_A": "1"}, channel) == reply


@pytest.mark.parametrize(
    ("application", "kept"),
    [("Set A=b,c", {"A": "b,c"}), ('MSet "A=1,B=2,nothing"', {"A": "1", "B": "2"}), ("Set nothing", {}), ("NoOp", {})],
)
def test_applications_that_set_variables(application: str, kept: dict[str, str], channel: Channel) -> None:
    """Set takes one pair, MSet several divided by commas."""
    variables: dict[str, str] = {}
    answer(f"EXEC {application}", variables, channel)
    assert variables == kept


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("a  b", ["a", "b"]),
        ('SET VARIABLE X "a b"', ["SET", "VARIABLE", "X", "a b"]),
        (r'x "a\"b" \ c', ["x", 'a"b', " c"]),
        ('x ""', ["x", ""]),
    ],
)
def test_words(command: str, words: list[str]) -> None:
    """Blanks divide, quotes hold together, a backslash takes the next character."""
    assert split(command) == words


async def test_nobody_listens(channel: Channel) -> None:
    """A refused connection is FAILURE at once."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    result = await run_agi(channel, "127.0.0.1", port, "route", (), dnid="0800")
    assert result.status == "FAILURE"
    assert "refused the connection" in result.failure


async def test_peer_that_says_nothing(agi: AgiPeer, channel: Channel) -> None:
    """The dialplan's absolute timeout ends what never ends."""

    async def nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    agi.then = nothing
    result = await run_agi(channel, "127.0.0.1", agi.port, "route", (), dnid="0800", absolute_s=0.05)
    assert result.late
    assert result.failure == "no end within 0.05 s"


async def test_caller_hangs_up(agi: AgiPeer, channel: Channel) -> None:
    """A hang-up is told inline, and the session ends."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    agi.then = listen
    result = await run_agi(channel, "127.0.0.1", agi.port, "route", (), dnid="0800", hang_up_after_s=0.02)
    await agi.closed.wait()
    assert result.hung_up
    assert heard == [b"HANGUP\n"]


async def test_garbage_is_answered_or_ends_the_session(agi: AgiPeer, channel: Channel) -> None:
    """A line beyond Asterisk's buffer ends it; SUCCESS is said all the same."""

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 40_000)
        await writer.drain()

    agi.then = flood
    result = await run_agi(channel, "127.0.0.1", agi.port, "route", (), dnid="0800")
    assert (result.status, result.failure) == ("SUCCESS", "a command was too long")


async def test_peer_that_resets(agi: AgiPeer, channel: Channel) -> None:
    """A reset after connecting is SUCCESS too, without a variable."""

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    agi.then = reset
    result = await run_agi(channel, "127.0.0.1", agi.port, "route", (), dnid="0800")
    assert (result.status, result.variables) == ("SUCCESS", {})
