"""Rules in the pages do what the cases beside them say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.rule_cases import ask
from ctiroute.app.rule_files import read_rules
from ctiroute.rules import load_ruleset
from ctiroute.rules.cases import cover, load_cases, run_cases
from ctiroute.rules.cases.words import failure
from tests.unit.docs.pages import ROOT, blocks

if TYPE_CHECKING:
    from ctiroute.rules import Ruleset
    from ctiroute.rules.cases import Coverage
    from tests.unit.docs.pages import Block

RECIPES = "docs/how-to/recipes.md"
ALL = [block for block in blocks("yaml") if block.text.startswith(("# rules", "# cases"))]
CASES = [(before, block) for before, block in zip([None, *ALL], ALL, strict=False) if block.text.startswith("# cases")]


def tried(rules: Ruleset, cases: Block) -> Coverage:
    """Run the cases of a block; return what they reach."""
    results = run_cases(load_cases([(f"{cases}.test.yml", cases.text)], rules), rules, ask)
    failures = "\n".join(failure(result) for result in results if not result.passed)
    assert not failures, failures
    return cover(results, rules)


@pytest.mark.parametrize(("before", "cases"), [pair for pair in CASES if pair[1].page == RECIPES], ids=str)
def test_a_recipe_is_proved_by_its_cases(before: Block, cases: Block) -> None:
    """They reach every rule of it, every condition both ways, and the default."""
    assert before.text.startswith("# rules")
    coverage = tried(load_ruleset([(f"{before}.yml", before.text)]), cases)
    assert [(rule.rule, rule.missing) for rule in coverage.rules if rule.missing] == []
    assert coverage.default_taken


@pytest.mark.parametrize("cases", [block for _, block in CASES if block.page != RECIPES], ids=str)
def test_other_cases_try_the_shipped_rules(cases: Block) -> None:
    """They can be copied beside them."""
    tried(read_rules(ROOT / "rules"), cases)


def test_there_are_thirteen_recipes() -> None:
    """Each under a heading with its number."""
    text = (ROOT / RECIPES).read_text(encoding="utf-8")
    assert re.findall(r"^## (\d+)\.", text, re.MULTILINE) == [str(number) for number in range(1, 14)]
    assert len([pair for pair in CASES if pair[1].page == RECIPES]) == 13


def test_a_rule_that_does_something_else_would_be_noticed() -> None:
    """Recipes are run, not only read."""
    before, cases = next(pair for pair in CASES if pair[1].page == RECIPES)
    assert before is not None
    with pytest.raises(AssertionError, match="expected  promo"):
        tried(load_ruleset([("r.yml", before.text.replace("queue: promo", "queue: other"))]), cases)
