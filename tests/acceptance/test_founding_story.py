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

from tests.real.receiver import receiving
from tests.real.screen import in_state, says, sign_in, write_note
from tests.real.service import RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, Page

    from tests.real.asterisk import RealAsterisk
    from tests.real.receiver import Receiver
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
    when:
      touch: {campaign: "autumn-*", medium: sms, within: 15m}
      interaction: {topic: credit-application}
    then:
      queue: solo
      priority: 10
      pop:
        headline: "Calls back about “{touch.offer.title}”, SMS sent {touch.age} ago"
default: {menu: main}
"""
SETTINGS = f"""
callbacks: {{username: ctiroute-originate, secret: originate-secret, quiet: none}}
closed_loop: {{wrap_up_quiet_s: 1}}
webhooks:
  - {{name: crm, url: "CRM", events: [call.ended, wrap_up], secret: {SECRET}}}
connectors:
  hooks:
    - {{name: site, mapping: web-form, secret: {SECRET}}}
    - {{name: bot, mapping: telegram, secret: {SECRET}}}
"""


AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def crm() -> AsyncIterator[Receiver]:
    """Run the company's own system, which is told what became of calls."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def service(asterisk: RealAsterisk, tmp_path: Path, crm: Receiver) -> AsyncIterator[RunningService]:
    """Run ctiroute with one operator, addresses for the site and the bot, and the company's own system to tell."""
    running = RunningService(tmp_path / "ctiroute", asterisk, rules=RULES, more=SETTINGS.replace("CRM", crm.url))
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
        body: dict[str, Any] = {
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
        told: tuple[dict[str, Any], ...] = ({"contact": contact}, {"text": "Which documents do I need for the credit?"})
        for number, said in enumerate(told):
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
    asterisk: RealAsterisk, service: RunningService, crm: Receiver, phones: Phones, callers: Callers, browser: Browser
) -> None:
    """Nothing that was said in one medium is lost in another."""
    now = datetime.now(UTC)
    operator, customer = await phones("1001"), await phones("1004")
    page = await sign_in(browser, service, "olena")
    async with aiohttp.ClientSession() as http:
        world = World(service, http)
        await world.fills_half_a_form(now - timedelta(days=2))
        await world.asks_in_the_chat(now - timedelta(hours=26))
        await world.is_sent_an_offer(now - timedelta(minutes=12))

    caller = await callers(IRYNA, OFFICE)
    leg = await operator.ringing()
    await says(page, "pop-why", "Calls back about “Autumn instalments”, SMS sent 12 min ago")
    await shows_everything(page, "ringing")
    await expect(page.get_by_test_id("reason").first).to_contain_text("Autumn instalments")
    assert not leg.answered.is_set()
    await leg.answer()
    await in_state(page, "talking")
    await goes_on_with_the_form(page)
    due_at = await promises_to_ring_back(page)
    await leg.hang_up()
    await in_state(page, "ended")
    await page.get_by_test_id("pop-done").click()
    await caller.ended()
    await crm.got(taken=1)

    crm.answers += [AWAY, AWAY]
    leg = await operator.ringing(timeout_s=90.0)
    assert datetime.now(UTC) >= due_at
    assert leg.caller == IRYNA
    await says(page, "pop-why", "Callback promised for")
    await says(page, "callback", "Brings her payslip")
    await shows_everything(page, "ringing")
    await says(page, "open-interactions", "31000")
    await leg.answer()
    hers = await customer.ringing()
    await hers.answer()
    await in_state(page, "talking")
    await write_note(page, "Has sent her payslip, contract on Monday")
    await hers.hang_up()
    await in_state(page, "ended")
    await asterisk.no_channels()
    await is_told_once(crm)


async def goes_on_with_the_form(page: Page) -> None:
    """Write on the pop what was missing in the form."""
    form = page.get_by_test_id("form").filter(has_text="amount")
    await form.get_by_test_id("form-edit").click()
    await form.get_by_label("income").fill("31000")
    await form.get_by_test_id("form-save").click()
    await expect(form).to_have_attribute("data-editing", "false")
    await expect(form).to_contain_text("31000")


async def promises_to_ring_back(page: Page) -> datetime:
    """Promise a callback on the pop for the next minute, which is as near as its field can say; return the time of it."""
    due_at = (datetime.now().astimezone() + timedelta(seconds=65)).replace(second=0, microsecond=0)
    await page.get_by_test_id("promise").locator("summary").click()
    await page.get_by_test_id("promise-at").fill(due_at.strftime("%Y-%m-%dT%H:%M"))
    await page.get_by_test_id("promise-note").fill("Brings her payslip")
    await page.get_by_test_id("promise-save").click()
    await page.get_by_test_id("callback-ordered").wait_for()
    return due_at


async def is_told_once(crm: Receiver) -> None:
    """Assert that the outcome of the callback was taken once after two failures, and the note after it."""
    await crm.got(taken=3, timeout_s=60.0)
    first, outcome, note = crm.taken
    assert [one.event_id for one in crm.requests] == [first.event_id, *[outcome.event_id] * 3, note.event_id]
    assert [one.document["type"] for one in crm.taken] == ["call.ended", "call.ended", "wrap_up"]
    told, noted = outcome.document["data"], note.document["data"]
    assert told["call_id"] != first.document["data"]["call_id"]
    assert (told["outcome"], told["operator_id"]) == ("answered", "olena")
    assert (told["touch"]["campaign"], told["interaction"]["source"], told["interaction"]["external_id"]) == ("autumn-sms", "site", "s-81")
    assert (noted["call_id"], noted["note"]) == (told["call_id"], "Has sent her payslip, contract on Monday")


async def shows_everything(page: Page, state: str) -> None:
    """Assert that who it is, and form, chat and SMS in one line stand on the pop."""
    await in_state(page, state)
    await says(page, "pop-who", "Iryna Bondar")
    opened = page.get_by_test_id("open-interactions").first
    await expect(opened).to_contain_text("24000")
    await expect(opened).to_contain_text("Which documents do I need for the credit?")
    line = page.get_by_test_id("timeline").first
    for what in ("Autumn instalments", "Telegram chat", "Application for credit"):
        await expect(line).to_contain_text(what)
