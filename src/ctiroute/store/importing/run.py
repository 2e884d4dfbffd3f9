"""Drives an import: every row is checked before the first is written, then batches go to the store.

Two passes over the file. The first only parses and counts: over `max_rejects` the import is refused and nothing was ever
written, so there is nothing to roll back. The second writes `BATCH` rows a transaction, so that no transaction holds up the
writes of live calls for more than some milliseconds; cut off in between, the same import run again continues (ids are the same).
Rows are parsed a few at a time, and the loop is free in between: this may run inside the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Generic, TypeVar

from ctiroute.errors import ImportRefused
from ctiroute.model import Medium
from ctiroute.store.importing.mapping import Columns, map_columns
from ctiroute.store.importing.rejects import RejectsFile
from ctiroute.store.importing.source import detect, opened, read_rows
from ctiroute.store.importing.values import Defaults, Refused, customer_of_cells, touch_of_cells

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from datetime import datetime

    from ctiroute.store.base import Store
    from ctiroute.store.importing.source import Format, SourceRow

V = TypeVar("V")  # Touch or Customer

BATCH = 1000  # rows a transaction: some 20 ms of the writer's thread
_SLICE = 20  # rows parsed before the loop gets its turn: about 1 ms


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the file does not say by itself."""

    columns: Mapping[str, str] = field(default_factory=dict)  # our name -> header as written, before the usual aliases
    timezone: tzinfo = UTC  # of times without an offset
    medium: Medium = Medium.SMS  # of touches that name none
    campaign: str = ""  # of touches that name none; "": the file must have the column
    encoding: str | None = None  # None: recognised
    delimiter: str | None = None  # None: recognised
    max_rejects: int = 100  # one more, and nothing is kept
    rejects: Path | None = None  # where refused rows go; None: they are only counted


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far it got. Bytes are counted over both passes, so they reach `bytes_total` once, at the end."""

    rows_done: int  # rows of the present pass
    bytes_done: int
    bytes_total: int  # twice the size of the file
    writing: bool  # False: still checking


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did."""

    read: int  # rows with anything in them, without the header
    added: int
    updated: int
    rejected: int


@dataclass(frozen=True, slots=True)
class _Kind(Generic[V]):
    name: str
    parse: Callable[[Sequence[str], Columns, Defaults], V]
    put: Callable[[Sequence[V]], Awaitable[int]]


async def import_touches(
    source: Path | IO[bytes],
    store: Store,
    region: str,
    now: datetime,
    options: ImportOptions | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportResult:
    """Import a CSV of touches; columns nobody knows become `offer.fields`.

    `region` is the country of numbers without a code, `now` bounds the times. Raises `ImportRefused` (nothing was kept) or a
    `StoreError` (run it again).
    """
    return await _run(source, _Kind("touches", touch_of_cells, store.put_touches), region, now, options, progress)


async def import_customers(
    source: Path | IO[bytes],
    store: Store,
    region: str,
    now: datetime,
    options: ImportOptions | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportResult:
    """Import a CSV of customers; columns nobody knows become `attributes`. Otherwise as `import_touches`."""
    return await _run(source, _Kind("customers", customer_of_cells, store.put_customers), region, now, options, progress)


async def _run(
    source: Path | IO[bytes],
    kind: _Kind[V],
    region: str,
    now: datetime,
    options: ImportOptions | None,
    progress: Callable[[ImportProgress], None] | None,
) -> ImportResult:
    options = options or ImportOptions()
    defaults = Defaults(region, options.timezone, now, options.medium, options.campaign)
    with opened(source) as file:
        form = await asyncio.to_thread(detect, file, options.encoding, options.delimiter)
        job = _Job(file, form, kind, defaults, options, progress or (lambda _: None))
        await job.validate()
        return await job.write()


class _Job(Generic[V]):
    """One file on its way."""

    def __init__(
        self,
        file: IO[bytes],
        form: Format,
        kind: _Kind[V],
        defaults: Defaults,
        options: ImportOptions,
        progress: Callable[[ImportProgress], None],
    ) -> None:
        self._file = file
        self._form = form
        self._kind = kind
        self._defaults = defaults
        self._options = options
        self._progress = progress
        self._header: tuple[str, ...] = ()
        self._columns: Columns | None = None
        self._read = 0
        self._rejected = 0

    async def validate(self) -> None:
        """First pass: parse every row, note the refused ones, write nothing to the store."""
        with closing(read_rows(self._file, self._form)) as rows:
            self._read_header(rows)
            with closing(RejectsFile(self._options.rejects, self._header)) as rejects:
                async for slice_ in self._slices(rows, writing=False):
                    for row in slice_:
                        self._check(row, rejects)

    async def write(self) -> ImportResult:
        """Second pass: the good rows, a transaction a batch."""
        added = written = 0
        batch: list[V] = []
        with closing(read_rows(self._file, self._form)) as rows:
            self._read_header(rows)
            async for slice_ in self._slices(rows, writing=True):
                batch += self._parse_good(slice_)
                if len(batch) >= BATCH:
                    added += await self._kind.put(batch)
                    written += len(batch)
                    batch = []
        if batch:
            added += await self._kind.put(batch)
            written += len(batch)
        self._progress(ImportProgress(self._read, 2 * self._form.size, 2 * self._form.size, writing=True))
        return ImportResult(self._read, added, written - added, self._rejected)

    def _read_header(self, rows: Generator[SourceRow, None, None]) -> None:
        header = next(rows, None)
        if header is None:
            raise ImportRefused("the file is empty")
        if header.error:
            raise ImportRefused(f"the header {header.error}")
        given = ("campaign",) if self._options.campaign else ()
        self._header = header.cells
        self._columns = map_columns(header.cells, self._kind.name, self._options.columns, given)

    async def _slices(self, rows: Generator[SourceRow, None, None], *, writing: bool) -> AsyncIterator[list[SourceRow]]:
        done = 0
        while slice_ := list(islice(rows, _SLICE)):
            yield slice_
            done += len(slice_)
            self._progress(ImportProgress(done, self._file.tell() + writing * self._form.size, 2 * self._form.size, writing))
            await asyncio.sleep(0)

    def _check(self, row: SourceRow, rejects: RejectsFile) -> None:
        self._read += 1
        try:
            self._parse(row)
        except Refused as refused:
            self._rejected += 1
            rejects.add(row.line, refused.column, refused.reason, row.cells)
            if self._rejected > self._options.max_rejects:
                where = f"; they are in {self._options.rejects}" if self._options.rejects else ""
                raise ImportRefused(
                    f"more than {self._options.max_rejects} rows are bad, nothing is kept (the last: line {row.line}, {refused}){where}"
                ) from None

    def _parse_good(self, slice_: list[SourceRow]) -> list[V]:
        good: list[V] = []
        for row in slice_:
            with suppress(Refused):  # counted and noted in the first pass
                good.append(self._parse(row))
        return good

    def _parse(self, row: SourceRow) -> V:
        columns = self._columns
        if columns is None:
            raise AssertionError("rows are parsed after the header")
        if row.error:
            raise Refused("", row.error)
        if len(row.cells) > len(self._header):
            raise Refused("", f"has {len(row.cells)} cells, the header {len(self._header)}: a text with the delimiter needs quotes")
        cells = row.cells + ("",) * (len(self._header) - len(row.cells))
        return self._kind.parse(cells, columns, self._defaults)
