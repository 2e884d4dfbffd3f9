"""What operators say on a pop beside notes reaches the store, the pop, and the next call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.demo.company import COLLEAGUE, FAMILY, YOU
from ctiroute.model import Fate, ProposalFate, ReasonKind
from tests.unit.app.office import T0, Clock, Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CALL, NEXT = "lab:1.1", "lab:2.1"
RULES = """
offers:
  gold: {title: {en: Gold card}, text: "For {customer.name}", again: 30d}
  deposit: {title: Deposit}
rules:
  - name: autumn
    when: {touch: {within: 1d}}
    then: {queue: promo, offers: [gold, deposit], pop: {headline: "{reason.title}"}}
default: {queue: main}
"""


@pytest.fixture
def clock() -> Clock:
    """Return the test's own time."""
    return Clock()


@pytest.fixture
async def room(tmp_path: Path, clock: Clock) -> AsyncIterator[Office]:
    """Return a running office with offers in its rules."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "rules.yml").write_text(RULES, encoding="utf-8")
    async with office(tmp_path / "data", clock=clock, rules=rules) as running:
        yield running


async def ringing(
    room: Office, call_id: str = CALL, operator: str = YOU, extension: str = "1001", **route: Any
) -> tuple[Any, dict[str, Any]]:
    """Let a call ring; return the operator's browser and the pop once proposals are on it."""
    browser = await room.browser(operator)
    room.arrives(call_id, **route)
    await room.route(call_id, **route)
    room.rings(call_id, extension)
    pop = (await browser.until("pop"))["pop"]
    if not pop["offers"]:
        pop = (await browser.until("pop.update", lambda message: bool(message["pop"]["offers"])))["pop"]
    return browser, pop


async def test_a_pop_says_why_the_customer_may_be_calling(room: Office) -> None:
    """The SMS of twelve minutes ago stands first, nearly sure, with what that rests on."""
    _, pop = await ringing(room)
    first, *_ = pop["context"]["reasons"]
    assert (first["kind"], first["label"], pop["headline"]) == ("touch", "Autumn instalments", "Autumn instalments")
    assert first["confidence"] > 0.8
    assert first["evidence"]["within_s"] == 900
    assert sum(one["confidence"] for one in pop["context"]["reasons"]) <= 1
    assert pop["reason_found"] is None


async def test_an_operator_confirms_the_reason_and_it_is_learnt_from(room: Office, clock: Clock) -> None:
    """One click: the pop shows it, the store keeps it, and the curves count it as confirmed."""
    olena, pop = await ringing(room)
    about = pop["context"]["reasons"][0]["about_id"]
    await olena.say("found", pop_id=pop["offer"]["pop_id"], kind="touch", about_id=about)
    shown = (await olena.until("pop.update", lambda message: message["pop"]["reason_found"] is not None))["pop"]
    assert shown["reason_found"] == shown["touch_id"] == about
    kept = await room.service.store.confirmed_reason(CALL)
    assert kept is not None
    assert (kept.operator_id, kept.kind, kept.about_id, kept.noted_at) == (YOU, ReasonKind.TOUCH, about, T0)
    assert kept.choice >= 0
    await room.kept(CALL)
    clock.move(minutes=10)
    await room.service.reasons.refresh()
    assert room.service.reasons.curves.confirmed == pytest.approx(1.0)
    assert (await room.service.store.confirmed_reason(CALL) or kept).counted == kept.choice


async def test_none_of_these_is_an_answer_and_answers_can_be_changed(room: Office) -> None:
    """The customer asks for the opening hours; then it was the offer after all."""
    olena, pop = await ringing(room)
    about = pop["context"]["reasons"][0]["about_id"]
    await olena.say("found", pop_id=pop["offer"]["pop_id"], kind="none", about_id="")
    assert (await olena.until("pop.update", lambda message: message["pop"]["reason_found"] is not None))["pop"]["reason_found"] == ""
    await olena.say("found", pop_id=pop["offer"]["pop_id"], kind="touch", about_id=about)
    await olena.until("pop.update", lambda message: message["pop"]["reason_found"] == about)
    kept = await room.service.store.confirmed_reason(CALL)
    assert kept is not None
    assert kept.about_id == about


