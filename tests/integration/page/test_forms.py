"""The customer's form on the pop, in Chromium: edited, saved, contested by somebody else, and never lost without being seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from ctiroute.demo.company import FORM_CALLER, YOU
from ctiroute.model import Intake, Medium, PopState
from ctiroute.web.wire import ErrorMessage, FormAnswer, FormEdit
from tests.integration.page import scenes
from tests.unit.app.office import office

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Locator, Page

    from ctiroute.model import Interaction, ScreenPop
    from tests.integration.page.stage import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]

TALKING = scenes.next_state(scenes.campaign_pop(), PopState.TALKING, answered_at=scenes.ago(seconds=9))


def with_form(pop: ScreenPop, form: Interaction) -> ScreenPop:
    """Return the pop's next revision, with another form."""
    assert pop.context is not None
    others = tuple(it for it in pop.context.interactions if it.interaction_id != form.interaction_id)
    context = replace(pop.context, interactions=(form, *others))
    return replace(pop, offer=replace(pop.offer, revision=pop.offer.revision + 1), context=context)


async def editing(page: Page, stage: Stage) -> Locator:
    """Open the page on a call with a half-filled form, and begin to edit it."""
    stage.pops = {"pop-1": TALKING}
    await page.goto(stage.url)
    await page.get_by_test_id("form-edit").click()
    return page.get_by_test_id("form")


async def test_a_form_is_edited_and_saved(page: Page, stage: Stage) -> None:
    """The first field has the focus; only what is different is sent, with the revision that was seen; the pop shows what was saved."""
    form = await editing(page, stage)
    fields = form.get_by_test_id("form-field")
    await expect(fields.first).to_be_focused()
    await expect(fields.first).to_have_value("45,000 UAH")
    await expect(form.get_by_test_id("form-save")).to_be_disabled()
    await form.get_by_label("Monthly income").fill("12000")
    await form.get_by_test_id("form-save").click()
    await stage.until(lambda: bool(stage.said(FormEdit)))
    assert stage.said(FormEdit) == [FormEdit("pop-1", "i-7", 1, {"Monthly income": "12000"})]
    await expect(form.get_by_test_id("form-state")).to_have_text("Saving…")
    now = replace(scenes.credit_form(), form=dict(scenes.credit_form().form) | {"Monthly income": "12000"}, revision=2)
    await stage.push(FormAnswer("pop-1", now, saved=True))
    await expect(form).to_have_attribute("data-editing", "false")
    await expect(form).to_contain_text("12000")


async def test_two_who_wrote_into_one_field_are_both_shown(page: Page, stage: Stage) -> None:
    """What somebody else wrote stands beside mine; neither is sent or dropped before the operator has chosen."""
    form = await editing(page, stage)
    income = form.get_by_label("Monthly income")
    await income.fill("12000")
    theirs = replace(
        scenes.credit_form(), form=dict(scenes.credit_form().form) | {"Monthly income": "9000", "Employer": "Ferma"}, revision=2
    )
    await stage.show(with_form(TALKING, theirs))
    clash = form.get_by_test_id("form-clash")
    await expect(clash).to_contain_text("9000")
    await expect(income).to_have_value("12000")
    await expect(form.get_by_label("Employer")).to_have_value("Ferma")
    await expect(form.get_by_test_id("form-save")).to_be_disabled()
    await form.get_by_test_id("form-mine").click()
    await expect(clash).to_have_count(0)
    await form.get_by_test_id("form-save").click()
    await stage.until(lambda: bool(stage.said(FormEdit)))
    assert stage.said(FormEdit) == [FormEdit("pop-1", "i-7", 2, {"Monthly income": "12000"})]


async def test_a_refused_edit_keeps_what_was_written(page: Page, stage: Stage) -> None:
    """The answer says what the form is now; theirs can be taken, and what could not be kept is sent again."""
    form = await editing(page, stage)
    income = form.get_by_label("Monthly income")
    await income.fill("12000")
    await income.press("Enter")
    await stage.until(lambda: bool(stage.said(FormEdit)))
    await stage.push(ErrorMessage("unavailable", "It could not be kept; try again."))
    await expect(form.get_by_test_id("form-state")).to_contain_text("could not be kept")
    await form.get_by_test_id("form-save").click()
    await stage.until(lambda: len(stage.said(FormEdit)) == 2)
    theirs = replace(scenes.credit_form(), form=dict(scenes.credit_form().form) | {"Monthly income": "9000"}, revision=5)
    await stage.push(FormAnswer("pop-1", theirs, saved=False))
    await expect(form.get_by_test_id("form-clash")).to_contain_text("9000")
    await expect(income).to_have_value("12000")
    await form.get_by_test_id("form-theirs").click()
    await expect(income).to_have_value("9000")
    await form.get_by_test_id("form-leave").click()
    await expect(form).to_contain_text("9000")


async def test_markup_in_a_form_is_text(page: Page, stage: Stage) -> None:
    """Labels and values of strangers are shown and edited as they are."""
    markup = '<img src=x onerror="alert(1)">'
    form = replace(scenes.credit_form(), form={markup: markup, "b": ""})
    stage.pops = {"pop-1": with_form(TALKING, form)}
    await page.goto(stage.url)
    shown = page.get_by_test_id("form")
    await expect(shown).to_contain_text(markup)
    await page.get_by_test_id("form-edit").click()
    await expect(shown.get_by_test_id("form-field").first).to_have_value(markup)
    assert await page.locator("img").count() == 0


async def test_an_edit_is_saved_and_live_on_another_tab(page: Page, tmp_path: Path) -> None:
    """The whole service behind it: what is written on one tab is on the other, and what another medium brings is on both."""
    async with office(tmp_path) as room:
        other = await page.context.new_page()
        for tab in (page, other):
            await tab.goto(f"{room.url}/#ticket={room.service.web.issue_ticket(YOU)}")
            await expect(tab.get_by_test_id("empty")).to_be_visible()
        room.arrives("lab:8.1", FORM_CALLER)
        await room.route("lab:8.1", FORM_CALLER)
        room.rings("lab:8.1", "1001")
        await page.get_by_test_id("form-edit").click()
        await page.get_by_test_id("form").get_by_label("income").fill("12000")
        await page.get_by_test_id("form-save").click()
        for tab in (page, other):
            await expect(tab.get_by_test_id("form")).to_have_attribute("data-editing", "false")
            await expect(tab.get_by_test_id("form")).to_contain_text("12000")
        kept = await room.service.store.get_interaction("I-1")
        assert kept is not None
        assert kept.form["income"] == "12000"
        told = Intake("form", "-", room.clock(), Medium.WEB, form={"employer": "Ferma"})
        amended = await room.service.store.amend_interaction("I-1", told, kept.revision, now=room.clock())
        assert amended is not None
        room.service.forms.took(amended.interaction)
        for tab in (page, other):
            await expect(tab.get_by_test_id("form")).to_contain_text("Ferma")
        await other.close()
