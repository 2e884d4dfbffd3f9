"""`ctiroute customer ...`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import Claim, Customer, Identifier
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
PHONE, SHARED = Identifier("phone", "+380671234567"), Identifier("phone", "+380441112233")
CARD = Identifier("loyalty-card", "4711")


@pytest.fixture(autouse=True)
def _two_customers(tmp_path: Path) -> None:
    """Keep two customers, who share a number, in the store that the settings name."""

    async def fill() -> None:
        store = SqliteStore(tmp_path / "data" / "ctiroute.db")
        await store.open()
        await store.put_customers(
            [Customer("K1", "Олена", None, {}, (PHONE, SHARED)), Customer("K2", "[red]Петро", None, {}, (SHARED, CARD))]
        )
        await store.link_identifiers([PHONE], "K1", Claim("portal", NOW, NOW))
        await store.close()

    asyncio.run(fill())


def test_a_customer_is_shown_with_who_says_so(config: Path, ctiroute: Callable[..., Said]) -> None:
    """By the company's key or by any identifier: each identifier, how sure it is, and on whose word."""
    said = ctiroute("customer", "show", "K1", "-c", config)
    assert said.code == 0
    assert said.out.splitlines()[0] == "K1: Олена"
    row = next(line for line in said.out.splitlines() if PHONE.value in line)
    assert row.split(maxsplit=2)[1:] == [PHONE.value, "99%  import; portal, verified 2026-11-01 09:30"]
    by_card = ctiroute("customer", "show", "--identifier", "loyalty-card=4711", "-c", config)
    assert by_card.out.splitlines()[0] == "K2: [red]Петро"
    both = ctiroute("customer", "show", "--phone", "044 111 22 33", "-c", config, "--json")
    assert [card["customer"]["customer_id"] for card in json.loads(both.out)] == ["K1", "K2"]


def test_a_merge_a_split_and_their_undoing(config: Path, ctiroute: Callable[..., Said]) -> None:
    """Each says how to undo it; the audit lists them, the latest first, with who took what back."""
    merged = ctiroute("customer", "merge", "K1", "K2", "-c", config, "--why", "the same person")
    assert (merged.code, merged.out.strip()) == (0, "K2 is part of K1 (undo it with: ctiroute customer undo 1)")
    shown = ctiroute("customer", "show", "K2", "-c", config).out
    assert shown.splitlines()[:2] == ["K1: Олена", "with K2"]
    assert "loyalty-card 4711" in shown
    split = ctiroute("customer", "split", "K1", "--identifier", "loyalty-card=4711", "--new", "K7", "--name", "Son", "-c", config)
    assert split.out.startswith("loyalty-card 4711: from K1 to K7")
    assert ctiroute("customer", "undo", "2", "-c", config).code == 0
    assert ctiroute("customer", "undo", "1", "-c", config).code == 0
    listed = json.loads(ctiroute("customer", "changes", "K2", "-c", config, "--json").out)
    assert [(each["kind"], each["why"], each["undone_at"] is not None) for each in listed] == [("merge", "the same person", True)]
    assert ctiroute("customer", "changes", "-c", config).out.count("cli:") >= 2
    again = ctiroute("customer", "undo", "1", "-c", config)
    assert (again.code, "undone already" in again.err) == (1, True)


def test_a_denied_number_leads_there_no_more(config: Path, ctiroute: Callable[..., Said]) -> None:
    """Denied, then confirmed after all."""
    assert ctiroute("customer", "deny", "K2", "--phone", SHARED.value, "-c", config).code == 0
    assert "denied by" in ctiroute("customer", "show", "K2", "-c", config).out
    by_phone = json.loads(ctiroute("customer", "show", "--phone", SHARED.value, "-c", config, "--json").out)
    assert [card["customer"]["customer_id"] for card in by_phone] == ["K1"]
    assert ctiroute("customer", "confirm", "K2", "--phone", SHARED.value, "-c", config).code == 0
    assert "denied by" not in ctiroute("customer", "show", "K2", "-c", config).out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show",), 2, "say whom to show"),
        (("show", "K1", "--phone", "+380671234567"), 2, "say whom to show"),
        (("show", "nobody"), 1, "nobody we know"),
        (("show", "--phone", "12"), 2, "is not a possible phone number"),
        (("merge", "K1", "nobody"), 1, "there is no customer nobody"),
        (("split", "K1"), 1, "say which identifiers"),
        (("split", "K1", "--identifier", "Card=1"), 2, "is no kind of identifier"),
        (("deny", "K1"), 2, "name one identifier"),
        (("undo", "4711"), 1, "there is no change 4711"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], code: int, message: str, config: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 2 for what makes no sense, 1 for what cannot be done as things stand."""
    said = ctiroute("customer", *words, "-c", config)
    assert (said.code, message in said.err) == (code, True), said.err
