"""Reasons are ranked by their rates, sum to at most 1, and nothing makes them fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.model import (
    Evidence,
    Identifier,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    PastCall,
    ReasonKind,
    Touch,
    TouchStatus,
)
from ctiroute.reasons import PRIORS, among, ranked
from ctiroute.reasons.curves import Curves, own_rates, table_of
from ctiroute.reasons.grid import BINS, EDGES_S, HORIZON
from ctiroute.reasons.rank import LEAST, MAX_REASONS, own_calls

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
PHONE = Identifier("phone", "+380671234567")


def touch(name: str, ago: timedelta, **changes: Any) -> Touch:
    """Return something sent so long ago."""
    sent = Touch(f"t-{name}", name, "", Medium.SMS, PHONE, NOW - ago, TouchStatus.SENT, OfferTerms())
    return replace(sent, **changes)


def talk(name: str, ago: timedelta, **changes: Any) -> Interaction:
    """Return an open conversation that moved so long ago."""
    open_one = Interaction(f"i-{name}", None, Medium.WEB, name, "", InteractionStatus.OPEN, NOW - ago, NOW - ago)
    return replace(open_one, **changes)


def call(ago: timedelta) -> PastCall:
    """Return an earlier call."""
    return PastCall(f"c-{ago}", NOW - ago, Outcome.ANSWERED)


def flat(rate: float) -> tuple[tuple[float, Evidence], ...]:
    """Return a curve that is the same at every age, calls an hour."""
    return table_of((rate,) * BINS)


FLAT = Curves(
    touches={"a": {"sms": flat(3.0)}, "b": {"sms": flat(1.0)}}, interactions={"form": {"web": flat(2.0)}}, own=(2.0,) * 10, base=2.0
)


def test_a_confidence_is_the_part_of_its_rate_in_all_rates() -> None:
    """Three, two and one calls an hour beside two for no known reason: 3/8, 2/8, 1/8, and 2/8 are left."""
    touches = (touch("b", timedelta(minutes=1)), touch("a", timedelta(hours=5)))
    found = ranked(touches, (talk("form", timedelta(days=2)),), (), FLAT, NOW)
    assert [(one.key, one.confidence) for one in found] == [("a", 0.375), ("form", 0.25), ("b", 0.125)]
    first, second, _ = found
    assert (first.kind, first.touch_id, first.interaction_id) == (ReasonKind.TOUCH, "t-a", None)
    assert (second.kind, second.touch_id, second.interaction_id) == (ReasonKind.INTERACTION, None, "i-form")


def test_the_founding_case_is_nearly_sure_before_anything_was_learnt() -> None:
    """An SMS of twelve minutes ago is why he calls; one of twenty days ago probably is not."""
    (fresh,) = ranked((touch("autumn", timedelta(minutes=12)),), (), (), PRIORS, NOW)
    assert fresh.confidence > 0.95
    assert fresh.evidence.within_s == 900
    assert fresh.evidence.calls == 0
    old = ranked((touch("autumn", timedelta(days=20)),), (), (), PRIORS, NOW)
    assert sum(one.confidence for one in old) < 0.1


def test_what_cannot_be_the_reason_is_none() -> None:
    """A touch that failed or lies ahead, a conversation that is closed, anything over the horizon."""
    touches = (
        touch("ahead", timedelta(hours=-1)),
        touch("failed", timedelta(minutes=1), status=TouchStatus.FAILED),
        touch("old", HORIZON + timedelta(seconds=1)),
    )
    talks = (talk("closed", timedelta(minutes=5), status=InteractionStatus.CLOSED), talk("old", timedelta(days=31)))
    assert ranked(touches, talks, (), PRIORS, NOW) == ()
    assert ranked((), (), (call(timedelta(hours=1)),), PRIORS, NOW) == ()


def test_a_clock_a_little_ahead_costs_nothing() -> None:
    """The mailing tool's clock and ours need not agree to the second."""
    (found,) = ranked((touch("autumn", timedelta(seconds=-30)),), (), (), PRIORS, NOW)
    assert found.confidence > 0.9


def test_who_calls_every_week_is_less_surely_calling_about_it() -> None:
    """Five calls of the last month, for no reason that we know of."""
    sent = (touch("autumn", timedelta(days=1)),)
    calls = tuple(call(timedelta(days=day)) for day in (4, 9, 14, 19, 24))
    (never,), (often,) = ranked(sent, (), (), PRIORS, NOW), ranked(sent, (), calls, PRIORS, NOW)
    assert never.confidence > 2 * often.confidence


