"""Expectations written anew: their own values, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.documents import Mapping, Scalar, load
from ctiroute.rules.cases.rewrite import _written, rewrite
from tests.examples import examples
from tests.unit.rules.cases.conftest import ask, cases_of, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules.cases import Result

    Run = Callable[..., tuple[Result, ...]]

BEFORE = """\
# кейси з коментарем — їх читають люди
given: {now: "2026-11-20 12:00"}   # noon
fixtures:
  sent: {touch: {campaign: autumn-sms, sent: 5m ago, offer: {title: "Осінь"}}}
cases:
  - name: "телефонує"
    use: sent
    expect:
      rule: form        # once it was this one
      queue:   'credit'
      priority: 5
      menu: none
      vars: {CAMPAIGN: autumn-sms, OTHER: x}
      pop: {headline: "old: \\"text\\"", language: uk}
  - name: table
    use: sent
    rows:
      - {touch.sent: 1m ago, rule: campaign}
      - {touch.sent: 1h ago, rule: campaign}  # no longer
"""
AFTER = (
    BEFORE.replace("rule: form ", "rule: campaign ")
    .replace("'credit'", "promo")
    .replace("priority: 5", "priority: 10")
    .replace("OTHER: x", "OTHER: none")
    .replace('"old: \\"text\\""', '"Щодо «Осінь»"')
    .replace("rule: campaign}  #", "rule: default}  #")
)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_only_values_that_came_out_differently_change(results: Run, ends: str) -> None:
    """Comments, quotes, spaces and the ends of lines stay, in every alphabet; afterwards everything is as expected."""
    before, after = BEFORE.replace("\n", ends), AFTER.replace("\n", ends)
    done = rewrite(before, results(before))
    assert done.text == after
    assert done.left == ()
    assert all(result.passed for result in results(done.text))


def test_what_is_as_expected_stays_as_it_is(results: Run) -> None:
    """Also where it was written as a pattern."""
    text = "  - {name: a, given: {touch: {campaign: autumn-x, sent: now}}, expect: {queue: pro*, rule: campaign}}"
    text = 'given: {now: "2026-11-20 12:00"}\ncases:\n' + text
    assert rewrite(text, results(text)).text == text


def test_an_excerpt_has_to_be_changed_by_hand(results: Run) -> None:
    """A whole script in its place would be no excerpt; the admin hears where."""
    text = "given: {now: '2026-11-20 12:00', touch: {campaign: autumn-x, sent: now}}\ncases:\n"
    text += "  - {name: a, expect: {pop: {script: bye}, queue: x}}\n"
    done = rewrite(text, results(text))
    assert [str(one) for one in done.left] == ["t.test.yml:3:38: pop.script (en) has to be changed by hand (found 'bye')"]
    assert "queue: promo" in done.text


def test_what_rows_share_and_see_differently_is_left(results: Run) -> None:
    """One value cannot be right for both."""
    text = "given: {now: '2026-11-20 12:00', touch: {campaign: autumn-x, sent: now}}\ncases:\n"
    text += "  - {name: a, expect: {rule: campaign}, rows: [{dialed: '100'}, {touch.sent: 1h ago}]}\n"
    done = rewrite(text, results(text))
    assert done.text == text
    assert "differs from row to row" in str(done.left[0])


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40))
@settings(max_examples=examples(200), deadline=None)
def test_every_value_is_written_so_that_it_is_read_back(value: str) -> None:
    """Whatever a template gave: quotes, colons, braces, words like null."""
    root = load(f"a: {{x: {_written(value)}, y: 1}}", "f")
    assert isinstance(root, Mapping)
    inner = root.get("a")
    assert isinstance(inner, Mapping)
    found = inner.get("x")
    assert isinstance(found, Scalar)
    assert found.text == value


def test_cases_that_were_rewritten_are_still_cases(results: Run) -> None:
    """The words for nothing and for the default survive a second round."""
    first = rewrite(BEFORE, results(BEFORE)).text
    assert rewrite(first, results(first)).text == first
    assert len(cases_of(first)) == 3
    assert ask(cases_of(first)[0].given, rules_of()).rule == "campaign"
