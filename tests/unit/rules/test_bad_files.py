"""Rule files with one mistake each, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctiroute.errors import RulesError
from ctiroute.rules import format_text, load_ruleset

BAD = Path(__file__).parents[2] / "data" / "rules" / "bad"
FILES = sorted(BAD.glob("*.yml"))


def read_script(path: str) -> str | None:
    """Return a script beside the bad files."""
    file = BAD / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_mistake_is_named_with_place_and_remedy(file: Path) -> None:
    """The message is the one beside the file, and every fault has its place."""
    with pytest.raises(RulesError) as caught:
        load_ruleset([(file.name, file.read_bytes())], read_script)
    assert format_text(caught.value.faults) + "\n" == file.with_suffix(".txt").read_text(encoding="utf-8")
    assert all(fault.line > 0 and fault.column > 0 for fault in caught.value.faults) or file.stem == "no-default"


def test_there_are_enough_of_them() -> None:
    """The corpus is there: an empty folder would pass every test above."""
    assert len(FILES) >= 80
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.txt")}
