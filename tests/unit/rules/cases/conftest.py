"""Rules and cases written in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctiroute.engine.decide import decide
from ctiroute.errors import RulesError
from ctiroute.rules import Ruleset, load_ruleset
from ctiroute.rules.cases import Case, Given, Result, load_cases, run_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.model import Decision

RULES = """\
timezone: Europe/Kyiv
hours:
  business: {weekly: {mon-fri: "09:00-18:00"}}
rules:
  - name: known
    when: {touch: {campaign: "*-sms", within: 15m}}
    then: {continue: true, tags: warm}
  - name: campaign
    when: {touch: {campaign: "autumn-*", within: 15m}}
    then:
      queue: promo
      priority: 10
      announce: custom/hello
      tags: campaign
      vars: {CAMPAIGN: "{touch.campaign_key}"}
      pop:
        headline: {en: "About “{touch.offer.title}”, {touch.age} ago", uk: "Щодо «{touch.offer.title}»"}
        script: s.md
        fields: {Amount: "{touch.offer.amount}"}
        url: "https://crm.example/?p={caller.phone}"
  - name: form
    when: {interaction: {topic: credit}}
    then: {operator: {who: owner, for: 15s}, queue: credit}
  - name: night
    when:
      any:
        - not: {hours: business}
        - caller: {withheld: true}
    then: {extension: "2099", language: customer}
default: {menu: main}
"""
HEAD = 'given: {now: "2026-11-20 12:00"}\ncases:\n'


def ask(given: Given, ruleset: Ruleset) -> Decision:
    """Decide as for a real call."""
    return decide(given.request, given.context, ruleset, given.now, given.operators, given.queues, given.available)


def rules_of(text: str = RULES) -> Ruleset:
    """Return compiled rules."""
    return load_ruleset([("r.yml", text)], lambda _path: "Say **hello** to {customer.name}.\nThen ask.")


def cases_of(text: str, rules: str = RULES) -> tuple[Case, ...]:
    """Return the cases of one file; `HEAD` is put in front of a list."""
    return load_cases([("t.test.yml", HEAD + text if text.startswith("  -") else text)], rules_of(rules))


def faults_of(text: str, rules: str = RULES) -> list[str]:
    """Return what is wrong with a file of cases."""
    with pytest.raises(RulesError) as caught:
        cases_of(text, rules)
    return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def results() -> Callable[..., tuple[Result, ...]]:
    """Run cases written in place."""

    def run(text: str, rules: str = RULES) -> tuple[Result, ...]:
        return run_cases(cases_of(text, rules), rules_of(rules), ask)

    return run
