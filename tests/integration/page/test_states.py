"""Each state of the operator page, as an operator sees it: in Chromium, over the real wire, under the real security headers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from ctiroute.model import IMPORTED, Candidate, Claim, Identity, IdentityKind, PopState
from ctiroute.web.wire import Choose, ErrorMessage, ExtensionMessage, Note, SwitchMessage, SwitchState, Wrong
from tests.integration.page import scenes

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.integration.page.stage import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]


async def test_first_two_seconds(page: Page, stage: Stage) -> None:
    """A pop says who, why, what first and how long, the offer with its terms and age, the script as text and links only."""
    await page.goto(stage.url)
    await expect(page.get_by_test_id("empty")).to_be_visible()
    await stage.show(scenes.campaign_pop())
    pop = page.get_by_test_id("pop")
    await expect(pop).to_have_attribute("data-state", "ringing")
    await expect(pop).to_have_attribute("data-pop-id", "pop-1")
    await expect(pop).to_have_attribute("data-revision", "1")
    await expect(page.get_by_test_id("pop-state")).to_have_text("Ringing")
    for text in ("Iryna Bondarenko", "+380 67 123 4567", "Known", "Ukrainian"):
        await expect(page.get_by_test_id("pop-who")).to_contain_text(text)
    await expect(page.get_by_test_id("pop-why")).to_contain_text("Calls back about “Autumn instalments”, SMS sent 12 min ago")
    await expect(page.get_by_test_id("pop-why")).to_contain_text("Campaign")
    await expect(page.get_by_test_id("pop-opening")).to_contain_text("autumn instalments, aren't you?")
    await expect(page.get_by_test_id("pop-queue")).to_contain_text("promo")
    terms = page.get_by_test_id("pop-terms")
    for text in ("Autumn 2026", "0 %, 24 months", "80,000 UAH", "on anything in your basket"):
        await expect(terms).to_contain_text(text)
    await expect(terms).to_contain_text(re.compile(r"SMS sent 12 min\.? ago"))
    script = page.get_by_test_id("pop-script")
    await expect(script.locator("li")).to_have_count(3)
    await expect(script.locator("strong")).to_have_text("name")
    await expect(script).to_contain_text("<script>alert(1)</script> [bad](javascript:alert(1))")
    assert await script.locator("a").evaluate_all("links => links.map(it => it.href)") == ["https://example.com/autumn"]
    await expect(page.locator("#say")).to_have_text(re.compile(r"^Call: Iryna Bondarenko\. Calls back.{1,100}$"))


async def test_pop_is_acknowledged_in_stages(page: Page, stage: Stage) -> None:
    """The service learns that a pop is here, is painted, and stands in a visible tab."""
    await page.goto(stage.url)
    await stage.until(lambda: bool(stage.sockets))
    await stage.show(scenes.campaign_pop())
    await stage.until(lambda: stage.stages("pop-1") == {"delivered", "rendered", "seen"})


async def test_details_below(page: Page, stage: Stage) -> None:
    """Open interactions show what the customer filled in, the timeline all media in one line, the details what the admin chose."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    form = page.get_by_test_id("open-interactions")
    for text in ("Application for credit", "Our move", "with taras", "45,000 UAH", "not filled in", "Stopped at step 3 of 5"):
        await expect(form).to_contain_text(text)
    for text in ("Autumn instalments", "Call to main", "Hung up waiting", "Card arrived", "Application for credit"):
        await expect(page.get_by_test_id("timeline")).to_contain_text(text)
    details = page.get_by_test_id("facts")
    assert (await details.locator("dt").all_inner_texts())[:3] == ["Debt", "Segment", "City"]
    await expect(details.get_by_role("link")).to_have_attribute("href", "https://crm.example.com/customers/C-1042")


