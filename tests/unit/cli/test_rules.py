"""`ctiroute rules check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

ROOT = Path(__file__).parents[3]
BAD = """\
rules:
  - name: one
    when: {tuoch: {within: 15m}}
    then: {queue: promo}
  - name: two
    when: {touch: {within: 15}}
    then: {queue: promo}
"""


@pytest.mark.parametrize("path", [ROOT / "rules", ROOT / "src" / "ctiroute" / "demo" / "rules"], ids=["shipped", "demo"])
def test_the_rules_we_ship_are_good(path: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 0, the number of rules, the version."""
    said = ctiroute("rules", "check", path)
    assert (said.code, said.err) == (0, "")
    assert "rules and a default" in said.out
    found = json.loads(ctiroute("rules", "check", path, "--json").out)
    assert found["ok"] is True
    assert found["rules"]


def test_every_mistake_is_named_with_place_and_remedy(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """The unknown condition, the duration without a unit, and the missing default, in one run; exit code 1."""
    path = tmp_path / "bad.yml"
    path.write_text(BAD, encoding="utf-8")
    said = ctiroute("rules", "check", path)
    assert said.code == 1
    assert f"{path.name}:3:12" in said.out
    assert f"{path.name}:6:" in said.out
    assert "did you mean" in said.out
    assert "3 mistakes" in said.out


def test_mistakes_as_json(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """For editors and scripts."""
    path = tmp_path / "bad.yml"
    path.write_text(BAD, encoding="utf-8")
    said = ctiroute("rules", "check", "--json", path)
    found = json.loads(said.out)
    assert said.code == 1
    assert found["ok"] is False
    assert {fault["line"] for fault in found["faults"]} >= {3, 6}
    assert all(fault["message"] for fault in found["faults"])


def test_a_path_that_is_not_there_is_1(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """The rules cannot be used: that is the answer no."""
    said = ctiroute("rules", "check", tmp_path / "none")
    assert said.code == 1
    assert "none" in said.out
    assert "ctiroute.yml" not in said.out  # the path was given here, not there


def test_one_rule_is_one_rule(tmp_path: Path, ctiroute: Callable[..., Said]) -> None:
    """Numbers and nouns agree."""
    path = tmp_path / "one.yml"
    path.write_text("rules: [{name: a, when: {}, then: {queue: a}}]\ndefault: {menu: main}\n", encoding="utf-8")
    assert "1 rule and a default" in ctiroute("rules", "check", path).out
