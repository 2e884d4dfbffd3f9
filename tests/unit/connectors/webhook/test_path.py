"""Paths through payloads: what is written, where it leads, and what is no path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.webhook.mapping.path import Path, Place, parse_path

PAYLOAD = {
    "object": "page",
    "odd.name": {"x y": 7},
    "none": None,
    "zero": 0,
    "no": False,
    "entry": [
        {"id": 1, "changes": [{"value": {"from": "38067", "contacts": [{"wa_id": "1", "name": "A"}, {"wa_id": "38067", "name": "B"}]}}]},
        {"id": 2, "changes": [{"value": {"from": "x"}}, {"value": {"from": "y"}}]},
    ],
}
PLACE = Place((PAYLOAD,), {"x-event": "made"}, {"campaign": "autumn"})


def path(written: str) -> Path:
    """Return a path that is one."""
    found = parse_path(written)
    assert found is not None, written
    return found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("object", "page"),
        ("entry[0].id", 1),
        ("entry[-1].id", 2),
        ("entry[9].id", None),
        ("entry[*].changes[*].value.from", "38067"),
        ("entry[id=2].changes[-1].value.from", "y"),
        ('entry[id="2"].id', 2),
        ('"odd.name"."x y"', 7),
        ("$.object", "page"),
        ("$headers.X-Event", "made"),
        ("$query.campaign", "autumn"),
        ("$query.none", None),
        ("zero", 0),
        ("no", False),
        ("none", None),
        ("object.deeper", None),
        ("entry.id", None),
        ("^.object", None),
    ],
)
def test_a_path_leads_to_a_value(written: str, found: object) -> None:
    """Or to None, where nothing stands; a list is not looked into without an index."""
    assert path(written).find(PLACE) == found


def test_holders_are_mappings_not_lists() -> None:
    """From an item, ^ is the mapping its list stands in; a filter compares with a value of the item itself."""
    (value, *_) = path("entry[*].changes[*].value").walk(PLACE)
    assert path("^.nothing").find(value) is None
    assert path("^^.id").find(value) == 1
    assert path("contacts[wa_id=from].name").find(value) == "B"
    (contact, *_) = path("entry[*].changes[*].value.contacts[*]").walk(PLACE)
    assert path("^.from").find(contact) == "38067"
    assert path("^^^^^^.from").find(contact) is None
    assert path("$.object").find(contact) == "page"


@pytest.mark.parametrize(
    "written",
    ["", ".", "a..b", "a.", "a[", "a[]", "a[x]", "a[**]", "a b", "$headers", "$headers.a.b", "$x", "a.$b", "^a", "a[b=c d=]", "é", '"'],
)
def test_what_is_no_path(written: str) -> None:
    """It is refused when the file is read."""
    assert parse_path(written) is None


@given(st.text(alphabet='ab.[]*0-="$^ ', max_size=30))
def test_any_text_is_a_path_or_none(written: str) -> None:
    """Nothing else comes of it, and a path that was understood can be walked anywhere."""
    found = parse_path(written)
    if found is not None:
        list(found.walk(PLACE))
