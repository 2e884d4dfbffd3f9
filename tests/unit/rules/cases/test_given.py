"""What cases take for granted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ctiroute.documents import load
from ctiroute.errors import ConfigurationError
from ctiroute.model import IdentityKind, InteractionStatus, Medium, Outcome, TouchStatus
from ctiroute.rules.cases.given import KEYS, Given, merge, read_given
from ctiroute.rules.hours import read_zone

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # 12:00 in Kyiv
KYIV = read_zone(load("Europe/Kyiv", "z"))


def given(text: str) -> Given:
    """Read facts at noon."""
    return read_given(load(f'now: "2026-11-20 12:00"\n{text}', "t.yml"), KYIV)


def wrong(text: str) -> str:
    """Return what is wrong with facts."""
    with pytest.raises(ConfigurationError) as caught:
        given(text)
    return str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20 12:00",
        "2026-11-20T12:00:00",
        "2026-11-20 12:00 Europe/Kyiv",
        "2026-11-20 10:00 UTC",
        "2026-11-20T10:00Z",
        "2026-11-20 15:00+05:00",
        "2026-11-20 15:00 +05:00",
    ],
)
def test_a_clock_in_all_its_forms(written: str) -> None:
    """In the zone of the rules, in one that is named, or with an offset."""
    assert read_given(load(f'now: "{written}"', "t.yml"), KYIV).now == NOW


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("tomorrow", "expected a point in time"),
        ("2026-13-20 12:00", "there is no such date or time"),
        ("2026-11-20 12:00 Europe/Kiew", "timezone"),
        ("2026-11-20", "expected a point in time"),
        ("0001-01-01 00:00+14:00", "there is no such date or time"),
    ],
)
def test_a_wrong_clock_is_named_at_its_place(written: str, message: str) -> None:
    """With file, line and column."""
    with pytest.raises(ConfigurationError) as caught:
        read_given(load(f'now: "{written}"', "t.yml"), KYIV)
    assert "t.yml:1:6" in str(caught.value)
    assert message in str(caught.value)


def test_rules_without_a_timezone_ask_for_one() -> None:
    """Nobody guesses in which place it is noon."""
    with pytest.raises(ConfigurationError, match="in which timezone"):
        read_given(load('now: "2026-11-20 12:00"', "t.yml"), None)


def test_a_caller_nobody_knows() -> None:
    """Without anything said there is a number, and nobody behind it."""
    facts = given("")
    assert facts.context.identity.kind is IdentityKind.UNKNOWN
    assert facts.request.caller.phone == "+380671234567"
    assert facts.request.medium is Medium.VOICE
    assert facts.available is None


@pytest.mark.parametrize("written", ["caller: withheld", "caller: {withheld: true}"])
def test_a_withheld_number(written: str) -> None:
    """It is no key, and nobody is known by it."""
    facts = given(written)
    assert facts.request.caller.withheld
    assert facts.request.caller.phone is None
    assert facts.context.identity.kind is IdentityKind.WITHHELD


def test_an_extension_of_the_own_switch_is_no_key() -> None:
    """It stays as it is."""
    facts = given('caller: {number: "1001", name: Reception, attestation: A}')
    caller = facts.request.caller
    assert facts.request.attestation == "A"
    assert (caller.raw, caller.phone, caller.name) == ("1001", None, "Reception")


def test_everything_about_a_customer() -> None:
    """What is said of him, his touches, conversations and calls, each newest first."""
    facts = given(
        """\
caller: "+380501112233"
dialed: "+380440000000"
customer: {id: c7, name: Olena, language: uk, attributes: {segment: vip, credit: true}}
touches:
  - {campaign: old, sent: 3d ago, read: 2d ago, medium: email}
  - {campaign: new, sent: 12m ago, offer: {title: T, text: X, terms: Y, amount: 24000}}
