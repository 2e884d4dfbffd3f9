"""What needs no server: addresses, texts and keys, months, errors, the form of the statements."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from itertools import pairwise

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.errors import StoreConflict, StoreError, StoreUnavailable
from ctiroute.model import Identifier, IdentifierKind, Medium, TouchStatus
from ctiroute.store import open_store
from ctiroute.store.named_sql import load_statements
from ctiroute.store.postgres import PostgresStore, rows
from ctiroute.store.postgres.address import parse_address
from ctiroute.store.postgres.faults import DRIVER, mapped, translate
from ctiroute.store.postgres.partitions import BEFORE, months_around, months_of
from ctiroute.store.postgres.schema import load_migrations

NOW = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)

# --- addresses


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u:p@db/x", (("db", 5432),)),
        ("postgres://u:p%40ss@db1:5433,db2/x?sslmode=require", (("db1", 5433), ("db2", 5432))),
        ("postgresql://u@[::1]:6000,[fe80::1]/x", (("::1", 6000), ("fe80::1", 5432))),
        ("postgresql://u@db/x?target_session_attrs=read-write", (("db", 5432),)),
        ("postgresql:///x?host=/var/run/postgresql", ()),
    ],
)
def test_an_address_names_hosts_in_order(url: str, hosts: tuple[tuple[str, int], ...]) -> None:
    """Several hosts, ports left out, IPv6, a socket."""
    assert parse_address(url).hosts == hosts
    assert isinstance(open_store(url), PostgresStore)


def test_what_is_ours_is_not_told_to_the_server_and_the_rest_is() -> None:
    """A parameter PostgreSQL does not know would be refused by it."""
    address = parse_address("postgresql://u:p%40ss@db/x?prepared_statements=no&sslmode=require&target_session_attrs=read-write")
    assert address.dsn == "postgresql://u:p%40ss@db/x?sslmode=require"
    assert address.prepared is False
    assert parse_address("postgresql://u@db/x").prepared is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@db",
        "postgresql://u:secret@db/",
        "postgresql://u:secret@db:port/x",
        "postgresql://u:secret@db:0/x",
        "postgresql://u:secret@db,/x",
        "postgresql://u:secret@[::1/x",
        "postgresql://u:secret@db/x?prepared_statements=perhaps",
        "postgresql://u:secret@db/x?target_session_attrs=standby",
        "postgresql://u:secret@db/x?&&",
        "postgresql:///x?host=db&password=secret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    """The message helps, and holds no password."""
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_what_is_logged_of_an_address_holds_no_password() -> None:
    """Hosts and ports only."""
    assert str(parse_address("postgresql://u:secret@db,[::1]:6000/x")) == "PostgreSQL at db:5432,[::1]:6000"


# --- texts, keys


@given(st.text(alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\0\ufdd0" + "01"))))
def test_every_text_comes_back_and_none_holds_nul(text: str) -> None:
    """Also texts that hold the mark itself, or look like it."""
    kept = rows.to_text(text)
    assert "\0" not in kept
    assert rows.from_text(kept) == text


@given(st.from_regex(r"\+?[0-9٣]{0,25}", fullmatch=True))
def test_a_phone_is_its_own_key_only_when_the_key_is_that_phone(value: str) -> None:
    """Whatever number is made of a text, the text can be made of the number again."""
    identifier = Identifier(IdentifierKind.PHONE, value)
    key = rows.key_of(identifier)
    if key is not None:
        assert 0 < key < 2**63
        assert rows.phone_of(key) == identifier
    assert rows.key_of(Identifier(IdentifierKind.ACCOUNT, value)) is None


def test_every_member_of_an_enumeration_has_a_number_of_its_own() -> None:
    """A new member without one would fail at the first touch."""
    assert set(rows.MEDIUM_NUMBERS) == set(Medium)
    assert set(rows.STATUS_NUMBERS) == set(TouchStatus)
    assert list(rows.STATUS_NUMBERS.values()) == sorted(set(rows.STATUS_NUMBERS.values()))


def test_a_time_without_its_offset_is_refused() -> None:
    """The driver would take it for the time of this machine."""
    with pytest.raises(TypeError):
        rows.to_time(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


# --- months


def test_months_near_now_are_made_ahead_and_those_of_touches_as_far_as_rules_reach() -> None:
    """Over the turn of a year; a wild time makes no partition."""
    assert months_around(NOW) == [(2025, 12), (2026, 1), (2026, 2), (2026, 3)]

    def moment(*date: int) -> int:
        return int(datetime(*date, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type] # a date

    wild = [moment(1970, 1, 1), moment(2199, 1, 1), -1, moment(2026, 4, 1), moment(2026 - BEFORE // 12, 1, 1) - 1]
    near = [moment(2026, 3, 31, 23), moment(2026 - BEFORE // 12, 1, 1), moment(2025, 6, 15)]
    assert months_of([*wild, *near], NOW) == {(2026, 3), (2026 - BEFORE // 12, 1), (2025, 6)}


# --- errors


async def test_no_error_of_the_driver_passes() -> None:
    """Every class it has becomes one of ours, whether later may work or not."""
    classes: list[type] = [each for _, each in inspect.getmembers(asyncpg.exceptions, inspect.isclass) if issubclass(each, Exception)]
    classes = [each for each in classes if not issubclass(each, Warning)]
    assert len(classes) > 200
    for each in classes:
        error = each("words")
        assert isinstance(error, DRIVER)
        with pytest.raises(StoreError), mapped("do it"):
            raise error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.UniqueViolationError("x"), StoreConflict),
        (asyncpg.DataError("x"), StoreConflict),
        (asyncpg.exceptions._base.DataError("x"), StoreConflict),
        (asyncpg.exceptions.ProgramLimitExceededError("x"), StoreConflict),
        (asyncpg.InterfaceError("connection is closed"), StoreUnavailable),
        (asyncpg.ConnectionDoesNotExistError("x"), StoreUnavailable),
        (asyncpg.DiskFullError("x"), StoreUnavailable),
        (asyncpg.TooManyConnectionsError("x"), StoreUnavailable),
        (asyncpg.InvalidPasswordError("x"), StoreUnavailable),
        (ConnectionResetError("x"), StoreUnavailable),
        (TimeoutError(), StoreUnavailable),
    ],
)
def test_an_error_says_whether_trying_again_may_help(error: Exception, expected: type[StoreError]) -> None:
    """What does not fit never will; what is away may come back."""
    assert type(translate(error, "do it")) is expected


def test_read_only_is_never_said() -> None:
    """It is a standby that is about to be left, not somebody's mistake."""
    said = str(translate(asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"), "keep touches"))
    assert "read-only" not in said
    assert "standby" in said


# --- files


def test_migrations_are_numbered_without_gaps_and_say_who_works_with_them() -> None:
    """`oldest` never goes back, and a migration works with the program before it."""
    known = load_migrations()
    assert [each.number for each in known] == list(range(1, len(known) + 1))
    for earlier, later in pairwise(known):
        assert earlier.oldest <= later.oldest < later.number


def test_every_statement_is_described() -> None:
    """One who reads the file learns what each is for."""
    for name, (description, statement) in load_statements("ctiroute.store.postgres").items():
        assert description.endswith((".", ":")), name
        assert statement, name
