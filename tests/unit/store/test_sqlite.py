"""What is the embedded store's own: schema, bounds on reading, full disks, errors."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import StoreConflict, StoreError, StoreUnavailable
from ctiroute.model import (
    CallerQuery,
    CallRecord,
    Customer,
    Cuts,
    Identifier,
    IdentifierKind,
    Medium,
    OfferTerms,
    Operator,
    Purged,
    Status,
    Subject,
    Touch,
    TouchStatus,
    WrapUp,
)
from ctiroute.store import open_store
from ctiroute.store.sqlite import SqliteStore, erasing, reader
from ctiroute.store.sqlite.faults import translate
from ctiroute.store.sqlite.schema import Migration, load_migrations, schema_version, upgrade
from ctiroute.store.sqlite.statements import SQL, for_rows, load_statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
DAY = timedelta(days=1)
QUERY = CallerQuery(PHONE, NOW - DAY, NOW - DAY, NOW - DAY)


def touch(number: int, text: str = "0 %") -> Touch:
    """Return a touch to the one number."""
    return Touch(f"T{number}", "autumn", "", Medium.SMS, PHONE, NOW - timedelta(seconds=number), TouchStatus.SENT, OfferTerms("t", text))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Give an open, empty store."""
    opened = SqliteStore(tmp_path / "deeper" / "ctiroute.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty file of the present schema, which nobody writes to."""
    path = tmp_path_factory.mktemp("schema") / "ctiroute.db"
    with closing(sqlite3.connect(path)) as connection:
        upgrade(connection)
    return path


# --- URL


@pytest.mark.parametrize("url", ["sqlite:///var/lib/x.db", "sqlite:////var/lib/x.db"])
def test_a_url_names_an_absolute_file(url: str) -> None:
    """Both habits of counting slashes mean the same file."""
    opened = open_store(url)
    assert isinstance(opened, SqliteStore)
    assert str(opened.path) == "/var/lib/x.db"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://relative.db", "mysql://u:secret@h/db", ""])
def test_a_url_that_names_no_store_is_refused_with_the_form_that_works(url: str) -> None:
    """The message says what to write, and never repeats a password."""
    with pytest.raises(StoreError, match="sqlite:///absolute") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


# --- schema


def test_migrations_are_numbered_without_gaps() -> None:
    """0001, 0002, ...: a gap would be a migration somebody lost."""
    assert [migration.number for migration in load_migrations()] == list(range(1, len(load_migrations()) + 1))


def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    """Half a migration is undone with its version; what ran before stays."""
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    good = Migration(1, "0001_good.sql", "-- a comment; with a semicolon\nCREATE TABLE one (x);\nCREATE TABLE two (x);")
    bad = Migration(2, "0002_bad.sql", "CREATE TABLE three (x);\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        upgrade(connection, (good, bad))
    assert schema_version(connection) == 1
    assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY name")] == ["one", "two"]
    assert upgrade(connection, (good,)) == 1
    connection.close()


async def test_events_stored_apart_are_kept_by_the_upgrade(tmp_path: Path) -> None:
    """What the first schema kept in a table of its own is with its interaction afterwards, newest first."""
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        upgrade(connection, load_migrations()[:1])
        connection.execute("INSERT INTO identifiers VALUES (7, ?, ?)", (str(PHONE.kind), PHONE.value))
        for key in (1, 2):
            connection.execute(
                "INSERT INTO interactions VALUES (?, ?, NULL, 7, 0, ?, 'web', 'credit', '', 'open', 0, NULL, '', '{}')",
                (key, f"I{key}", -key),
            )
        connection.executemany("INSERT INTO interaction_events VALUES (1, ?, ?, 'note', ?)", [(n, -n, f'"{n}"') for n in (1, 0, 2)])
    opened = SqliteStore(tmp_path / "x.db")
    await opened.open()
    first, second = (await opened.find_caller(QUERY)).interactions
    await opened.close()
    assert [event.text for event in first.events] == ['"0"', '"1"', '"2"']
    assert first.events[1].at == datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    assert second.events == ()


async def test_a_newer_schema_is_refused_with_the_remedy(store: SqliteStore) -> None:
    """A file a newer ctiroute wrote is left alone, and the message says what to do."""
    await store.close()
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(StoreError, match=r"schema 9999.*install the version"):
        await SqliteStore(store.path).open()


async def test_two_stores_opened_at_once_make_one_schema(tmp_path: Path) -> None:
    """The second waits for the first and finds nothing left to do."""
    both = [SqliteStore(tmp_path / "ctiroute.db") for _ in range(2)]
    await asyncio.gather(*(one.open() for one in both))
    for one in both:
        await one.check()
        await one.close()


async def test_a_file_that_is_no_store_is_unavailable(tmp_path: Path) -> None:
    """Garbage in the file's place is our error, not sqlite3's; a directory as well."""
    (tmp_path / "x.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await SqliteStore(tmp_path / "x.db").open()
    with pytest.raises(StoreUnavailable):
        await SqliteStore(tmp_path).open()


# --- statements


def parameters(statement: str) -> tuple[None, ...]:
    """Return as many nulls as the statement takes."""
    numbers = [int(number) for number in re.findall(r"\?([0-9]+)", statement)]
    return (None,) * (max(numbers) if numbers else statement.count("?"))


@pytest.mark.parametrize("name", sorted(SQL))
def test_every_statement_is_described_and_prepares(schema: Path, name: str) -> None:
    """Each named statement has a sentence, and SQLite accepts it on the present schema."""
    description, statement = load_statements()[name]
    assert description.endswith(".")
    with closing(sqlite3.connect(schema)) as connection:
        for table in (statement for made, statement in SQL.items() if made.startswith("make_subject_") and made != name):
            connection.execute(table)  # a part of the schema for as long as somebody is looked for
        connection.execute("EXPLAIN " + statement, parameters(statement))


@pytest.mark.parametrize("name", [name for name in SQL if name.startswith(("find_", "rank_"))])
def test_the_call_path_only_searches_indices_and_never_sorts(schema: Path, name: str) -> None:
    """No full scan and no temporary b-tree in any statement a call waits for; each has a LIMIT."""
    statement = SQL[name]
    with closing(sqlite3.connect(schema)) as connection:
        plan = [str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + statement, parameters(statement))]
    assert not [
        step
        for step in plan
        if "TEMP B-TREE" in step
        or (step.startswith("SCAN") and all(few not in step for few in ("CONSTANT ROW", "(subquery", "VIRTUAL TABLE")))
    ]
    assert "LIMIT" in statement


# --- reading


async def test_reading_that_takes_too_long_ends_and_the_next_call_is_served(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runaway look-up is interrupted, says so, and leaves no transaction that would see the past for ever."""

    async def find_often(times: int) -> None:
        for _ in range(times):
            await store.find_caller(QUERY)

    await store.put_customers([Customer(f"K{n}", "x", None, {}, (PHONE,)) for n in range(200)])
    await store.put_touches([touch(n) for n in range(200)])
    with monkeypatch.context() as patch:
        patch.setattr(reader, "BUDGET_S", -1.0)
        with pytest.raises(StoreUnavailable, match="interrupted"):
            await find_often(50)  # the clock is looked at every 2,000 instructions, over statements
    await store.put_touches([touch(1, "changed")])
    facts = await store.find_caller(QUERY)
    assert [found.offer.text for found in facts.touches[:3]] == ["0 %", "changed", "0 %"]


async def test_reading_that_crawls_ends_as_well(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time on the wall is bounded too: a disk that answers slowly takes hardly any of the processor's."""
    await store.put_touches([touch(n) for n in range(20)])
    monkeypatch.setattr(reader, "BUDGET_WALL_S", -1.0)

    async def find_often() -> None:
        for _ in range(100):
            await store.find_caller(QUERY)

    with pytest.raises(StoreUnavailable, match="interrupted"):
        await find_often()


async def test_a_look_up_is_not_charged_for_what_others_do_with_the_processor(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pushed aside for longer than its budget, again and again, it still answers: waiting for one's turn is not work."""
    await store.put_touches([touch(n) for n in range(20)])
    over = threading.Event()

    def hog() -> None:
        while not over.is_set():
            pass

    rival = threading.Thread(target=hog)
    before = sys.getswitchinterval()
    monkeypatch.setattr(reader, "BUDGET_S", 0.004)
    monkeypatch.setattr(reader, "BUDGET_WALL_S", 60.0)
    sys.setswitchinterval(0.006)  # so long the rival keeps the interpreter whenever a statement lets go of it
    rival.start()
    try:
        for _ in range(20):
            assert len((await store.find_caller(QUERY)).touches) == 20
    finally:
        sys.setswitchinterval(before)
        over.set()
        rival.join()


async def test_reading_never_waits_for_a_writer(store: SqliteStore) -> None:
    """While another process holds the write lock, callers are looked up as ever; the writer waits on its own thread."""
    await store.put_touches([touch(1)])
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.gather(store.record_calls([CallRecord("x:1")]))
    for _ in range(100):
        assert len((await store.find_caller(QUERY)).touches) == 1
    assert not waiting.done()
    other.execute("ROLLBACK")
    await waiting
    other.close()
    assert await store.get_call("x:1") == CallRecord("x:1")


async def test_a_value_this_version_does_not_know_is_a_store_error(store: SqliteStore) -> None:
    """A row written by something newer costs the look-up, not the process."""
    await store.put_touches([touch(1)])
    await store.record_calls([CallRecord("x:1", status=Status.ROUTED)])
    await store.put_operator(Operator("olha", "Olha"), None)
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("UPDATE touches SET status = 'teleported'")
        other.execute("UPDATE calls SET status = 'teleported'")
        other.execute("UPDATE operators SET role = 'teleported'")
    with pytest.raises(StoreError, match="teleported"):
        await store.find_caller(QUERY)
    with pytest.raises(StoreError, match="teleported"):
        await store.get_call("x:1")
    with pytest.raises(StoreError, match="teleported"):
        await store.get_operators()


# --- writing


async def test_a_later_note_takes_the_place_of_the_earlier(store: SqliteStore) -> None:
    """One note of one operator on one call; a colleague's stands beside it."""
    for wrap_up in (
        WrapUp("x:1", "olha", "will think", NOW),
        WrapUp("x:1", "anna", "hers", NOW),
        WrapUp("x:1", "olha", "agreed", NOW + DAY, "sold"),
    ):
        await store.put_wrap_up(wrap_up)
    with closing(sqlite3.connect(store.path)) as other:
        notes = other.execute("SELECT operator_id, note, code FROM wrap_ups ORDER BY operator_id").fetchall()
    assert notes == [("anna", "hers", ""), ("olha", "agreed", "sold")]


async def test_a_full_disk_keeps_nothing_of_the_batch_and_heals_without_a_restart(store: SqliteStore) -> None:
    """Full: unavailable, reading goes on. Room again: the same write works."""
    await store.put_touches([touch(1)])
    assert store._writer is not None
    pages = await store._writer.run("limit", lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await store._writer.run("limit", lambda connection: connection.execute(f"PRAGMA max_page_count = {pages:d}").fetchone())
    big = [touch(number, "x" * 4000) for number in range(2, 52)]
    with pytest.raises(StoreUnavailable, match="full"):
        await store.put_touches(big)
    assert len((await store.find_caller(QUERY)).touches) == 1
    await store._writer.run("limit", lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await store.put_touches(big) == 50


async def test_a_caller_cancelled_while_it_waits_leaves_the_store_whole(store: SqliteStore) -> None:
    """The transaction ends by itself; what comes after works."""
    waiting = asyncio.gather(store.put_touches([touch(n) for n in range(500)]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.check()
    assert len((await store.find_caller(QUERY)).touches) in {0, 20}


@pytest.mark.parametrize(
    "error",
    [kind for kind in vars(sqlite3).values() if isinstance(kind, type) and issubclass(kind, Exception)],
    ids=lambda kind: str(kind.__name__),
)
def test_every_error_of_the_driver_is_mapped(error: type[Exception]) -> None:
    """No class of sqlite3's passes; what contradicts the data is a conflict, the rest may work later."""
    mapped = translate(error("x"), "write")
    assert isinstance(mapped, StoreUnavailable | StoreConflict)
    assert isinstance(mapped, StoreConflict) == (error in {sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError})


@pytest.mark.parametrize("name", ["put_call", "add_touch", "add_identifier"])
async def test_a_statement_of_one_row_takes_many(store: SqliteStore, name: str) -> None:
    """Only the list of placeholders is repeated; what follows stands once, and SQLite accepts it."""
    many = for_rows(SQL[name], 3)
    assert many.count("?") == 3 * SQL[name].count("?")
    assert many.count("ON CONFLICT") == SQL[name].count("ON CONFLICT")
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("EXPLAIN " + many, parameters(many))


async def test_as_many_calls_as_there_are_are_recorded(store: SqliteStore) -> None:
    """Whole blocks of rows and the rest behind them; a call told twice in one batch is merged in order."""
    records = [CallRecord(f"x:{number}", pbx="x", rule="first", queue=None if number else "q\0", received_at=NOW) for number in range(131)]
    await store.record_calls([*records, CallRecord("x:0", rule="second")])
    kept = [await store.get_call(record.call_id) for record in records]
    assert [call and call.rule for call in kept] == ["second"] + ["first"] * 130
    assert kept[0] is not None
    assert kept[0].queue == "q\0"


# --- letting go


def bytes_of(path: Path) -> bytes:
    """Return all that stands in the file and beside it."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if file.name.startswith(path.name))


@pytest.mark.parametrize("subject", [Subject((PHONE,)), Subject(customer_ids=("K1",))])
async def test_what_is_erased_cannot_be_read_from_the_file(store: SqliteStore, subject: Subject) -> None:
    """Neither in free space nor in the log beside it, also while others read; only the marker still says whose it was, for an hour."""
    secrets = (PHONE.value, "Olena Koval", "a very personal offer", "067 123 45 67", "she will call again")
    await store.put_customers([Customer("K1", secrets[1], None, {}, (PHONE,))])
    await store.put_touches([touch(number, secrets[2]) for number in range(300)])
    record = CallRecord("x:1", caller_phone=PHONE.value, caller_raw=secrets[3], received_at=NOW, snapshot=secrets[1].encode() * 3000)
    await store.record_calls([record])
    await store.put_wrap_up(WrapUp("x:1", "olha", secrets[4], NOW))
    other = Identifier(IdentifierKind.PHONE, "+380500000001")
    await store.put_touches([replace(touch(999), identifier=other)])
    kept = await asyncio.to_thread(bytes_of, store.path)
    assert all(secret.encode() in kept for secret in secrets)

    await store.erase(subject, NOW)
    left = await asyncio.to_thread(bytes_of, store.path)
    assert [secret for secret in secrets if secret.encode() in left] == [PHONE.value]
    await store.purge(Cuts(erasures=NOW + DAY), 10)
    await store.close()
    left = await asyncio.to_thread(bytes_of, store.path)
    assert [secret for secret in secrets if secret.encode() in left] == []
    assert other.value.encode() in left


async def test_what_is_purged_cannot_be_read_from_the_file(store: SqliteStore) -> None:
    """Removed rows are overwritten; the log beside the file is merged into it at the latest when the store closes."""
    await store.put_touches([touch(number, "long ago") for number in range(300)])
    await store.purge(Cuts(touches=NOW + DAY), 500)
    await store.close()
    assert b"long ago" not in await asyncio.to_thread(bytes_of, store.path)


async def test_an_erasure_that_was_broken_off_is_mended_by_another(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leads to other records goes last: after a stop anywhere, the same words find all that is left."""
    await store.put_customers([Customer("K1", "Olena", None, {}, (PHONE,))])
    await store.put_touches([touch(number) for number in range(3)])
    await store.record_calls([CallRecord("x:1", caller_phone=PHONE.value, received_at=NOW)])
    await store.put_wrap_up(WrapUp("x:1", "olha", "note", NOW))
    whole = await store.find_erasable(Subject((PHONE,)))
    assert whole.total == 6
    steps = list(erasing.steps(erasing.find(store.path, Subject((PHONE,)))))
    for stop in range(len(steps)):
        with monkeypatch.context() as patch:
            patch.setattr(erasing, "steps", lambda _findings, stop=stop: iter([*steps[:stop], ("no_such_statement", ())]))
            with pytest.raises(KeyError):
                await store.erase(Subject((PHONE,)), NOW)
        assert (await store.find_erasable(Subject((PHONE,)))).customer_ids == ("K1",)
    await store.erase(Subject((PHONE,)), NOW)
    assert (await store.find_erasable(Subject((PHONE,), ("K1",), ("x:1",)))).total == 0
    assert len(await store.erasures_after(0)) == 1


async def test_identifiers_that_nothing_refers_to_are_found_by_the_upgrade(tmp_path: Path) -> None:
    """Those that earlier versions left behind go with the first purge; those in use stay."""
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        upgrade(connection, load_migrations()[:3])
        connection.executemany("INSERT INTO identifiers VALUES (?, 'phone', ?)", [(1, PHONE.value), (2, "+2"), (3, "+3"), (4, "+4")])
        connection.execute("INSERT INTO customers VALUES ('K1', 'Olena', NULL, '{}')")
        connection.execute("INSERT INTO customer_identifiers VALUES ('K1', 0, 1)")
        connection.execute("INSERT INTO campaigns VALUES ('c', '', 'sms')")
        connection.execute(
            "INSERT INTO touches (touch_id, identifier_id, sent_at, campaign, medium, status, title, text, terms, fields) "
            "VALUES ('T', 2, 0, 'c', 'sms', 'sent', '', '', '', '{}')"
        )
    opened = SqliteStore(tmp_path / "x.db")
    await opened.open()
    assert await opened.purge(Cuts(), 1) == Purged(identifiers=1)
    assert await opened.purge(Cuts(), 1) == Purged(identifiers=1)
    assert await opened.purge(Cuts(), 1) == Purged()
    assert (await opened.find_caller(QUERY)).customers[0].customer_id == "K1"
    await opened.close()


@pytest.mark.parametrize("name", [name for name in SQL if name.startswith(("purge_", "erase_"))])
def test_removing_never_scans_a_table(schema: Path, name: str) -> None:
    """The one writer is held for a few rows, whatever the size of the file."""
    statement = SQL[name]
    with closing(sqlite3.connect(schema)) as connection:
        plan = [str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + statement, parameters(statement))]
    assert not [step for step in plan if step.startswith("SCAN") and "loose_identifiers" not in step]
