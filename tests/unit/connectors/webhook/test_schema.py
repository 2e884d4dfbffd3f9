"""The JSON Schema of mapping files takes what the reader takes, and refuses what it can see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from ctiroute.connectors.webhook.files import READY, ready_names
from ctiroute.connectors.webhook.mapping.interaction import PLAIN
from ctiroute.connectors.webhook.mapping.schema import schema
from ctiroute.documents import load
from ctiroute.rules.schema import plain
from tests.unit.connectors.webhook import test_load
from tests.unit.connectors.webhook.mappings import HEAD, LEAST

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "mappings.schema.json"
BEYOND = (
    "two kinds",
    "is no path",
    "read as a path",
    "expected one of: open",
    "expected one of: voice",
    "is no timezone",
    "over names",
    "not signed",
    "tolerance belongs",
    "cannot be read",
    "belongs to",
    "no kind of identifier",
    "nobody is named",
    "names no touch",
    "stands in one place",
    "small letters",
)  # what only the reader sees


def right(text: str) -> bool:
    """Say whether the schema takes a file."""
    return bool(Draft7Validator(schema()).is_valid(plain(load(text, "test.yml"))))


def test_it_is_a_schema() -> None:
    """By the draft's own."""
    Draft7Validator.check_schema(schema())


def test_the_published_one_is_up_to_date() -> None:
    """Made anew by: ctiroute connectors schema > docs/reference/mappings.schema.json."""
    assert json.loads(PAGE.read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize("name", ready_names())
def test_every_shipped_mapping_is_taken(name: str) -> None:
    """With all that they make use of."""
    errors = [error.message for error in Draft7Validator(schema()).iter_errors(plain(load((READY / f"{name}.yml").read_bytes(), name)))]
    assert errors == []


def cases() -> list[Any]:
    """Return the mistakes that a schema can see."""
    every = test_load.test_each_mistake_is_named.pytestmark[0].args[1]  # type: ignore[attr-defined]
    return [pytest.param(text, id=said[:40]) for text, said in every if not any(one in said for one in BEYOND)]


@pytest.mark.parametrize("text", cases())
def test_mistakes_are_seen_by_editors_too(text: str) -> None:
    """All but those that need to know what a path or a word means."""
    assert not right(text)


def test_there_are_enough_of_them() -> None:
    """An empty list would pass."""
    assert len(cases()) >= 18
    assert right(HEAD + LEAST)


def test_every_plain_field_is_in_it() -> None:
    """A new one needs no second list."""
    kinds = schema()["definitions"]["kind"]["properties"]["interaction"]["properties"]
    assert set(PLAIN) <= set(kinds)
