"""Signing in, losing the connection, several tabs, keys, languages, accessibility: the operator page around its pops."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from ctiroute.model import Identity, PopState
from ctiroute.web.wire import Note
from tests.integration.page import scenes
from tests.integration.page.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser, BrowserContext, Page

    from ctiroute.model import ScreenPop
    from tests.integration.page.stage import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]

WHOLE = "it => it.scrollWidth <= it.clientWidth && it.scrollHeight <= it.clientHeight"  # nothing of its text is cut off
AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"


async def test_sign_in_and_out(page: Page, stage: Stage) -> None:
    """A wrong password is told, the right one opens the screen, signing out clears it."""
    stage.signed_in = False
    await page.goto(stage.url)
    await page.get_by_label("Name").fill("olena")
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("sign-in-error")).to_have_text("The name or the password is wrong.")
    await page.get_by_label("Password").fill(stage.password)
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("empty")).to_be_visible()
    await page.get_by_test_id("menu-button").click()
    await page.get_by_test_id("sign-out").click()
    await expect(page.get_by_test_id("sign-in")).to_be_visible()
    assert not stage.signed_in


async def test_ticket_signs_in_and_leaves_the_address(page: Page, stage: Stage) -> None:
    """A one-time link signs in; its ticket is gone from the address and the history; a used one says what to do."""
    stage.signed_in = False
    await page.goto(f"{stage.url}#ticket=one-time")
    await expect(page.get_by_test_id("empty")).to_be_visible()
    assert page.url == stage.url
    assert await page.evaluate("history.length") <= 2
    stage.signed_in = False
    await page.goto("about:blank")
    await page.goto(f"{stage.url}#ticket=one-time")
    await expect(page.get_by_test_id("sign-in-error")).to_contain_text("expired or was used already")


async def test_refused_ticket_ends_no_session(page: Page, stage: Stage) -> None:
    """A used-up link, opened by somebody who is signed in, opens the screen; one that turns up at a live screen changes nothing."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(f"{stage.url}#ticket=used-up")
    await expect(page.get_by_test_id("pop")).to_be_visible()
    async with page.expect_response("**/session/ticket") as answered:
        await page.evaluate("location.hash = 'ticket=stray'")
    assert (await answered.value).status == 401
    await stage.show(scenes.next_state(scenes.campaign_pop(), PopState.TALKING, answered_at=scenes.ago(seconds=1)))
    await expect(page.get_by_test_id("pop")).to_have_attribute("data-state", "talking")
    assert len(stage.sockets) == 1
    assert "ticket" not in page.url


async def test_dead_link_is_noticed(page: Page, stage: Stage) -> None:
    """A ping that nobody answers within ten seconds ends the connection, and a new one is made."""
    await page.clock.install()
    await page.goto(stage.url)
    link = page.get_by_test_id("connection")
    await expect(link).to_have_attribute("data-state", "open")
    first = stage.sockets[0]
    stage.deaf = stage.refuse_sockets = True
    await page.clock.run_for(20_000)
    assert stage.sockets == [first]
    await page.clock.run_for(22_000)  # silent for 20 s, deaf for 10 s, looked at every 5 s
    await expect(link).to_have_attribute("data-state", "lost")
    stage.deaf = stage.refuse_sockets = False
    await page.clock.run_for(16_000)  # the longest pause
    await expect(link).to_have_attribute("data-state", "open")
    await stage.until(lambda: first not in stage.sockets)


async def test_lost_connection_comes_back_by_itself(page: Page, stage: Stage) -> None:
    """While nothing is heard the last state stays, greyed and dated; then the snapshot tells what stands now, and the note goes out."""
    pop = scenes.next_state(scenes.campaign_pop(), PopState.TALKING, answered_at=scenes.ago(seconds=9))
    stage.pops = {"pop-1": pop}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop")).to_be_visible()
    stage.refuse_sockets = True
    await stage.cut()
    link = page.get_by_test_id("connection")
    await expect(link).to_have_attribute("data-state", "lost")
    await expect(link).to_have_text(re.compile(r"last\sevent\s\d+\ss\sago"))
    for language, width in (("en", 420), ("en", 320), ("uk", 420), ("uk", 320)):
        await page.set_viewport_size({"width": width, "height": 700})
        await page.get_by_test_id("menu-button").click()
        await page.get_by_test_id("language").select_option(language)
        await page.keyboard.press("Escape")
        assert await link.locator("ct-clock").evaluate(WHOLE), (language, width)
    await page.get_by_test_id("menu-button").click()
    await page.get_by_test_id("language").select_option("en")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("pop")).to_have_css("filter", "grayscale(1)")
    await page.get_by_test_id("pop-note").fill("typed while away")
    await page.get_by_test_id("pop-note").blur()
    await expect(page.get_by_test_id("note-state")).to_contain_text("Kept here")
    assert not stage.said(Note)
    stage.pops = {"pop-1": scenes.next_state(pop, PopState.HELD)}
    stage.refuse_sockets = False
    await expect(link).to_have_attribute("data-state", "open")
    await expect(page.get_by_test_id("pop")).to_have_attribute("data-state", "held")
    await stage.until(lambda: [note.text for note in stage.said(Note)] == ["typed while away"])


