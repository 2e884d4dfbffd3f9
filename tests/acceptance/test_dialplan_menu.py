"""The menu in the caller's order, in a real Asterisk: SIPp callers press keys (RFC 4733), and hear the prompts we ship.

The peer that answers is raw bytes on a socket: what holds here holds for any order that any rule gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.agi_peer import answering, peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.real.ami import Ami
    from tests.real.asterisk import RealAsterisk
    from tests.real.sipp import Caller
    from tests.real.softphone import SoftPhone

    Callers = Callable[..., Awaitable[Caller]]
    Phones = Callable[[str], Awaitable[SoftPhone]]

OFFICE = "+380445550000"


def menu(order: str) -> dict[str, str]:
    """Return the answer that leads to the shipped menu, in this order."""
    return {"CTI_ACTION": "menu", "CTI_MENU": "welcome", "CTI_MENU_ORDER": order, "CTI_STATUS": "routed"}


async def said(ami: Ami, sound: str) -> None:
    """Wait until a caller in the menu is played that sound."""
    await ami.wait("Newexten", Context="ctiroute-options", Application="BackGround", AppData=sound, timeout_s=15.0)


@pytest.mark.parametrize(("order", "extension"), [("offer&application", "1001"), ("application", "1003")])
async def test_the_first_key_is_the_first_option(
    asterisk: RealAsterisk, phones: Phones, callers: Callers, order: str, extension: str
) -> None:
    """Whoever likely calls about the offer hears it first, and key 1 leads to its operators; so for the application."""
    async with peer(asterisk.agi_port, answering(**menu(order))), asterisk.ami() as ami:
        operator = await phones(extension)
        caller = await callers("+380671234567", OFFICE)
        await said(ami, f"ctiroute/option-{order.partition('&')[0]}")
        await said(ami, "ctiroute/press-1")
        await caller.press("1")
        assert (await operator.ringing()).caller == "+380671234567"


async def test_the_options_are_heard_in_order_with_their_keys(asterisk: RealAsterisk, callers: Callers) -> None:
    """Those of the rule first, the site's others after them, each once, each with its key: sounds that were really played."""
    async with peer(asterisk.agi_port, answering(**menu("operator&offer"))), asterisk.ami() as ami:
        await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/press-3")
        heard = [step["AppData"].removeprefix("ctiroute/") for step in ami.events if step["Application"] == "BackGround"]
        channel = next(step["Channel"] for step in ami.events if step["Application"] == "BackGround")
    assert heard == ["option-operator", "press-1", "option-offer", "press-2", "option-application", "press-3"]
    log = asterisk.log()
    assert all(f"<{channel}> Playing 'ctiroute/{sound}.gsm' (language 'en')" in log for sound in heard[:-1])


