"""From what is known of a caller to what he hears: the service decides, the real Asterisk plays, SIPp's caller presses a key.

The menu and its rule are those of docs/reference/dialplan.md, taken from the page as they stand there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import Identifier, IdentifierKind, Interaction, InteractionStatus, Medium, OfferTerms, Touch, TouchStatus
from ctiroute.store import open_store
from tests.real.service import RunningService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.real.ami import Ami
    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "dialplan.md").read_text(encoding="utf-8")
OFFICE, STATUS_LINE = "+380445550000", "+380445550001"
WAS_SENT_CARDS, HAS_AN_INVOICE, HAS_BOTH = "+380671234567", "+380671234568", "+380671234569"
STATUSES = {"+380671234570": "open", "+380671234571": "waiting", "+380671234572": "closed"}
STATUS_RULE = f"""
  - name: status
    when: {{dialed: "{STATUS_LINE}", interaction: {{topic: request, status: [open, waiting, closed], within: 7d}}}}
    then: {{queue: solo, announce: "ctiroute/status-{{interaction.status}}", language: uk}}
"""


def block(language: str, first: str) -> str:
    """Return the page's block that begins so."""
    (found,) = re.findall(rf"```{language}\n({re.escape(first)}.*?)```", PAGE, re.DOTALL)
    text: str = found
    return text


@pytest.fixture
async def service(asterisk: RealAsterisk, tmp_path: Path) -> AsyncIterator[RunningService]:
    """Run ctiroute with the page's rule, beside an Asterisk with the page's menu; the reload after each test takes it out again."""
    with (asterisk.home / "etc" / "extensions.conf").open("a", encoding="utf-8") as dialplan:
        dialplan.write("\n" + block("ini", "[ctiroute-menus]"))
    await asterisk.cli("dialplan reload")
    rules = block("yaml", "# rules").replace("rules:\n", f"rules:{STATUS_RULE}", 1)
    running = RunningService(tmp_path / "ctiroute", asterisk, rules=rules)
    store = open_store(f"sqlite://{running.folder / 'data' / 'ctiroute.db'}")
    (running.folder / "data").mkdir()
    await store.open()
    await fill(store.put_touches, store.put_interactions)
    await store.close()
    async with running:
        yield running


async def fill(put_touches: Callable[..., Awaitable[int]], put_interactions: Callable[..., Awaitable[None]]) -> None:
    """Put in who was sent what, and what is open with whom. Who has both asked before the mail came: the newer is not the likelier."""
    now = datetime.now(UTC)
    card = Touch(
        "t1",
        "cards-plus",
        "Cards",
        Medium.SMS,
        phone(WAS_SENT_CARDS),
        now - timedelta(minutes=12),
        TouchStatus.DELIVERED,
        OfferTerms("A card"),
    )
    await put_touches(
        [card, replace(card, touch_id="t2", identifier=phone(HAS_BOTH), medium=Medium.EMAIL, sent_at=now - timedelta(hours=1))]
    )
    lately = now - timedelta(minutes=5)
    invoice = Interaction("i1", None, Medium.EMAIL, "invoice-7", "Invoice 7", InteractionStatus.OPEN, lately, lately)
    requests = [
        replace(invoice, interaction_id=f"s-{status}", topic="request", status=InteractionStatus(status), identifier=phone(number))
        for number, status in STATUSES.items()
    ]
    earlier = now - timedelta(hours=2)
    both = replace(invoice, interaction_id="i2", medium=Medium.WEB, updated_at=earlier, opened_at=earlier, identifier=phone(HAS_BOTH))
    await put_interactions([replace(invoice, identifier=phone(HAS_AN_INVOICE)), both, *requests])


def phone(number: str) -> Identifier:
    """Return a phone number as a customer's identifier."""
    return Identifier(IdentifierKind.PHONE, number)


async def heard(ami: Ami) -> str:
    """Wait until the first option was said with its key; return the option."""
    told = await ami.wait("Newexten", Application="BackGround", AppData="ctiroute/press-1")
    said = [step["AppData"] for step in ami.events[: ami.events.index(told)] if step["Application"] == "BackGround"]
    return said[0].removeprefix("ctiroute/option-")


@pytest.mark.parametrize(
    ("number", "option", "extension"),
    [(WAS_SENT_CARDS, "cards", "1001"), (HAS_AN_INVOICE, "payment", "1003"), (HAS_BOTH, "payment", "1003")],
)
async def test_the_first_option_is_this_callers_likely_one(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, number: str, option: str, extension: str
) -> None:
    """Two callers dial the same number, hear different first options, and key 1 leads each to his own operators."""
    operator = await phones(extension)
    async with asterisk.ami() as ami:
        caller = await callers(number, OFFICE)
        assert await heard(ami) == option
        await caller.press("1")
        assert (await operator.ringing()).caller == number


async def test_a_caller_of_whom_nothing_is_known_hears_the_sites_order(
    asterisk: RealAsterisk, service: RunningService, callers: Callers
) -> None:
    """No reason to put anything first; who presses nothing goes where the menu's own context says: here the default way."""
    async with asterisk.ami() as ami:
        await callers("+380671239999", OFFICE)
        assert await heard(ami) == "payment"
        await ami.wait("Newexten", Context="menu-cards", Extension="t", timeout_s=40.0)
        await ami.wait("Newexten", Context="main-ivr")


@pytest.mark.parametrize("number", STATUSES)
async def test_a_caller_hears_how_his_request_stands(
    asterisk: RealAsterisk, service: RunningService, phones: Phones, callers: Callers, number: str
) -> None:
    """The prompt of the status is really played, in his language, before the queue; then the phone rings."""
    operator = await phones("1001")
    async with asterisk.ami() as ami:
        caller = await callers(number, STATUS_LINE)
        played = await ami.wait("VarSet", Variable="PLAYBACKSTATUS", timeout_s=15.0, where=lambda heard: heard["Value"] != "")
        assert played["Value"] == "SUCCESS"
        assert (await operator.ringing()).caller == number
        await caller.wait("answered")
    assert f"<{played['Channel']}> Playing 'ctiroute/status-{STATUSES[number]}.gsm' (language 'uk')" in asterisk.log()