async def test_session_that_ended_elsewhere(page: Page, stage: Stage) -> None:
    """When the session is over, the page shows the sign-in and nothing of a customer."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop")).to_be_visible()
    stage.signed_in = False
    await stage.cut()
    await expect(page.get_by_test_id("sign-in-error")).to_contain_text("You were signed out")
    await expect(page.locator("ct-screen")).not_to_contain_text("Bondarenko")


async def test_reload_keeps_the_note(page: Page, stage: Stage) -> None:
    """A reload in the middle of a note keeps what was typed, so that going on does not overwrite it."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await page.get_by_test_id("pop-note").fill("first half")
    await stage.until(lambda: bool(stage.said(Note)))
    await page.reload()
    await expect(page.get_by_test_id("pop-note")).to_have_value("first half")


async def test_one_of_several_tabs_leads(context: BrowserContext, page: Page, stage: Stage) -> None:
    """Two tabs show a call, one rings; notes typed in one stand in the other; when the leader closes, the other leads."""
    second = await context.new_page()
    for tab in (page, second):
        await tab.goto(stage.url)
        await tab.evaluate("localStorage.setItem('ctiroute.alerts', 'on')")
    await stage.until(lambda: len(stage.sockets) == 2)
    await stage.show(scenes.campaign_pop())
    for tab in (page, second):
        await expect(tab.get_by_test_id("pop")).to_be_visible()
    await expect(page.locator("ct-screen[data-rings=true]")).to_have_count(1)
    await expect(second.locator("ct-screen")).to_have_attribute("data-leads", "false")
    await expect(second.locator("ct-screen")).to_have_attribute("data-rings", "false")
    await second.get_by_test_id("pop-note").fill("seen in both")
    await expect(page.get_by_test_id("pop-note")).to_have_value("seen in both")
    await page.close()
    await expect(second.locator("ct-screen")).to_have_attribute("data-leads", "true")


async def test_ring_is_off_until_tested(page: Page, stage: Stage) -> None:
    """No sound before "Test my pop" was clicked; after it a call rings until it is answered."""
    await page.goto(stage.url)
    pop = scenes.campaign_pop()
    await stage.show(pop)
    await expect(page.get_by_test_id("pop")).to_be_visible()
    await expect(page.locator("ct-screen")).to_have_attribute("data-rings", "false")
    missed = scenes.next_state(pop, PopState.MISSED, ended_at=scenes.ago(seconds=0))
    await stage.show(missed)
    await page.get_by_test_id("test-pop").click()
    await expect(page.get_by_test_id("test-said")).not_to_be_empty()
    again = scenes.campaign_pop("again")
    await stage.show(again)
    await expect(page.locator("ct-screen")).to_have_attribute("data-rings", "true")
    await stage.show(scenes.next_state(again, PopState.TALKING, answered_at=scenes.ago(seconds=0)))
    await expect(page.locator("ct-screen")).to_have_attribute("data-rings", "false")


async def test_focus_is_never_stolen(page: Page, stage: Stage) -> None:
    """A pop that arrives leaves the focus where it was."""
    await page.goto(stage.url)
    await page.get_by_test_id("menu-button").focus()
    await stage.show(scenes.campaign_pop())
    await expect(page.get_by_test_id("pop")).to_be_visible()
    await expect(page.get_by_test_id("menu-button")).to_be_focused()