async def test_why_this_call_came_to_me(page: Page, stage: Stage) -> None:
    """The drawer tells each rule tried, the condition that failed with the value seen, and which sources answered."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await page.get_by_test_id("why-drawer").locator("summary").click()
    rules = page.get_by_test_id("why-rule")
    await expect(rules).to_have_count(2)
    for text in ("Did not match", "vip-line", "segment VIP", "segment Premium"):
        await expect(rules.nth(0)).to_contain_text(text)
    for text in ("Matched", "autumn-sms-callers", "within 15m", "12m ago"):
        await expect(rules.nth(1)).to_contain_text(text)
    await expect(page.get_by_test_id("why-drawer")).to_contain_text("answered in 2.4 ms")


async def test_life_of_a_call(page: Page, stage: Stage) -> None:
    """Ringing, talking with a running clock, on hold, ended with the note still writable, done."""
    await page.goto(stage.url)
    pop = scenes.campaign_pop()
    await stage.show(pop)
    talking = scenes.next_state(pop, PopState.TALKING, answered_at=scenes.ago(seconds=65))
    await stage.show(talking)
    await expect(page.get_by_test_id("pop-state")).to_have_text("Talking")
    await expect(page.locator(".talk-clock")).to_have_text(re.compile(r"^1:0\d$"))
    held = scenes.next_state(talking, PopState.HELD)
    await stage.show(held)
    await expect(page.get_by_test_id("pop-state")).to_have_text("On hold")
    await stage.show(scenes.next_state(held, PopState.ENDED, ended_at=datetime.now(UTC)))
    await expect(page.get_by_test_id("pop")).to_have_attribute("data-state", "ended")
    await page.get_by_test_id("pop-note").fill("Wants 60,000")
    await stage.until(lambda: [note.text for note in stage.said(Note)] == ["Wants 60,000"])
    await expect(page.get_by_test_id("note-state")).to_contain_text("Saved")
    await page.get_by_test_id("pop-done").click()
    await expect(page.get_by_test_id("empty")).to_be_visible()


async def test_wrap_up_code_is_chosen_and_taken_back(page: Page, stage: Stage) -> None:
    """From the answer on, the queue's codes stand under the note; one is chosen, goes with the note, and can be taken back."""
    await page.goto(stage.url)
    pop = replace(scenes.campaign_pop(), codes=(("sold", "Sold <b>"), ("refused", "Refused")))
    await stage.show(pop)
    await expect(page.get_by_test_id("pop-codes")).to_have_count(0)
    talking = scenes.next_state(pop, PopState.TALKING, answered_at=scenes.ago(seconds=5))
    await stage.show(talking)
    sold = page.get_by_role("button", name="Sold <b>")
    await expect(sold).to_have_attribute("aria-pressed", "false")
    await sold.click()
    await stage.until(lambda: [(note.text, note.code) for note in stage.said(Note)] == [("", "sold")])
    await expect(sold).to_have_attribute("aria-pressed", "true")
    await page.get_by_test_id("pop-note").fill("24 parts")
    await page.get_by_test_id("pop-note").blur()
    await stage.until(lambda: [(note.text, note.code) for note in stage.said(Note)][1:] == [("24 parts", "sold")])
    await stage.show(scenes.next_state(talking, PopState.ENDED, ended_at=datetime.now(UTC)))
    await sold.click()
    await stage.until(lambda: [(note.text, note.code) for note in stage.said(Note)][2:] == [("24 parts", "")])
    await expect(sold).to_have_attribute("aria-pressed", "false")


async def test_missed_call_is_listed(page: Page, stage: Stage) -> None:
    """A call that was not answered turns into a line with its time and how long it rang, above earlier ones."""
    stage.missed = (scenes.missed_call(),)
    await page.goto(stage.url)
    await expect(page.get_by_test_id("missed-row")).to_have_count(1)
    pop = scenes.campaign_pop()
    await stage.show(pop)
    await stage.show(scenes.next_state(pop, PopState.MISSED, ended_at=datetime.now(UTC)))
    await expect(page.get_by_test_id("pop")).to_have_count(0)
    row = page.get_by_test_id("missed-list").get_by_test_id("missed-row").first
    await expect(row).to_contain_text(re.compile(r"Missed \d\d:\d\d, \d+ s"))
    await expect(row).to_contain_text("Iryna Bondarenko")


async def test_no_match(page: Page, stage: Stage) -> None:
    """A number nobody knows is an unverified, unknown caller; nothing is invented."""
    stage.pops = {"p": scenes.unknown_pop("p")}
    await page.goto(stage.url)
    for text in ("Unknown caller", "Unverified", "+48 22 123 45 67"):
        await expect(page.get_by_test_id("pop-who")).to_contain_text(text)
    await expect(page.get_by_test_id("pop-why")).to_contain_text("No known reason")
    await expect(page.get_by_test_id("pop-terms")).to_have_count(0)


