"""Callbacks on a real Asterisk: ordered, placed when due, shown to the operator like a call that comes in, told how they went; never twice.

The customer's phone is extension 1004, where the test's trunk leads.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.screen import in_state, says, sign_in
from tests.real.service import RunningService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.real.asterisk import RealAsterisk
    from tests.real.softphone import SoftPhone

    Phones = Callable[[str], Awaitable[SoftPhone]]

CUSTOMER = "+380671234567"
ORIGINATE = "username: ctiroute-originate, secret: originate-secret, quiet: none, queue: solo, operator_s: 10, customer_s: 10"

pytestmark = pytest.mark.timeout(120)


def settings(**more: object) -> str:
    """Return the settings of callbacks for a test."""
    return f"callbacks: {{{ORIGINATE}{''.join(f', {name}: {value}' for name, value in more.items())}}}\n"


async def order(service: RunningService, *more: str) -> str:
    """Order a callback to the customer, due now; return its id."""
    said = await service.run("callback", "add", CUSTOMER, "-c", str(service.settings), "--json", *more)
    return str(json.loads(said)["callback_id"])


async def shown(service: RunningService, callback_id: str) -> dict[str, Any]:
    """Return what is known of an order."""
    found: dict[str, Any] = json.loads(await service.run("callback", "show", callback_id, "-c", str(service.settings), "--json"))
    return found


async def until(service: RunningService, callback_id: str, state: str, timeout_s: float = 15.0) -> dict[str, Any]:
    """Wait until an order is in a state, and return it."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                found = await shown(service, callback_id)
                if found["state"] == state and all(each["outcome"] for each in found["attempts"]):
                    return found
    except TimeoutError:
        raise AssertionError(f"the order is not {state}: {found}\n{service.log()}") from None


async def test_the_operator_first_with_the_pop_then_the_customer(
    asterisk: RealAsterisk, tmp_path: Path, phones: Phones, browser: Browser
) -> None:
    """The operator reads who promised what, and the customer's context, while his phone rings; then the customer's phone rings; done."""
    operator, customer = await phones("1001"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, more=settings())
    await service.add_operator("olena", "1001")
    await service.add_customer(CUSTOMER, "Iryna Bondar")
    await service.send_offer(CUSTOMER)
    async with service:
        page = await sign_in(browser, service, "olena")
        callback_id = await order(service, "--note", "Asks for 24 parts")
        leg = await operator.ringing(timeout_s=20)
        assert leg.caller == CUSTOMER
        await in_state(page, "ringing")
        await says(page, "pop-who", "Iryna Bondar")
        await says(page, "pop-why", "Callback promised for")
        await leg.answer()
        await in_state(page, "talking")
        away = await customer.ringing()
        await away.answer()
        await asyncio.wait_for(_state(service, callback_id, "talking"), 10)
        await away.hang_up()
        await in_state(page, "ended")
        done = await until(service, callback_id, "done")
        assert [(each["outcome"], each["operator"]) for each in done["attempts"]] == [("talked", "olena")]
        await asterisk.no_channels()


async def _state(service: RunningService, callback_id: str, state: str) -> None:
    while (await shown(service, callback_id))["state"] != state:
        pass  # each look is a command of its own, half a second
