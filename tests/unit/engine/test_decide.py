"""Request and context -> decision, with its reasons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ctiroute.app.rule_files import read_rules
from ctiroute.engine.decide import decide
from ctiroute.model import (
    UNKNOWN,
    Caller,
    CallerContext,
    Customer,
    Identifier,
    IdentifierKind,
    Identity,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Operator,
    Outcome,
    PastCall,
    RouteRequest,
    SourceReport,
    Status,
    ToDefault,
    ToMenu,
    ToOperator,
    ToQueue,
    Touch,
    TouchStatus,
    Verdict,
)
from ctiroute.rules import Ruleset, load_ruleset

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # a Friday; 12:00 in Kyiv
PHONE = "+380671234567"
REQUEST = RouteRequest("pbx:1.1", Medium.VOICE, Caller(PHONE, PHONE), "+380441234567", NOW)
TOUCH = Touch(
    "t1",
    "autumn-sms",
    "Autumn",
    Medium.SMS,
    Identifier(IdentifierKind.PHONE, PHONE),
    NOW - timedelta(minutes=12),
    TouchStatus.DELIVERED,
    OfferTerms("Autumn instalments", terms="0 %, 24 months"),
)
FORM = Interaction(
    "i1",
    "c1",
    Medium.WEB,
    "credit-application",
    "Credit",
    InteractionStatus.OPEN,
    NOW - timedelta(hours=3),
    NOW - timedelta(hours=2),
    "ivan",
)
IVAN = {"ivan": Operator("ivan", "Ivan", ("PJSIP/1001",))}


def context(**known: object) -> CallerContext:
    """Return a context in which `known` was found."""
    values: dict[str, object] = {"request": REQUEST, "identity": UNKNOWN, **known}
    return CallerContext(**values)  # type: ignore[arg-type]  # the tests name its fields


def shipped() -> Ruleset:
    """Return the example rules that come with ctiroute."""
    return read_rules(Path(__file__).parents[3] / "rules")


def rules(*entries: str, default: str = "{menu: main}") -> Ruleset:
    """Return a rule set of entries in flow style."""
    return load_ruleset([("f.yml", "rules:\n" + "".join(f"  - {entry}\n" for entry in entries) + f"default: {default}\n")])


def test_who_got_the_sms_skips_the_menu() -> None:
    """A touch of twelve minutes ago leads to the offer's own queue, before everyone else, and the pop knows which offer."""
    decision = decide(REQUEST, context(touches=(TOUCH,)), shipped(), NOW, {})
    assert decision.status is Status.ROUTED
    assert decision.rule == "autumn-sms-callers"
    assert decision.destination == ToQueue("promo", 10)
    assert decision.touch_id == "t1"
    assert decision.interaction_id is None
    assert set(decision.pop.headline) == {"en", "uk"}
    assert decision.pop.script[""].startswith("## Autumn instalments")
    assert decision.ruleset_version == shipped().version


def test_later_the_same_day_it_is_still_the_offer() -> None:
    """After the window the second rule takes the call, and the trace says why the first did not."""
    old = decide(REQUEST, context(touches=(TOUCH,)), shipped(), NOW + timedelta(minutes=4), {})
    assert old.rule == "autumn-same-day"
    first = old.trace.rules[0]
    seen = "autumn-sms, sms, delivered, 16 min ago"
    assert (first.rule, first.matched) == ("autumn-sms-callers", False)
    assert first.verdicts == (Verdict("touch", "campaign autumn-*, sms, within 15m", seen, matched=False),)


def test_an_open_form_leads_to_its_owner() -> None:
    """The owner's phone rings first, then the queue."""
    decision = decide(REQUEST, context(interactions=(FORM,)), shipped(), NOW, IVAN)
    assert decision.rule == "credit-form-open"
    assert decision.destination == ToOperator("PJSIP/1001", "ivan", 15, "credit", 5)
    assert decision.interaction_id == "i1"
    assert decide(REQUEST, context(interactions=(FORM,)), shipped(), NOW, {}).destination == ToQueue("credit", 5)