interaction: {topic: credit, updated: 2h ago, opened: 1d ago, status: waiting, owner: olha, form: {income: ""}, messages: [again, late]}
call: {received: 1h ago, outcome: abandoned, operator: olha, customer: c7}
"""
    ).context
    assert facts.identity.customer is not None
    assert facts.identity.customer.attributes == {"segment": "vip", "credit": "true"}
    assert [touch.campaign for touch in facts.touches] == ["new", "old"]
    assert facts.touches[0].sent_at == NOW - timedelta(minutes=12)
    assert (facts.touches[0].status, facts.touches[1].status) == (TouchStatus.DELIVERED, TouchStatus.READ)
    assert facts.touches[1].read_at == NOW - timedelta(days=2)
    assert facts.touches[0].offer.fields == {"amount": "24000"}
    (interaction,) = facts.interactions
    assert (interaction.status, interaction.customer_id) == (InteractionStatus.WAITING, "c7")
    assert interaction.opened_at == NOW - timedelta(days=1)
    assert [event.text for event in interaction.events] == ["again", "late"]
    (call,) = facts.calls
    assert call.customer_id == "c7"
    assert (call.outcome, call.received_at) == (Outcome.ABANDONED, NOW - timedelta(hours=1))


def test_one_and_several_stand_together() -> None:
    """`touch` beside `touches` is one more of them."""
    facts = given("touch: {campaign: a, sent: now}\ntouches: [{campaign: b, sent: in 5m}, {campaign: c, sent: 1h30m ago}]")
    assert [touch.campaign for touch in facts.context.touches] == ["b", "a", "c"]


def test_several_customers_on_one_number_are_ambiguous() -> None:
    """Each is a customer of his own."""
    identity = given("customers: [{name: A}, {name: B}]").context.identity
    assert identity.kind is IdentityKind.AMBIGUOUS
    assert len({customer.customer_id for customer in identity.customers}) == 2


def test_operators_and_queues() -> None:
    """A short form names the phone alone; a queue says as much as the case needs."""
    facts = given(
        "operators: {olha: PJSIP/1001, petro: {phone: [PJSIP/1002], language: uk}}\navailable: [olha]\n"
        "queues: {promo: {free: 2}, care: {members: 3, free: 0, waiting: 4, longest_wait: 90s}, night: {members: 0}}"
    )
    assert facts.operators["olha"].interfaces == ("PJSIP/1001",)
    assert facts.operators["petro"].language == "uk"
    assert facts.available == frozenset({"olha"})
    assert (facts.queues["promo"].members, facts.queues["promo"].free) == (2, 2)
    assert (facts.queues["care"].free, facts.queues["care"].longest_wait_s) == (0, 90)
    assert (facts.queues["night"].members, facts.queues["night"].free) == (0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tuoch: {}", "t.yml:2:1: is not known in given (found 'tuoch'); did you mean touch?"),
        ("touch: {campain: a, sent: now}", "did you mean campaign?"),
        ("touch: {campaign: a}", "sent is missing"),
        ("touch: {campaign: a, sent: 12 ago}", "expected a time span"),
        ("touch: {campaign: a, sent: lately}", "t.yml:2:28: expected a time (found 'lately'); write 12m ago"),
        ("touches: {campaign: a, sent: now}", "one alone stands under touch:"),
        ("caller: 0671234567", "expected a phone number with +"),
        ("queues: {promo: {members: 1, free: 2}}", "more are free than there are members"),
        ("queues: {promo: {longest_wait: 2m}}", "nobody waits"),
        ("call: {received: 1h ago, outcome: lost}", "expected one of: answered"),
        ("touch: {campaign: a, sent: 9999w ago}", ""),
    ],
)
def test_mistakes_are_named_with_place_and_remedy(text: str, message: str) -> None:
    """As in rules."""
    if message:
        assert message in wrong(text)
    else:
        assert given(text).context.touches


def test_layers_are_laid_over_each_other() -> None:
    """Mappings key by key, lists whole; null takes away."""
    base = load("customer: {name: A, attributes: {segment: vip, city: Lviv}}\ntouches: [1, 2]\ncall: {}", "a")
    over = load("customer: {attributes: {segment: gold}}\ntouches: [3]\ncall: null", "b")
    merged = merge(base, over)
    assert str(_plain(merged)) == "{'customer': {'name': 'A', 'attributes': {'segment': 'gold', 'city': 'Lviv'}}, 'touches': ['3']}"


def test_the_list_of_keys_is_that_of_the_reader() -> None:
    """Rows of a table are told apart by it."""
    assert f"known here: {', '.join(sorted(KEYS))}" in wrong("qqqqqqqqq: 1")


def _plain(node: object) -> object:
    entries = getattr(node, "entries", None)
    if entries is not None:
        return {key: _plain(value) for key, (_, value) in entries.items()}
    items = getattr(node, "items", None)
    return [_plain(item) for item in items] if items is not None else getattr(node, "text", None)
