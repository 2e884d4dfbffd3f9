"""One customer over all media, from a half-filled form to the outcome of a callback: webhooks, a real Asterisk, SIPp, Chromium.

Iryna leaves a form on the site half-filled, asks about it in a chat, is sent an offer by SMS, and calls. The operator sees all of it while
the phone rings, goes on with the form, and promises to ring back; the callback comes with the same context, and how it ended is told to
the company's own system once, although that was away twice.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from playwright.async_api import expect

from tests.real.screen import in_state, says, sign_in
from tests.real.service import RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]

IRYNA, OFFICE = "+380671234567", "+380445550000"
TELEGRAM_ID = 512377120
SECRET = "the-vendors-secret"
RULES = """
rules:
  - name: offer-callers
    when: {touch: {campaign: "autumn-*", medium: sms, within: 15m}}
    then:
      queue: solo
      priority: 10
      pop:
        headline: "Calls back about “{touch.offer.title}”, SMS sent {touch.age} ago"
default: {menu: main}
"""
SETTINGS = f"""
connectors:
  hooks:
    - {{name: site, mapping: web-form, secret: {SECRET}}}
    - {{name: bot, mapping: telegram, secret: {SECRET}}}
"""

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def service(asterisk: RealAsterisk, tmp_path: Path) -> AsyncIterator[RunningService]:
    """Run ctiroute with one operator, and addresses for the site and the bot."""
    running = RunningService(tmp_path / "ctiroute", asterisk, rules=RULES, more=SETTINGS)
    await running.add_operator("olena", "1001")
    async with running:
        yield running


class World:
    """What goes on outside, told to a running service as it is told in the field."""

    def __init__(self, service: RunningService, http: aiohttp.ClientSession) -> None:
        self._service = service
        self._http = http

    async def fills_half_a_form(self, at: datetime) -> None:
        """Post, as the site's server does, what a visitor has filled in so far."""
        body = {
            "form": "credit-application",
            "title": "Application for credit",
            "session": "s-81",
            "visitor": "v-7",
            "event": "s-81-1",
            "at": at.isoformat(),
            "language": "uk",
            "done": False,
            "fields": {"name": "Iryna Bondar", "phone": "067 123 45 67", "amount": "24000", "income": ""},
        }
        await self._hook("site", body, {"Authorization": f"Bearer {SECRET}"})

    async def asks_in_the_chat(self, at: datetime) -> None:
        """Post, as Telegram does, what she shares and writes: her number, then a question."""
        person = {"id": TELEGRAM_ID, "is_bot": False, "first_name": "Iryna", "last_name": "Bondar", "language_code": "uk"}
        chat = {"id": TELEGRAM_ID, "type": "private", "first_name": "Iryna"}
        contact = {"phone_number": IRYNA[1:], "first_name": "Iryna", "user_id": TELEGRAM_ID}
        seconds = int(at.timestamp())
        for number, said in enumerate(({"contact": contact}, {"text": "Which documents do I need for the credit?"})):
            message = {"message_id": 10 + number, "from": person, "chat": chat, "date": seconds + number, **said}
            await self._hook("bot", {"update_id": 900 + number, "message": message}, {"X-Telegram-Bot-Api-Secret-Token": SECRET})

    async def is_sent_an_offer(self, at: datetime) -> None:
        """Tell of the SMS as the mailing tool does, with an API key."""
        made = await self._service.run(
            "apikey", "create", "-c", str(self._service.settings), "--json", "mailing tool", "--scope", "touches"
        )
        touch = {
            "phone": IRYNA,
            "external_id": "m-1",
            "campaign_title": "Autumn SMS",
            "medium": "sms",
            "sent_at": at.isoformat(),
            "title": "Autumn instalments",
            "text": "Pay in 24 parts. Call us.",
            "terms": "0 % for 24 months",
        }
        headers = {"Authorization": f"Bearer {json.loads(made)['key']}", "Content-Type": "application/x-ndjson"}
        url = f"{self._service.url}/api/v1/campaigns/autumn-sms/touches"
        async with self._http.post(url, data=json.dumps(touch), headers=headers) as answer:
            assert answer.status < 300, await answer.text()

    async def _hook(self, name: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        async with self._http.post(f"{self._service.url}/hooks/{name}", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


async def test_from_a_half_filled_form_to_the_outcome_of_a_callback(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """Nothing that was said in one medium is lost in another."""
    now = datetime.now(UTC)
    operator = await phones("1001")
    page = await sign_in(browser, service, "olena")
    async with aiohttp.ClientSession() as http:
        world = World(service, http)
        await world.fills_half_a_form(now - timedelta(minutes=40))
        await world.asks_in_the_chat(now - timedelta(minutes=25))
        await world.is_sent_an_offer(now - timedelta(minutes=12))

    caller = await callers(IRYNA, OFFICE)
    leg = await operator.ringing()
    await in_state(page, "ringing")
    await says(page, "pop-who", "Iryna Bondar")
    await says(page, "pop-why", "Calls back about “Autumn instalments”, SMS sent 12 min ago")
    opened = page.get_by_test_id("open-interactions")
    await expect(opened).to_contain_text("Application for credit")
    await expect(opened).to_contain_text("24000")
    await expect(opened).to_contain_text("Which documents do I need for the credit?")
    await expect(page.get_by_test_id("timeline")).to_contain_text("Autumn instalments")
    await leg.answer()
    await in_state(page, "talking")
    await caller.hang_up()
