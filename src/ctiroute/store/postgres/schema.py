"""Brings a database up to date. Knows the numbered files of `migrations/`, nothing of what they make.

Nodes of two versions work on one database while a cluster is upgraded one node after another, so a migration may only do what the
version before it can live with: add tables, columns with a default, indices, functions under new names. What the version before still
uses goes away one version later. Each file says in its first line, `-- oldest: N`, the oldest schema whose program works with it; a
program that finds a newer schema than its own goes on when that number allows it. No migration locks a large table for long: an index
on one is made beside it (a new partition has it from the start).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from ctiroute.errors import StoreError

if TYPE_CHECKING:
    import asyncpg

# Numbers of advisory locks; any would do that nobody else uses in this database. "cti" in ASCII, and a number.
SCHEMA_LOCK = 0x637469_00
TOUCHES_LOCK = 0x637469_01
CUSTOMERS_LOCK = 0x637469_02
PURGE_LOCK = 0x637469_03
ERASURES_LOCK = 0x637469_04
RULES_LOCK = 0x637469_05
CALLBACKS_LOCK = 0x637469_06
WEBHOOKS_LOCK = 0x637469_07
REASONS_LOCK = 0x637469_08

_OLDEST = re.compile(r"\A-- oldest: (\d+)$", re.MULTILINE)
_VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_versions (
        number integer PRIMARY KEY,
        oldest integer NOT NULL, -- the oldest schema whose program works with this one
        name   text NOT NULL,
        ran_at timestamptz NOT NULL DEFAULT now()
    )
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int  # 1, 2, ...; without gaps
    oldest: int  # the oldest schema whose program works with it
    name: str  # file name
    script: str


def load_migrations() -> tuple[Migration, ...]:
    """Return the migrations this version of ctiroute knows, in order."""
    files = sorted((resources.files(__package__) / "migrations").iterdir(), key=lambda file: file.name)
    return tuple(_read(file.name, file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".sql"))


async def schema_version(connection: asyncpg.Connection) -> int:
    """Return the number of the newest migration that has run; 0: an empty database."""
    number, _ = await _version(connection)
    return number


async def upgrade(connection: asyncpg.Connection, migrations: tuple[Migration, ...] | None = None) -> int:
    """Run the migrations that have not run, each in a transaction of its own, and return the version.

    Many nodes may do so at once: all but the first wait for its lock and then find nothing left to do. Raises `StoreError` when a
    newer ctiroute made the schema and this one cannot work with it.
    """
    known = load_migrations() if migrations is None else migrations
    newest = known[-1].number if known else 0
    version, oldest = await _version(connection)
    for migration in known:
        if version < migration.number:
            async with connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
                # A change that waits for a long reader (a backup, say) has all look-ups wait behind it: rather fail, and try again.
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                version, oldest = await _version(connection)
                if version < migration.number:
                    await _run(connection, migration)
                    version, oldest = migration.number, migration.oldest
    if version > newest < oldest:
        raise StoreError(
            f"the store has schema {version}, this ctiroute knows {newest} and can work with nothing newer than what schema "
            f"{oldest} is for: install the ctiroute that wrote it (or a newer one), or restore the backup made before that upgrade"
        )
    return version


async def _run(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(_VERSIONS)
    await connection.execute(migration.script)
    await connection.execute(
        "INSERT INTO schema_versions (number, oldest, name) VALUES ($1, $2, $3)", migration.number, migration.oldest, migration.name
    )


async def _version(connection: asyncpg.Connection) -> tuple[int, int]:
    # Not to_regclass: it may remember that there was none before we waited for the lock.
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'schema_versions' AND relkind = 'r' AND pg_table_is_visible(oid))"
    ):
        return 0, 0
    row = await connection.fetchrow("SELECT number, oldest FROM schema_versions ORDER BY number DESC LIMIT 1")
    return (0, 0) if row is None else (row[0], row[1])


def _read(name: str, text: str) -> Migration:
    found = _OLDEST.search(text)
    if found is None:
        raise StoreError(f"the migration {name} does not say in its first line which schema's program works with it")
    return Migration(int(name[:4]), int(found[1]), name, text)
