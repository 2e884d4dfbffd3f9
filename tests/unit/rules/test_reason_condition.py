"""The condition `reason`, the names `{reason...}`, and cases that say how likely a reason is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctiroute.documents import load
from ctiroute.engine.decide import decide
from ctiroute.errors import ConfigurationError
from ctiroute.model import (
    UNKNOWN,
    Caller,
    CallerContext,
    Decision,
    Evidence,
    Identifier,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Reason,
    ReasonKind,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.rules import load_ruleset
from ctiroute.rules.cases.given import Given, read_given
from ctiroute.rules.template import Subject, fill

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
AGO = NOW - timedelta(minutes=12)
PHONE = Identifier("phone", "+380671234567")
SENT = Touch("t-1", "autumn-sms", "", Medium.SMS, PHONE, AGO, TouchStatus.SENT, OfferTerms("Autumn"))
AGAIN = replace(SENT, touch_id="t-2", medium=Medium.EMAIL)
TALK = Interaction("i-1", None, Medium.WEB, "credit", "Credit", InteractionStatus.OPEN, AGO, AGO)


def reason(about: str, key: str, confidence: float, medium: Medium = Medium.SMS) -> Reason:
    """Return a reason about something of the context below."""
    kind = ReasonKind.INTERACTION if about.startswith("i") else ReasonKind.TOUCH
    return Reason(kind, about, key, medium, key.title(), AGO, confidence, Evidence(900, 0.31, 214, 9))


CONTEXT = CallerContext(
    RouteRequest("pbx:1", Medium.VOICE, Caller("+380671234567", "+380671234567"), "+380441234567", NOW),
    UNKNOWN,
    (SENT, AGAIN),
    (TALK,),
    reasons=(reason("t-1", "autumn-sms", 0.4), reason("t-2", "autumn-sms", 0.35, Medium.EMAIL), reason("i-1", "credit", 0.1, Medium.WEB)),
)


def decided(when: str, context: CallerContext = CONTEXT) -> Decision:
    """Return the decision of one rule with this condition."""
    text = f"rules: [{{name: it, when: {{reason: {when}}}, then: {{queue: promo}}}}]\ndefault: {{menu: main}}\n"
    return decide(context.request, context, load_ruleset([("r.yml", text)]), NOW, {})


@pytest.mark.parametrize(
    ("when", "about"),
    [
        ('{is: "autumn-*"}', "t-1"),
        ('{is: "autumn-*", confidence: ">= 0.75"}', "t-1"),  # both reminders together
        ('{is: "autumn-*", confidence: "> 0.75"}', None),
        ("{is: autumn-sms, medium: email, confidence: 0.3}", "t-2"),
        ("{kind: interaction}", None),
        ("{kind: interaction, confidence: .05}", "i-1"),
        ("{is: credit, confidence: '< 0.2'}", "i-1"),
        ("{confidence: 0.8}", "t-1"),
        ("{is: winter, confidence: '<= 0'}", ""),
        ("{}", "t-1"),
    ],
)
def test_a_reason_fits_by_what_it_is_and_how_likely(when: str, about: str | None) -> None:
    """The call is about the likeliest that fits; a rule about what is unlikely holds where nothing fits."""
    decision = decided(when)
    assert (decision.rule == "it") is (about is not None)
    if about is not None:
        assert (decision.touch_id or decision.interaction_id or "") == about


def test_without_reasons_nothing_is_likely() -> None:
    """A caller nobody knows, or a store that was away."""
    assert decided("{}", replace(CONTEXT, reasons=())).rule is None
    assert decided("{confidence: '< 0.5'}", replace(CONTEXT, reasons=())).rule == "it"


def test_a_trace_says_what_was_seen() -> None:
    """In percent, the likeliest first."""
    (verdict,) = decided('{is: winter, confidence: ">= 0.7"}').trace.rules[0].verdicts
    assert verdict.wanted == "winter, confidence >= 0.7"
    assert verdict.seen == "autumn-sms, sms, 40%; autumn-sms, email, 35%; credit, web, 10%"


def test_texts_name_the_likeliest_reason() -> None:
    """Without one they are empty, like every value that is missing."""
    text = "{reason.title}, {reason.confidence}, {reason.age} ago by {reason.medium}"
    assert fill(text, Subject.of(CONTEXT, None, None, NOW)) == "Autumn-Sms, 40%, 12 min ago by sms"
    assert "%" not in fill(text, Subject.of(replace(CONTEXT, reasons=()), None, None, NOW))


def given(text: str) -> Given:
    """Return the facts of a case."""
    return read_given(load(f"now: 2026-11-18 12:00\n{text}", "case.yml"), UTC)


def test_a_case_says_how_likely_a_reason_is_or_takes_what_is_usual() -> None:
    """So a case stays as it is, whatever a running service has learnt."""
    touches = "touch: {campaign: autumn-sms, sent: 12m ago}\ninteraction: {topic: credit, updated: 2d ago}\n"
    (first, *_) = given(touches).context.reasons
    assert first.key == "autumn-sms"
    assert first.confidence > 0.9
    told = given(touches + "reasons: [{campaign: autumn-sms, confidence: 0.2}, {topic: credit, confidence: 0.7}]\n").context.reasons
    assert [(one.key, one.confidence, one.interaction_id) for one in told] == [("credit", 0.7, "interaction-1"), ("autumn-sms", 0.2, None)]


@pytest.mark.parametrize(
    ("reasons", "wrong"),
    [
        ("reason: {campaign: winter, confidence: 0.5}", "nothing of this case could be that reason"),
        ("reason: {confidence: 0.5}", "expected campaign or topic"),
        ("reasons: [{campaign: autumn-sms, confidence: 0.8}, {campaign: autumn-sms, confidence: 0.8}]", "sum to 1 at most"),
    ],
)
def test_a_case_that_cannot_be_is_refused(reasons: str, wrong: str) -> None:
    """With its place."""
    with pytest.raises(ConfigurationError) as caught:
        given(f"touch: {{campaign: autumn-sms, sent: 12m ago}}\n{reasons}\n")
    assert any(wrong in fault.message for fault in caught.value.faults)
