"""What a caller notices when ctiroute fails: nothing but the ordinary menu. Real Asterisk, real SIPp caller, the real process."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from tests.real.screen import in_state, sign_in
from tests.real.service import RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.real.ami import Ami
    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]

CUSTOMER, OFFICE = "+380671234567", "+380445550000"
NET_S = 3.1  # the dialplan's own time-out is 3 s
AT_ONCE_S = 0.05


@pytest.fixture
async def service(asterisk: RealAsterisk, tmp_path: Path) -> AsyncIterator[RunningService]:
    """Run ctiroute; the customer was sent the offer, so a healthy service would send him to a queue."""
    running = RunningService(tmp_path / "ctiroute", asterisk, queue="solo")
    await running.send_offer(CUSTOMER)
    async with running:
        yield running


async def default_way_after(ami: Ami) -> float:
    """Wait until the caller is in the default menu; return the seconds since AGI() began, by Asterisk's own clock."""
    began = await ami.wait("Newexten", Application="AGI", timeout_s=6)
    arrived = await ami.wait("Newexten", Context="main-ivr", Linkedid=began["Linkedid"], timeout_s=6)
    return float(arrived["Timestamp"]) - float(began["Timestamp"])


async def ends_clean(asterisk: RealAsterisk, caller: Caller) -> None:
    """Assert that the caller is in the default menu, and that no channel stays behind when he goes."""
    await caller.wait("answered")
    (channel,) = await asterisk.channels()
    assert (channel.context, channel.state) == ("main-ivr", "Up")
    await caller.hang_up()
    assert await caller.ended() == 0
    await asterisk.no_channels()


async def test_stopped(asterisk: RealAsterisk, service: RunningService, callers: Callers) -> None:
    """A stopped service refuses the connection: the caller is in the menu at once (F8)."""
    await service.stop()
    async with asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        assert await default_way_after(ami) < AT_ONCE_S
        await ends_clean(asterisk, caller)


async def test_hung(asterisk: RealAsterisk, service: RunningService, callers: Callers) -> None:
    """A hung process accepts and says nothing: the dialplan's own time-out takes over (F7); awake again, it routes the next call."""
    service.signal(signal.SIGSTOP)
    async with asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        assert await default_way_after(ami) < NET_S
        await ends_clean(asterisk, caller)
        service.signal(signal.SIGCONT)
        await service.ready()
        again = await callers(CUSTOMER, OFFICE)
        assert (await ami.wait("QueueCallerJoin", Queue="solo"))["CallerIDNum"] == CUSTOMER
        await again.hang_up()
    await asterisk.no_channels()


async def test_killed_in_the_middle(asterisk: RealAsterisk, service: RunningService, callers: Callers) -> None:
    """Kill -9 with calls inside AGI(): each caller goes on to the menu, and no channel hangs (F9)."""
    service.signal(signal.SIGSTOP)  # so that the calls are surely inside AGI() when it dies
    async with asterisk.ami():
        waiting = [await callers(f"+38067123456{number}", OFFICE) for number in range(5)]
        await asterisk.until_in("AGI", len(waiting))
        await service.kill()
        await asterisk.until_in("main-ivr", len(waiting), NET_S)
        for caller in waiting:
            await caller.wait("answered")
            await caller.hang_up()
            assert await caller.ended() == 0
    await asterisk.no_channels()


async def test_store_gone(asterisk: RealAsterisk, service: RunningService, callers: Callers) -> None:
    """A store that was moved away under the running service costs no caller the call."""
    database = service.folder / "data" / "ctiroute.db"
    for file in database.parent.glob("ctiroute.db*"):
        file.rename(file.with_name(f"gone-{file.name}"))
    database.mkdir()  # whatever opens it anew fails
    async with asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        began = await ami.wait("Newexten", Application="AGI", timeout_s=6)
        await ami.wait("VarSet", Variable="CTI_WAY", Linkedid=began["Linkedid"], timeout_s=6)
        await caller.wait("answered")
        await caller.hang_up()
        assert await caller.ended() == 0
    await asterisk.no_channels()


async def test_garbage_at_the_agi_port_disturbs_no_call(asterisk: RealAsterisk, service: RunningService, callers: Callers) -> None:
    """A port scan, a web browser and silent sockets at the door: closed quickly, and calls are routed meanwhile (F1, F2)."""
    silent = [await asyncio.open_connection("127.0.0.1", asterisk.agi_port) for _ in range(200)]
    for greeting in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"\r\n\r\n", b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", asterisk.agi_port)
        writer.write(greeting)
        if not greeting:
            writer.write_eof()
        async with asyncio.timeout(1):
            assert await reader.read() == b""
        writer.close()
    async with asterisk.ami() as ami:
        caller = await callers(CUSTOMER, OFFICE)
        await ami.wait("QueueCallerJoin", Queue="solo")
        await caller.hang_up()
    async with asyncio.timeout(3):
        for reader, writer in silent:
            assert await reader.read() == b""
            writer.close()
    assert "Traceback" not in service.log()
    await asterisk.no_channels()


async def test_asterisk_restarted_in_the_middle_of_a_call(
    asterisk: RealAsterisk, tmp_path: Path, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """Asterisk crashes while a phone rings: the pop of the dead call closes by itself, and the next call works (F14)."""
    running = RunningService(tmp_path / "ctiroute", asterisk, queue="solo")
    await running.add_operator("olena", "1001")
    await running.send_offer(CUSTOMER)
    async with running:
        phone = await phones("1001")
        page = await sign_in(browser, running, "olena")
        await callers(CUSTOMER, OFFICE)
        await phone.ringing()
        await in_state(page, "ringing")
        await asterisk.restart()
        await page.locator("[data-testid=pop][data-state=ringing]").wait_for(state="detached", timeout=15_000)
        await page.locator("[data-testid=connection][data-state=open]").wait_for(timeout=15_000)
        await phone.register()
        await asterisk.registered("1001")
        await callers(CUSTOMER, OFFICE)
        await phone.ringing()
        await in_state(page, "ringing")
        await asterisk.hang_up_all()
