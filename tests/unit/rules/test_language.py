"""The finer parts of conditions: windows, comparisons, choices, live state, samples, and what has a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.engine.decide import decide
from ctiroute.errors import RulesError
from ctiroute.model import (
    Caller,
    CallerContext,
    Customer,
    Identity,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Operator,
    PastCall,
    QueueState,
    RouteRequest,
    ToQueue,
    TouchStatus,
)
from ctiroute.rules import Facts, explain_every, load_ruleset
from ctiroute.rules.conditions.sample import place_of
from ctiroute.rules.limits import as_number
from ctiroute.rules.named import MAX_DEPTH

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("campaign", "age", "holds"),
    [
        ("autumn-sms", 14 * MINUTE, True),
        ("autumn-sms", 16 * MINUTE, False),
        ("spring", 47 * HOUR, True),
        ("spring", 49 * HOUR, False),
    ],
)
def test_each_campaign_has_its_window(world: Any, campaign: str, age: timedelta, holds: bool) -> None:
    """The first pattern that fits says how long ago is too long."""
    world.touches = (world.touch(age, campaign=campaign),)
    assert (world.ask("{touch: {within: {'autumn-*': 15m, '*': 2d}}}") is not None) is holds


def test_a_campaign_without_a_window_does_not_count(world: Any) -> None:
    """And the trace says which windows there are."""
    world.touches = (world.touch(campaign="spring"),)
    holds, wanted, _ = world.seen("{touch: {within: {'autumn-*': 15m, 'winter-*': 1d}}}")
    assert not holds
    assert wanted == "within 15m for autumn-* / 1d for winter-*"


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("read: true", True),
        ("read: false", False),
        ("read: 10m", True),
        ("read: 4m", False),
        ("clicked: true", False),
        ("clicked: false", True),
        ("clicked: 1h", False),
        ("delivered: true", True),
        ("delivered: 1h", False),
    ],
)
def test_how_far_a_touch_got_and_when(world: Any, wanted: str, holds: bool) -> None:
    """A status says that something happened, a time says when; without a time nothing is so long ago."""
    world.touches = (world.touch(status=TouchStatus.READ, read_at=world.now - 5 * MINUTE),)
    assert (world.ask(f"{{touch: {{within: 1h, {wanted}}}}}") is not None) is holds


def test_the_trace_names_the_times_that_were_asked_for(world: Any) -> None:
    """And says where there is none."""
    world.touches = (world.touch(status=TouchStatus.READ, read_at=world.now - 5 * MINUTE),)
    assert world.seen("{touch: {within: 1h, read: 10m, clicked: true}}") == (
        False,
        "read within 10m, clicked, within 1h",
        "autumn-sms, sms, read, 12 min ago, read 5 min ago, no time of clicked",
    )


@pytest.mark.parametrize(
    ("rank", "found"),
    [("", "t3"), ("rank: newest", "t3"), ("rank: furthest", "t1"), ("rank: campaign", "t2")],
)
def test_of_several_touches_the_rank_chooses(world: Any, rank: str, found: str) -> None:
    """The newest, the one that got furthest, or the campaign that stands first."""
    world.touches = (
        world.touch(MINUTE, touch_id="t3", campaign="b"),
        world.touch(2 * MINUTE, touch_id="t2", campaign="a"),
        world.touch(3 * MINUTE, touch_id="t1", campaign="b", status=TouchStatus.CLICKED),
    )
    more = f", {rank}" if rank else ""
    assert world.ask(f"{{touch: {{campaign: [a, b], within: 1h{more}}}}}").touch.touch_id == found


def test_a_replaced_touch_does_not_count(world: Any) -> None:
    """What a later touch of the same campaign has replaced is over; one that failed, or is not sent yet, replaces nothing."""
    older = world.touch(9 * MINUTE, touch_id="t1", offer=OfferTerms(fields={"amount": "9000"}))
    when = "{touch: {within: 1h, newest_of_campaign: true, offer: {amount: {above: 5000}}}}"
    for newer, holds in (
        (world.touch(MINUTE), False),
        (world.touch(MINUTE, campaign="other"), True),
        (world.touch(MINUTE, status=TouchStatus.FAILED), True),
        (world.touch(-HOUR), True),
    ):
        world.touches = (newer, older)
        assert (world.ask(when) is not None) is holds


@pytest.mark.parametrize(
    ("text", "number"),
    [("5000", 5000), ("5 000", 5000), ("5\u00a0000,50", 5000.5), ("12.5", 12.5), ("-3", -3), (" 7 ", 7)],
)
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    """Spaces between thousands, a point or a comma before the fraction."""
    assert as_number(text) == number


@pytest.mark.parametrize("text", ["", "5,000", "5000 UAH", "1e9", "nan", "0x10", "5.", "\u0665", "1 00", "9" * 40])
def test_what_is_not_surely_a_number_is_none(text: str) -> None:
    """Nobody knows whether 5,000 is five or five thousand."""
    assert as_number(text) is None


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("{at_least: 5000}", True),
        ("{above: 5000}", False),
        ("{at_most: 5000}", True),
        ("{below: 5000}", False),
        ("{at_least: 1000, below: 5001}", True),
        ("{known: true}", True),
        ("{known: false}", False),
        ("{list: amounts}", True),
        ("{list: amounts, below: 10}", False),
    ],
)
def test_values_are_compared(world: Any, wanted: str, holds: bool) -> None:
    """In offers, attributes and forms alike."""
    head = "lists: {amounts: [1000, 5000]}"
    world.touches = (world.touch(),)
    world.known(amount="5000")
    world.interactions = (world.interaction(form={"amount": "5000"}),)
    for when in (
        f"{{touch: {{within: 1h, offer: {{amount: {wanted}}}}}}}",
        f"{{customer: {{attributes: {{amount: {wanted}}}}}}}",
        f"{{interaction: {{form: {{amount: {wanted}}}}}}}",
    ):
        assert (world.ask(when, head) is not None) is holds


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("idle: 1h", True),
        ("idle: 3h", False),
        ("says: '*COURT*'", True),
        ("says: ['*lawyer*']", False),
        ("form: {income: {known: false}}", True),
        ("form: {absent: {known: true}}", False),
        ("outcome: refused", False),
        ("status: closed, outcome: 'refused*'", True),
        ("count: 2", True),
        ("count: 3", False),
    ],
)
def test_interaction_in_detail(world: Any, wanted: str, holds: bool) -> None:
    """By how long it waits, what was said and entered, how it ended, and how many there are."""
    said = (InteractionEvent(world.now, "message", "I will go to court"),)
    world.interactions = (
        world.interaction(events=said),
        world.interaction(interaction_id="i2"),
        world.interaction(interaction_id="i3", status=InteractionStatus.CLOSED, outcome="Refused by the bank"),
    )
    assert (world.ask(f"{{interaction: {{{wanted}}}}}") is not None) is holds


def test_what_was_entered_stays_off_the_trace(world: Any) -> None:
    """A form may hold anything; the trace only says whether a field was given."""
    world.interactions = (world.interaction(),)
    assert world.seen("{interaction: {form: {amount: {above: 1}}}}")[2] == "credit-application, web, open, form amount given, 2 h ago"


def test_the_one_an_operator_chose_is_judged(world: Any) -> None:
    """Of several candidates, by the last call from this number that has a customer; without one nobody is chosen."""
    vip, other = Customer("c1", "A", "uk", {"segment": "vip"}), Customer("c2", "B", "en", {"segment": "mass"})
    world.identity = Identity.of((other, vip))
    when = "{customer: {identity: chosen, attributes: {segment: vip}, language: uk}}"
    assert world.ask(when) is None
    world.calls = (PastCall("p2", world.now - HOUR, None), PastCall("p1", world.now - DAY, None, customer_id="c1"))
    assert world.ask(when) is not None
    assert world.seen(when) == (True, "chosen, language uk, segment vip", "ambiguous, chosen, language uk, segment vip")
    assert world.ask("{customer: {attributes: {segment: vip}}}") is None
    world.identity = Identity.of((vip,))
    assert world.ask("{customer: chosen}") is None


@pytest.mark.parametrize(("wanted", "holds"), [("c1", True), ("'C*'", True), ("[c2, c3]", False), ("{list: named}", True)])
def test_a_customer_by_key(world: Any, wanted: str, holds: bool) -> None:
    """The company's own key."""
    world.known()
    assert (world.ask(f"{{customer: {{id: {wanted}}}}}", "lists: {named: [C1]}") is not None) is holds


