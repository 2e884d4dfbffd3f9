"""docs/reference/mappings.md names all that a mapping may say, and shows what every shipped one makes of a message."""

from __future__ import annotations

import re

import pytest

from ctiroute.connectors.webhook.files import ready_names
from ctiroute.connectors.webhook.mapping import CONVERSIONS
from ctiroute.connectors.webhook.mapping.schema import schema
from tests.unit.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "mappings.md").read_text(encoding="utf-8")
SCHEMA = schema()


def section(heading: str) -> str:
    """Return what stands under a heading."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(heading: str) -> dict[str, str]:
    """Return the table under a heading."""
    return dict(re.findall(r"^\| `([a-z_]+)`[^|]*\| (.*?) \|", section(heading), re.MULTILINE))


@pytest.mark.parametrize("name", ready_names())
def test_every_shipped_mapping_is_tried(name: str) -> None:
    """In a session, which another test runs again; and its file is linked."""
    assert f"$ ctiroute connectors try {name} " in PAGE
    assert f"webhook/ready/{name}.yml)" in PAGE


def test_every_key_is_described() -> None:
    """Of the file and of values in tables; of what is made of a message in words."""
    assert set(rows("The file")) == set(SCHEMA["properties"])
    value = set(SCHEMA["definitions"]["value"]["then"]["properties"])
    assert value - {"path", "text", "first", "join", "with", "otherwise"} == set(rows("Values")) - {"otherwise"}
    kinds = section("Kinds")
    made = SCHEMA["definitions"]["kind"]["properties"]
    for shape in ("interaction", "receipt", "touch"):
        for key in made[shape]["properties"]:
            assert f"`{key}`" in kinds, f"{shape}.{key}"
    for key in SCHEMA["definitions"]["signature"]["then"]["properties"]:
        assert re.search(rf"\b{key}\b", section("Signatures")), key


def test_every_conversion_is_described() -> None:
    """In the words of the code."""
    assert rows("Conversions") == {one.name: one.summary for one in CONVERSIONS.values()}