async def test_withheld_number(page: Page, stage: Stage) -> None:
    """A caller without a number is shown as that, with nothing to copy."""
    stage.pops = {"p": scenes.withheld_pop("p")}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop-who")).to_contain_text("Number withheld")
    await expect(page.get_by_test_id("pop-who").get_by_role("button")).to_have_count(0)


async def test_several_candidates_are_chosen_from(page: Page, stage: Stage) -> None:
    """Two customers on one number: neither name stands as the caller's until the operator chooses and the service confirms."""
    pop = scenes.ambiguous_pop("p")
    stage.pops = {"p": pop}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop-who")).to_contain_text("2 possible customers")
    await expect(page.get_by_test_id("pop-who")).not_to_contain_text("Bondarenko")
    await page.get_by_test_id("candidates").get_by_role("button", name="Petro").click()
    await stage.until(lambda: stage.said(Choose) == [Choose("p", "C-2077")])
    card = page.get_by_test_id("candidates")
    await expect(card.get_by_role("button", name="Iryna")).to_be_disabled()
    before = await card.bounding_box()
    followed = scenes.next_state(pop, PopState.RINGING)
    chosen = Identity(IdentityKind.KNOWN, (scenes.petro(), scenes.iryna()))  # the chosen one first, as the service tells it
    await stage.show(replace(followed, context=scenes.context(chosen)))
    await expect(page.get_by_test_id("pop-who")).to_contain_text("Petro Bondarenko")
    await expect(card.get_by_role("heading")).to_have_text("It is Petro Bondarenko", use_inner_text=True)
    assert await card.bounding_box() == before
    assert await card.locator("[data-customer]").evaluate_all("all => all.map(it => it.dataset.customer)") == ["C-1042", "C-2077"]
    await expect(card.get_by_role("button", name="Petro")).to_have_attribute("aria-pressed", "true")
    await card.get_by_role("button", name="Iryna").click()
    await stage.until(lambda: stage.said(Choose) == [Choose("p", "C-2077"), Choose("p", "C-1042")])
    again = Identity(IdentityKind.KNOWN, (scenes.iryna(), scenes.petro()))
    await stage.show(replace(scenes.next_state(followed, PopState.RINGING), context=scenes.context(again)))
    await expect(page.get_by_test_id("pop-who")).to_contain_text("Iryna Bondarenko")
    assert await card.bounding_box() == before


async def test_candidates_show_how_likely_they_are_and_why(page: Page, stage: Stage) -> None:
    """Each with its confidence and evidence, whose text is text; the likelier one stands first."""
    said = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    confirmed = Candidate("C-2077", 0.93, (Claim("operator", said, said, "<b>olena</b>"), IMPORTED), said)
    identity = Identity.of((scenes.petro(), scenes.iryna()), (confirmed, Candidate("C-1042", 0.05, (IMPORTED,))))
    stage.pops = {"p": replace(scenes.ambiguous_pop("p"), context=scenes.context(identity))}
    await page.goto(stage.url)
    card = page.get_by_test_id("candidates")
    await expect(card.get_by_test_id("confidence")).to_have_text(["93%", "5%"])
    assert await card.locator("[data-customer]").evaluate_all("all => all.map(it => it.dataset.customer)") == ["C-2077", "C-1042"]
    first, second = await card.get_by_test_id("evidence").all_inner_texts()
    assert first.startswith("confirmed by <b>olena</b> on ")
    assert "; in the company's file; last contact " in first
    assert second == "in the company's file"


async def test_a_wrong_match_is_reported_in_two_steps(page: Page, stage: Stage) -> None:
    """Behind a line of its own stands what it will do, and the button."""
    stage.pops = {"p": scenes.campaign_pop("p")}
    await page.goto(stage.url)
    card = page.get_by_test_id("wrong-match")
    await expect(card.get_by_role("button")).to_be_hidden()
    await card.get_by_text("Somebody else is calling?").click()
    await card.get_by_role("button", name="This is not Iryna").click()
    await stage.until(lambda: stage.said(Wrong) == [Wrong("p", "C-1042")])


