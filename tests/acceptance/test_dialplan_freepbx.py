"""The FreePBX snippets we ship, in a real Asterisk with contexts named as FreePBX generates them.

FreePBX itself is not here: what is tested is its way in (Gosub from a custom destination with "Return", the number in FROM_DID), its
queue extensions and its Local members.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.real.asterisk import RealAsterisk
from tests.real.sipp import Caller
from tests.real.softphone import phone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CUSTOMER = "+380671234567"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(real_parts: None) -> AsyncIterator[RealAsterisk]:
    """One Asterisk with the FreePBX snippets for this file."""
    async with RealAsterisk(freepbx=True) as asterisk:
        yield asterisk


@contextlib.asynccontextmanager
async def answering(port: int, *lines: bytes) -> AsyncIterator[None]:
    """Answer every AGI connection with these commands, wait for each reply, and close."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\n\n")
        for line in lines:
            writer.write(line + b"\n")
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", port)
    async with server:
        yield


async def falls_back(server: RealAsterisk, within_s: float) -> None:
    """Assert that a caller comes to the custom destination's own Destination in that time, and leaves nothing behind."""
    async with server.ami() as ami, Caller(server, CUSTOMER, "freepbx") as caller:
        asked = await ami.wait("Newexten", Application="AGI")
        arrived = await ami.wait("Newexten", Context="main-ivr")
        assert float(arrived["Timestamp"]) - float(asked["Timestamp"]) < within_s
        await caller.wait("answered")
        await caller.hang_up()
        await server.no_channels()


async def test_default_way_returns_to_the_destination(server: RealAsterisk) -> None:
    """With ctiroute down, FreePBX's own Destination is next, at once."""
    await falls_back(server, 0.050)


async def test_hung_ctiroute_returns_to_the_destination(server: RealAsterisk) -> None:
    """The absolute timeout leads out of AGI() and out of the subroutine."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        while await reader.read(4096):
            pass
        writer.close()

    hung = await asyncio.start_server(hang, "127.0.0.1", server.agi_port)
    async with hung:
        await falls_back(server, 3.1)


async def test_queue_is_freepbx_own_extension(server: RealAsterisk) -> None:
    """A queue is entered through ext-queues, where FreePBX keeps what it knows of it."""
    decision = (b'SET VARIABLE CTI_ACTION "queue"', b'SET VARIABLE CTI_QUEUE "600"', b'SET VARIABLE CTI_STATUS "routed"')
    async with answering(server.agi_port, *decision), phone("1001", server.sip_port) as operator:
        await server.registered("1001")
        async with server.ami() as ami, Caller(server, CUSTOMER, "freepbx") as caller:
            leg = await operator.ringing()
            assert leg.caller == CUSTOMER
            await ami.wait("Newexten", Context="ext-queues", Extension="600")
            await leg.answer()
            await ami.wait("AgentConnect")
            await caller.hang_up()
            await leg.ended()
        await server.no_channels()


async def test_unknown_queue_returns_to_the_destination(server: RealAsterisk) -> None:
    """A queue that FreePBX does not have is the default way."""
    decision = (b'SET VARIABLE CTI_ACTION "queue"', b'SET VARIABLE CTI_QUEUE "999"', b'SET VARIABLE CTI_STATUS "routed"')
    async with answering(server.agi_port, *decision):
        await falls_back(server, 1.0)


async def test_operator_through_a_local_channel(server: RealAsterisk) -> None:
    """The interface FreePBX dials extensions by is allowed as an operator."""
    decision = (
        b'SET VARIABLE CTI_ACTION "operator"',
        b'SET VARIABLE CTI_OPERATOR "Local/1001@from-internal/n"',
        b'SET VARIABLE CTI_STATUS "routed"',
    )
    async with answering(server.agi_port, *decision), phone("1001", server.sip_port) as operator:
        await server.registered("1001")
        async with Caller(server, CUSTOMER, "freepbx") as caller:
            leg = await operator.ringing()
            assert leg.caller == CUSTOMER
            await leg.answer()
            await caller.wait("answered")
            await caller.hang_up()
            await leg.ended()
        await server.no_channels()
