"""Brings a database file up to date. Knows the numbered files of `migrations/`, nothing of what they make.

The version is `PRAGMA user_version`: it changes in the same transaction as the tables, and an empty file has 0.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from importlib import resources

from ctiroute.errors import StoreError


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int  # 1, 2, ...; without gaps
    name: str  # file name
    script: str


def load_migrations() -> tuple[Migration, ...]:
    """Return the migrations this version of ctiroute knows, in order."""
    files = sorted((resources.files(__package__) / "migrations").iterdir(), key=lambda file: file.name)
    return tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".sql"))


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of the newest migration that has run; 0: an empty file."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def upgrade(connection: sqlite3.Connection, migrations: tuple[Migration, ...] | None = None) -> int:
    """Run the migrations that have not run, each in a transaction of its own, and return the version.

    Two processes may do so at once: the second waits for the first's lock and then finds nothing left to do. Raises
    `StoreError` when the file was made by a newer ctiroute.
    """
    known = load_migrations() if migrations is None else migrations
    newest = known[-1].number if known else 0
    for migration in known:
        if schema_version(connection) >= migration.number:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            if schema_version(connection) < migration.number:
                for statement in _split(migration.script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {migration.number:d}")  # a pragma takes no parameters
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    version = schema_version(connection)
    if version > newest:
        raise StoreError(
            f"the store has schema {version}, this ctiroute knows {newest}: "
            "install the version of ctiroute that wrote it (or a newer one), or restore the backup made before that upgrade"
        )
    return version


def _split(script: str) -> list[str]:
    """Return the statements of a script. `executescript` is of no use: it commits first, and half a migration would stay."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending.strip())
            pending = ""
    return statements
