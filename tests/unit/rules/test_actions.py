"""Each kind of action, by the decision it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ctiroute.engine.decide import decide
from ctiroute.errors import RulesError
from ctiroute.model import (
    Decision,
    Medium,
    Operator,
    PopPlan,
    Proposal,
    QueueState,
    Reason,
    ReasonKind,
    Status,
    ToDefault,
    ToExtension,
    ToMenu,
    ToOperator,
    ToQueue,
    TouchStatus,
)
from ctiroute.rules import load_ruleset

MINUTE = timedelta(minutes=1)
IVAN = Operator("ivan", "Ivan", ("PJSIP/1001", "SIP/1001"))
OKSANA = Operator("oksana", "Oksana", ("PJSIP/1002",))
NOPHONE = Operator("nophone", "No Phone")
OPERATORS = {one.operator_id: one for one in (IVAN, OKSANA, NOPHONE)}


def decided(world: Any, rule_set: Any, then: str, when: str = "{}") -> Decision:
    """Return the decision of one rule."""
    return decide(world.request, world.context, rule_set(when, "", then), world.now, OPERATORS)


@pytest.mark.parametrize(
    ("then", "destination"),
    [
        ("{queue: promo}", ToQueue("promo")),
        ("{queue: 100, priority: 10}", ToQueue("100", 10)),
        ("{menu: night}", ToMenu("night")),
        ("{extension: 2001}", ToExtension("2001")),
        ("{operator: PJSIP/1001}", ToOperator("PJSIP/1001", "ivan")),
        ("{operator: pjsip/1002, queue: promo}", ToOperator("pjsip/1002", "oksana", queue="promo")),
        ("{operator: PJSIP/9999}", ToOperator("PJSIP/9999", None)),
        ("{operator: ivan}", ToOperator("PJSIP/1001", "ivan")),
        ("{operator: {who: oksana, for: 8s}, queue: vip, priority: 3}", ToOperator("PJSIP/1002", "oksana", 8, "vip", 3)),
        ("{operator: nobody-here, queue: vip}", ToQueue("vip")),
        ("{operator: nophone, queue: vip}", ToQueue("vip")),
        ("{operator: last, queue: vip}", ToQueue("vip")),
        ("{operator: owner, queue: vip}", ToQueue("vip")),
        ("{operator: last}", ToMenu("main")),
        ("{language: en}", ToMenu("main")),
    ],
)
def test_destinations(world: Any, rule_set: Any, then: str, destination: object) -> None:
    """A rule leads to one place; one that leads nowhere leaves the call on the default's way."""
    assert decided(world, rule_set, then).destination == destination


def test_an_empty_default_is_the_ordinary_way(world: Any) -> None:
    """`default: {}` leaves the call to the dialplan."""
    assert decide(world.request, world.context, load_ruleset([("f.yml", "default: {}")]), world.now, {}).destination == ToDefault()


def test_the_last_operator_is_who_talked_last_and_has_a_phone(world: Any, rule_set: Any) -> None:
    """Calls nobody answered, and operators who left or have no phone, are passed over."""
    world.calls = tuple(world.call(n * MINUTE, None, who) for n, who in enumerate((None, "gone", "nophone", "oksana", "ivan")))
    assert decided(world, rule_set, "{operator: last, queue: vip}").destination == ToOperator("PJSIP/1002", "oksana", queue="vip")


def test_the_owner_of_the_bound_interaction_is_rung(world: Any, rule_set: Any) -> None:
    """`owner` is of the interaction the rule is about, not of another."""
    world.interactions = (world.interaction(owner="ivan"),)
    then = "{operator: owner, queue: vip}"
    assert decided(world, rule_set, then, "{interaction: {}}").destination == ToOperator("PJSIP/1001", "ivan", queue="vip")
    assert decided(world, rule_set, then, "{}").destination == ToQueue("vip")


