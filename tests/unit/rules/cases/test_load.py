"""Files of cases: layers, fixtures, tables, and every mistake in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.errors import ConfigurationError
from ctiroute.rules.cases import load_cases
from tests.examples import examples
from tests.unit.rules.cases.conftest import HEAD, RULES, cases_of, faults_of, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.rules.cases import Result

TABLE = """\
given: {now: "2026-11-20 12:00"}
fixtures:
  sent: {touch: {campaign: autumn-sms, sent: 5m ago}}
cases:
  - name: how long
    use: sent
    expect: {priority: 10}
    rows:
      - {rule: campaign}
      - {touch.sent: 15m ago, rule: campaign}
      - {touch.sent: 16m ago, rule: default, priority: null, menu: main}
      - {touch: null, now: "2026-11-20 20:00", rule: night, priority: null}
"""


def test_rows_share_facts_and_expectations(results: Callable[..., tuple[Result, ...]]) -> None:
    """A row says what differs; its title says so, too."""
    ran = results(TABLE)
    assert [result.case.name for result in ran] == ["how long#1", "how long#2", "how long#3", "how long#4"]
    assert [result.case.title for result in ran][:2] == ["how long: as it is", "how long: touch.sent 15m ago"]
    assert [result.answer.decision.rule for result in ran] == ["campaign", "campaign", None, "night"]
    assert [result.passed for result in ran] == [True, True, True, True]  # the last two take the shared priority back
    assert [result.case.line for result in ran] == [9, 10, 11, 12]


def test_a_case_lays_its_own_facts_over_its_fixtures(results: Callable[..., tuple[Result, ...]]) -> None:
    """The file's first, then the fixtures in their order, then the case's own."""
    text = """\
given: {now: "2026-11-20 12:00", caller: "+380501110000"}
fixtures:
  a: {customer: {name: A, language: uk}, touch: {campaign: autumn-a, sent: 1h ago}}
  b: {customer: {name: B}}
cases:
  - {name: one, use: [a, b], given: {touch: {sent: 1m ago}}, expect: {rule: campaign}}
"""
    (result,) = results(text)
    assert result.passed
    customer = result.case.given.context.identity.customer
    assert customer is not None
    assert (customer.name, customer.language) == ("B", "uk")


def test_fixtures_serve_every_file() -> None:
    """Whichever file they stand in."""
    sources = [
        ("b.test.yml", 'fixtures: {noon: {now: "2026-11-20 12:00"}}'),
        ("a.test.yml", "cases: [{name: one, use: noon, expect: {rule: default}}]"),
    ]
    (case,) = load_cases(sources, rules_of())
    assert case.file == "a.test.yml"


def test_files_with_nothing_in_them_are_no_mistake() -> None:
    """Neither is a list of cases that is commented out."""
    assert load_cases([("a.test.yml", ""), ("b.test.yml", "cases:\n")], rules_of()) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: [{name: a, expect: {rule: default}}]", "t.test.yml:1:9: now is missing"),
        ("case: []", "is not known in a file of cases (found 'case'); did you mean cases?"),
        ("cases: {}", "expected a list, not a mapping"),
        ("fixtures: [a]", "expected a mapping, not a list"),
        ("  - {name: one}", "expect is missing"),
        ("  - {expect: {rule: default}}", "name is missing"),
        ("  - {name: one, use: sant, expect: {rule: default}}", "there is no fixture of this name (found 'sant')"),
        ("  - {name: one, expect: {rule: default}, givn: {}}", "did you mean given?"),
        ("  - {name: one, rows: []}", "a table has at least one row"),
        ("  - {name: one, rows: [a]}", "expected a row, not text"),
        ("  - {name: one, rows: [{tuoch.sent: now, rule: default}]}", "is not known in a row (found 'tuoch.sent'); did you mean touch?"),
        ("  - {name: one, rows: [{touch..sent: now, rule: default}]}", "expected names with dots between them"),
        ("  - {name: one, expect: {rule: default}, rows: [{rule.x: campaign}]}", "leads into something"),
        ("  - {name: one, rows: [{touch.campaign: a, touch.sent: now, rule: campain}]}", "t.test.yml:3:67: there is no rule of this name"),
        ("  - {name: one, expect: {rule: default}}\n  - {name: one, expect: {rule: default}}", "another case has this name"),
        ("  - {name: one, expect: {rule: default}, expect: {}}", "stands twice in one mapping"),
        ("  - {name: one, given: {now: '2026-11-20 12:00'}, expect: {rule: default}", "t.test.yml"),
        ("fixtures: {a: {}, b: {}}\ncases: [{name: x, use: [a, c], expect: {rule: default}}]", "known here: a, b"),
    ],
)
def test_each_mistake_is_named_with_place_and_remedy(text: str, message: str) -> None:
    """As in rules: file, line, column, what was found, what to write."""
    assert message in "\n".join(faults_of(text))


def test_every_mistake_comes_in_one_run() -> None:
    """Those of facts beside those of expectations, in the order of lines."""
    found = faults_of("  - {name: a, given: {dialed: x}, expect: {rule: x}}\n  - {name: b, use: c, expect: {queue: []}}\n")
    assert [one.split(" ")[0] for one in found] == ["t.test.yml:3:31:", "t.test.yml:3:50:", "t.test.yml:4:20:"]


def test_two_fixtures_of_one_name_are_a_mistake() -> None:
    """Over all files, with the place of the first."""
    with pytest.raises(ConfigurationError, match=r"b.test.yml:1:12: there is a fixture of this name already.*see a.test.yml:1"):
        load_cases([("a.test.yml", "fixtures: {x: {}}"), ("b.test.yml", "fixtures: {x: {}}")], rules_of())


@given(
    st.text(max_size=200) | st.builds(lambda inner: HEAD + "  - {name: a, given: {" + inner + "}, expect: {rule: x}}", st.text(max_size=60))
)
@settings(max_examples=examples(150), deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    """It gives cases, or faults; nothing else."""
    ruleset = rules_of(RULES)
    try:
        load_cases([("t.test.yml", text)], ruleset)
    except ConfigurationError:
        return


def test_the_same_cases_read_twice_are_the_same() -> None:
    """Nothing depends on the order of hashes."""
    assert [case.title for case in cases_of(TABLE)] == [case.title for case in cases_of(TABLE)]
