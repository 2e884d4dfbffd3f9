"""Callbacks on a real Asterisk: ordered, placed when due, shown to the operator like a call that comes in, told how they went; never twice.

The customer's phone is extension 1004, where the test's trunk leads.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.connectors.asterisk.translate import callbacks
from tests.real.configuration import SHIPPED
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
SETTINGS = {"secret": "originate-secret", "quiet": "none", "queue": "solo", "operator_s": 10, "customer_s": 10}


def settings(**more: object) -> str:
    """Return the settings of callbacks for a test."""
    return f"callbacks: {json.dumps(SETTINGS | more)}\n"


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


async def test_a_customer_who_is_busy_is_rung_again_later(asterisk: RealAsterisk, tmp_path: Path, phones: Phones) -> None:
    """Busy, then no answer, then he picks up: three attempts, each with its outcome."""
    operator, customer = await phones("1001"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, more=settings(pause_minutes=0.01, customer_s=5))
    await service.add_operator("olena", "1001")
    async with service:
        callback_id = await order(service)
        for attempt in range(3):
            leg = await operator.ringing(timeout_s=20)
            await leg.answer()
            away = await customer.ringing()
            if attempt == 0:
                away.reject(486)
            elif attempt == 1:
                assert await away.ended(timeout_s=10) == "cancelled"
            else:
                await away.answer()
                await away.hang_up()
            await leg.ended()
        done = await until(service, callback_id, "done")
        assert [each["outcome"] for each in done["attempts"]] == ["busy", "no_answer", "talked"]
        assert len({each["call_id"] for each in done["attempts"]}) == 3
        assert await service.metric('ctiroute_callback_attempts_total{outcome="busy"}') == 1


async def test_the_customer_first(asterisk: RealAsterisk, tmp_path: Path, phones: Phones) -> None:
    """He picks up and hears music; the operator's phone rings, and when it is picked up they talk."""
    operator, customer = await phones("1001"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, more=settings(first="customer"))
    await service.add_operator("olena", "1001")
    async with service:
        callback_id = await order(service)
        away = await customer.ringing(timeout_s=20)
        await away.answer()
        leg = await operator.ringing()
        await leg.answer()
        await asyncio.wait_for(_state(service, callback_id, "talking"), 10)
        await leg.hang_up()
        done = await until(service, callback_id, "done")
        assert [(each["outcome"], each["operator"]) for each in done["attempts"]] == [("talked", "olena")]
        await asterisk.no_channels()


async def test_who_promised_it_is_rung_himself(asterisk: RealAsterisk, tmp_path: Path, phones: Phones) -> None:
    """His own phone and no other; an operator who does not pick up costs an attempt, and the customer's phone stays silent."""
    mine, _ = await phones("1002"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, more=settings(operator_s=5))
    await service.add_operator("taras", "1002")
    async with service:
        callback_id = await order(service, "--operator", "taras")
        leg = await mine.ringing(timeout_s=20)
        assert await leg.ended(timeout_s=10) == "cancelled"
        left = await until(service, callback_id, "ordered")
        assert [each["outcome"] for each in left["attempts"]] == ["no_operator"]


async def test_two_nodes_make_one_call(asterisk: RealAsterisk, tmp_path: Path, phones: Phones) -> None:
    """Five orders due at one moment, two nodes on one store: each customer's order is placed by one of them, once."""
    await phones("1001")
    store = f"store: sqlite://{tmp_path / 'shared.db'}\n"
    async with AsyncExitStack() as stack:
        nodes = [
            RunningService(
                tmp_path / f"node-{number}", asterisk, agi_port=port, more=store + settings(at_once=10, operator_s=5, first="customer")
            )
            for number, port in ((1, asterisk.agi_port), (2, 0))
        ]
        await nodes[0].add_operator("olena", "1001")
        for node in nodes:
            await stack.enter_async_context(node)
        async with asterisk.ami() as ami:
            due = [f"+38067000000{number}" for number in range(5)]
            for phone in due:
                await nodes[0].run("callback", "add", phone, "-c", str(nodes[0].settings))
            async with asyncio.timeout(40):
                while await _attempts(nodes[0]) < len(due):
                    pass  # each look is a command of its own
            placed = [heard["Uniqueid"] for heard in ami.events if heard["Event"] == "Newchannel" and heard["Uniqueid"].startswith("cb")]
        calls = {unique for unique in placed if not unique.endswith("b")}
        assert len(calls) == len(due)
        assert len({call.partition("x")[0] for call in calls}) == len(due)


async def _attempts(service: RunningService) -> int:
    found = json.loads(await service.run("callback", "list", "--all", "--json", "-c", str(service.settings)))
    return sum(bool(each["outcome"]) for order in found for each in order["attempts"])