def test_announce_and_language(world: Any, rule_set: Any) -> None:
    """A sound and the language of prompts; `customer` is that of the last contact, where it is known."""
    decision = decided(world, rule_set, "{queue: a, announce: custom/hello&custom/promo, language: uk}")
    assert (decision.announce, decision.language) == ("custom/hello&custom/promo", "uk")
    then = "{queue: a, language: customer}"
    assert decided(world, rule_set, then).language is None
    world.known(language="kk")
    assert decided(world, rule_set, then).language == "kk"
    world.known(language=None)
    assert decided(world, rule_set, then).language is None
    world.known(language="uk,${X}")
    assert decided(world, rule_set, then).language == "ukX"


def test_variables_are_filled_and_filtered(world: Any, rule_set: Any) -> None:
    """What a template gives is cut to the dialplan's alphabet and to 128 characters."""
    world.known("Олена ${SHELL(id)},1)\nSet", note="x" * 500)
    world.touches = (world.touch(),)
    then = "{queue: a, vars: {PLAIN: a-b, AMOUNT: '{touch.offer.amount}', NAME: '{customer.name}', "
    then += "NOTE: '{customer.attributes.note}', NONE: '{touch.offer.zip}'}}"
    decision = decided(world, rule_set, then, "{touch: {within: 1h}}")
    assert decision.variables == {"PLAIN": "a-b", "AMOUNT": "5000", "NAME": "SHELLid1Set", "NOTE": "x" * 128, "NONE": ""}


def test_too_many_variables_and_fields_are_refused(rule_set: Any) -> None:
    """Bounds on what fits an AGI command and a screen."""
    with pytest.raises(RulesError, match="at most 20 variables"):
        rule_set("{}", "", "{queue: a, vars: {" + ", ".join(f"V{n}: x" for n in range(21)) + "}}")
    with pytest.raises(RulesError, match="at most 12 fields"):
        rule_set("{}", "", "{queue: a, pop: {fields: {" + ", ".join(f"V{n}: x" for n in range(13)) + "}}}")
    with pytest.raises(RulesError, match="a label of at most 60"):
        rule_set("{}", "", "{queue: a, pop: {fields: {'" + "x" * 61 + "': x}}}")


def test_the_pop_plan_is_as_written(world: Any, rule_set: Any) -> None:
    """Texts by language, fields in the admin's order, the address and the moment."""
    then = (
        "{queue: a, pop: {headline: {en: Hi, uk: Вітаю}, opening: Ask, fields: {Zeta: '{dialed}', Alpha: '{caller.number}'}, "
        "url: 'https://crm.example/find?p={caller.phone}', at: answer}}"
    )
    assert decided(world, rule_set, then).pop == PopPlan(
        headline={"en": "Hi", "uk": "Вітаю"},
        opening={"": "Ask"},
        fields=(("Zeta", "{dialed}"), ("Alpha", "{caller.number}")),
        url="https://crm.example/find?p={caller.phone}",
        at="answer",
    )


def many(*entries: str, default: str = "{queue: main}") -> Any:
    """Return a rule set of entries in flow style."""
    return load_ruleset([("f.yml", "rules:\n" + "".join(f"  - {entry}\n" for entry in entries) + f"default: {default}\n")])


def test_rules_that_go_on_add_to_the_rule_that_takes_the_call(world: Any) -> None:
    """What was added stays where the later rule says nothing; tags are joined, the highest priority stands, and all are named."""
    world.known()
    rules = many(
        "{name: vip, when: {customer: known}, then: {continue: true, priority: 20, tags: [vip, a], language: kk, "
        "vars: {A: one, B: one}, pop: {headline: first, url: 'https://a.example/', at: answer, fields: {Manager: x, City: old}}}}",
        "{name: unmet, when: {customer: unknown}, then: {continue: true, tags: never}}",
        "{name: sent, when: {caller: {country: UA}}, then: {queue: promo, priority: 5, tags: [a, b], vars: {B: two}, "
        "pop: {headline: second, fields: {City: new}}}}",
    )
    decision = decide(world.request, world.context, rules, world.now, OPERATORS)
    assert decision.destination == ToQueue("promo", 20)
    assert (decision.rule, decision.added, decision.tags) == ("sent", ("vip",), ("vip", "a", "b"))
    assert (decision.language, decision.variables) == ("kk", {"A": "one", "B": "two"})
    assert decision.pop == PopPlan(
        headline={"": "second"}, fields=(("City", "new"), ("Manager", "x")), url="https://a.example/", at="answer"
    )
    assert [(one.rule, one.matched, one.goes_on) for one in decision.trace.rules] == [
        ("vip", True, True),
        ("unmet", False, False),
        ("sent", True, False),
    ]


