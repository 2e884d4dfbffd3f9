"""Rules over messages of other media raise flags, whatever a message holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.model import Identifier, Interaction, InteractionEvent, InteractionStatus, Medium
from ctiroute.model.intake import Intake
from ctiroute.rules import load_ruleset
from ctiroute.rules.messages import MAX_TEXT, MessageRule, flags_of

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


def said(text: str, **changes: Any) -> Intake:
    """Return a message as a source tells it."""
    told = Intake(
        "chat", "c-1", NOW, Medium.CHAT, identifiers=(Identifier("phone", "+380671234567"),), event=InteractionEvent(NOW, "message", text)
    )
    return replace(told, **changes)


def rules(when: str, flag: str = "urgent") -> tuple[MessageRule, ...]:
    """Return the compiled rules of one entry."""
    text = f"messages: [{{name: one, flag: {flag}, when: {when}}}]\ndefault: {{menu: main}}\n"
    return load_ruleset([("m.yml", text)]).messages


def talk(name: str, *ago: timedelta, kind: str = "message") -> Interaction:
    """Return a conversation with messages of so long ago."""
    events = tuple(InteractionEvent(NOW - span, kind, "hello") for span in ago)
    return Interaction(name, None, Medium.TELEGRAM, "", "", InteractionStatus.OPEN, NOW - timedelta(days=1), NOW, events=events)


@pytest.mark.parametrize(
    ("when", "message", "raised"),
    [
        ('{says: "*lawyer*"}', said("I will call my LAWYER\nnow"), True),
        ('{says: "*lawyer*"}', said("thank you"), False),
        ("{words: [urgent, терміново]}", said("Це ТЕРМІНОВО!"), True),  # noqa: RUF001 - Ukrainian
        ("{words: urgent}", said("nothing is urgently needed"), False),
        ("{medium: [email, chat], topic: 'complaint*'}", said("x", topic="complaint-card"), True),
        ("{medium: email}", said("x"), False),
        ("{source: 'tele*'}", said("x"), False),
        ("{sentiment: {below: -0.5}}", said("x", sentiment=-0.9), True),
        ("{sentiment: {below: -0.5}}", said("x", sentiment=0.2), False),
        ("{sentiment: {below: -0.5}}", said("x"), False),
        ('{says: "*help*", medium: chat, sentiment: {at_most: 0}}', said("help", sentiment=0.0), True),
    ],
)
def test_a_rule_fits_when_all_it_asks_for_fits(when: str, message: Intake, raised: bool) -> None:
    """Words and patterns whatever their case and line breaks; a rating only where the source gives one."""
    assert flags_of(message, (), rules(when)) == (("urgent",) if raised else ())


def test_every_rule_that_fits_adds_its_flags_to_those_of_the_source() -> None:
    """Each flag once, the source's own first."""
    both = (*rules("{words: help}", "[urgent, angry]"), *rules("{medium: chat}", "angry"))
    assert flags_of(said("help", flags=("vip",)), (), both) == ("vip", "urgent", "angry")


def test_only_what_the_customer_says_is_looked_at() -> None:
    """A change of state, a note of a colleague, an intake without a message raise nothing."""
    angry = rules('{says: "*"}')
    assert flags_of(said("x", event=None), (), angry) == ()
    assert flags_of(said("x", event=InteractionEvent(NOW, "note", "x")), (), angry) == ()
    assert flags_of(said("x", event=InteractionEvent(NOW, "form", "x")), (), angry) == ("urgent",)


def test_repeated_contact_is_counted_over_all_media_and_only_within_its_time() -> None:
    """This message is one of them, and is not counted twice when it is kept already."""
    thrice = rules("{repeated: {count: 3, within: 2h}}", "waiting")
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert flags_of(said("x"), (talk("a", minute), talk("b", hour)), thrice) == ("waiting",)
    assert flags_of(said("x"), (talk("a", minute), talk("b", 3 * hour)), thrice) == ()
    assert flags_of(said("x"), (talk("a", minute, hour, kind="status"),), thrice) == ()
    kept = replace(talk("a", minute), events=(*talk("a", minute).events, InteractionEvent(NOW, "message", "x")))
    assert flags_of(said("x"), (kept,), thrice) == ()


def test_a_rule_that_breaks_costs_the_others_nothing() -> None:
    """Nor the message its way into the store."""

    def broken(*_: object) -> bool:
        raise ValueError("boom")

    first = MessageRule("broken", ("never",), broken, None)
    assert flags_of(said("help"), (), (first, *rules("{words: help}"))) == ("urgent",)


@given(st.text(max_size=300))
def test_no_text_breaks_a_rule(text: str) -> None:
    """Markup, control characters and every script are text."""
    assert flags_of(said(text), (), rules('{says: ["*a*b*c?*d*", "?*"], words: [x]}')) in {(), ("urgent",)}


def test_no_message_takes_long() -> None:
    """Ten megabytes made for patterns with many stars: only its beginning is looked at, and no step is done over."""
    hostile = said("a" * 10_000_000)
    hardest = rules(f'{{says: "{"*a" * 20}*b"}}')
    started = perf_counter()
    assert flags_of(hostile, (), hardest) == ()
    assert perf_counter() - started < 1.0
    assert MAX_TEXT <= 10_000


def test_call_rules_ask_for_a_flag_by_the_interaction() -> None:
    """A case of `rules test` may raise it, too."""
    text = "rules: [{name: a, when: {interaction: {flag: 'urg*'}}, then: {queue: care}}]\ndefault: {menu: main}\n"
    probe = load_ruleset([("r.yml", text)]).rules[0].when[0]
    assert probe.wanted.startswith("open or waiting, flag urg*")
