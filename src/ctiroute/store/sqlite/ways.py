"""The ways to the file that every part of the store uses: its reader, its writer, how they are opened and closed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.store.sqlite.faults import mapped
from ctiroute.store.sqlite.reader import Reader
from ctiroute.store.sqlite.schema import schema_version
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ctiroute.store.sqlite import rows

T = TypeVar("T")

NOT_OPEN = "the store is not open"


class SqliteWays:
    """One local file: reads in the loop's thread, writes on a thread of their own. Open and use it in one event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    # --- life

    async def open(self) -> None:
        """Make or upgrade the file and connect; raises `StoreUnavailable`, or `StoreError` when a newer ctiroute wrote it."""
        writer = Writer(self.path)
        try:
            await writer.open()
            self._reader = Reader(self.path)
        except BaseException:
            await writer.close()
            raise
        self._writer = writer

    async def close(self) -> None:
        """Finish what is being written and let go of the file. Harmless when not open."""
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        if writer is not None:
            await writer.close()

    async def check(self) -> None:
        """Raise `StoreUnavailable` unless a row can be written and read now."""
        await self._write("write", lambda connection: connection.execute(SQL["put_heartbeat"]))
        self._read("get_heartbeat")

    async def schema_version(self) -> int:
        """Return the number of the newest migration that has run; may be asked before `open`, and then changes nothing."""
        if self._reader is not None:
            return int(self._read("schema_version")[0][0])
        if not self.path.exists():
            return 0
        with mapped("read the schema's version"), closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            return schema_version(connection)

    # --- what the parts of the store use

    async def _look(self, work: Callable[[], T]) -> T:
        """Read at length: in a thread, and on a connection of its own, so that neither the loop nor the writer waits."""
        if self._writer is None:
            raise StoreUnavailable(NOT_OPEN)
        return await asyncio.to_thread(work)

    def _read(self, name: str, *values: object) -> list[rows.Row]:
        if self._reader is None:
            raise StoreUnavailable(NOT_OPEN)
        return self._reader.fetch(name, *values)

    async def _write(self, doing: str, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise StoreUnavailable(NOT_OPEN)
        return await self._writer.run(doing, work)
