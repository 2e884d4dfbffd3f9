"""An offer and a call's file become what one operator reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctiroute.app import pops
from ctiroute.app.call_files import CallFile
from ctiroute.demo.company import CAMPAIGN_CALLER, FAMILY, FORM_CALLER, STRANGER, VIP, company
from ctiroute.model import (
    WITHHELD,
    CallerContext,
    Identity,
    Offer,
    Outcome,
    PastCall,
    PopPlan,
    PopState,
    ReasonChip,
    RuleTrace,
    SourceReport,
)
from ctiroute.web.screens import encode
from ctiroute.web.wire import PopMessage
from tests.unit.app.office import request_of

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
OFFER = Offer("p", 1, PopState.RINGING, "lab:1.1", "lab:1.1", "olena", "lab:1.2", "PJSIP/1001", "promo", NOW)
COMPANY = company(NOW)


def known(number: str) -> CallerContext:
    """Return what the demo's company knows of a number."""
    customers = tuple(it for it in COMPANY.customers if it.identifiers[0].value == number)
    ids = {it.customer_id for it in customers}
    return CallerContext(
        request_of("lab:1.1", number, NOW),
        Identity.of(customers),
        tuple(it for it in COMPANY.touches if it.customer_id in ids),
        tuple(it for it in COMPANY.interactions if it.customer_id in ids),
        sources=(SourceReport("store", "ok", 0.1),),
    )


AGAIN = replace(known(STRANGER), calls=(PastCall("lab:0.1", NOW - timedelta(hours=1), Outcome.ABANDONED),))


@pytest.mark.parametrize(
    ("file", "chip", "english", "ukrainian"),
    [
        (
            CallFile(known(CAMPAIGN_CALLER), touch_id="T-1"),
            ReasonChip.CAMPAIGN,
            "May be calling about “Autumn instalments”, sent 12 min ago",
            "Можливо, щодо «Autumn instalments», надіслано 12 хв тому",
        ),
        (
            CallFile(known(FORM_CALLER), interaction_id="I-1"),
            ReasonChip.REQUEST,
            "Has an open request: Application for credit",
            "Має відкрите звернення: Application for credit",
        ),
        (CallFile(known(VIP)), ReasonChip.VIP, "Important customer", "Важливий клієнт"),
        (CallFile(AGAIN), ReasonChip.REPEAT, "Calls again", "Телефонує повторно"),
        (CallFile(known(STRANGER)), ReasonChip.NONE, "", ""),
    ],
    ids=lambda it: str(it) if isinstance(it, ReasonChip) else "",
)
def test_a_rule_without_a_headline_still_says_why(file: CallFile, chip: ReasonChip, english: str, ukrainian: str) -> None:
    """What the rule was about, else what is known of the caller, gives the chip and a true sentence in the operator's language."""
    pop = pops.build(OFFER, file, "en", NOW)
    assert (pop.chip, pop.headline) == (chip, english)
    assert pops.build(OFFER, file, "uk", NOW).headline == ukrainian


def test_a_language_without_sentences_reads_english() -> None:
    """An operator whose language has no sentences of ours gets them in English."""
    assert pops.build(OFFER, CallFile(known(VIP)), "kk", NOW).headline == "Important customer"


def test_the_rules_own_texts_come_first_and_are_filled() -> None:
    """Headline, opening, script, fields and URL of the plan are filled from the context; a field without a value is left out."""
    plan = PopPlan(
        headline={"en": "Hello {customer.name}"},
        opening={"uk": "Добрий день"},
        script={"": "Offer: {touch.offer.title}"},
        fields=(("Terms", "{touch.offer.terms}"), ("Nothing", "{touch.offer.none}")),
        url="https://crm.example/c/{customer.id}",
    )
    pop = pops.build(OFFER, CallFile(known(CAMPAIGN_CALLER), plan, rule="autumn", touch_id="T-1"), "en", NOW)
    assert (pop.headline, pop.opening) == ("Hello Iryna Bondar", "Добрий день")
    assert pop.script == "Offer: Autumn instalments"
    assert pop.fields == (("Terms", "0 % for 24 months, no first payment, until 30 November"),)
    assert pop.url == "https://crm.example/c/C-1001"
    assert (pop.rule, pop.touch_id, pop.sources) == ("autumn", "T-1", (SourceReport("store", "ok", 0.1),))


def test_the_age_is_the_one_at_the_ring() -> None:
    """The moment given says how old things are, whatever the time is now."""
    file = CallFile(known(CAMPAIGN_CALLER), touch_id="T-1")
    assert "14 min" in pops.build(OFFER, file, "en", NOW + timedelta(minutes=2)).headline


def test_without_a_file_the_pop_is_a_skeleton() -> None:
    """While the context is looked up the offer alone stands on the screen."""
    pop = pops.build(OFFER, None, "en", NOW)
    assert (pop.offer, pop.context, pop.caller_number, pop.headline, pop.chip) == (OFFER, None, "", "", ReasonChip.NONE)


def test_a_withheld_number_is_not_shown() -> None:
    """A caller who withheld his number has none on the screen, even where the network let it through, and is no repeat caller."""
    request = request_of("lab:1.1", "", NOW)
    context = CallerContext(replace(request, caller=replace(request.caller, raw="+380671234567")), WITHHELD, calls=AGAIN.calls)
    pop = pops.build(OFFER, CallFile(context), "en", NOW)
    assert (pop.caller_number, pop.chip) == ("", ReasonChip.NONE)


def test_a_number_that_is_no_key_is_shown_as_it_came() -> None:
    """An extension or a short code cannot be looked up, but the operator sees it."""
    request = request_of("lab:1.1", "", NOW)
    context = CallerContext(replace(request, caller=replace(request.caller, raw="1055", withheld=False)), Identity.of(()))
    assert pops.number_of(context) == "1055"


def test_after_a_choice_the_screen_shows_only_what_is_of_the_chosen() -> None:
    """The question is answered, the others' touches and requests leave the screen, the other candidates stay to be chosen."""
    together = CallFile(
        replace(known(FAMILY), touches=COMPANY.touches, interactions=COMPANY.interactions), plan=PopPlan(headline={"": "Who is it?"})
    )
    chosen = together.chosen("C-1004")
    assert chosen is not None
    pop = pops.build(OFFER, chosen, "en", NOW)
    assert pop.context is not None
    assert pop.headline == "It is Andrii Savchenko, as you said"
    assert {it.customer_id for it in pop.context.touches} <= {None, "C-1004"}
    assert {it.customer_id for it in pop.context.interactions} <= {None, "C-1004"}
    assert len(pop.context.identity.customers) == 2


def test_a_pop_stays_light_however_much_is_known() -> None:
    """Many rules and long messages are cut to what one reads; how many rules are left out is told."""
    many = tuple(RuleTrace(f"rule-{number}", matched=False, verdicts=()) for number in range(1000))
    long = replace(COMPANY.touches[0], offer=replace(COMPANY.touches[0].offer, text="x" * 10_000))
    pop = pops.build(OFFER, CallFile(replace(known(CAMPAIGN_CALLER), touches=(long,) * 20), rules=many), "en", NOW)
    assert pop.context is not None
    assert (pop.rules[-1].rule, len(pop.rules) + pop.rules_before) == ("rule-999", 1000)
    assert len(encode(PopMessage(type="pop", pop=pop, sent_at=NOW))) < 32 * 1024
