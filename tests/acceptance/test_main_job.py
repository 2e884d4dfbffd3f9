"""The main job, end to end: SIPp caller, Asterisk 22, `ctiroute serve`, a queue, a phone that rings, a pop in Chromium.

What must never fail: somebody who was sent an SMS offer calls the ordinary number, skips the menu, and the operator reads the offer before
picking up.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.real.screen import in_state, says, sign_in, write_note
from tests.real.service import RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser

    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]

CUSTOMER, OFFICE = "+380671234567", "+380445550000"
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "pop.png"


@pytest.fixture
async def service(asterisk: RealAsterisk, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[RunningService]:
    """Run ctiroute with two operators; the customer was sent the offer 12 minutes ago. A test may name its queue by a parameter."""
    running = RunningService(tmp_path / "ctiroute", asterisk, queue=getattr(request, "param", "pair"))
    await running.add_operator("olena", "1001")
    await running.add_operator("taras", "1002")
    await running.send_offer(CUSTOMER, minutes_ago=12)
    async with running:
        yield running


async def test_the_offer_stands_on_the_screen_before_the_phone_is_answered(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """Skips the menu, rings the offer's operators, shows campaign, terms, age and script; follows the call to its end."""
    operator = await phones("1001")
    page = await sign_in(browser, service, "olena")
    await service.add_customer(CUSTOMER, "Iryna Bondar")
    caller = await callers(CUSTOMER, OFFICE)
    leg = await operator.ringing()
    await in_state(page, "ringing")
    await says(page, "pop-who", "Iryna Bondar")
    await says(page, "pop-why", "Calls back about “Autumn instalments”, SMS sent 12 min ago")
    await says(page, "pop-terms", "0 % for 24 months")
    await says(page, "pop-opening", "Shall we go through the terms?")
    await says(page, "pop-who", "+380 67 123 4567")
    await expect(page.get_by_test_id("pop-script").first).to_contain_text("Read the terms aloud")
    assert not leg.answered.is_set(), "the pop has to stand there while the phone still rings"
    if os.environ.get("TAKE_PICTURE"):
        PICTURE.parent.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURE)
    await leg.answer()
    await in_state(page, "talking")
    await caller.hang_up()
    await in_state(page, "ended")
    await asterisk.no_channels()
    assert await service.metric('ctiroute_pops_total{stage="rendered"}') == 1
    assert await service.metric('ctiroute_decisions_total{status="routed"}') == 1


async def test_why_this_call_came_to_me(service: RunningService, phones: Phones, callers: Callers, browser: Browser) -> None:
    """The drawer names the rule, what it wanted and what it saw."""
    await phones("1001")
    page = await sign_in(browser, service, "olena")
    await callers(CUSTOMER, OFFICE)
    await in_state(page, "ringing")
    drawer = page.get_by_test_id("why-drawer").first
    await drawer.locator("summary").click()
    said = await drawer.inner_text()
    assert "autumn-sms-callers" in said
    assert "15m" in said