def test_the_other_shipped_rules() -> None:
    """VIP, family number, repeated call, after hours and nobody in particular each take their way."""
    vip = Identity.of((Customer("c1", "Olena", "uk", {"segment": "vip"}),))
    talked = (PastCall("c0", NOW - timedelta(days=1), Outcome.ANSWERED, operator_id="ivan"),)
    decision = decide(REQUEST, context(identity=vip, calls=talked), shipped(), NOW, IVAN)
    assert (decision.rule, decision.language) == ("vip", "uk")
    assert decision.destination == ToOperator("PJSIP/1001", "ivan", 20, "vip", 30)
    family = Identity.of((Customer("c1", "Olena"), Customer("c2", "Petro")))
    assert decide(REQUEST, context(identity=family), shipped(), NOW, {}).rule == "family-number"
    left = tuple(PastCall(f"c{n}", NOW - timedelta(minutes=n), Outcome.ABANDONED) for n in (5, 9))
    assert decide(REQUEST, context(calls=left), shipped(), NOW, {}).rule == "called-and-left"
    night = decide(REQUEST, context(), shipped(), NOW + timedelta(hours=12), {})
    assert (night.rule, night.destination, night.announce) == ("after-hours", ToMenu("after-hours"), "custom/closed")
    nobody = decide(REQUEST, context(), shipped(), NOW, {})
    assert (nobody.status, nobody.rule, nobody.destination) == (Status.DEFAULT, None, ToMenu("main"))
    assert [rule.matched for rule in nobody.trace.rules] == [False] * len(shipped().rules)


def test_first_match_wins() -> None:
    """Rules behind the one that matched are not tried."""
    both = rules("{name: a, when: {customer: unknown}, then: {queue: a}}", "{name: b, when: {caller: {country: UA}}, then: {queue: b}}")
    decision = decide(REQUEST, context(), both, NOW, {})
    assert decision.rule == "a"
    assert [rule.rule for rule in decision.trace.rules] == ["a"]
    assert decision.trace.rules[0].verdicts == (Verdict("customer", "unknown", "unknown", matched=True),)


def test_a_condition_that_fails_costs_its_rule_alone() -> None:
    """A value no condition expects makes its rule not match, the next is tried, and the trace names the failure."""
    broken = context(touches=(None,))
    two = rules("{name: a, when: {touch: {within: 1h}}, then: {queue: a}}", "{name: b, when: {caller: {country: UA}}, then: {queue: b}}")
    decision = decide(REQUEST, broken, two, NOW, {})
    assert decision.rule == "b"
    failed = decision.trace.rules[0]
    assert not failed.matched
    assert failed.verdicts[0].seen.startswith("failed: AttributeError")


def test_an_action_that_fails_is_left_out() -> None:
    """What the other actions decided stands, and the trace names the failure."""
    broken = context(calls=(None,))
    one = rules("{name: a, when: {customer: unknown}, then: {operator: last, queue: a}}")
    decision = decide(REQUEST, broken, one, NOW, {})
    assert decision.destination == ToQueue("a")
    assert decision.trace.rules[0].matched
    assert decision.trace.rules[0].verdicts[-1].condition == "then.operator"
    assert "failed" in decision.trace.rules[0].verdicts[-1].seen
    by_default = decide(REQUEST, broken, rules(default="{operator: last}"), NOW, {})
    assert (by_default.status, by_default.destination) == (Status.DEFAULT, ToDefault())


def test_nothing_is_worded_until_somebody_reads() -> None:
    """The trace is made when it is read, once, from the facts of the moment of the decision."""
    decision = decide(REQUEST, context(sources=(SourceReport("store", "late", 250.0),)), shipped(), NOW, {})
    assert decision.trace._rules is None
    assert decision.trace.rules is decision.trace.rules
    assert decision.trace.sources[0].state == "late"


def test_an_empty_rule_set_takes_the_default() -> None:
    """No rules at all is a rule set too."""
    decision = decide(REQUEST, context(), load_ruleset([("f.yml", "default: {queue: all, pop: {headline: Hello}}")]), NOW, {})
    assert (decision.status, decision.destination) == (Status.DEFAULT, ToQueue("all"))
    assert decision.pop.headline == {"": "Hello"}
    assert decision.trace.rules == ()
