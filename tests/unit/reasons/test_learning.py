"""Curves come from counts: what is counted, how it is written, and what the fit makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from ctiroute.model import (
    UNKNOWN,
    Caller,
    CallerContext,
    ConfirmedReason,
    Identifier,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    ReasonKind,
    RouteRequest,
    Touch,
    TouchStatus,
)
from ctiroute.reasons import PRIORS, Counts, Exposed, fitted, pattern_of, ranked
from ctiroute.reasons.grid import EDGES_S, bin_of
from ctiroute.reasons.tally import PEOPLE, Totals, period_of, totals_of

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
WEEK = "2026-11-16"
PHONE = Identifier("phone", "+380671234567")
REQUEST = RouteRequest("pbx:1", Medium.VOICE, Caller("", None), "", NOW)


def touch(name: str, ago: timedelta) -> Touch:
    """Return something sent so long ago."""
    return Touch(f"t-{name}", name, "", Medium.SMS, PHONE, NOW - ago, TouchStatus.SENT, OfferTerms())


def about(*touches: Touch, interactions: tuple[Interaction, ...] = ()) -> CallerContext:
    """Return what is known of a caller."""
    return CallerContext(REQUEST, UNKNOWN, touches, interactions)


def test_a_pattern_names_causes_and_ages_and_nobody() -> None:
    """The same whatever order things are known in; nothing of the person is in it."""
    talk = Interaction("i-1", "c-1", Medium.WEB, "credit", "", InteractionStatus.OPEN, NOW - timedelta(days=2), NOW - timedelta(hours=3))
    first, second = touch("autumn", timedelta(minutes=12)), touch("gold", timedelta(days=1))
    found = pattern_of(about(first, second, interactions=(talk,)), NOW, "t-gold")
    turned = pattern_of(about(second, first, interactions=(talk,)), NOW, "t-gold")
    assert found == turned
    assert found is not None
    pattern, choice = found
    assert pattern.written() == '[0,[["interaction","credit","web",8],["touch","autumn","sms",4],["touch","gold","sms",11]]]'
    assert pattern.causes[choice][1] == "gold"
    assert pattern_of(about(first), NOW, "t-other") == pattern_of(about(first), NOW)
    assert pattern_of(about(), NOW) is None
    assert pattern_of(about(touch("old", timedelta(days=31))), NOW) is None


def test_time_is_laid_to_the_stretches_it_was_spent_in() -> None:
    """A hundred touches from the third to the eighth minute of their age: two minutes in one stretch, three in the next."""
    counts = Counts()
    counts.exposure([Exposed(ReasonKind.TOUCH, "autumn", "sms", NOW - timedelta(minutes=8), 100)], 7, NOW - timedelta(minutes=5), NOW)
    hours = {what: amount for (_, what), amount in counts.amounts.items()}
    assert hours == {
        '["time","touch","autumn","sms",2]': pytest.approx(100 * 2 / 60),
        '["time","touch","autumn","sms",3]': pytest.approx(100 * 3 / 60),
        PEOPLE: pytest.approx(7 * 5 / 60),
    }


def test_time_ends_at_the_horizon_and_begins_when_it_was_sent() -> None:
    """Half of the step was before it was sent; of an old one only the rest of its month counts."""
    counts = Counts()
    step = timedelta(hours=2)
    sent = Exposed(ReasonKind.TOUCH, "new", "sms", NOW - timedelta(hours=1), 1)
    old = Exposed(ReasonKind.TOUCH, "old", "sms", NOW - timedelta(days=30, hours=1), 1)
    gone = Exposed(ReasonKind.TOUCH, "gone", "sms", NOW - timedelta(days=40), 1)
    counts.exposure([sent, old, gone, replace(sent, key="ahead", at=NOW + timedelta(minutes=1))], 0, NOW - step, NOW)
    by_key: dict[str, float] = {}
    for (_, what), amount in counts.amounts.items():
        key = what.split('"')[5] if what != PEOPLE else PEOPLE
        by_key[key] = by_key.get(key, 0.0) + amount
    assert by_key == {"new": pytest.approx(1.0), "old": pytest.approx(1.0), PEOPLE: 0.0}


def test_an_answer_takes_the_place_of_the_silent_count_and_can_be_taken_back() -> None:
    """So that a call is counted once, whenever the operator speaks and however often he changes his mind."""
    found = pattern_of(about(touch("autumn", timedelta(minutes=12))), NOW, "t-autumn")
    assert found is not None
    said = ConfirmedReason("pbx:1", "olena", NOW, ReasonKind.TOUCH, "t-autumn", found[0].written(), found[1], WEEK)
    counts = Counts()
    counts.call(found[0], NOW)
    counts.confirmed(said)
    counts.confirmed(replace(said, counted=said.choice, choice=-1))
    assert {what: amount for (_, what), amount in counts.amounts.items() if amount} == {
        '["calls",0,[["touch","autumn","sms",4]],-1]': 1.0,
    }
    assert period_of(NOW) == WEEK


def test_what_a_newer_version_counts_is_passed_over() -> None:
    """And so is what no number of ours can be."""
    totals = Totals()
    for what in (
        '["calls"',
        '["calls",0,[["touch","a","sms",99]],null]',
        '["time","touch","a","sms",-1]',
        '["weather",1]',
        "x",
        '["calls",0,[],null]',
    ):
        totals.add(what, 1.0)
    assert not totals.calls
    assert not totals.hours
    totals.add('["calls",0,[["touch","a","sms",1]],7]', 1.0)  # a place the pattern does not have: as if nobody had spoken
    assert [choice for _, choice in totals.calls] == [None]


def test_what_is_long_ago_weighs_less() -> None:
    """Half after so many weeks; a period nobody can read weighs nothing."""
    tallies = {(WEEK, PEOPLE): 8.0, ("2026-09-21", PEOPLE): 8.0, ("soon", PEOPLE): 8.0}
    assert totals_of(tallies, NOW, timedelta(weeks=8)).people_h == pytest.approx(12.0, rel=0.05)


def test_without_counts_the_curves_are_what_is_usual() -> None:
    """Before the first call there is an answer, and it is that of the priors."""
    sent = (touch("autumn", timedelta(minutes=12)),)
    assert ranked(sent, (), (), fitted({}, NOW), NOW) == ranked(sent, (), (), PRIORS, NOW)


def learnt(calls_in_bin: int, hours: float, people_h: float = 1000.0) -> Counts:
    """Return counts of one campaign: calls of its fifth stretch, and time spent there by people without any other cause."""
    counts = Counts()
    found = pattern_of(about(touch("autumn", timedelta(minutes=12))), NOW)
    assert found is not None
    for _ in range(calls_in_bin):
        counts.call(found[0], NOW)
    counts.amounts[WEEK, '["time","touch","autumn","sms",4]'] = hours
    counts.amounts[WEEK, PEOPLE] = people_h
    return counts


def test_a_campaign_that_nobody_answers_becomes_unlikely_and_one_that_many_answer_sure() -> None:
    """Ten thousand hours without a call, against a call every hour."""
    sent = (touch("autumn", timedelta(minutes=12)),)
    (ignored,) = ranked(sent, (), (), fitted(learnt(0, 10_000).amounts, NOW), NOW) or (None,)
    (answered,) = ranked(sent, (), (), fitted(learnt(200, 200).amounts, NOW), NOW)
    assert ignored is None or ignored.confidence < 0.5
    assert answered.confidence > 0.99
    assert answered.evidence.calls == pytest.approx(200, abs=2)


def test_operators_answers_overrule_what_the_times_suggest() -> None:
    """Two hundred calls right after the SMS, and every operator says it was something else."""
    found = pattern_of(about(touch("autumn", timedelta(minutes=12))), NOW)
    assert found is not None
    counts = learnt(0, 10_000)
    for _ in range(200):
        counts.call(found[0], NOW, -1)
    curves = fitted(counts.amounts, NOW)
    assert curves.confirmed == 200
    reasons = ranked((touch("autumn", timedelta(minutes=12)),), (), (), curves, NOW)
    assert sum(one.confidence for one in reasons) < 0.5


def test_rates_of_two_causes_that_come_together_are_told_apart() -> None:
    """Everybody has both; only where one came alone is it seen which of them makes people call."""
    rng = Random(7)  # noqa: S311 - a dice
    counts = Counts()
    both = pattern_of(about(touch("loud", timedelta(minutes=12)), touch("dull", timedelta(minutes=12))), NOW)
    loud, dull = (pattern_of(about(touch(name, timedelta(minutes=12))), NOW) for name in ("loud", "dull"))
    assert both
    assert loud
    assert dull
    for pattern, rate in ((both, 0.51), (loud, 0.50), (dull, 0.01)):
        for _ in range(1000):
            if rng.random() < rate:
                counts.call(pattern[0], NOW)
    for name in ("loud", "dull"):
        counts.amounts[WEEK, f'["time","touch","{name}","sms",4]'] = 2000.0
    counts.amounts[WEEK, PEOPLE] = 1e6
    first, *others = ranked(
        (touch("loud", timedelta(minutes=12)), touch("dull", timedelta(minutes=12))), (), (), fitted(counts.amounts, NOW), NOW
    )
    assert first.key == "loud"
    assert first.confidence > 0.9
    assert sum(one.confidence for one in others) < 0.1


def test_every_age_has_its_stretch() -> None:
    """The ends belong to the stretch before them; beyond the grid there is none."""
    assert [bin_of(edge) for edge in EDGES_S] == list(range(len(EDGES_S)))
    assert bin_of(0.0) == bin_of(-60.0) == 0
    assert bin_of(EDGES_S[-1] + 1) is None
    assert bin_of(float("nan")) is None