async def test_a_colleague_or_a_reason_that_is_none_is_refused(room: Office) -> None:
    """Whose pop it is comes from the session, and only what is known of this call can be its reason."""
    olena, pop = await ringing(room)
    taras = await room.browser(COLLEAGUE)
    about = pop["context"]["reasons"][0]["about_id"]
    await taras.say("found", pop_id=pop["offer"]["pop_id"], kind="touch", about_id=about)
    assert (await taras.until("error"))["code"] == "not-yours"
    await olena.say("found", pop_id=pop["offer"]["pop_id"], kind="interaction", about_id=about)
    assert (await olena.until("error"))["code"] == "not-yours"
    await olena.say("proposed", pop_id=pop["offer"]["pop_id"], proposal="unheard", fate="refused")
    assert (await olena.until("error"))["code"] == "not-yours"
    assert await room.service.store.confirmed_reason(CALL) is None


async def test_what_was_refused_is_not_proposed_again_for_its_time(room: Office, clock: Clock) -> None:
    """It stays on the pop of this call; on the next one it is gone, and another shows what became of it."""
    olena, pop = await ringing(room)
    pop_id = pop["offer"]["pop_id"]
    assert [(one["key"], one["title"], one["fate"]) for one in pop["offers"]] == [("gold", "Gold card", None), ("deposit", "Deposit", None)]
    for key, fate in (("gold", "refused"), ("deposit", "offered")):
        await olena.say("proposed", pop_id=pop_id, proposal=key, fate=fate)
        await olena.until(
            "pop.update", lambda message, key=key, fate=fate: (key, fate) in [(it["key"], it["fate"]) for it in message["pop"]["offers"]]
        )
    customer = pop["context"]["identity"]["customers"][0]["customer_id"]
    (latest, *_) = await room.service.store.proposal_fates([f"customer:{customer}"])
    assert latest == ProposalFate(f"customer:{customer}", "deposit", Fate.OFFERED, T0, YOU, CALL)
    clock.move(minutes=5)
    _, again = await ringing(room, NEXT, COLLEAGUE, "1002")
    assert [(one["key"], one["fate"]) for one in again["offers"]] == [("deposit", "offered")]


async def test_a_store_that_is_away_costs_an_answer_and_no_pop(room: Office) -> None:
    """The browser is told to try again; proposals are shown as if nothing were known of them."""
    _, pop = await ringing(room)
    assert pop["offers"]
    olena = await room.browser(YOU)
    await room.service.store.close()
    await olena.say("found", pop_id=pop["offer"]["pop_id"], kind="none", about_id="")
    assert (await olena.until("error"))["code"] == "unavailable"
    await room.service.store.open()


async def test_once_it_is_said_who_calls_only_his_reasons_are_left(room: Office) -> None:
    """A number of two customers: what the company sent to the other is no reason any more, and the rest grows."""
    olena = await room.browser(YOU)
    room.arrives(CALL, FAMILY)
    await room.route(CALL, FAMILY)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    people = pop["context"]["identity"]["customers"]
    assert len(people) > 1
    await olena.say("choose", pop_id=pop["offer"]["pop_id"], customer_id=people[0]["customer_id"])
    chosen = (await olena.until("pop.update", lambda message: message["pop"]["context"]["identity"]["kind"] == "known"))["pop"]["context"]
    left = {one["touch_id"] for one in chosen["touches"]} | {one["interaction_id"] for one in chosen["interactions"]}
    assert {one["about_id"] for one in chosen["reasons"]} <= left
    assert sum(one["confidence"] for one in chosen["reasons"]) <= 1
