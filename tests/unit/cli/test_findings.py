"""`ctiroute rules check`: levels, formats and exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.rules.headings import HEADINGS
from ctiroute.rules.lint import LINTS
from tests import corpus_table
from tests.unit.docs.pages import anchors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

ROOT = Path(__file__).parents[3]
BAD = "rules:\n  - name: one\n    when: {touch: {within: 15}}\n    then: {queue: promo}\ndefault: {}\n"
WARNED = """\
rules:
  - {name: wide, when: {touch: {within: 1d}}, then: {queue: a}}
  - {name: narrow, when: {touch: {within: 15m}}, then: {queue: b}}
default: {}
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Return a file with one mistake."""
    path = tmp_path / "bad, and more.yml"
    path.write_text(BAD, encoding="utf-8")
    return path


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    """Return a file that loads, with one warning."""
    path = tmp_path / "warned.yml"
    path.write_text(WARNED, encoding="utf-8")
    return path


def test_text_shows_place_line_remedy_and_heading(bad: Path, ctiroute: Callable[..., Said]) -> None:
    """All that is needed to mend it, without opening the file."""
    said = ctiroute("rules", "check", bad)
    assert said.code == 1
    assert said.out.splitlines() == [
        f"{bad}:3:28: error: expected a time span (found '15'); write a number with its unit: 20s, 15m, 2h, 1d",
        "     3 |     when: {touch: {within: 15}}",
        "       |                            ^",
        "    see docs/reference/rules.md#touch",
        "1 mistake",
    ]


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """They could say anything."""
    path = tmp_path / "f.yml"
    path.write_bytes(b"rules: \x1b[31m\n")
    assert "\x1b" not in ctiroute("rules", "check", path).out


def test_a_warning_is_no_mistake_unless_asked_for(warned: Path, ctiroute: Callable[..., Said]) -> None:
    """The rules can be used."""
    said = ctiroute("rules", "check", warned)
    assert said.code == 0
    assert "3:5: warning: no call reaches this rule: wide" in said.out
    assert "1 warning\n" in said.out
    assert "2 rules and a default" in said.out
    assert ctiroute("rules", "check", warned, "--strict").code == 1


def test_json_tells_levels_and_keeps_what_scripts_know(bad: Path, warned: Path, ctiroute: Callable[..., Said]) -> None:
    """`--json` is the same as `--format json`."""
    said = json.loads(ctiroute("rules", "check", warned, "--format", "json").out)
    assert said == json.loads(ctiroute("rules", "check", warned, "--json").out)
    assert (said["ok"], said["rules"], len(said["warnings"])) == (True, ["wide", "narrow"], 1)
    (finding,) = said["findings"]
    assert (finding["level"], finding["kind"], finding["line"]) == ("warning", "unreachable-rule", 3)
    assert finding["docs"] == "docs/reference/rule-findings.md#unreachable-rule"
    said = json.loads(ctiroute("rules", "check", bad, "--json").out)
    assert (said["ok"], said["faults"][0]["line"], said["findings"][0]["docs"]) == (False, 3, "docs/reference/rules.md#touch")


def test_github_shows_each_at_its_line(bad: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    """Workflow commands, one a line, with file names as seen from the repository and signs of theirs escaped."""
    monkeypatch.chdir(bad.parent)
    said = ctiroute("rules", "check", bad, "--format", "github")
    (line,) = said.out.splitlines()
    found = re.fullmatch(r"::error ([^:]*)::(.*)", line)
    assert found
    properties = dict(pair.split("=") for pair in found[1].split(","))
    assert properties == {"file": "bad%2C and more.yml", "line": "3", "title": "ctiroute%3A touch", "col": "28"}
    assert "See docs/reference/rules.md#touch" in found[2]
    assert said.code == 1


def test_sarif_has_what_code_hosts_ask_for(bad: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    """Version, tool, rules by index, level, message, artifact and region (SARIF 2.1.0, 3.27 and 3.30)."""
    monkeypatch.chdir(bad.parent)
    log: dict[str, Any] = json.loads(ctiroute("rules", "check", bad, "--format", "sarif").out)
    assert log["version"] == "2.1.0"
    assert "sarif-2.1.0" in log["$schema"]
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "touch"
    assert result["level"] in {"none", "note", "warning", "error"}
    assert result["message"]["text"].startswith("expected a time span")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "bad%2C%20and%20more.yml"},
        "region": {"startLine": 3, "startColumn": 28},
    }


def test_settings_tell_what_is_sensitive(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """And for how long records are kept."""
    settings, rules = tmp_path / "ctiroute.yml", tmp_path / "r.yml"
    settings.write_text("sensitive: [balance]\nretention: {touches_days: 1}\n", encoding="utf-8")
    then = '{queue: a, vars: {B: "{customer.attributes.balance}"}}'
    rules.write_text(f"rules: [{{name: a, when: {{touch: {{within: 7d}}}}, then: {then}}}]\ndefault: {{}}\n", encoding="utf-8")
    said = json.loads(ctiroute("rules", "check", "-c", settings, rules, "--json").out)
    assert [finding["kind"] for finding in said["findings"]] == ["beyond-retention", "sensitive-text"]


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_heading_a_mistake_points_to_exists(heading: str) -> None:
    """Whatever kind is added."""
    assert heading in anchors(ROOT / "docs" / "reference" / "rules.md")


@pytest.mark.parametrize("name", LINTS)
def test_the_heading_a_finding_points_to_exists(name: str) -> None:
    """With its summary's words."""
    assert name in anchors(ROOT / "docs" / "reference" / "rule-findings.md")
    assert re.fullmatch(r"[A-Z].{10,120}\.", LINTS[name].summary)


def test_the_table_of_mistakes_is_up_to_date() -> None:
    """Made anew by: python -m tests.corpus_table."""
    assert corpus_table.TABLE.read_text(encoding="utf-8") == corpus_table.table()


def test_each_mistake_of_the_corpus_names_place_and_heading() -> None:
    """At least sixty files; LINE:COLUMN, but where a whole file lacks something."""
    files = sorted(corpus_table.CORPUS.glob("*.yml"))
    assert len(files) >= 90
    said = {file.stem: corpus_table.said_of(file) for file in files}
    assert [name for name, rows in said.items() if not rows] == []
    placed = {name for name, rows in said.items() if all(re.match(r"\d+:\d+: |\S+:\d+:\d+: ", text) for text, _ in rows)}
    assert set(said) - placed <= {"no-default"}
    assert {heading for rows in said.values() for _, heading in rows} <= set(HEADINGS)
