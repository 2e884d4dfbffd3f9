"""`ctiroute rules test`."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

    Run = Callable[..., Said]

ROOT = Path(__file__).parents[3]
RULES = """\
timezone: Europe/Kyiv
rules:
  - name: campaign
    when: {touch: {campaign: "autumn-*", within: 15m}}
    then: {queue: promo, priority: 10}
default: {menu: main}
"""
CASES = """\
# what should happen
given: {now: "2026-11-20 12:00"}
cases:
  - name: who calls back  # the main case
    given: {touch: {campaign: autumn-sms, sent: 5m ago}}
    expect: {rule: campaign, queue: care}
  - name: anybody
    expect: {rule: default}
"""


class Terminal(io.StringIO):
    """Somebody at a keyboard."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Return a folder with a rule and two cases, one of which expects another queue."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yml").write_text(RULES, encoding="utf-8")
    (folder / "a.test.yml").write_text(CASES, encoding="utf-8")
    return folder


def test_the_shipped_rules_are_wholly_covered_by_their_cases(ctiroute: Run) -> None:
    """Every rule, every condition both ways, every alternative."""
    said = ctiroute("rules", "test", ROOT / "rules", "--fail-under", "100", "--coverage")
    assert (said.code, said.err) == (0, "")
    assert "all as expected" in said.out
    assert "100.0 %" in said.out


def test_a_failure_shows_what_was_expected_what_came_and_why(rules: Path, ctiroute: Run) -> None:
    """With the place of the expectation; exit code 1; no colours where there is no terminal."""
    said = ctiroute("rules", "test", rules)
    assert said.code == 1
    assert f"✗ who calls back  {rules / 'a.test.yml'}:4" in said.out
    assert f"queue  {rules / 'a.test.yml'}:6:37" in said.out
    assert "expected  care\n    got       promo" in said.out
    assert "✓ touch: wants campaign autumn-*, within 15m; saw autumn-sms, sms, delivered, 5 min ago" in said.out
    assert "2 cases, 1 failed" in said.out
    assert "\x1b" not in said.out


def test_one_test_file_is_run_against_the_rules_beside_it(rules: Path, ctiroute: Run) -> None:
    """With fixtures of the other files, and without their cases."""
    text = "fixtures: {}\ncases: [{name: one, given: {now: '2026-11-20 12:00'}, expect: {rule: default}}]"
    (rules / "b.test.yml").write_text(text, encoding="utf-8")
    said = ctiroute("rules", "test", rules / "b.test.yml")
    assert said.code == 0
    assert "1 case, all as expected" in said.out


def test_one_rule_file_is_tried_by_the_cases_beside_it(rules: Path, ctiroute: Run) -> None:
    """And by no others."""
    (rules / "b.test.yml").write_text("nonsense: 1", encoding="utf-8")
    assert "2 cases" in ctiroute("rules", "test", rules / "a.yml").out


def test_results_as_json(rules: Path, ctiroute: Run) -> None:
    """For scripts: what failed and why, and what no case reaches."""
    said = ctiroute("rules", "test", rules, "--json")
    found = json.loads(said.out)
    assert (said.code, found["ok"]) == (1, False)
    first, second = found["cases"]
    assert first["differences"] == [{"what": "queue", "expected": "care", "got": "promo", "line": 6}]
    assert second["passed"] is True
    assert found["coverage"]["percent"] == 100
    assert found["coverage"]["rules"][0]["taken"] == 1


def test_mistakes_in_cases_are_2(rules: Path, ctiroute: Run) -> None:
    """With their places, as text and as JSON."""
    (rules / "a.test.yml").write_text("cases: [{nam: a}]", encoding="utf-8")
    said = ctiroute("rules", "test", rules)
    assert said.code == 2
    assert "a.test.yml:1:10: is not known in a case (found 'nam'); did you mean name?" in said.err
    found = json.loads(ctiroute("rules", "test", rules, "--json").out)
    assert found["ok"] is False
    assert {fault["line"] for fault in found["faults"]} == {1}


