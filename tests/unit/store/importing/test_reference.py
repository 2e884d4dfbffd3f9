"""The reference page and the importer say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctiroute.store.importing import CUSTOMER_COLUMNS, TOUCH_COLUMNS

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "import.md").read_text("utf-8")


@pytest.mark.parametrize(("heading", "columns"), [("### Touches", TOUCH_COLUMNS), ("### Customers", CUSTOMER_COLUMNS)])
def test_every_column_and_every_alias_is_on_the_page(heading: str, columns: dict[str, tuple[str, ...]]) -> None:
    """A name the importer takes is a name the reader can find, in the right table."""
    section = PAGE.split(heading)[1].split("\n#")[0]
    words = section.replace("`", " ").replace(",", " ").replace(";", " ").split()
    assert not [name for name in (*columns, *(alias for words in columns.values() for alias in words)) if name not in words]