@pytest.mark.parametrize(
    ("attestation", "wanted", "holds"),
    [("A", "A", True), ("B", "[A, B]", True), ("C", "[A, B]", False), (None, "none", True), (None, "A", False), ("A", "none", False)],
)
def test_attestation(world: Any, attestation: str | None, wanted: str, holds: bool) -> None:
    """How far the network vouches for the number; nothing said is none."""
    rule = load_ruleset(
        [("f.yml", f"rules: [{{name: a, when: {{caller: {{attestation: {wanted}}}}}, then: {{queue: a}}}}]\ndefault: {{}}\n")]
    )
    facts = world.facts
    facts.request = replace(facts.request, attestation=attestation)
    assert (rule.rules[0].test(facts) is not None) is holds
    _, verdicts = explain_every(rule.rules[0].when, facts)
    assert verdicts[0].seen.endswith(f"attestation {attestation or 'none'}")


@pytest.mark.parametrize(("medium", "holds"), [(Medium.VOICE, False), (Medium.CHAT, True), (Medium.EMAIL, True)])
def test_medium(world: Any, medium: Medium, holds: bool) -> None:
    """The same rules serve every medium, and may ask which it is."""
    rules = load_ruleset([("f.yml", "rules: [{name: a, when: {medium: [email, chat]}, then: {queue: a}}]\ndefault: {}\n")])
    facts = world.facts
    facts.request = replace(facts.request, medium=medium)
    assert (rules.rules[0].test(facts) is not None) is holds
    assert explain_every(rules.rules[0].when, facts)[1][0].wanted == "email or chat"


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("free: 1", True),
        ("free: 0", False),
        ("members: {at_least: 3}", True),
        ("waiting: {below: 5}", False),
        ("waiting: {at_most: 5}, free: {above: 0}", True),
        ("longest_wait: {above: 2m}", True),
        ("longest_wait: {above: 3m}", False),
    ],
)
def test_queue(world: Any, wanted: str, holds: bool) -> None:
    """Numbers are met exactly or within limits, and the first caller goes on waiting while nothing is heard."""
    facts = world.facts
    facts.queues = {"promo": QueueState("promo", 3, 1, 5, 100.0, world.now - MINUTE)}
    rules = load_ruleset(
        [("f.yml", f"rules: [{{name: a, when: {{queue: {{name: promo, {wanted}}}}}, then: {{queue: a}}}}]\ndefault: {{}}\n")]
    )
    assert (rules.rules[0].test(facts) is not None) is holds
    assert explain_every(rules.rules[0].when, facts)[1][0].seen == "promo: 3 members, 1 free, 5 waiting, the longest 2 min"