async def test_a_crash_rings_nobody_twice(asterisk: RealAsterisk, tmp_path: Path, phones: Phones) -> None:
    """Killed while the operator's phone rings, and started again: the call goes on and is taken down, and no second one is made."""
    operator, customer = await phones("1001"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, more=settings())
    await service.add_operator("olena", "1001")
    async with service, asterisk.ami() as ami:
        callback_id = await order(service)
        leg = await operator.ringing(timeout_s=20)
        await service.kill()
        await service.start()
        await leg.answer()
        away = await customer.ringing()
        await away.answer()
        await asyncio.wait_for(_state(service, callback_id, "talking"), 20)
        await away.hang_up()
        done = await until(service, callback_id, "done")
        assert [each["outcome"] for each in done["attempts"]] == ["talked"]
        channels = {heard["Uniqueid"] for heard in ami.events if heard["Event"] == "Newchannel" and heard["Uniqueid"].startswith("cb")}
        assert len(channels) == 2, "the two halves of one call"


async def test_a_key_pressed_in_the_queue(asterisk: RealAsterisk, tmp_path: Path, phones: Phones, callers: Any) -> None:
    """The caller is told, hangs up, and is rung back as soon as the operator is free; the order stands for the queue he was in."""
    operator, customer = await phones("1001"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, queue="key", more=settings())
    await service.add_operator("olena", "1001")
    await service.send_offer(CUSTOMER)
    async with service, asterisk.ami() as ami:
        caller = await callers(CUSTOMER, "+380445550000")
        waiting = await operator.ringing()
        await caller.press("1")
        await ami.wait("Newexten", Application="Playback", AppData="ctiroute/callback-taken", timeout_s=10)
        await waiting.ended()
        leg = await operator.ringing(timeout_s=20)
        await leg.answer()
        away = await customer.ringing()
        await away.answer()
        await away.hang_up()
        found = json.loads(await service.run("callback", "list", "--all", "--json", "-c", str(service.settings)))
        assert [(each["phone"], each["queue"], each["source"], each["matter"]) for each in found] == [
            (CUSTOMER, "key", "queue", "queue:key")
        ]


async def test_a_key_pressed_while_ctiroute_is_away(asterisk: RealAsterisk, tmp_path: Path, phones: Phones, callers: Any) -> None:
    """The caller is told that it was not ordered, and waits on in the queue; the operator's phone rings for him again."""
    operator = await phones("1001")
    service = RunningService(tmp_path / "ctiroute", asterisk, queue="key", more=settings())
    await service.add_operator("olena", "1001")
    await service.send_offer(CUSTOMER)
    async with service, asterisk.ami() as ami:
        caller = await callers(CUSTOMER, "+380445550000")
        await operator.ringing()
        await service.kill()
        await caller.press("1")
        await ami.wait("Newexten", Application="Playback", AppData="ctiroute/callback-not-taken", timeout_s=10)
        again = await operator.ringing(timeout_s=10)
        await again.answer()
        await caller.wait("answered")
        await caller.hang_up()


async def test_promised_on_the_pop(asterisk: RealAsterisk, tmp_path: Path, phones: Phones, callers: Any, browser: Browser) -> None:
    """The operator promises while he talks; when the call is over his phone rings at the time, with his own note on the pop."""
    operator, customer = await phones("1001"), await phones("1004")
    service = RunningService(tmp_path / "ctiroute", asterisk, queue="solo", more=settings())
    await service.add_operator("olena", "1001")
    await service.send_offer(CUSTOMER)
    async with service:
        page = await sign_in(browser, service, "olena")
        caller = await callers(CUSTOMER, "+380445550000")
        leg = await operator.ringing()
        await leg.answer()
        await in_state(page, "talking")
        promise = page.get_by_test_id("promise")
        await promise.locator("summary").click()
        await promise.get_by_test_id("promise-at").fill("2020-01-01T10:00")  # long ago: as soon as may be
        await promise.get_by_test_id("promise-note").fill("Asks for 24 parts <b>today</b>")
        await promise.get_by_test_id("promise-save").click()
        await page.get_by_test_id("callback-ordered").wait_for()
        assert await service.metric("ctiroute_callbacks_in_hand") == 0, "an operator who talks is not rung"
        await caller.hang_up()
        await leg.ended()
        again = await operator.ringing(timeout_s=30)
        await page.get_by_test_id("callback").wait_for()
        await says(page, "callback-note", "Asks for 24 parts <b>today</b>")
        await again.answer()
        away = await customer.ringing()
        await away.answer()
        await away.hang_up()


def test_the_filter_of_the_account_lets_through_what_is_used() -> None:
    """The events the service makes something of are those named in the account's filter."""
    shipped = (SHIPPED / "manager_ctiroute_callback.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"name\((\w+)\)", shipped)) == set(callbacks.WANTED)


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        ("Command", {"Command": "core show version"}),
        ("GetConfig", {"Filename": "manager.conf"}),
        ("Redirect", {"Channel": "x", "Context": "main-ivr", "Exten": "s", "Priority": "1"}),
        ("Hangup", {"Channel": "x"}),
        ("Setvar", {"Variable": "A", "Value": "b"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
        ("QueuePause", {"Interface": "PJSIP/1001", "Paused": "true"}),
        ("CoreShowChannels", {}),
    ],
)
async def test_the_account_may_do_nothing_else(asterisk: RealAsterisk, action: str, headers: dict[str, str]) -> None:
    """Placing calls is bad enough."""
    async with asterisk.ami("ctiroute-originate", "originate-secret") as ami:
        response = await ami.act(action, timeout_s=5.0, **headers)
        assert (response["Response"], response["Message"]) == ("Error", "Permission denied")
