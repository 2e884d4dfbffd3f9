"""docs/scale.md shows the constants that were measured, and what follows from them."""

from __future__ import annotations

import json
import re

from benchmarks import constants_table
from benchmarks.model_constants import Constants
from tests.unit.docs.pages import ROOT

MEASURED = json.loads((ROOT / "benchmarks" / "constants.json").read_text(encoding="utf-8"))


def test_tables_are_those_of_the_constants() -> None:
    """Made anew by: python -m benchmarks.constants_table."""
    text = constants_table.PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- (\w+): made by", text)) == set(constants_table.tables(MEASURED))
    assert text == constants_table.page(text, constants_table.tables(MEASURED)), "run: python -m benchmarks.constants_table"


def test_a_changed_constant_would_be_noticed() -> None:
    """The test above compares figures, not words around them."""
    text = constants_table.PAGE.read_text(encoding="utf-8")
    changed = MEASURED | {"browser_bytes": MEASURED["browser_bytes"] + 1000}
    assert text != constants_table.page(text, constants_table.tables(changed))


def test_constants_are_whole_and_plausible() -> None:
    """Every one is there; nothing is cheaper cold than hot, and nothing that was measured costs nothing."""
    constants = Constants.of(MEASURED)
    assert set(constants.stores) == {"sqlite", "postgresql"}
    prices = [getattr(constants, name) for name in ("wake", "over", "member", "handled", "made", "push", "ack")]
    prices += [store.call for store in constants.stores.values()]
    assert all(0 < price.hot <= price.cold for price in prices)
    assert 0.0005 < constants.warm_s < 0.01


def test_constants_name_no_machine() -> None:
    """The processor, cores and versions, and nothing that leads to somebody."""
    assert set(MEASURED["machine"]) == {"processor", "cores", "python", "system"}
