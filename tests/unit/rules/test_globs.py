"""Patterns with * and ?."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.errors import RulesError
from ctiroute.rules import load_ruleset
from ctiroute.rules.globs import any_glob, glob


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a*", "abc", True),
        ("*c", "abc", True),
        ("a*c", "ac", True),
        ("ab*b", "ab", False),
        ("*", "", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*b*", "abc", True),
        ("[ab]", "[ab]", True),
        ("[ab]", "a", False),
        ("[ab]*?", "[ab]x", True),
        ("a.c*?", "abcd", False),
        ("*\n*", "a\nb", True),
    ],
)
def test_patterns(pattern: str, value: str, fits: bool) -> None:
    """`*` is any text, `?` one character, everything else itself."""
    assert glob(pattern)(value) is fits


def test_case_does_not_count_with_fold() -> None:
    """Attributes are written by people."""
    assert glob("VI*", fold=True)("vip")
    assert any_glob(("x", "STRASSE"), fold=True)("straße")


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab", max_size=8))
def test_the_short_ways_agree_with_the_long_one(pattern: str, value: str) -> None:
    """Prefix, suffix and equality give what fnmatch gives."""
    assert glob(pattern)(value) == fnmatchcase(value, pattern)


def test_a_hostile_value_costs_no_more_than_its_length() -> None:
    """Many stars do not make a regular expression explode."""
    test = glob("*a" * 20 + "b")
    started = time.process_time()
    assert not test("a" * 5000)
    assert time.process_time() - started < 1


def test_a_long_pattern_is_a_mistake() -> None:
    """Nobody writes 201 characters on purpose."""
    text = f"rules: [{{name: a, when: {{touch: {{within: 1d, campaign: {'x' * 201}}}}}, then: {{queue: q}}}}]\ndefault: {{menu: main}}\n"
    with pytest.raises(RulesError, match="at most 200 characters"):
        load_ruleset([("f.yml", text)])
