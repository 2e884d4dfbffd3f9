"""Expectations: met, not met, and wrongly written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.rules.cases.conftest import faults_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules.cases import Result

    Run = Callable[..., tuple[Result, ...]]

TOUCH = "touch: {campaign: autumn-sms, sent: 5m ago, offer: {title: Autumn, amount: '100'}}"
FORM = "interaction: {topic: credit, updated: 1h ago, owner: olha}, operators: {olha: PJSIP/1001}"


def case(given: str, expect: str) -> str:
    """Return a case in flow style."""
    return f"  - {{name: one, given: {{{given}}}, expect: {{{expect}}}}}"


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        (TOUCH, "rule: campaign"),
        (TOUCH, "action: queue, queue: promo, priority: 10, announce: custom/hello, about: autumn-sms"),
        (TOUCH, "queue: pro*, menu: none, extension: null, operator: none, language: null"),
        (TOUCH, "vars: {CAMPAIGN: autumn-sms, OTHER: null}"),
        (TOUCH, "vars: {CTI_X_CAMPAIGN: autumn-sms}"),
        (TOUCH, "tags: [campaign, warm], added: known"),
        (FORM, "tags: none, added: none"),
        (TOUCH, "pop: {headline: 'About “Autumn”, 5 min ago', opening: none, fields: {Amount: '100', No: none}, at: ring}"),
        (TOUCH, "pop: [{language: uk, headline: 'Щодо «Autumn»'}, {language: en, headline: '*Autumn*'}]"),
        (TOUCH, "pop: {script: 'hello** to', url: 'https://crm.example/?p=%2B380671234567'}"),
        (TOUCH, "trace: {campaign: matched, form: not asked}"),
        (FORM, "rule: form, action: operator, operator: olha, ring: 15s, queue: credit, about: credit"),
        (FORM, "operator: PJSIP/1001, trace: {campaign: touch}"),
        ("dialed: '+380440000000'", "rule: default, action: menu, menu: main, trace: {night: any}"),
        ("dialed: '+380440000000'", "rule: null, order: none, pop: {script: none}"),
        ("dialed: '+380440000000'", "trace: {night: 'any'}"),
        ("now: '2026-11-20 20:00', customer: {language: uk}", "rule: night, extension: 2099, language: uk"),
    ],
)
def test_what_happens_is_as_expected(results: Run, given: str, expect: str) -> None:
    """Every kind of expectation is met by what the rules do."""
    (result,) = results(case(given, expect))
    assert [(one.expectation.what, one.expectation.wanted, one.seen) for one in result.differences] == []


@pytest.mark.parametrize(
    ("given", "expect", "what", "seen"),
    [
        (TOUCH, "rule: form", "rule", "campaign"),
        (TOUCH, "rule: default", "rule", "campaign"),
        (TOUCH, "queue: credit", "queue", "promo"),
        (TOUCH, "queue: none", "queue", "promo"),
        (TOUCH, "menu: main", "menu", ""),
        (TOUCH, "order: 'offer, *'", "order", ""),
        (TOUCH, "action: menu", "action", "queue"),
        (TOUCH, "priority: 0", "priority", "10"),
        (TOUCH, "ring: 15s", "ring", ""),
        (TOUCH, "about: winter-*", "about", "autumn-sms"),
        (TOUCH, "vars: {CAMPAIGN: winter}", "vars.CAMPAIGN", "autumn-sms"),
        (TOUCH, "pop: {language: uk, headline: 'Autumn'}", "pop.headline (uk)", "Щодо «Autumn»"),
        (TOUCH, "pop: {fields: {Amount: '200'}}", "pop.fields.Amount (en)", "100"),
        (TOUCH, "pop: {script: 'goodbye'}", "pop.script (en)", "Say **hello** to . Then ask."),
        (TOUCH, "pop: {script: none}", "pop.script (en)", "Say **hello** to . Then ask."),
        (TOUCH, "pop: {at: answer}", "pop.at (en)", "ring"),
        (TOUCH, "trace: {campaign: touch}", "trace.campaign", "matched"),
        (TOUCH, "trace: {form: interaction}", "trace.form", "not asked"),
        (TOUCH, "tags: [warm, cold]", "tags", "warm, campaign"),
        (TOUCH, "tags: war", "tags", "warm, campaign"),
        (TOUCH, "added: none", "added", "known"),
        (FORM, "operator: petro", "operator", "olha"),
        (FORM, "ring: 20s", "ring", "15s"),
        ("dialed: '+380440000000'", "trace: {night: matched}", "trace.night", "any"),
    ],
)
def test_what_happens_differently_is_shown(results: Run, given: str, expect: str, what: str, seen: str) -> None:
    """Each kind of expectation can fail, and says what came instead."""
    (result,) = results(case(given, expect))
    assert [(one.expectation.what, one.seen) for one in result.differences] == [(what, seen)]
    assert not result.passed


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("rule: campain", "there is no rule of this name (found 'campain'); did you mean campaign?"),
        ("rul: campaign", "is not known in expect (found 'rul'); did you mean rule?"),
        ("queue: [a]", "expected text, not a list"),
        ("priority: high", "expected a whole number from 0 to 1000"),
        ("action: que", "did you mean queue?"),
        ("ring: 15", "expected a time span"),
        ("vars: promo", "expected variables, not text"),
        ("pop: {headlin: a}", "did you mean headline?"),
        ("pop: {language: ukrainian1}", "expected a language code"),
        ("pop: {fields: [a]}", "expected fields, not a list"),
        ("trace: {campain: touch}", "did you mean campaign?"),
        ("trace: {campaign: tuoch}", "campaign has no such condition (found 'tuoch'); did you mean touch?"),
        ("trace: touch", "expected a trace, not text"),
        ("", "a case has to expect something"),
    ],
)
def test_a_wrong_expectation_is_named_at_its_place(expect: str, message: str) -> None:
    """It cannot be met by accident."""
    found = faults_of(case("", expect))
    assert message in "\n".join(found)
    assert all(one.startswith("t.test.yml:3:") for one in found)


def test_a_condition_that_holds_others_stands_for_them(results: Run) -> None:
    """A trace names the innermost condition that failed; a case may name what it stands in."""
    rules = (
        "timezone: Europe/Kyiv\nconditions: {vip: {customer: {attributes: {segment: vip}}}}\n"
        "rules: [{name: a, when: {all: [{use: vip}, {caller: {withheld: true}}]}, then: {queue: q}}]\ndefault: {}\n"
    )
    rows = "rows: [{trace.a: all}, {trace.a: 'all[0].use'}, {trace.a: vip.customer}, {trace.a: 'all[1].caller'}]"
    assert [one.passed for one in results("  - {name: one, " + rows + "}", rules)] == [True, True, True, False]