async def test_keys(page: Page, stage: Stage) -> None:
    """Script and note are one combination away, `?` lists them, and they can be turned off."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop")).to_be_visible()
    await page.keyboard.press("Alt+Shift+KeyS")
    await expect(page.get_by_test_id("pop-script")).to_be_focused()
    await page.keyboard.press("Alt+Shift+KeyN")
    await expect(page.get_by_test_id("pop-note")).to_be_focused()
    await page.get_by_test_id("pop-script").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_test_id("keys")).to_contain_text("Alt+Shift+W")
    await page.get_by_role("checkbox").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Alt+Shift+KeyN")
    await expect(page.get_by_test_id("pop-note")).not_to_be_focused()


async def test_language_of_the_operator(page: Page, stage: Stage) -> None:
    """The page speaks the language of the operator's record, and another one when he picks it, also after a reload."""
    stage.operator = replace(stage.operator, language="uk")
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop-state")).to_have_text("Дзвонить")
    assert await page.evaluate("document.documentElement.lang") == "uk"
    await page.get_by_test_id("menu-button").click()
    await page.get_by_test_id("language").select_option("en")
    await expect(page.get_by_test_id("pop-state")).to_have_text("Ringing")
    await page.reload()
    await expect(page.get_by_test_id("pop-state")).to_have_text("Ringing")


async def test_hostile_text_is_text(page: Page, stage: Stage) -> None:
    """Markup, right-to-left overrides and bad addresses in caller data are shown, never obeyed."""
    evil = '<img src=x onerror="document.title=1">\u202egnp'
    pop = replace(scenes.campaign_pop(), headline=evil, opening=evil, url="javascript:alert(1)", fields=((evil, evil),))
    stage.pops = {"pop-1": pop}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop-why")).to_contain_text('<img src=x onerror="document.title=1">')
    await expect(page.get_by_test_id("pop-why")).to_contain_text(">gnp")  # the override is gone, the letters read as sent
    assert "\u202e" not in (await page.locator("ct-screen").text_content() or "")
    await expect(page.locator("ct-screen img")).to_have_count(0)
    await expect(page.get_by_test_id("facts").get_by_role("link")).to_have_count(0)


async def test_first_rows_fit_the_smallest_window(page: Page, stage: Stage) -> None:
    """At 320x460 the four rows stand above the fold, nothing scrolls sideways, every target is at least 32 px."""
    await page.set_viewport_size({"width": 320, "height": 460})
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    box = await page.get_by_test_id("pop-queue").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 460
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    small = await page.locator("button:visible, summary:visible, textarea:visible").evaluate_all(
        "all => all.filter(it => Math.min(it.offsetWidth, it.offsetHeight) < 32).map(it => it.outerHTML.slice(0, 90))"
    )
    assert small == []


async def test_long_texts_push_nothing_away(page: Page, stage: Stage) -> None:
    """A name and an opening of any length leave the headline in sight; hovering tells the whole."""
    pop = scenes.campaign_pop()
    assert pop.context is not None
    name = "Maximiliana " * 40
    known = replace(pop.context, identity=Identity.of((replace(scenes.iryna(), name=name),)))
    stage.pops = {"pop-1": replace(pop, context=known, opening="Say this. " * 90)}
    await page.goto(stage.url)
    heading = page.locator("#who")
    await expect(heading).to_have_attribute("title", re.compile("^(Maximiliana ?){40}$"))
    line = await heading.evaluate("it => parseFloat(getComputedStyle(it).lineHeight)")
    box = await heading.bounding_box()
    assert box is not None
    assert box["height"] <= 2 * line + 1
    queue = await page.get_by_test_id("pop-queue").bounding_box()
    assert queue is not None
    assert queue["y"] + queue["height"] <= 510


async def test_missed_calls_are_one_click_away(page: Page, stage: Stage) -> None:
    """The bar counts the missed calls; a click brings their list into sight and the focus to it."""
    stage.missed = (scenes.missed_call(),)
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    button = page.get_by_role("button", name="1 missed")
    await expect(page.get_by_test_id("missed-list")).not_to_be_in_viewport()
    await button.click()
    await expect(page.get_by_test_id("missed-list")).to_be_focused()
    await expect(page.get_by_test_id("missed-row")).to_be_in_viewport()
    await expect(page.locator(".strip-who")).to_be_visible()  # the name, now that the head is away


