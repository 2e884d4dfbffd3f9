"""`ctiroute callback add|list|show|cancel`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

PHONE = "067 123 45 67"


@pytest.fixture
def box(config: Path) -> Path:
    """Return the settings of a box whose clock is Kyiv's and whose customers never sleep."""
    rules = config.parent / "rules"
    rules.mkdir()
    (rules / "rules.yml").write_text("timezone: Europe/Kyiv\ndefault: {menu: main}\n", encoding="utf-8")
    with config.open("a", encoding="utf-8") as file:
        file.write("callbacks: {quiet: none, queue: general}\n")
    return config


def test_an_order_from_its_making_to_its_end(box: Path, ctiroute: Callable[..., Said]) -> None:
    """Added, the same again, listed, shown, cancelled once; a time without an offset is of the rules' zone."""
    refused = ctiroute("callback", "add", PHONE, "-c", box, "--at", "2099-12-01 14:30")
    assert (refused.code, "more than a year" in refused.err) == (1, True)
    arguments = ("callback", "add", PHONE, "-c", box, "--note", "Asks for 24 parts", "--json")
    made: dict[str, Any] = json.loads(ctiroute(*arguments).out)
    assert (made["new"], made["phone"], made["queue"], made["source"], made["state"]) == (
        True,
        "+380671234567",
        "general",
        "cli",
        "ordered",
    )
    again: dict[str, Any] = json.loads(ctiroute(*arguments).out)
    assert (again["new"], again["callback_id"]) == (False, made["callback_id"])
    (listed,) = json.loads(ctiroute("callback", "list", "-c", box, "--phone", PHONE, "--json").out)
    assert listed["callback_id"] == made["callback_id"]
    assert made["callback_id"] in ctiroute("callback", "list", "-c", box).out
    shown = ctiroute("callback", "show", made["callback_id"], "-c", box).out
    assert "Asks for 24 parts" in shown
    assert "+380671234567" in shown
    assert ctiroute("callback", "cancel", made["callback_id"], "-c", box).code == 0
    late = ctiroute("callback", "cancel", made["callback_id"], "-c", box)
    assert (late.code, late.err) == (1, "error: it was not cancelled: it is cancelled\n")
    assert "no callbacks" in ctiroute("callback", "list", "-c", box).out
    assert json.loads(ctiroute("callback", "list", "-c", box, "--all", "--json").out)[0]["state"] == "cancelled"


def test_a_time_of_the_rules_zone_and_one_with_its_own_offset(box: Path, ctiroute: Callable[..., Said]) -> None:
    """Half past two in Kyiv in winter is half past twelve in UTC."""
    soon = json.loads(ctiroute("callback", "add", PHONE, "-c", box, "--json").out)["ordered_at"]
    year = int(soon[:4]) + (1 if soon[5:7] == "12" else 0)  # within the year in which a promise may lie
    for number, (at, due) in enumerate(
        ((f"{year}-12-20 14:30", f"{year}-12-20T12:30:00Z"), (f"{year}-12-20T14:30+05:00", f"{year}-12-20T09:30:00Z"))
    ):
        said = ctiroute("callback", "add", PHONE, "-c", box, "--at", at, "--matter", f"{number}", "--json")
        assert json.loads(said.out)["due_at"] == due


@pytest.mark.parametrize("words", [("show", "0a"), ("cancel", "0a")])
def test_an_order_that_is_not_there(box: Path, ctiroute: Callable[..., Said], words: tuple[str, str]) -> None:
    """The answer is no, with where to look."""
    said = ctiroute("callback", *words, "-c", box)
    assert (said.code, "callback list --all" in said.err) == (1, True)


def test_what_cannot_be_ordered(box: Path, ctiroute: Callable[..., Said]) -> None:
    """A number that is none is an answer of no, a time that is none a wrong command line."""
    said = ctiroute("callback", "add", "hello", "-c", box)
    assert (said.code, "no phone number" in said.err) == (1, True)
    said = ctiroute("callback", "add", PHONE, "-c", box, "--at", "tomorrow")
    assert (said.code, "2026-03-01T14:30" in said.err) == (2, True)