async def test_ring_time_left(page: Page, stage: Stage) -> None:
    """While it rings the page counts down what is left of the ring, silently and without moving anything; unknown, it counts up."""
    pop = scenes.campaign_pop("p")
    stage.pops = {"p": pop}
    await page.goto(stage.url)
    rings = page.locator(".long > div").nth(1)
    await expect(rings).to_have_text(re.compile(r"Still rings\s*1[0-6] s"), use_inner_text=True)
    await expect(rings.locator("ct-clock")).to_have_attribute("aria-live", "off")
    box = await rings.bounding_box()
    await stage.show(replace(scenes.next_state(pop, PopState.RINGING), ring_timeout_s=None))
    await expect(rings).to_have_text(re.compile(r"Ringing\s*0:\d\d"), use_inner_text=True)
    assert await rings.bounding_box() == box


async def test_nothing_is_told_twice(page: Page, stage: Stage) -> None:
    """A campaign named as its offer is named once, what the terms card shows is not among the details, an empty history is not shown."""
    pop = scenes.campaign_pop("p")
    assert pop.context is not None
    touch = scenes.autumn_touch()
    touch = replace(touch, campaign_title=touch.offer.title)
    found = replace(pop.context, touches=(touch,))
    stage.pops = {"p": replace(pop, context=found, fields=(("LIMIT", "80000"), ("Offer", touch.offer.terms), ("Debt", "none")))}
    await page.goto(stage.url)
    terms = await page.get_by_test_id("pop-terms").inner_text()
    assert terms.count("Autumn instalments") == 1
    assert (await page.get_by_test_id("facts").locator("dt").all_inner_texts())[:2] == ["Debt", "Segment"]
    only_open = replace(found, touches=(), calls=(), interactions=(scenes.credit_form(),))
    await stage.show(replace(scenes.next_state(pop, PopState.RINGING), context=only_open))
    await expect(page.get_by_test_id("pop-terms")).to_have_count(0)
    await expect(page.get_by_test_id("open-interactions")).to_be_visible()
    await expect(page.get_by_test_id("timeline")).to_have_count(0)


async def test_name_stands_once(page: Page, stage: Stage) -> None:
    """The strip on top names the caller only while the head is scrolled away."""
    pop = scenes.next_state(scenes.campaign_pop(), PopState.TALKING, answered_at=scenes.ago(seconds=9))
    stage.pops = {"p": pop}
    await page.goto(stage.url)
    name = page.locator(".strip-who")
    await expect(page.locator("#who")).to_be_in_viewport()
    await expect(name).to_be_hidden()
    await page.get_by_test_id("facts").scroll_into_view_if_needed()
    await expect(name).to_be_visible()
    await expect(name).to_have_text("Iryna Bondarenko")


async def test_note_that_could_not_be_kept_goes_again(page: Page, stage: Stage) -> None:
    """A passing failure of the service keeps the note, says so, and sends it again."""
    await page.clock.install()
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await page.get_by_test_id("pop-note").fill("keep me")
    await page.get_by_test_id("pop-note").blur()
    await stage.until(lambda: len(stage.said(Note)) == 1)
    await stage.push(ErrorMessage("unavailable", "It could not be kept; try again."))
    await expect(page.get_by_test_id("note-state")).to_contain_text("It could not be kept")
    await page.clock.run_for(6000)
    await stage.until(lambda: [note.text for note in stage.said(Note)] == ["keep me", "keep me"])
    await expect(page.get_by_test_id("note-state")).to_contain_text("Saved")


async def test_late_source_is_told(page: Page, stage: Stage) -> None:
    """A pop that lacks facts says so, and which source is late."""
    stage.pops = {"p": scenes.partial_pop("p")}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop-partial")).to_contain_text("store has not answered yet")


