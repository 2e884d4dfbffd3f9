"""What is sensitive is veiled on every screen until the network vouches for the caller's number."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ctiroute.app import pops
from ctiroute.app.call_files import CallFile
from ctiroute.app.trust import VEIL, Trust
from ctiroute.demo.company import VIP, YOU
from ctiroute.model import Identity, PopPlan, RuleTrace, Verdict
from tests.unit.app.office import office
from tests.unit.app.test_pops import NOW, OFFER, known

if TYPE_CHECKING:
    from pathlib import Path

TRUST = Trust(frozenset({"manager"}), frozenset({"A"}))
VIP_CONTEXT = known(VIP)
MANAGER = VIP_CONTEXT.identity.customers[0].attributes["manager"]
SAW = RuleTrace("vip", True, (Verdict("any[0].customer", "manager Olena", f"segment vip, manager {MANAGER}", True),))  # noqa: FBT003 - they matched


def file(attestation: str | None) -> CallFile:
    """Return the file of a call whose number the network vouches for so far."""
    request = replace(VIP_CONTEXT.request, attestation=attestation)
    return CallFile(replace(VIP_CONTEXT, request=request), rules=(SAW,))


@pytest.mark.parametrize("attestation", [None, "B", "C"])
def test_a_number_that_is_only_a_claim_shows_nothing_sensitive(attestation: str | None) -> None:
    """Neither among the customer's details nor in what a rule saw; the rest, and that there is something, stays."""
    shown = TRUST.shown(file(attestation))
    attributes = shown.context.identity.customers[0].attributes
    assert attributes == {**VIP_CONTEXT.identity.customers[0].attributes, "manager": VEIL}
    assert shown.rules[0].verdicts[0].seen == f"segment vip, manager {VEIL}"
    assert shown.rules[0].verdicts[0].wanted == "manager Olena"


def test_texts_of_rules_are_filled_with_what_may_be_shown() -> None:
    """Headline, fields and link name the attribute, and say no more than the details do."""
    plan = PopPlan({"en": "VIP of {customer.attributes.manager}"}, fields=(("Manager", "{customer.attributes.manager}"),))
    for attestation, manager in ((None, VEIL), ("A", MANAGER)):
        pop = pops.build(OFFER, TRUST.shown(replace(file(attestation), plan=plan)), "en", NOW)
        assert (pop.headline, pop.fields) == (f"VIP of {manager}", (("Manager", manager),))


def test_who_is_believed_is_shown_whole() -> None:
    """As the company has set it, or where nothing is sensitive; a customer without such an attribute is not touched either."""
    assert TRUST.shown(file("A")) == file("A")
    assert Trust(frozenset({"manager"}), frozenset({"A", "B"})).shown(file("B")) == file("B")
    assert Trust().shown(file(None)) == file(None)
    assert Trust(frozenset({"balance"})).shown(file(None)) == file(None)
    assert Trust(frozenset({"manager"})).shown(file("A")) != file("A")


def test_every_candidate_is_veiled() -> None:
    """A number that several share says even less."""
    customer = VIP_CONTEXT.identity.customers[0]
    both = Identity.of((customer, replace(customer, customer_id="other", attributes={"manager": "Ihor"})))
    shown = TRUST.shown(CallFile(replace(VIP_CONTEXT, identity=both)))
    assert [one.attributes["manager"] for one in shown.context.identity.customers] == [VEIL, VEIL]


@pytest.mark.parametrize("attestation", [None, "A"])
async def test_the_screen_is_told_what_it_may_show(tmp_path: Path, attestation: str | None) -> None:
    """The pop that leaves the service: texts of the rule, details, reasons; rules may ask for what is sensitive all the same."""
    async with office(tmp_path, sensitive=("manager", "segment")) as room:
        browser = await room.browser(YOU)
        room.arrives("lab:1.1", VIP)
        decision = await room.route("lab:1.1", VIP, attestation=attestation)
        room.rings("lab:1.1", "1001")
        pop = (await browser.until("pop"))["pop"]
        assert decision.rule == "vip"
        assert (MANAGER in json.dumps(pop, ensure_ascii=False)) is (attestation == "A")
        attributes = pop["context"]["identity"]["customers"][0]["attributes"]
        assert [attributes[key] for key in ("manager", "segment")] == ([MANAGER, "vip"] if attestation == "A" else [VEIL, VEIL])
