"""docs/reference/dialplan.md names every variable and context of the dialplan we ship and of what ctiroute sets, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ctiroute.connectors.asterisk.translate.routing import to_variables
from ctiroute.model import Decision, Status, ToExtension, ToMenu, ToOperator, ToQueue, Trace

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "dialplan.md").read_text(encoding="utf-8")
FILES = [*(ROOT / "asterisk_conf").glob("extensions_ctiroute*.conf"), ROOT / "asterisk_conf" / "freepbx" / "extensions_custom.conf"]
SHIPPED = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
_VARIABLE = re.compile(r"\bCTI_[A-Z_]*[A-Z]\b")


def test_the_page_names_the_variables_of_the_files() -> None:
    """Both ways; those that rules make, CTI_X_*, stand there once for all."""
    used = {name for name in _VARIABLE.findall(SHIPPED) if not name.startswith("CTI_X_")}
    assert set(_VARIABLE.findall(PAGE)) == used


def test_the_page_names_the_contexts_of_the_files() -> None:
    """A row for each, none twice."""
    rows = re.findall(r"^\| `((?:ctiroute|menu)-[a-z-]+)`", PAGE, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == set(re.findall(r"^\[([a-z-]+)\]", SHIPPED, re.MULTILINE))


@pytest.mark.parametrize(
    "destination", [ToQueue("promo", 10), ToOperator("PJSIP/1001", None, 20, "promo"), ToMenu("main", ("a",)), ToExtension("2001")]
)
def test_what_ctiroute_sets_has_its_row(destination: ToQueue | ToOperator | ToMenu | ToExtension) -> None:
    """In the first table, with what follows when it is missing."""
    decision = Decision(
        Status.ROUTED, destination, Trace(tuple), rule="r", language="uk", announce="custom/hello", variables={"SEGMENT": "vip"}
    )
    first = PAGE.partition("## What ctiroute sets")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| `(CTI_[A-Z_]+)[*`]", first, re.MULTILINE))
    assert {"CTI_X_" if name.startswith("CTI_X_") else name for name in to_variables(decision, "pbx:1.1")} <= rows


def test_every_sound_has_its_row() -> None:
    """Options share one row: their common beginning is written once."""
    sentences = yaml.safe_load((ROOT / "asterisk_conf" / "sounds" / "sentences.yml").read_text(encoding="utf-8"))
    sounds = PAGE.partition("## Sounds")[2].partition("\n## ")[0]
    shown = {*re.findall(r"`ctiroute/([a-z0-9-]+)`", sounds), *(f"option-{name}" for name in re.findall(r"`-([a-z]+)`", sounds))}
    assert shown | {f"press-{key}" for key in range(2, 9)} == set(sentences)