async def test_a_caller_hears_his_language(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """CTI_LANGUAGE picks the prompts; Asterisk's own are not needed for it."""
    async with peer(asterisk.agi_port, answering(CTI_LANGUAGE="uk", **menu("application"))), asterisk.ami() as ami:
        operator = await phones("1003")
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/press-1")
        await caller.press("1")
        await operator.ringing()
    assert "Playing 'ctiroute/option-application.gsm' (language 'uk')" in asterisk.log()


async def test_a_key_may_be_pressed_before_its_option_was_said(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """Who knows the menu need not wait: the key counts while the first option is being said."""
    async with peer(asterisk.agi_port, answering(**menu("application&offer"))), asterisk.ami() as ami:
        operator = await phones("1001")
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/option-application")
        await caller.press("2")
        await operator.ringing()
        assert not [step for step in ami.events if step["AppData"] == "ctiroute/option-offer"]


async def test_a_key_without_an_option_and_the_star(asterisk: RealAsterisk, callers: Callers) -> None:
    """A key that leads nowhere is told, and the options are said again; the star says them again from the first."""
    async with peer(asterisk.agi_port, answering(**menu("offer"))), asterisk.ami() as ami:
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/option-offer")
        await caller.press("7")
        await said(ami, "ctiroute/menu-no-such-key")
        for heard in (2, 3):
            if heard == 3:
                await caller.press("*")
            told = await ami.wait("VarSet", Variable="CTI_TURN", Value=str(heard))
            await ami.wait("Newexten", since=ami.events.index(told), AppData="ctiroute/option-offer")
        assert not [step for step in ami.events if step["AppData"] == "ctiroute/press-3"]


@pytest.mark.parametrize("order", ["", "no-such&h&t&s", "no-such", '1,"${SHELL(touch /mnt/owned)}"&$[1/0]);System(x)|../..\\'])
async def test_an_order_of_nothing_known_is_the_sites_own(asterisk: RealAsterisk, phones: Phones, callers: Callers, order: str) -> None:
    """No order, options the menu does not have, or text made to be executed: the options as the site lists them."""
    async with peer(asterisk.agi_port, answering(**menu(order))), asterisk.ami() as ami:
        operator = await phones("1003")
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/option-application")
        await caller.press("1")
        await operator.ringing()
        applications = {step["Application"] for step in ami.events if step["Context"] == "ctiroute-options"}
    assert "System" not in applications
    assert not (asterisk.home / "owned").exists()
    if order.startswith("no-such"):
        assert "the menu menu-welcome has no option no-such. It is left out" in asterisk.log()


@pytest.fixture
async def short(asterisk: RealAsterisk) -> AsyncIterator[RealAsterisk]:
    """Give an Asterisk whose menus are said once and wait a second."""
    globals_ = {"CTI_SITE_MENU_TURNS": "1", "CTI_SITE_MENU_WAIT": "1"}
    async with asterisk.ami() as ami:
        for name, value in globals_.items():
            await ami.act("Setvar", Variable=name, Value=value)
        yield asterisk
        for name in globals_:
            await ami.act("Setvar", Variable=name, Value="")


async def test_who_presses_nothing_takes_the_default_way(short: RealAsterisk, callers: Callers) -> None:
    """After the last time the caller is in the ordinary menu, on the line still."""
    async with peer(short.agi_port, answering(**menu("offer"))), short.ami() as ami:
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/press-3")
        await ami.wait("Newexten", Context="main-ivr")
        await caller.wait("answered")
        assert [channel.context for channel in await short.channels()] == ["main-ivr"]


async def test_a_site_says_where_who_presses_nothing_goes(short: RealAsterisk, callers: Callers) -> None:
    """The extensions t and 0 of the menu's own context stand for nothing chosen and for key 0."""
    await short.cli("dialplan add extension t,1,Goto,internal-phones,hall,1 into menu-welcome")
    async with peer(short.agi_port, answering(**menu("offer"))), short.ami() as ami:
        await callers("+380671234567", OFFICE)
        await ami.wait("Newexten", Context="internal-phones", Extension="hall", timeout_s=15.0)


async def test_a_default_way_that_is_the_menu_itself_ends(short: RealAsterisk, callers: Callers) -> None:
    """Who presses nothing hears it three times, and then what is said where no way is left; he is not kept for ever."""
    await short.cli("dialplan remove extension s@main-ivr")
    await short.cli("dialplan add extension s,1,Goto,ctiroute-menus,welcome,1 into main-ivr")
    async with peer(short.agi_port, answering(CTI_SITE_MENU_SOUNDS="custom/none-", **menu("offer"))), short.ami() as ami:
        await callers("+380671234567", OFFICE)
        await ami.wait("Newexten", Context="ctiroute-lost", Application="Playback", timeout_s=15.0)
        waited = [step for step in ami.events if step["Event"] == "Newexten" and step["Application"] == "WaitExten"]
        assert len(waited) == 3


async def test_zero_is_the_default_way(asterisk: RealAsterisk, callers: Callers) -> None:
    """Key 0 leads out of a menu that has nothing on it."""
    async with peer(asterisk.agi_port, answering(**menu("offer"))), asterisk.ami() as ami:
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/option-offer")
        await caller.press("0")
        await ami.wait("Newexten", Context="main-ivr")


async def test_options_that_lead_nowhere_are_left_out(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """An option listed by the site whose extension is missing costs the others nothing; without any the default way is taken."""
    async with peer(asterisk.agi_port, answering(**menu("offer"))), asterisk.ami() as ami:
        await asterisk.cli("dialplan remove extension offer@menu-welcome")
        caller = await callers("+380671234567", OFFICE)
        await said(ami, "ctiroute/option-application")
        await caller.hang_up()
        await asterisk.cli("dialplan remove context menu-welcome")
        before = len(ami.events)
        await callers("+380671234568", OFFICE)
        await ami.wait("Newexten", since=before, Context="main-ivr")


async def test_an_option_without_a_sound_keeps_its_key(asterisk: RealAsterisk, phones: Phones, callers: Callers) -> None:
    """Without the site's own prompt the option is not said, nor is its key; the log names the prompt, and the key works."""
    async with peer(asterisk.agi_port, answering(CTI_SITE_MENU_SOUNDS="custom/none-", **menu("offer"))), asterisk.ami() as ami:
        operator = await phones("1001")
        caller = await callers("+380671234567", OFFICE)
        await ami.wait("Newexten", Context="ctiroute-options", Application="Log")
        assert not [step for step in ami.events if step["AppData"] == "ctiroute/press-1"]
        await caller.press("1")
        await operator.ringing()
    assert "no sound in en for the option offer of the menu menu-welcome" in asterisk.log()
