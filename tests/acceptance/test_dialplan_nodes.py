"""The dialplan we ship asks several nodes in turn, and however they fail together, the caller is on his way within 3.1 s.

The nodes are raw bytes on sockets. Times are Asterisk's own, from the start of the first AGI().
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.real.agi_peer import answering, close_at_once, garbage, hung, peer, reset, silent_port
from tests.real.asterisk import RealAsterisk
from tests.real.names import name_server, own_address
from tests.real.ports import free_port
from tests.real.sipp import Caller

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator

    from tests.real.agi_peer import Behaviour

CUSTOMER, OFFICE = "+380671234567", "+380445550000"
ROUTED = answering(CTI_ACTION="menu", CTI_MENU="main", CTI_STATUS="routed")  # told from the default way by CTI_WAY
AT_ONCE_S = 0.2
HUNG_S = (0.9, 1.25)  # the part of the budget that one node may use up, 0.95 s, and an answer behind it
NET_S = 3.1


def urls(*ports: int) -> str:
    """Return CTI_SITE_AGI for nodes at these ports."""
    return "&".join(f"agi://127.0.0.1:{port}/route" for port in ports)


async def call(asterisk: RealAsterisk, number: str = CUSTOMER) -> tuple[str, float]:
    """Call in and hang up: the way the call took ("menu": routed), and after how many seconds it was on it."""
    async with asterisk.ami() as ami, Caller(asterisk, number, OFFICE) as caller:
        came = await ami.wait("Newchannel", CallerIDNum=number)
        asked = await ami.wait("Newexten", Context="ctiroute-route", Linkedid=came["Linkedid"])
        took = await ami.wait("VarSet", Variable="CTI_WAY", Linkedid=came["Linkedid"], where=lambda heard: bool(heard["Value"]))
        await caller.wait("answered")
        await caller.hang_up()
        assert await caller.ended() == 0
        return took["Value"], float(took["Timestamp"]) - float(asked["Timestamp"])


@contextlib.asynccontextmanager
async def nodes(asterisk: RealAsterisk, *behaviours: Behaviour | None, order: str = "list") -> AsyncIterator[None]:
    """Run nodes that behave so (None: nobody listens) and let the dialplan know them."""
    async with contextlib.AsyncExitStack() as stack:
        ports = [free_port() for _ in behaviours]
        for port, behave in zip(ports, behaviours, strict=True):
            if behave is not None:
                await stack.enter_async_context(peer(port, behave))
        await asterisk.set_agi(nodes=urls(*ports), order=order)
        yield


@pytest.fixture
def silent() -> Iterator[int]:
    """Give the port of a host that does not answer."""
    with silent_port() as port:
        yield port


@pytest.mark.parametrize("behaviour", [None, reset, garbage, close_at_once], ids=["down", "killed", "garbage", "closed"])
async def test_the_next_node_routes_when_the_first_fails(asterisk: RealAsterisk, behaviour: Behaviour | None) -> None:
    """A node that is down, dies in the middle of its answer or talks rubbish costs the caller nothing: the next one routes him."""
    async with nodes(asterisk, behaviour, ROUTED):
        way, took_s = await call(asterisk)
        assert way == "menu"
        assert took_s < AT_ONCE_S


async def test_what_a_dying_node_set_is_not_mixed_with_the_next_answer(asterisk: RealAsterisk) -> None:
    """Half an answer of the first node is gone before the second is asked."""
    half = answering(CTI_ACTION="queue", CTI_QUEUE="solo", CTI_PRIORITY="7", CTI_LANGUAGE="uk")
    async with nodes(asterisk, half, answering(CTI_ACTION="default", CTI_STATUS="default")), asterisk.ami() as ami:
        assert (await call(asterisk))[0] == "default"
        told = [heard["Value"] for heard in ami.events if heard["Event"] == "VarSet" and heard["Variable"] == "CTI_QUEUE"]
        assert told == ["", "solo", "", ""]  # emptied, half an answer, emptied, filtered


async def test_hung_node_is_asked_last_for_a_while(asterisk: RealAsterisk) -> None:
    """A node that takes the call and says nothing costs one caller its part of the budget, and the next callers nothing."""
    async with nodes(asterisk, hung, ROUTED):
        way, took_s = await call(asterisk)
        assert way == "menu"
        assert HUNG_S[0] < took_s < HUNG_S[1]
        way, took_s = await call(asterisk)
        assert way == "menu"
        assert took_s < AT_ONCE_S


async def test_one_call_finds_out_whether_a_node_is_back(asterisk: RealAsterisk) -> None:
    """When its time is over, one caller is sent to the node that was late and the next is not; an answer brings it back for all."""
    first, second = free_port(), free_port()
    mark = f"CTI_AWAY_127001{first}"
    asked: list[str] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append("first")
        await ROUTED(reader, writer)

    await asterisk.set_agi(nodes=urls(first, second), order="list")
    async with asterisk.ami() as ami, peer(second, ROUTED):
        await ami.act("Setvar", Variable=mark, Value="1000000000")  # long over
        async with peer(first, hung), Caller(asterisk, "+380501111111", OFFICE):
            await ami.wait("Newexten", Application="AGI")  # he is being held by the first
            way, took_s = await call(asterisk, "+380502222222")
            assert way == "menu"
            assert took_s < AT_ONCE_S
            await ami.wait("VarSet", Variable="CTI_WAY", Value="menu", since=len(ami.events))
            await asterisk.hang_up_all()
        await ami.act("Setvar", Variable=mark, Value="1000000000")
        async with peer(first, counted):
            await call(asterisk)
            await call(asterisk)
        assert asked == ["first", "first"]
        assert (await ami.act("Getvar", Variable=mark))["Value"] == ""


async def test_silent_host_is_asked_last_for_a_while(asterisk: RealAsterisk, silent: int) -> None:
    """A host that does not answer uses up the budget of one caller, who takes the default way; the next is routed at once."""
    port = free_port()
    async with peer(port, ROUTED):
        await asterisk.set_agi(nodes=urls(silent, port), order="list")
        way, took_s = await call(asterisk)
        assert way == "default"
        assert took_s < NET_S
        way, took_s = await call(asterisk)
        assert way == "menu"
        assert took_s < AT_ONCE_S


async def test_node_out_of_favour_is_asked_before_a_caller_is_given_up(asterisk: RealAsterisk) -> None:
    """A node that was late is asked all the same when no other is left, and its answer counts."""
    first, second = free_port(), free_port()
    await asterisk.set_agi(nodes=urls(first, second), order="list")
    async with peer(first, hung), peer(second, ROUTED):
        await call(asterisk)
    async with peer(first, ROUTED):
        way, took_s = await call(asterisk)
        assert way == "menu"
        assert took_s < AT_ONCE_S


async def test_both_nodes_down(asterisk: RealAsterisk) -> None:
    """With nobody listening the default way is there at once."""
    async with nodes(asterisk, None, None):
        way, took_s = await call(asterisk)
        assert way == "default"
        assert took_s < 0.05


async def test_both_nodes_hung(asterisk: RealAsterisk) -> None:
    """Two hung nodes cost no more than one."""
    async with nodes(asterisk, hung, hung):
        way, took_s = await call(asterisk)
        assert way == "default"
        assert took_s < NET_S


async def test_hung_node_then_a_silent_host(asterisk: RealAsterisk, silent: int) -> None:
    """The worst there is: the first node uses up its part, then connecting to the second takes 2 s, which nothing can end."""
    port = free_port()
    async with peer(port, hung):
        await asterisk.set_agi(nodes=urls(port, silent, free_port()), order="list")
        way, took_s = await call(asterisk)
        assert way == "default"
        assert took_s < NET_S


async def test_nodes_share_the_calls(asterisk: RealAsterisk) -> None:
    """Without a wish for an order, no node gets all the calls."""
    asked: list[str] = []

    def counting(name: str) -> Behaviour:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(name)
            await ROUTED(reader, writer)

        return behave

    async with nodes(asterisk, counting("first"), counting("second"), order=""), asterisk.ami() as ami:
        for number in range(20):
            await ami.act("Originate", Channel=f"Local/+38044555{number:04}@from-trunk/n", Application="Wait", Data="1", Async="true")
        await asterisk.until_in("main-ivr", 20)
    assert len(asked) == 20
    assert set(asked) == {"first", "second"}  # fails once in half a million runs


NAME_SERVER = own_address()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def named(real_parts: None) -> AsyncIterator[RealAsterisk]:
    """One Asterisk that asks a name server of the test's own."""
    async with RealAsterisk(resolver=f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n") as asterisk:
        await asterisk.set_agi(nodes="hagi://cti.example.com/route")
        yield asterisk


async def test_nodes_named_by_srv_records(named: RealAsterisk) -> None:
    """hagi:// stands for the nodes of the SRV records, by priority; one that dies in the middle is followed by the next."""
    first, second = free_port(), free_port()
    records = {"_agi._tcp.cti.example.com": [(20, "two.example.com", second), (10, "one.example.com", first)]}
    async with name_server(NAME_SERVER, records), peer(first, close_at_once), peer(second, ROUTED), named.ami() as ami:
        way, took_s = await call(named)
        assert way == "menu"
        assert took_s < AT_ONCE_S
        asked = [heard["AppData"] for heard in ami.events if heard["Event"] == "Newexten" and heard["Application"] == "AGI"]
    assert [it.partition(",")[0] for it in asked] == [f"agi://one.example.com:{first}/route", f"agi://two.example.com:{second}/route"]


async def test_hung_node_among_srv_records(named: RealAsterisk) -> None:
    """The nodes of SRV records share the budget as a plain list does."""
    first, second = free_port(), free_port()
    records = {"_agi._tcp.cti.example.com": [(10, "one.example.com", first), (20, "two.example.com", second)]}
    async with name_server(NAME_SERVER, records), peer(first, hung), peer(second, ROUTED):
        way, took_s = await call(named)
        assert way == "menu"
        assert HUNG_S[0] < took_s < HUNG_S[1]


async def test_no_srv_records(named: RealAsterisk) -> None:
    """A name without records is the default way at once."""
    async with name_server(NAME_SERVER, {}):
        way, took_s = await call(named)
        assert way == "default"
        assert took_s < AT_ONCE_S


async def test_no_name_server(named: RealAsterisk) -> None:
    """A name server that does not answer is the default way within the budget, where the resolver is told to be quick."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((NAME_SERVER, 53))
        way, took_s = await call(named)
        assert way == "default"
        assert 0.9 < took_s < NET_S