@pytest.mark.parametrize("break_it", ["rules", "none", "missing"])
def test_what_cannot_be_tried_is_2(rules: Path, ctiroute: Run, break_it: str) -> None:
    """Wrong rules, no cases, no such file."""
    if break_it == "rules":
        (rules / "a.yml").write_text("rules: 1", encoding="utf-8")
    elif break_it == "none":
        (rules / "a.test.yml").unlink()
    path = rules / "no.test.yml" if break_it == "missing" else rules
    said = ctiroute("rules", "test", path)
    assert said.code == 2
    assert said.err.startswith("error: ")


def test_cases_are_no_rules(rules: Path, ctiroute: Run) -> None:
    """`check` and `serve` read past them."""
    assert "1 rule and a default" in ctiroute("rules", "check", rules).out
    (rules / "a.yml").unlink()
    assert "holds no rule files" in ctiroute("rules", "check", rules).out


def test_coverage_names_what_no_case_reaches(rules: Path, ctiroute: Run) -> None:
    """And `--fail-under` makes it count."""
    good = CASES.replace("care", "promo").partition("  - name: anybody")[0]
    (rules / "a.test.yml").write_text(good, encoding="utf-8")
    said = ctiroute("rules", "test", rules, "--coverage")
    assert said.code == 0
    assert "touch never fails" in said.out
    assert "never taken" in said.out
    said = ctiroute("rules", "test", rules, "--fail-under", "90")
    assert said.code == 1
    assert "reached 50.0 %, asked for 90 %" in said.out
    assert ctiroute("rules", "test", rules, "--fail-under", "50").code == 0
    said = ctiroute("rules", "test", rules, "--fail-under", "101")
    assert said.code == 2
    assert "'101' is no percentage" in said.err


def test_a_report_for_build_servers(rules: Path, tmp_path: Path, ctiroute: Run) -> None:
    """Beside what is printed."""
    report = tmp_path / "report.xml"
    assert ctiroute("rules", "test", rules, "--junit", report).code == 1
    root = ET.parse(report).getroot()  # noqa: S314 - our own file
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert ctiroute("rules", "test", rules, "--junit", tmp_path / "no" / "report.xml").code == 2


def test_update_writes_nothing_without_a_word(rules: Path, ctiroute: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked the change is shown, and that is all."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    said = ctiroute("rules", "test", rules, "--update")
    assert said.code == 1
    assert "-    expect: {rule: campaign, queue: care}" in said.out
    assert "+    expect: {rule: campaign, queue: promo}" in said.out
    assert "add --yes" in said.err
    assert (rules / "a.test.yml").read_text(encoding="utf-8") == CASES


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_update_asks_at_a_terminal(rules: Path, ctiroute: Run, monkeypatch: pytest.MonkeyPatch, answer: str, written: bool) -> None:
    """Anything but yes is no."""
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    said = ctiroute("rules", "test", rules, "--update")
    after = CASES.replace("care", "promo") if written else CASES
    assert (rules / "a.test.yml").read_text(encoding="utf-8") == after
    assert said.code == (0 if written else 1)
    assert "[y/N]" in said.out


def test_update_with_yes_keeps_comments(rules: Path, ctiroute: Run) -> None:
    """Only the value changes; the next run passes."""
    assert ctiroute("rules", "test", rules, "--update", "--yes").code == 0
    assert (rules / "a.test.yml").read_text(encoding="utf-8") == CASES.replace("care", "promo")
    assert ctiroute("rules", "test", rules).code == 0
    assert ctiroute("rules", "test", rules, "--update", "--yes").code == 0


def test_a_changed_rule_is_noticed(tmp_path: Path, ctiroute: Run) -> None:
    """The shipped cases fail when a shipped rule is changed: they test something."""
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", folder)
    file = folder / "10-campaigns.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("within: 15m", "within: 10m"), encoding="utf-8")
    assert ctiroute("rules", "test", folder).code == 1
