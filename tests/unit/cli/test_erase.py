"""`ctiroute erase`."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import (
    CallerQuery,
    CallRecord,
    Customer,
    Identifier,
    IdentifierKind,
    Medium,
    OfferTerms,
    Touch,
    TouchStatus,
)
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
SHARED = Identifier(IdentifierKind.PHONE, "+380441112233")
EMAIL = Identifier(IdentifierKind.EMAIL, "olena@example.com")


class Terminal(io.StringIO):
    """A keyboard with an answer typed in."""

    def isatty(self) -> bool:
        """Say that somebody can be asked."""
        return True


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Keep two customers, who share a number, in the store that the settings name."""
    path = tmp_path / "data" / "ctiroute.db"

    async def fill() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.put_customers([Customer("K1", "Олена", None, {}, (PHONE, EMAIL, SHARED)), Customer("K2", "Петро", None, {}, (SHARED,))])
        await store.put_touches([Touch("T1", "autumn", "", Medium.SMS, PHONE, NOW, TouchStatus.SENT, OfferTerms())])
        await store.record_calls([CallRecord("x:1", caller_phone=PHONE.value, received_at=NOW)])
        await store.close()

    asyncio.run(fill())
    return path


def customers(database: Path, identifier: Identifier) -> list[str]:
    """Return who is found by an identifier."""

    async def find() -> list[str]:
        store = SqliteStore(database)
        await store.open()
        facts = await store.find_caller(CallerQuery(identifier, LONG_AGO, LONG_AGO, LONG_AGO))
        await store.close()
        return [customer.customer_id for customer in facts.customers]

    return asyncio.run(find())


def test_it_prints_what_it_did(config: Path, database: Path, ctiroute: Callable[..., Said]) -> None:
    """A line for each kind of record, what was kept and why, and where it does not reach."""
    said = ctiroute("erase", "--phone", "067 123 45 67", "--yes", "-c", config)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "what was done, for customer K1, phone +380671234567, email olena@example.com"
    counts = {line.split()[0].rstrip(","): int(line.split()[-1]) for line in lines if line.strip()[-1:].isdigit() and "kept" not in line}
    assert (counts["customers"], counts["touches:"], counts["calls:"]) == (1, 1, 1)
    assert "kept: 1 identifiers: phone +380441112233 is also that of customer K2" in lines
    assert any("backups" in line for line in lines)
    assert customers(database, PHONE) == []
    assert customers(database, SHARED) == ["K2"]


def test_a_dry_run_changes_nothing(config: Path, database: Path, ctiroute: Callable[..., Said]) -> None:
    """It says the same, in the form of what would be."""
    said = ctiroute("erase", "--email", "Olena@Example.com", "--dry-run", "-c", config)
    assert (said.code, said.out.partition(",")[0]) == (0, "what would be done")
    assert customers(database, PHONE) == ["K1"]


@pytest.mark.parametrize(("answer", "left"), [("yes\n", []), ("y\n", ["K1"]), ("", ["K1"])])
def test_it_asks_first(
    answer: str, left: list[str], config: Path, database: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, with what would be done before the eyes; only yes is yes."""
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    said = ctiroute("erase", "--customer", "K1", "-c", config)
    assert said.code == (1 if left else 0)
    assert said.out.startswith("what would be done")
    assert "This cannot be undone" in said.err
    assert customers(database, PHONE) == left


def test_it_does_nothing_unasked_where_nobody_can_be_asked(
    config: Path, database: Path, ctiroute: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script has to say --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    said = ctiroute("erase", "--customer", "K1", "-c", config)
    assert said.code == 2
    assert "--yes" in said.err
    assert customers(database, PHONE) == ["K1"]


def test_a_shared_number_has_to_be_settled(config: Path, database: Path, ctiroute: Callable[..., Said]) -> None:
    """The customers are named, and nothing is done."""
    said = ctiroute("erase", "--phone", SHARED.value, "--yes", "-c", config)
    assert (said.code, said.out) == (1, "")
    assert "several customers': K1, K2; nothing was done" in said.err
    assert customers(database, SHARED) == ["K1", "K2"]


def test_a_script_reads_the_report(config: Path, database: Path, ctiroute: Callable[..., Said]) -> None:
    """One JSON object."""
    said = ctiroute("erase", "--customer", "K1", "--yes", "--json", "-c", config)
    report = json.loads(said.out)
    assert (report["dry_run"], report["customers"]) == (False, ["K1"])
    assert report["identifiers"] == [{"kind": "phone", "value": PHONE.value}, {"kind": "email", "value": EMAIL.value}]
    assert report["done"] == {
        "customers": 1,
        "touches": 1,
        "interactions": 0,
        "calls": 1,
        "missed_calls": 0,
        "wrap_ups": 0,
        "callbacks": 0,
        "deliveries": 0,
        "identity_changes": 0,
        "snapshots": 0,
    }
    assert report["kept"] == [{"kind": "identifiers", "count": 1, "why": "phone +380441112233 is also that of customer K2"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say whom to forget"),
        (("--phone", "anonymous"), "phone 'anonymous' is not a possible phone number; write it with its country"),
        (("--email", " "), "email ' ' is empty"),
        (("--identifier", "Card=1"), "Card '1' is no kind of identifier"),
        (("--identifier", "card"), "card '' is empty"),
    ],
)
def test_nobody_is_no_answer(words: tuple[str, ...], message: str, config: Path, ctiroute: Callable[..., Said]) -> None:
    """What cannot be looked for is refused before the store is opened."""
    said = ctiroute("erase", *words, "--yes", "-c", config)
    assert said.code == 2
    assert message in said.err


def test_somebody_unknown_is_nothing_to_do(config: Path, database: Path, ctiroute: Callable[..., Said]) -> None:
    """Exit code 0: there is nothing of them, which is what was asked for."""
    said = ctiroute("erase", "--phone", "+380930000000", "--yes", "-c", config)
    assert said.code == 0
    assert customers(database, PHONE) == ["K1"]
