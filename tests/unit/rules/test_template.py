"""Texts with names in braces."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.model import Caller, CallerContext, Customer, Identity, Medium, OfferTerms, RouteRequest
from ctiroute.rules import Subject, fill, fill_markdown, fill_url, pick
from ctiroute.rules.names import to_alphabet
from ctiroute.rules.template import MAX_FILLED_VALUE, MAX_TEMPLATE, NAMES, fill_value, mistakes, url_mistakes


@pytest.fixture
def subject(world: Any) -> Subject:
    """Return a call about a touch and an interaction."""
    world.known(city="Kyiv")
    touch, interaction = world.touch(), world.interaction(owner="ivan")
    world.touches, world.interactions = (world.touch(touch_id="other", campaign="other"), touch), (interaction,)
    return Subject.of(world.context, "t1", "i1", world.now, "uk", ZoneInfo("Europe/Kyiv"))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{touch.campaign}|{touch.campaign_key}|{touch.medium}|{touch.status}", "Autumn|autumn-sms|sms|delivered"),
        ("{touch.age} тому, {touch.sent_at}", "12 хв тому, 20.11.2026 11:48"),
        ("«{touch.offer.title}» {touch.offer.text} {touch.offer.terms}", "«Autumn instalments» Hello 0 %, 24 months"),
        ("{touch.offer.amount} {touch.offer.product}", "5000 Credit Plus"),
        ("{interaction.title}|{interaction.topic}|{interaction.medium}", "Application for credit|credit-application|web"),
        ("{interaction.status}|{interaction.owner}|{interaction.age}", "open|ivan|2 год"),
        ("{interaction.updated_at} {interaction.form.amount}", "20.11.2026 10:00 20000"),
        ("{customer.name} {customer.id} {customer.language} {customer.attributes.city}", "Olena c1 uk Kyiv"),
        ("{caller.number}|{caller.phone}|{caller.name}|{caller.country}", "+380 67 123 4567|+380671234567|OLENA|UA"),
        ("{dialed} {call.id} { dialed }", "+380441234567 pbx:1.1 +380441234567"),
        ("{{not a name}} {{{dialed}}}", "{not a name} {+380441234567}"),
        ("About {touch.offer.absent}, {customer.attributes.absent} .", "About,."),
        ("{interaction.outcome}", ""),
        ("no names  at all", "no names  at all"),
    ],
)
def test_names_are_filled(subject: Subject, template: str, text: str) -> None:
    """Each name gives its value; a missing one leaves no hole."""
    assert mistakes(template) == []
    assert fill(template, subject) == text


def test_every_name_is_empty_when_nothing_is_known(world: Any) -> None:
    """No name fails for want of a touch, an interaction, a customer or a number."""
    world.caller = Caller("", None, withheld=True)
    nobody = Subject.of(world.context, None, None, world.now)
    filled = {name: fill("{" + name.replace("<name>", "x") + "}", nobody) for name in NAMES}
    assert {name for name, text in filled.items() if text} == {"dialed", "call.id"}


def test_titles_fall_back_to_keys(world: Any) -> None:
    """A campaign or an interaction without a title shows its key; a caller without a number what came."""
    world.touches, world.interactions = (world.touch(campaign_title=""),), (world.interaction(title=""),)
    world.caller = Caller("101", None)
    world.touches += (world.touch(touch_id="t2"),)
    one = Subject.of(world.context, "t1", "i1", world.now)
    assert fill("{touch.campaign} {interaction.title} {caller.number} {touch.sent_at}", one) == (
        "autumn-sms credit-application 101 20.11.2026 09:48 UTC"
    )


def test_several_candidates_give_no_name(world: Any) -> None:
    """Nobody is guessed in a text either."""
    world.identity = Identity.of((Customer("c1", "Olena"), Customer("c2", "Petro")))
    assert fill("Hello {customer.name}!", Subject.of(world.context, None, None, world.now)) == "Hello!"


HOSTILE = "{customer.name}\n\u202e<b>[x](javascript:alert(1))</b> &\x00 'q' \"q\""


def test_values_are_never_templates_markup_or_addresses(world: Any) -> None:
    """What a customer wrote is text: not filled again, without control and direction characters, escaped where it matters."""
    world.known(HOSTILE)
    one = Subject.of(world.context, None, None, world.now)
    shown = fill("{customer.name}", one)
    assert shown == "{customer.name} <b>[x](javascript:alert(1))</b> & 'q' \"q\""
    assert fill_markdown("**{customer.name}**", one) == (
        r"**\{customer\.name\} \<b\>\[x\]\(javascript:alert\(1\)\)\</b\> \&" + " 'q' \"q\"**"
    )
    address = fill_url("https://crm.example/?q={customer.name}", one)
    assert address.startswith("https://crm.example/?q=%7Bcustomer.name%7D%20%3Cb%3E")
    assert not set(address) & set("<>\"' {}")
    assert fill_value("{customer.name}", one) == "customer.namebxjavascript:alert1/b&qq"


def test_long_values_are_cut(world: Any) -> None:
    """A value does not flood the screen."""
    world.touches = (world.touch(offer=OfferTerms("x" * 5000)),)
    one = Subject.of(world.context, "t1", None, world.now)
    assert len(fill("{touch.offer.title}", one)) == MAX_FILLED_VALUE


@pytest.mark.parametrize(
    ("template", "found", "hint"),
    [
        ("{touch.ofer.title}", "{touch.ofer.title}", "did you mean touch.offer.title?"),
        ("{x}", "{x}", "names begin with"),
        ("{}", "{}", "names begin with"),
        ("{touch}", "{touch}", "did you mean touch.age?"),
        ("{touch.offer.}", "{touch.offer.}", "did you mean"),
        ("{customer.name.__class__}", "{customer.name.__class__}", "did you mean customer.name?"),
        ("{customer.attributes.x.y}", "", ""),
        ("{0}", "{0}", "names begin with"),
        ("{caller.number:>10}", "{caller.number:>10}", "did you mean caller.number?"),
        ("a { b", "{", "write {{ or }}"),
        ("a } b", "}", "write {{ or }}"),
        ("x" * (MAX_TEMPLATE + 1), "", "shorten it"),
    ],
)
def test_unknown_names_are_mistakes(template: str, found: str, hint: str) -> None:
    """Only listed names exist; each mistake shows what was written and what may be meant."""
    if not hint:
        assert mistakes(template) == []
        return
    mistake = mistakes(template)[0]
    assert mistake.found == found
    assert hint in mistake.hint


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/",
        "https://",
        "https://{dialed}/",
        "https://crm.example.{dialed}/",
        "https://{{x}}/",
        "https://user@crm.example/",
        "https://crm.example:x/",
        "javascript:alert(1)",
        "//crm.example/",
        "https://crm.example/a b",
        "https://crm.example\\@evil.example/",
        "https://crm.example/{nothing}",
        " https://crm.example/",
        "https://crm.exámple/",
    ],
)
def test_addresses_are_https_with_a_fixed_host(url: str) -> None:
    """No value can choose where the browser goes."""
    assert url_mistakes(url)


@pytest.mark.parametrize(
    "url", ["https://crm.example", "https://crm.example:8443/a/{dialed}?q={caller.phone}#x", "https://crm.example?x={dialed}"]
)
def test_good_addresses_pass(url: str) -> None:
    """Path, query and fragment may hold names."""
    assert url_mistakes(url) == []


@pytest.mark.parametrize(
    ("texts", "language", "text"),
    [
        ({"": "all"}, "uk", "all"),
        ({"en": "e", "uk": "u"}, "uk", "u"),
        ({"en": "e", "uk": "u"}, "uk-UA", "u"),
        ({"en": "e", "uk": "u"}, "kk", "e"),
        ({"ru": "r"}, "kk", "r"),
        ({}, "en", ""),
    ],
)
def test_the_text_of_a_language_is_picked(texts: dict[str, str], language: str, text: str) -> None:
    """That language, its base, the text for all, English, any."""
    assert pick(texts, language) == text


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_template_and_no_value_breaks_filling(template: str, value: str) -> None:
    """Whatever is written or known, filling gives text, and a variable stays in its alphabet."""
    assert len(to_alphabet(value)) <= 128
    assert all(mistake.message for mistake in mistakes(template))


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_value_stays_a_value(name: str, template: str) -> None:
    """Filling never reads a value as a template, and never fails."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    request = RouteRequest("c", Medium.VOICE, Caller("", None), "", now)
    context = CallerContext(request, Identity.of((Customer("c1", name),)))
    one = Subject.of(context, None, None, now)
    for filled in (fill(template, one), fill_markdown(template, one), fill_url(template, one)):
        assert isinstance(filled, str)
    assert fill_value("{customer.name}" + template, one) == to_alphabet(fill_value("{customer.name}" + template, one))