async def test_facts_of_a_copy_say_how_old_they_are(page: Page, stage: Stage) -> None:
    """The head says it in a word, the drawer says who answered."""
    stage.pops = {"p": scenes.copied_pop("p")}
    await page.goto(stage.url)
    await expect(page.get_by_test_id("pop-partial")).to_contain_text("As of 2 min ago")
    await page.get_by_test_id("why-drawer").locator("summary").click()
    sources = page.get_by_test_id("why-drawer").locator(".sources li")
    await expect(sources).to_contain_text(["postgresql not asked", "copy answered in 0.8 ms, as of 2 min ago"])


async def test_nothing_moves_when_the_facts_come(page: Page, stage: Stage) -> None:
    """A pop painted before its facts keeps each row of the first two seconds where it stood when they arrive."""
    rows = ("pop-who", "pop-why", "pop-opening", "pop-queue")
    await page.goto(stage.url)
    await stage.show(scenes.bare_pop("p"))
    await expect(page.get_by_test_id("pop")).to_have_attribute("data-loading", "true")
    before = [await page.get_by_test_id(row).bounding_box() for row in rows]
    late = scenes.campaign_pop("p")
    await stage.show(scenes.next_state(late, PopState.RINGING))
    await expect(page.get_by_test_id("pop-who")).to_contain_text("Iryna Bondarenko")
    assert [await page.get_by_test_id(row).bounding_box() for row in rows] == before


async def test_colleague_s_note_comes_with_a_transfer(page: Page, stage: Stage) -> None:
    """A transferred call shows who sent it on and what he wrote, line breaks kept."""
    stage.pops = {"p": scenes.transferred_pop("p")}
    await page.goto(stage.url)
    note = page.get_by_test_id("pop-colleague-note")
    await expect(note).to_contain_text("From Taras Hnatiuk")
    await expect(note).to_contain_text("Wants the limit raised to 100k.")


async def test_second_call_is_a_slim_bar(page: Page, stage: Stage) -> None:
    """A call that rings while another is in hand neither takes its place nor the focus from the note; a click shows it."""
    await page.goto(stage.url)
    pop = scenes.campaign_pop()
    await stage.show(scenes.next_state(pop, PopState.TALKING, answered_at=scenes.ago(seconds=9)))
    note = page.get_by_test_id("pop-note")
    await note.press_sequentially("half a ")
    await stage.show(scenes.unknown_pop("second"))
    bar = page.get_by_test_id("pop-bar")
    await expect(bar).to_contain_text("Unknown caller")
    await page.keyboard.type("sentence")
    await expect(note).to_have_value("half a sentence")
    await expect(page.get_by_test_id("pop")).to_have_attribute("data-pop-id", "pop-1")
    await bar.click()
    await expect(page.get_by_test_id("pop")).to_have_attribute("data-pop-id", "second")
    await page.get_by_test_id("pop-bar").click()
    await expect(note).to_have_value("half a sentence")


async def test_switch_and_extension(page: Page, stage: Stage) -> None:
    """A switch that is not heard makes the screen stale; an extension taken by a colleague says who has it."""
    await page.goto(stage.url)
    link = page.get_by_test_id("connection")
    await expect(link).to_have_attribute("data-state", "open")
    await stage.push(SwitchMessage(SwitchState("pbx1", up=False, since=datetime.now(UTC))))
    await expect(link).to_have_attribute("data-state", "stale")
    await expect(link).to_contain_text("pbx1 does not answer")
    await stage.push(SwitchMessage(SwitchState("pbx1", up=True, since=datetime.now(UTC))))
    await expect(link).to_have_attribute("data-state", "open")
    await stage.push(ExtensionMessage("Taras Hnatiuk"))
    await expect(page.get_by_test_id("taken")).to_contain_text("Taras Hnatiuk signed in on extension 1001")


async def test_refused_note_is_not_called_saved(page: Page, stage: Stage) -> None:
    """When the service refuses what was written, the page says so."""
    stage.pops = {"pop-1": scenes.campaign_pop()}
    await page.goto(stage.url)
    await page.get_by_test_id("pop-note").fill("x")
    await page.get_by_test_id("pop-note").blur()
    await stage.until(lambda: bool(stage.said(Note)))
    await stage.push(ErrorMessage("not-yours", "This pop is over."))
    await expect(page.get_by_test_id("note-state")).to_contain_text("This pop is over.")
    await expect(page.get_by_test_id("note-state")).to_have_attribute("data-saved", "false")