def test_what_was_added_reaches_the_default(world: Any) -> None:
    """Where no rule takes the call the default does, with what rules have added; the touch they were about is the pop's."""
    world.touches = (world.touch(),)
    rules = many("{name: sent, when: {touch: {within: 1h}}, then: {continue: true, priority: 7, tags: x}}")
    decision = decide(world.request, world.context, rules, world.now, OPERATORS)
    assert (decision.status, decision.rule, decision.added) == (Status.DEFAULT, None, ("sent",))
    assert (decision.destination, decision.tags, decision.touch_id) == (ToQueue("main", 7), ("x",), "t1")


def test_an_action_that_fails_is_told_of_at_its_own_rule(world: Any) -> None:
    """A value that breaks an action of a rule that goes on costs that action alone, and its rule's trace says so."""

    class Broken(dict[str, str]):
        def get(self, *_: object) -> str:
            raise ValueError("odd")

    world.touches = (world.touch(offer=replace(world.touch().offer, fields=Broken())),)
    rules = many(
        "{name: adds, when: {touch: {within: 1h}}, then: {continue: true, vars: {A: '{touch.offer.amount}'}, tags: x}}",
        "{name: takes, when: {}, then: {queue: promo}}",
    )
    decision = decide(world.request, world.context, rules, world.now, OPERATORS)
    assert (decision.rule, decision.tags) == ("takes", ("x",))
    assert decision.trace.rules[0].verdicts[-1].seen == "failed: ValueError('odd')"


def test_a_rule_that_goes_on_hides_no_other(world: Any) -> None:
    """Rules after one for all calls that goes on are reached, also those with the same conditions."""
    rules = many("{name: all, when: {}, then: {continue: true, tags: x}}", "{name: same, when: {}, then: {queue: promo}}")
    assert decide(world.request, world.context, rules, world.now, OPERATORS).rule == "same"


OVERFLOW = (
    "{queue: {name: promo, priority: 5, hours: business, max_waiting: 3, max_wait: 2m, else: {queue: {name: main, else: {menu: night}}}}}"
)
HEAD = "timezone: Europe/Kyiv\nhours: {business: {weekly: {mon-fri: '09:00-18:00'}}}"


def standing(queue: str, members: int = 2, waiting: int = 0, longest_wait_s: float = 0, at: Any = None) -> QueueState:
    """Return how a queue stands."""
    return QueueState(queue, members, 1, waiting, longest_wait_s, at)


@pytest.mark.parametrize(
    ("state", "destination", "seen"),
    [
        ({}, ToQueue("promo", 5), None),
        ({"waiting": 2, "longest_wait_s": 60.0}, ToQueue("promo", 5), None),
        ({"members": 0}, ToQueue("main"), "nobody is signed in: the call goes to else"),
        ({"waiting": 3}, ToQueue("main"), "3 waiting: the call goes to else"),
        ({"waiting": 1, "longest_wait_s": 121.0}, ToQueue("main"), "longest wait 2 min: the call goes to else"),
    ],
)
def test_a_queue_that_cannot_take_the_call_sends_it_elsewhere(
    world: Any, rule_set: Any, state: dict[str, Any], destination: object, seen: str | None
) -> None:
    """Empty of people or too long: the call goes to `else`, and the trace says why; what was seen is kept with the decision."""
    queues = {"promo": standing("promo", at=world.now, **state)}
    decision = decide(world.request, world.context, rule_set("{}", HEAD, OVERFLOW), world.now, OPERATORS, queues)
    assert (decision.destination, decision.queues) == (destination, (queues["promo"],))
    said = [verdict for verdict in decision.trace.rules[0].verdicts if verdict.condition == "then.queue"]
    assert [verdict.seen for verdict in said] == ([] if seen is None else [seen])