async def test_a_blind_transfer_takes_the_note_along(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """The second operator's own screen shows the offer and what the first one wrote."""
    first, second = await phones("1001"), await phones("1002")
    olena, taras = await sign_in(browser, service, "olena"), await sign_in(browser, service, "taras")
    caller = await callers(CUSTOMER, OFFICE)
    leg = await first.ringing()
    await leg.answer()
    await in_state(olena, "talking")
    await write_note(olena, "Wants 24 parts, asks about insurance")
    await leg.transfer("1002")
    passed = await second.ringing()
    await in_state(taras, "ringing")
    await says(taras, "pop-why", "Autumn instalments")
    await says(taras, "pop-colleague-note", "asks about insurance")
    await says(taras, "pop-colleague-note", "Olena")
    await in_state(olena, "ended")
    await passed.answer()
    await in_state(taras, "talking")
    await caller.hang_up()
    await in_state(taras, "ended")
    await asterisk.no_channels()


async def test_an_attended_transfer_shows_the_customer_from_the_first_ring(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """The colleague who is asked sees about whom, and has the customer's pop once the calls are joined."""
    first, second = await phones("1001"), await phones("1002")
    olena, taras = await sign_in(browser, service, "olena"), await sign_in(browser, service, "taras")
    caller = await callers(CUSTOMER, OFFICE)
    leg = await first.ringing()
    await leg.answer()
    await in_state(olena, "talking")
    await write_note(olena, "Needs a specialist for insurance")
    consultation = await first.call("1002")
    asked = await second.ringing()
    await in_state(taras, "ringing")
    await says(taras, "pop-why", "Autumn instalments")
    await says(taras, "pop-colleague-note", "specialist for insurance")
    await asked.answer()
    await in_state(taras, "talking")
    await leg.transfer_to(consultation)
    await in_state(olena, "ended")
    await taras.locator("[data-testid=pop][data-state=talking]").first.wait_for()
    assert await taras.get_by_test_id("pop").count() == 1
    await says(taras, "pop-why", "Autumn instalments")
    await caller.hang_up()
    await in_state(taras, "ended")
    await asterisk.no_channels()


async def test_an_unanswered_ring_is_listed_as_missed_and_the_next_member_gets_the_pop(
    service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """The queue goes on; the first operator keeps a line, also after opening the page anew."""
    await phones("1001")
    second = await phones("1002")
    olena, taras = await sign_in(browser, service, "olena"), await sign_in(browser, service, "taras")
    await callers(CUSTOMER, OFFICE)
    await in_state(olena, "ringing")
    leg = await second.ringing()
    await in_state(taras, "ringing")
    await olena.get_by_test_id("missed-row").wait_for()
    await says(olena, "missed-row", "+380 67 123 4567")
    await leg.answer()
    await in_state(taras, "talking")
    await olena.reload()
    await olena.get_by_test_id("missed-row").wait_for()


@pytest.mark.parametrize("service", ["solo"], indirect=True)
async def test_a_browser_that_comes_back_in_the_middle_shows_the_call_at_once(
    service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """Reloaded while the phone rings, and again while talking."""
    operator = await phones("1001")
    page = await sign_in(browser, service, "olena")
    await callers(CUSTOMER, OFFICE)
    leg = await operator.ringing()
    await in_state(page, "ringing")
    await page.reload()
    await in_state(page, "ringing")
    await says(page, "pop-why", "Autumn instalments")
    await leg.answer()
    await in_state(page, "talking")
    await page.reload()
    await in_state(page, "talking")


@pytest.mark.parametrize("service", ["freepbx"], indirect=True)
async def test_members_as_freepbx_names_them(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """`Local/1001@from-queue/n` is matched with the operator, and its two halves make one pop."""
    operator = await phones("1001")
    page = await sign_in(browser, service, "olena")
    caller = await callers(CUSTOMER, OFFICE)
    leg = await operator.ringing()
    await in_state(page, "ringing")
    assert await page.get_by_test_id("pop").count() == 1
    await leg.answer()
    await in_state(page, "talking")
    await caller.hang_up()
    await in_state(page, "ended")
    await asterisk.no_channels()


@pytest.mark.parametrize("service", ["ringall"], indirect=True)
async def test_ring_all_rings_both_screens_and_the_slower_one_misses_nothing(
    service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """A call that a colleague took is no missed call."""
    first = await phones("1001")
    await phones("1002")
    olena, taras = await sign_in(browser, service, "olena"), await sign_in(browser, service, "taras")
    await callers(CUSTOMER, OFFICE)
    leg = await first.ringing()
    await in_state(olena, "ringing")
    await in_state(taras, "ringing")
    await leg.answer()
    await in_state(olena, "talking")
    await taras.locator("[data-testid=pop][data-state=ringing]").wait_for(state="detached")
    assert await taras.get_by_test_id("missed-row").count() == 0


@pytest.mark.parametrize("service", ["solo"], indirect=True)
async def test_a_restart_in_the_middle_of_a_ring_brings_the_pop_back(
    service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """Kill -9 while the phone rings: the new process reads the live calls, and the page finds its way back by itself."""
    operator = await phones("1001")
    page = await sign_in(browser, service, "olena")
    await callers(CUSTOMER, OFFICE)
    leg = await operator.ringing()
    await in_state(page, "ringing")
    await service.kill()
    await page.locator("[data-testid=connection][data-state=lost]").wait_for()
    await service.start()
    await page.locator("[data-testid=connection][data-state=open]").wait_for(timeout=15_000)
    await in_state(page, "ringing")
    await says(page, "pop-why", "Autumn instalments")
    await leg.answer()
    await in_state(page, "talking")
