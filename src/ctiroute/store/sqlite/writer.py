"""Writing, on one thread of the store's own, one transaction after another.

Not aiosqlite: it sends every statement to its thread and back (74-252 µs each); here a whole transaction goes in one trip, and
nothing of anybody else's can come between its statements. One thread, because SQLite has one writer at a time anyway.
`synchronous = NORMAL` in WAL makes a commit some tens of µs: a power cut may lose the last commits, never half of one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from ctiroute.errors import StoreUnavailable
from ctiroute.store.sqlite.faults import mapped
from ctiroute.store.sqlite.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_BUSY_S = 5.0  # to wait for another process (an import, `db upgrade`); their transactions take some ten ms each
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 4000  # of the log before it is merged: a sync of the disk for every 16 MiB, not for every 4
_WAL_LIMIT = 64 * 1024 * 1024  # bytes the log is cut back to after a checkpoint


class Writer:
    """One read-write connection on its own thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ctiroute-store-writer")

    async def open(self) -> None:
        """Make the file when there is none, and bring its schema up to date."""
        await self._submit(self._open)

    async def close(self) -> None:
        """Finish what is waiting, then let go of the file."""
        try:
            await self._submit(self._close)
        finally:
            self._executor.shutdown(wait=False)  # its queue is empty: `_close` was the last

    async def run(self, doing: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction and return its result. All or nothing; a caller cancelled while waiting does not undo it.

        Raises `StoreUnavailable` (locked, disk full, closed) or `StoreConflict`; nothing was kept then.
        """
        return await self._submit(lambda: self._transact(doing, work))

    async def forget(self) -> None:
        """Merge the write-ahead log into the file and cut it to nothing: removed rows stand in its older pages still.

        Waits for readers a while; when one stays, that log is overwritten in the ordinary course of things.
        """
        await self._submit(self._forget)

    async def _submit(self, work: Callable[[], T]) -> T:
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        except RuntimeError as error:  # the executor is shut down
            raise StoreUnavailable("the store is closed") from error
        return await future

    def _open(self) -> None:
        with mapped(f"open {self._path}"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, cached_statements=64)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                # What is removed is overwritten with zeros: a row that was purged or erased is not to be read from the file afterwards.
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB:d}")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES:d}")
                connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT:d}")
                upgrade(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def _close(self) -> None:
        if self._connection is not None:
            with mapped("close the store"):
                self._connection.close()
            self._connection = None

    def _forget(self) -> None:
        if self._connection is not None:
            with mapped("empty the store's log"):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _transact(self, doing: str, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("the store is not open")
        with mapped(doing):
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may have rolled back by itself
                    connection.execute("ROLLBACK")
                raise
            return result
