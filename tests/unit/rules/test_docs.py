"""The pages about rules say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ctiroute.rules import load_ruleset
from ctiroute.rules.actions import ACTIONS
from ctiroute.rules.conditions import CONDITIONS
from ctiroute.rules.template import NAMES
from ctiroute.rules.when import COMPOSITES

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "rules.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to" / "write-rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", REFERENCE + HOW_TO, re.DOTALL)


def section(part: str, heading: str) -> str:
    """Return the text under a heading of the third level, below one of the second."""
    below = re.search(rf"^## {part}\n(.*?)(?=^## |\Z)", REFERENCE, re.DOTALL | re.MULTILINE)
    assert below
    found = re.search(rf"^### {heading}\n(.*?)(?=^### |\Z)", below[1], re.DOTALL | re.MULTILINE)
    assert found, f"docs/reference/rules.md has no heading ### {heading} below ## {part}"
    return found[1]


KINDS = [*(("Conditions", kind) for kind in (*CONDITIONS, *COMPOSITES)), *(("Actions", kind) for kind in ACTIONS)]


@pytest.mark.parametrize(("part", "kind"), KINDS)
def test_every_kind_has_its_heading_and_its_example(part: str, kind: str) -> None:
    """A condition or an action without a heading and a worked example that uses it is not finished."""
    example = re.search(r"```yaml\n(.*?)```", section(part, kind), re.DOTALL)
    assert example
    assert f"{kind}:" in example[1]


@pytest.mark.parametrize("kind", [*CONDITIONS.values(), *ACTIONS.values()], ids=lambda kind: kind.name)
def test_every_kind_says_what_it_is(kind: object) -> None:
    """The summary is one sentence."""
    assert re.fullmatch(r"[A-Z`].{10,120}\.", kind.summary)  # type: ignore[attr-defined]  # both kinds have one


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("name: ")[-1].split("\n")[0])
def test_every_example_loads(block: str) -> None:
    """What the pages show can be copied."""
    sources = [("example.yml", block)]
    if "default:" not in block:
        sources.append(("default.yml", "default: {menu: main}"))
    beside = {
        "scripts/autumn.md": "Say hello.",
        "lists/partners.txt": "+380441230000 # a remark\n+4822*\n",
        "lists/suppliers.txt": "+48221230000",
    }
    assert load_ruleset(sources, beside.get).version


def test_there_are_examples() -> None:
    """An empty list would pass the test above."""
    assert len(BLOCKS) > 20


def test_every_name_of_a_text_is_listed() -> None:
    """The table of names is whole."""
    table = REFERENCE.partition("## Names in texts")[2]
    assert [name for name in NAMES if f"`{name}`" not in table] == []