def _talked(pop: ScreenPop) -> ScreenPop:
    return scenes.next_state(pop, PopState.HELD, answered_at=scenes.ago(seconds=4000))


def _direct() -> ScreenPop:
    pop = scenes.transferred_pop("p")
    return replace(pop, offer=replace(pop.offer, queue=None))


NARROW: dict[str, Callable[[], ScreenPop] | None] = {
    "empty": None,
    "campaign": scenes.campaign_pop,
    "loading": lambda: scenes.bare_pop("p"),
    "unknown": scenes.unknown_pop,
    "withheld": scenes.withheld_pop,
    "several": scenes.ambiguous_pop,
    "partial": scenes.partial_pop,
    "copied": scenes.copied_pop,
    "direct": _direct,
    "transferred, held": lambda: _talked(scenes.transferred_pop("p")),
    "transferred, ended": lambda: replace(
        _talked(scenes.transferred_pop("p")),
        offer=replace(_talked(scenes.transferred_pop("p")).offer, state=PopState.ENDED, ended_at=scenes.ago(seconds=1)),
    ),
}


@pytest.mark.parametrize("language", ["en", "uk"])
async def test_nothing_is_wider_than_a_narrow_window(page: Page, stage: Stage, language: str) -> None:
    """At 320 px no state, in either language, scrolls sideways or cuts a clock or the queue's word."""
    await page.set_viewport_size({"width": 320, "height": 460})
    stage.operator = replace(stage.operator, language=language)
    stage.missed = (scenes.missed_call(),)
    for name, scene in NARROW.items():
        stage.pops = {} if scene is None else {"p": scene()}
        await page.goto(stage.url)
        await expect(page.get_by_test_id("empty" if scene is None else "pop")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", language)
        if scene is not None:
            await page.get_by_test_id("why-drawer").locator("summary").click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, name
        right = await page.locator(".talk-clock, .missed-count, .strip").evaluate_all(
            "all => all.map(it => it.getBoundingClientRect().right)"
        )
        assert all(edge <= 320 for edge in right), name
        cut = await page.locator(".long dt, .long dd, .talk-clock, .strip .state").evaluate_all(
            f"all => all.filter(it => !({WHOLE})(it)).map(it => it.textContent)"
        )
        assert cut == [], name


SCENES: dict[str, Callable[[], ScreenPop] | None] = {
    "empty": None,
    "campaign": scenes.campaign_pop,
    "loading": lambda: scenes.bare_pop("p"),
    "unknown": scenes.unknown_pop,
    "several": scenes.ambiguous_pop,
    "partial": scenes.partial_pop,
    "copied": scenes.copied_pop,
    "transferred": scenes.transferred_pop,
    "held": lambda: scenes.next_state(scenes.campaign_pop(), PopState.HELD, answered_at=scenes.ago(seconds=9)),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(chromium: Browser, stage: Stage, scheme: Any) -> None:
    """No state of the page, in either theme, has a serious or critical accessibility fault, contrast included."""
    # Only to let the checker itself in: the page's own policy would refuse it.
    context = await chromium.new_context(
        viewport={"width": 420, "height": 900}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True, locale="en-GB"
    )
    try:
        page = await context.new_page()
        stage.missed = (scenes.missed_call(),)
        for name, scene in SCENES.items():
            stage.pops = {} if scene is None else {"p": scene()}
            await page.goto(stage.url)
            await expect(page.get_by_test_id("empty" if scene is None else "pop")).to_be_visible()
            if scene is not None:
                await page.get_by_test_id("why-drawer").locator("summary").click()
            await _check(page, f"{name}, {scheme}")
            if await page.get_by_test_id("form-edit").count():
                await page.get_by_test_id("form-edit").first.click()
                await _check(page, f"{name} with its form in hand, {scheme}")
        stage.signed_in = False
        await page.goto(stage.url)
        await expect(page.get_by_test_id("sign-in")).to_be_visible()
        await _check(page, f"sign-in, {scheme}")
    finally:
        await context.close()


async def _check(page: Page, where: str) -> None:
    await page.add_script_tag(path=AXE)
    faults = await page.evaluate(
        """async () => (await axe.run({resultTypes: ["violations"]})).violations
            .filter(it => it.impact === "serious" || it.impact === "critical")
            .map(it => `${it.id}: ${it.nodes.map(node => node.target.join(" ")).join(", ")}`)"""
    )
    assert faults == [], where