def test_a_queue_nobody_has_told_of_is_not_known(world: Any) -> None:
    """It does not hold, whatever is asked, and says why."""
    assert world.seen("{queue: {name: promo, waiting: 0}}") == (False, "promo, 0 waiting", "promo not known")


@pytest.mark.parametrize(
    ("wanted", "available", "holds"),
    [
        ("last", {"ivan"}, True),
        ("last", {"petro"}, False),
        ("owner", {"petro"}, True),
        ("[owner, last]", {"ivan"}, True),
        ("petro", {"petro"}, True),
        ("olha", {"petro"}, False),
        ("{who: last, within: 1h}", {"ivan"}, False),
        ("{who: last, within: 3h}", {"ivan"}, True),
        ("last", None, False),
    ],
)
def test_available(world: Any, wanted: str, available: set[str] | None, holds: bool) -> None:
    """By who talked last, who owns the open matter, or by name; while nobody can tell, it does not hold."""
    world.operators = {"ivan": Operator("ivan", "Ivan", ("PJSIP/1001",)), "gone": Operator("gone", "Gone")}
    world.calls = (world.call(HOUR / 2, operator_id="gone"), world.call(2 * HOUR, operator_id="ivan"))
    world.interactions = (world.interaction(status=InteractionStatus.CLOSED, owner="ivan"), world.interaction(owner="petro"))
    facts = world.facts
    facts.available = available
    rules = load_ruleset([("f.yml", f"rules: [{{name: a, when: {{available: {wanted}}}, then: {{queue: a}}}}]\ndefault: {{}}\n")])
    assert (rules.rules[0].test(facts) is not None) is holds
    assert explain_every(rules.rules[0].when, facts)[1][0].matched is holds