def test_what_is_not_known_of_a_queue_turns_nobody_away(world: Any, rule_set: Any) -> None:
    """Without a word from the switch the queue takes the call; the clock alone closes it."""
    rules = rule_set("{}", HEAD, OVERFLOW)
    assert decide(world.request, world.context, rules, world.now, OPERATORS).destination == ToQueue("promo", 5)
    night = world.now + timedelta(hours=10)
    decision = decide(world.request, world.context, rules, night, OPERATORS)
    assert decision.destination == ToQueue("main")
    assert decision.trace.rules[0].verdicts[-1].wanted == "promo: open by business"


def test_overflow_goes_on_until_a_place_takes_the_call(world: Any, rule_set: Any) -> None:
    """The `else` of an `else`; the last place takes whoever comes."""
    queues = {name: standing(name, members=0, at=world.now) for name in ("promo", "main")}
    rules = rule_set("{}", HEAD, OVERFLOW)
    decision = decide(world.request, world.context, rules, world.now, OPERATORS, queues)
    assert decision.destination == ToMenu("night")
    assert len([one for one in decision.trace.rules[0].verdicts if one.condition == "then.queue"]) == 2
    assert rules.needs.queues == {"promo", "main"}


def test_a_default_may_overflow_too(world: Any) -> None:
    """Nobody at all: the default's queue leads to its own `else`."""
    rules = load_ruleset([("f.yml", "default: {queue: {name: main, else: {extension: 2001}}}")])
    queues = {"main": standing("main", members=0, at=world.now)}
    assert decide(world.request, world.context, rules, world.now, OPERATORS, queues).destination == ToExtension("2001")


def test_a_menu_in_the_order_of_likely_interest(world: Any, rule_set: Any) -> None:
    """The options as written; without an order, as the dialplan has them."""
    assert decided(world, rule_set, "{menu: {name: welcome, order: [application, cards]}}").destination == ToMenu(
        "welcome", ("application", "cards")
    )
    assert decided(world, rule_set, "{menu: {name: welcome}}").destination == ToMenu("welcome")


LIKELY = (
    "{menu: {name: welcome, likely: {application: {topic: 'credit-*'}, offer: {campaign: [autumn-*, winter-*], topic: offers}}, "
    "order: [cards, offer]}}"
)


def test_a_menu_puts_the_likeliest_reason_first(world: Any, rule_set: Any) -> None:
    """By the reasons of this call, then as `order` says; each option once. While no reasons are known, what was newest comes first."""
    assert decided(world, rule_set, LIKELY).destination == ToMenu("welcome", ("cards", "offer"))
    world.touches, world.interactions = (world.touch(),), (world.interaction(),)
    assert decided(world, rule_set, LIKELY).destination == ToMenu("welcome", ("offer", "application", "cards"))
    world.touches = (world.touch(status=TouchStatus.FAILED),)
    assert decided(world, rule_set, LIKELY).destination == ToMenu("welcome", ("application", "cards", "offer"))
    context = replace(
        world.context, reasons=(reason(ReasonKind.INTERACTION, "credit-application"), reason(ReasonKind.TOUCH, "winter-mail"))
    )
    decision = decide(world.request, context, rule_set("{}", "", LIKELY), world.now, OPERATORS)
    assert decision.destination == ToMenu("welcome", ("application", "offer", "cards"))
    said = decision.trace.rules[-1].verdicts[-1]
    assert (said.condition, said.wanted, said.seen, said.matched) == (
        "then.menu",
        "options by likely reason: application, offer",
        "application, offer",
        True,
    )
    context = replace(world.context, reasons=(reason(ReasonKind.TOUCH, "credit-application"), reason(ReasonKind.INTERACTION, "offers")))
    assert decide(world.request, context, rule_set("{}", "", LIKELY), world.now, {}).destination == ToMenu("welcome", ("offer", "cards"))