def test_a_call_right_after_a_touch_is_no_sign_of_calling_often() -> None:
    """What was sent explains it; a call of another day is explained by nothing."""
    touches = (touch("new", timedelta(minutes=5)), touch("old", timedelta(days=3)))
    explained, other, ancient = call(timedelta(days=3) - timedelta(hours=1)), call(timedelta(days=10)), call(timedelta(days=40))
    assert own_calls((explained,), touches, NOW) == 0
    assert own_calls((explained, other, ancient), touches, NOW) == 1
    assert own_calls(tuple(call(timedelta(hours=hour + 200)) for hour in range(20)), (), NOW) == 9


def test_a_campaign_is_known_by_its_medium_and_a_new_one_by_what_is_usual() -> None:
    """The curve of the SMS says nothing of the e-mail of the same campaign."""
    sms, email = touch("a", timedelta(minutes=5)), touch("a", timedelta(minutes=5), medium=Medium.EMAIL, touch_id="t-mail")
    curves = replace(FLAT, touch_media=PRIORS.touch_media)
    found = {one.about_id: one.evidence for one in ranked((sms, email), (), (), curves, NOW)}
    assert found["t-a"] == FLAT.touches["a"]["sms"][2][1]
    assert "t-mail" not in found or found["t-mail"] == PRIORS.touch_media["email"][2][1]


def test_only_the_likeliest_few_are_named() -> None:
    """Nobody reads twenty, and what is hardly possible is none."""
    many = tuple(touch(f"c{number}", timedelta(minutes=10 * number)) for number in range(20))
    found = ranked(many, (), (), PRIORS, NOW)
    assert len(found) == MAX_REASONS
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    faint = (touch("fresh", timedelta(minutes=1)), touch("faint", timedelta(days=29)))
    assert [one.key for one in ranked(faint, (), (), PRIORS, NOW)] == ["fresh"]


def test_what_an_operator_rules_out_makes_the_others_likelier() -> None:
    """Two customers share a number; once it is said who calls, only his are left, and they sum to at most 1."""
    touches = (touch("b", timedelta(minutes=1)), touch("a", timedelta(hours=5)))
    found = ranked(touches, (), (), FLAT, NOW)
    (left,) = among(found, {"t-b"})
    assert left.key == "b"
    assert left.confidence == pytest.approx(1 / 3, abs=1e-3)
    assert among(found, ()) == ()


AGES = st.timedeltas(timedelta(days=-2), timedelta(days=40))
RATE = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e9))


@given(
    ages=st.lists(AGES, max_size=20),
    talks=st.lists(AGES, max_size=20),
    calls=st.lists(AGES, max_size=20),
    rates=st.lists(RATE, min_size=BINS, max_size=BINS),
    base=st.floats(1e-12, 1e3),
)
@settings(max_examples=200, deadline=None)
def test_confidences_sum_to_at_most_one_whatever_the_curves(
    ages: list[timedelta], talks: list[timedelta], calls: list[timedelta], rates: list[float], base: float
) -> None:
    """Rates that are no numbers, are negative or without bounds are taken for what can be meant."""
    table = table_of(tuple(rates))
    curves = Curves(touches={"x": {"sms": table}}, interaction_media={"web": table}, own=own_rates(base), base=base)
    touches = sorted((touch("x", age, touch_id=str(age)) for age in ages), key=lambda one: one.sent_at, reverse=True)
    found = ranked(touches, [talk("y", age) for age in talks], [call(age) for age in sorted(calls)], curves, NOW)
    assert sum(one.confidence for one in found) <= 1
    assert all(0 <= one.confidence <= 1 for one in found)
    assert len(found) <= MAX_REASONS


def test_evidence_says_what_share_calls_within_a_round_time() -> None:
    """Of a flat curve half have called within half of the time, and all within the last stretch."""
    table = table_of((1.0,) * BINS)
    whole = EDGES_S[-1]
    assert [evidence.share for _, evidence in table] == [pytest.approx(edge / whole, abs=1e-3) for edge in EDGES_S]
    assert table[-1][1].share == 1.0
    assert LEAST > 0