def test_a_sample_is_for_ever() -> None:
    """Places are what they were when a trial began; a change here would move people between its groups."""
    assert place_of("autumn-trial", "customer:c1") == 0x9E9B7E35D72446E2
    assert place_of("autumn-trial", "phone:+380671234567") == 0x1D99F8D05BDE7E6B


@settings(max_examples=30, deadline=None)
@given(name=st.from_regex(r"[a-z]{1,12}", fullmatch=True), percent=st.integers(1, 99), start=st.integers(0, 1000))
def test_a_sample_has_its_share(name: str, percent: int, start: int) -> None:
    """Of 2,000 customers, as many as chance allows (five standard deviations)."""
    inside = sum(place_of(name, f"customer:{start + number}") < percent * 2**64 // 100 for number in range(2000))
    expected, deviation = 20 * percent, (2000 * percent / 100 * (1 - percent / 100)) ** 0.5
    assert abs(inside - expected) <= 5 * deviation


def test_two_samples_are_independent() -> None:
    """Half of one half is in the other half."""
    half = 2**63
    both = sum(place_of("a", f"customer:{n}") < half and place_of("b", f"customer:{n}") < half for n in range(4000))
    assert abs(both - 1000) < 150


AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TENTHS = (
    "rules:\n"
    + "".join(f"  - {{name: r{n}, when: {{sample: {{name: t, percent: 10, from: {10 * n}}}}}, then: {{queue: a}}}}\n" for n in range(10))
    + "default: {}\n"
)


@settings(max_examples=50, deadline=None)
@given(customer=st.text(max_size=20))
def test_samples_of_one_name_side_by_side_share_nobody(customer: str) -> None:
    """Ten tenths hold everybody once, and whoever is in one stays in it."""
    rules = load_ruleset([("f.yml", TENTHS)]).rules

    def held(caller: Caller) -> list[int]:
        request = RouteRequest("pbx:1", Medium.VOICE, caller, "", AT)
        facts = Facts(request, CallerContext(request, Identity.of((Customer(customer, ""),))), AT, {})
        return [tenth for tenth, rule in enumerate(rules) if rule.test(facts) is not None]

    one = held(Caller("+380671234567", "+380671234567"))
    assert len(one) == 1
    assert held(Caller("+48221234567", "+48221234567")) == one


def test_who_has_neither_key_nor_number_is_in_no_sample(world: Any) -> None:
    """A withheld caller cannot be told from another."""
    world.caller = Caller("anonymous", None, withheld=True)
    assert world.seen("{sample: {name: t, percent: 100}}") == (False, "100 % of customers, sample t", "neither customer nor number")


def test_a_named_condition_is_what_it_stands_for(world: Any) -> None:
    """It binds and explains what is inside, and is asked once a call."""
    head = "conditions: {fresh: {touch: {within: 1h}}, both: {use: fresh, customer: known}}"
    world.touches = (world.touch(),)
    assert world.ask("{use: fresh}", head).touch is world.touches[0]
    assert world.ask("{use: both}", head) is None
    world.known()
    assert world.ask("{use: [fresh, both]}", head).touch is world.touches[0]
    rule = load_ruleset([("f.yml", f"{head}\nrules: [{{name: a, when: {{use: both}}, then: {{queue: a}}}}]\ndefault: {{}}\n")]).rules[0]
    holds, verdicts = explain_every(rule.when, world.facts)
    assert holds
    assert [verdict.condition for verdict in verdicts] == ["fresh.touch", "both.customer"]
    assert world.seen("{not: {use: both}}", head) == (False, "not (use: both)", "autumn-sms, sms, delivered, 12 min ago; known")


def test_a_named_condition_says_how_far_back_it_looks() -> None:
    """Its needs are those of the rule that uses it."""
    text = "conditions: {old: {touch: {within: 90d}}}\nrules: [{name: a, when: {use: old}, then: {queue: a}}]\ndefault: {}\n"
    assert load_ruleset([("f.yml", text)]).needs.touches == 90 * DAY


def test_towers_of_conditions_are_bounded() -> None:
    """In whatever order they stand, and whatever they would multiply to."""
    levels = range(MAX_DEPTH + 3)
    tower = [f"c{n}: {{use: c{n + 1}}}" for n in levels] + [f"c{len(levels)}: {{customer: known}}"]
    wide = ["b0: {customer: known}"] + [f"b{n}: {{all: [{', '.join([f'{{use: b{n - 1}}}'] * 40)}]}}" for n in range(1, 6)]
    for lines, said in (
        (tower, "is used through more than 8 others"),
        (tower[::-1], "is used through more than 8 others"),
        (wide, "1,000"),
    ):
        with pytest.raises(RulesError) as caught:
            load_ruleset([("f.yml", "conditions:\n" + "".join(f"  {line}\n" for line in lines) + "default: {}\n")])
        assert said in str(caught.value)


def test_a_constant_stands_for_its_value(world: Any) -> None:
    """Whole, with its kind, from any file; inside a text as text; lists too."""
    files = [
        (
            "a.yml",
            'rules: [{name: a, when: {touch: {within: "${fresh}", campaign: "${ours}"}}, then: {queue: "q-${n}", priority: "${n}"}}]',
        ),
        ("b.yml", "constants: {fresh: 15m, ours: [spring, 'autumn-*'], n: 7}\ndefault: {}\n"),
    ]
    rules = load_ruleset(files)
    world.touches = (world.touch(),)
    bound = rules.rules[0].test(world.facts)
    assert bound is not None
    assert bound.touch is world.touches[0]
    assert rules.rules[0].when[0].wanted == "campaign spring or autumn-*, within 15m"
    destination = decide(world.request, world.context, rules, world.now, {}).destination
    assert destination == ToQueue("q-7", 7)


def test_a_list_of_its_own_file(world: Any) -> None:
    """One entry a line, with remarks; numbers may be beginnings; named under lists: or where it is used."""
    beside = {"lists/p.txt": "\ufeff# ours\r\n+380 67 123-45-67 # Olena\r\n\r\n+4822*\r\n", "cities.txt": "Kyiv\nLviv\n"}
    text = (
        "lists: {partners: lists/p.txt}\nrules:\n"
        "  - {name: a, when: {caller: {list: partners}, customer: {attributes: {city: {list: cities.txt}}}}, then: {queue: a}}\n"
        "  - {name: b, when: {caller: {list: lists/p.txt}}, then: {queue: a}}\ndefault: {}\n"
    )
    rules = load_ruleset([("f.yml", text)], beside.get).rules
    world.known(city="LVIV")
    assert rules[0].test(world.facts) is not None
    world.caller = Caller("+48221234567", "+48221234567")
    assert [rule.test(world.facts) is not None for rule in rules] == [True, True]
    world.caller = Caller("+48321234567", "+48321234567")
    assert [rule.test(world.facts) is not None for rule in rules] == [False, False]
    versions = {load_ruleset([("f.yml", text)], {**beside, "cities.txt": city}.get).version for city in ("Kyiv", "Odesa")}
    assert len(versions) == 2


def test_mistakes_in_a_list_are_named_at_their_line_once() -> None:
    """However many rules use it, and wherever in its file they are."""
    text = "rules:\n" + "".join(
        f"  - {{name: r{n}, when: {{caller: {{list: p.txt, country: {c}}}}}, then: {{queue: a}}}}\n" for n, c in enumerate(("UA", "PL"))
    )
    with pytest.raises(RulesError) as caught:
        load_ruleset([("f.yml", f"{text}default: {{}}\n")], {"p.txt": "+380671234567\n  0671234567\n+x*\n"}.get)
    assert [(one.file, one.line, one.column) for one in caught.value.faults] == [("p.txt", 2, 3), ("p.txt", 3, 1)]


def test_calendars_are_shared(world: Any) -> None:
    """Its days off are those of every hours that name it, besides their own."""
    head = (
        "timezone: Europe/Kyiv\ncalendars: {company: {closed: [11-20], open: [2026-12-25], holidays: DE}}\n"
        "hours: {a: {weekly: {daily: '09:00-18:00'}, calendar: company}, b: {weekly: {daily: '09:00-18:00'}, closed: [11-21]}}"
    )
    assert world.ask("{hours: a}", head) is None
    assert world.ask("{hours: b}", head) is not None
    world.now += DAY
    assert world.ask("{hours: a}", head) is not None
    assert world.ask("{hours: b}", head) is None