def reason(kind: ReasonKind, key: str) -> Reason:
    """Return a reason that is about that."""
    return Reason(kind, "x1", key, Medium.SMS, "Label", datetime(2026, 11, 20, tzinfo=UTC), 0.4)


@pytest.mark.parametrize(
    ("menu", "message"),
    [
        ("{name: welcome, likely: {offer: {}}}", "expected campaign or topic"),
        ("{name: welcome, likely: {'a b': {topic: x}}}", "expected the name of an option"),
        ("{name: welcome, likely: {offer: {medium: sms}}}", "medium"),
        ("{name: welcome, likely: {" + ", ".join(f"o{n}: {{topic: x}}" for n in range(6)) + "}, order: [a, b, c, d]}", "at most 9 options"),
        ("{name: welcome, order: [a, a]}", "each once"),
    ],
)
def test_menus_that_cannot_be_played_are_refused(rule_set: Any, menu: str, message: str) -> None:
    """An option for nothing, names no dialplan takes, more options than a telephone has keys."""
    with pytest.raises(RulesError, match=message):
        rule_set("{}", "", f"{{menu: {menu}}}")


def test_an_announcement_says_how_the_request_stands(world: Any, rule_set: Any) -> None:
    """A value picks the file and cannot lead out of its folder; a file whose value is missing is left out."""
    then = "{queue: a, announce: [custom/your-request, 'status/{interaction.status}', 'by/{interaction.owner}']}"
    world.interactions = (world.interaction(),)
    assert decided(world, rule_set, then, "{interaction: {}}").announce == "custom/your-request&status/open"
    world.interactions = (world.interaction(owner="../../etc&https://x"),)
    assert decided(world, rule_set, then, "{interaction: {}}").announce == "custom/your-request&status/open&by/etchttpsx"
    assert decided(world, rule_set, "{queue: a, announce: 'status/{interaction.status}'}").announce is None


def test_an_operator_who_is_away_is_passed_over_at_once(world: Any, rule_set: Any) -> None:
    """Known to be away: the queue, and the trace says so. Not known, or written as an interface: the phone rings."""
    world.calls = (world.call(MINUTE, None, "ivan"), world.call(2 * MINUTE, None, "gone"))
    rules = rule_set("{}", "", "{operator: last, queue: vip}")
    rung = ToOperator("PJSIP/1001", "ivan", queue="vip")

    def ask(available: Any) -> Decision:
        return decide(world.request, world.context, rules, world.now, OPERATORS, {}, available)

    assert ask(None).destination == ask({"ivan", "oksana"}).destination == rung
    away = ask({"oksana"})
    assert (away.destination, away.available) == (ToQueue("vip"), ())
    assert away.trace.rules[0].verdicts[-1].seen == "ivan is away or busy"
    assert ask({"ivan", "oksana"}).available == ("ivan",)
    fixed = rule_set("{}", "", "{operator: PJSIP/1001, queue: vip}")
    assert decide(world.request, world.context, fixed, world.now, OPERATORS, {}, set()).destination == rung
    assert not fixed.needs.available


def test_offers_whose_conditions_hold_are_proposed(world: Any, rule_set: Any) -> None:
    """From the catalogue, in the rule's order, after what an earlier rule proposed; the pop's other texts stay."""
    head = "offers: {gold: {title: Gold, when: {customer: known}}, deposit: {title: {en: Deposit}, text: Terms}}"
    then = "{queue: a, pop: {headline: Hi}, offers: [gold, deposit]}"
    deposit = Proposal({"en": "Deposit"}, {"": "Terms"}, "deposit")
    assert decided(world, lambda *_: rule_set("{}", head, then), then).pop == PopPlan(headline={"": "Hi"}, offers=(deposit,))
    world.known()
    both = decide(
        world.request, world.context, rule_set("{}", head, "{offers: [gold, deposit], queue: a, pop: {headline: Hi}}"), world.now, OPERATORS
    )
    assert both.pop == PopPlan(headline={"": "Hi"}, offers=(Proposal({"": "Gold"}, key="gold"), deposit))
