"""Drives an import: every row is checked before the first is written, then batches go to the store.

Two passes. The first parses and counts, and keeps what it parsed aside (see `spool`): over the limit of bad rows the import is refused
and nothing was ever written, so there is nothing to roll back. The second writes a batch a transaction, so that none holds up what live
calls write. Cut off in between, what is written stays, and the same import goes on (`resume`) or begins anew; either way every row is
there once, because it is known again by its id. Rows are parsed some at a time, and the loop is free in between: this may run inside
the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Generic, TypeVar

from ctiroute.errors import ImportRefused
from ctiroute.model import Medium
from ctiroute.store.importing.checkpoint import Checkpoint, Reached
from ctiroute.store.importing.mapping import Columns, map_columns
from ctiroute.store.importing.rejects import Rejects
from ctiroute.store.importing.source import Rows, detect, opened
from ctiroute.store.importing.spool import Spool
from ctiroute.store.importing.values import Defaults, Refused, customer_parser, touch_parser

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.store.base import Store
    from ctiroute.store.importing.source import Format, Opened, Row

V = TypeVar("V")  # TouchRow or Customer
_Batch = tuple[int, list[V]]  # rows of the file taken by its end, values

_SLICE = 100  # rows parsed before the loop gets its turn: about 1 ms
_TOLD_EVERY = 10  # slices between two reports of progress


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the file does not say by itself."""

    columns: Mapping[str, str] = field(default_factory=dict)  # our name -> header as written, before the usual aliases
    timezone: tzinfo = UTC  # of times without an offset
    medium: Medium = Medium.SMS  # of touches that name none
    campaign: str = ""  # of touches that name none; "": the file must have the column
    only_campaign: bool = False  # refuse touches of any other campaign
    encoding: str | None = None  # None: recognised
    delimiter: str | None = None  # None: recognised
    json: bool | None = None  # an object a line; None: recognised
    max_rejects: int = 100  # one more, and nothing is kept
    max_rejects_percent: float | None = None  # of all rows, in place of the number
    batch_rows: int | None = None  # rows a transaction, when they are to be fewer than the store would take
    max_rows: int | None = None  # a file with more is refused; None: any number
    rejects: Path | None = None  # where refused rows go; None: they are only counted
    checkpoints: Path | None = None  # folder that keeps how far imports got; None: a cut off import begins anew
    target: str = ""  # the store's URL: how far it got holds for this one alone
    resume: bool = False  # go on where the same import was cut off
    breath: float = 0.2  # pause after a transaction, as a part of its time, in which others write


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
    first_rejects: tuple[tuple[int, str, str], ...] = field(default=(), compare=False)  # line, column, reason of the first few
    resumed_at: int = 0  # rows that an earlier run had behind it; 0: from the beginning


@dataclass(frozen=True, slots=True)
class _Kind(Generic[V]):
    name: str
    parser: Callable[[Columns, Defaults], Callable[[Sequence[str]], V]]
    put: Callable[[Sequence[V]], Awaitable[int]]
    batch: int
    plain: bool  # V is a tuple of plain values


async def import_touches(
    source: Path | IO[bytes],
    store: Store,
    region: str,
    now: datetime,
    options: ImportOptions | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportResult:
    """Import CSV or NDJSON of touches; columns nobody knows become `offer.fields`.

    `region` is the country of numbers without a code, `now` bounds the times. Raises `ImportRefused` (nothing was kept) or a
    `StoreError` (run it again).
    """
    return await _run(
        source, _Kind("touches", touch_parser, store.put_touch_rows, store.batch_rows, plain=True), region, now, options, progress
    )


async def import_customers(
    source: Path | IO[bytes],
    store: Store,
    region: str,
    now: datetime,
    options: ImportOptions | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportResult:
    """Import CSV or NDJSON of customers; columns nobody knows become `attributes`. Otherwise as `import_touches`."""
    return await _run(
        source, _Kind("customers", customer_parser, store.put_customers, store.batch_rows, plain=False), region, now, options, progress
    )


async def _run(
    source: Path | IO[bytes],
    kind: _Kind[V],
    region: str,
    now: datetime,
    options: ImportOptions | None,
    progress: Callable[[ImportProgress], None] | None,
) -> ImportResult:
    options = options or ImportOptions()
    defaults = Defaults(region, options.timezone, now, options.medium, options.campaign, options.only_campaign)
    with opened(source) as file:
        form = await asyncio.to_thread(detect, file.data, options.encoding, options.delimiter, json=options.json)
        with closing(_Job(file, form, kind, defaults, options, progress or (lambda _: None))) as job:
            reached = job.checkpoint.load() if job.checkpoint and options.resume else None
            if reached is None:
                reached = await job.check()
            return await job.write(reached)


class _Job(Generic[V]):
    """One file on its way."""

    def __init__(
        self,
        file: Opened,
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
        self._width = 0  # cells of the header that `_parse` was made for
        self._parse: Callable[[Sequence[str]], V] | None = None
        self._batch = min(kind.batch, options.batch_rows or kind.batch)
        self._first: tuple[tuple[int, str, str], ...] = ()
        self._spool: Spool[V] | None = Spool() if kind.plain else None
        decides = (options.target, form, kind.name, replace(defaults, now=defaults.now.min), sorted(options.columns.items()))
        self.checkpoint = Checkpoint(options.checkpoints, *decides) if options.checkpoints else None

    async def check(self) -> Reached:
        """First pass: parse every row, note the refused ones, write nothing to the store."""
        rows, read, slices = Rows(self._file.data, self._form), 0, 0
        good: list[V] = []
        with closing(rows), closing(Rejects(self._options.rejects, rows.header)) as rejects:
            while slice_ := rows.take(_SLICE):
                self._settle(rows)
                for row in slice_:
                    try:
                        good.append(self._value(row))
                    except Refused as refused:
                        if _is_blank(row):
                            continue
                        rejects.add(row[0], refused.column, refused.reason, row[1][: len(rows.header)])
                        self._limit(rejects)
                    read += 1
                if self._options.max_rows is not None and read > self._options.max_rows:
                    raise ImportRefused(f"there are more than {self._options.max_rows} rows: send them in parts")
                slices += 1
                self._keep(slices * _SLICE, good)
                if slices % _TOLD_EVERY == 0:
                    self._tell_checking(read)
                await asyncio.sleep(0)
            self._settle(rows)  # a file without rows has a header to check, too
            percent = self._options.max_rejects_percent
            if percent is not None and rejects.count * 100 > percent * read:
                raise self._too_many(f"{rejects.count} of {read} rows are bad, more than {percent:g} %", rejects)
            self._first = tuple(rejects.first)
            return Reached(taken=0, read=read, rejected=rejects.count, written=0, added=0)

    async def write(self, reached: Reached) -> ImportResult:
        """Second pass: the good rows that are not written yet, a transaction a batch."""
        resumed_at = reached.taken
        spool = self._spool
        chunks = self._parsed(resumed_at) if spool is None or not spool.whole or resumed_at else spool.chunks()
        try:
            async with asyncio.TaskGroup() as tasks:
                batches: asyncio.Queue[_Batch[V]] = asyncio.Queue(1)
                writer = tasks.create_task(self._put(batches, reached), name="import writer")
                await self._hand_over(chunks, batches)
        except ExceptionGroup as group:  # one of the two failed, and the other was ended for it
            raise group.exceptions[0] from None
        reached = writer.result()
        if self.checkpoint is not None:
            self.checkpoint.clear()
        self._progress(ImportProgress(reached.read, 2 * self._file.size, 2 * self._file.size, writing=True))
        return ImportResult(reached.read, reached.added, reached.written - reached.added, reached.rejected, self._first, resumed_at)

    def close(self) -> None:
        """Throw away what was parsed."""
        if self._spool is not None:
            self._spool.close()

    def _keep(self, taken: int, good: list[V]) -> None:
        """Put what a slice brought aside for the second pass."""
        if self._spool is not None:
            self._spool.add(taken, good)
        good.clear()

    def _parsed(self, behind: int) -> Iterator[_Batch[V]]:
        """Yield the good rows that are not behind us, from the file itself; the bad ones were noted in the first pass."""
        with closing(Rows(self._file.data, self._form)) as rows:
            taken = 0
            while slice_ := rows.take(_SLICE):
                self._settle(rows)
                good: list[V] = []
                for row in slice_[max(0, behind - taken) :]:
                    with suppress(Refused):
                        good.append(self._value(row))
                taken += len(slice_)
                yield taken, good

    async def _hand_over(self, chunks: Iterator[_Batch[V]], batches: asyncio.Queue[_Batch[V]]) -> None:
        """Join what was parsed to batches; an empty one is the end."""
        batch: list[V] = []
        taken = 0
        for taken, chunk in chunks:
            batch += chunk
            if len(batch) >= self._batch:
                await batches.put((taken, batch))
                batch = []
            await asyncio.sleep(0)
        if batch:
            await batches.put((taken, batch))
        await batches.put((taken, []))

    async def _put(self, batches: asyncio.Queue[_Batch[V]], reached: Reached) -> Reached:
        """Write batches as they come, until there are no more."""
        while True:
            taken, batch = await batches.get()
            if not batch:
                return reached
            started = monotonic()
            added = await self._kind.put(batch)
            reached = Reached(taken, reached.read, reached.rejected, reached.written + len(batch), reached.added + added)
            if self.checkpoint is not None:
                self.checkpoint.save(reached)
            self._tell_writing(reached)
            await asyncio.sleep(self._options.breath * (monotonic() - started))

    def _settle(self, rows: Rows) -> None:
        """Find out what the columns mean, when they are not as they were."""
        if self._parse is not None and len(rows.header) == self._width:
            return
        given = ("campaign",) if self._options.campaign else ()
        self._width = len(rows.header)
        self._parse = self._kind.parser(map_columns(rows.header, self._kind.name, self._options.columns, given), self._defaults)

    def _value(self, row: Row) -> V:
        _, cells, error = row
        if error:
            raise Refused("", error)
        width = self._width
        if len(cells) > width:
            raise Refused("", f"has {len(cells)} cells, the header {width}: a text with the delimiter needs quotes")
        if self._form.broken and not _is_text(cells):
            raise Refused("", f"holds bytes that are not {self._form.encoding}")
        if self._parse is None:
            raise AssertionError("rows are parsed after the header")
        return self._parse([*cells, *[""] * (width + 1 - len(cells))])

    def _limit(self, rejects: Rejects) -> None:
        most = self._options.max_rejects
        if self._options.max_rejects_percent is None and rejects.count > most:
            raise self._too_many(f"more than {most} rows are bad", rejects)

    def _too_many(self, what: str, rejects: Rejects) -> ImportRefused:
        line, column, reason = rejects.last
        where = f"; they are in {self._options.rejects}" if self._options.rejects else ""
        return ImportRefused(f"{what}, nothing is kept (the last: line {line}, {f'{column} {reason}'.strip()}){where}", rejects.first)

    def _tell_checking(self, done: int) -> None:
        self._progress(ImportProgress(done, self._file.raw.tell(), 2 * self._file.size, writing=False))

    def _tell_writing(self, reached: Reached) -> None:
        part = reached.taken / max(1, reached.read)  # of rows; blank ones were not counted
        self._progress(ImportProgress(reached.taken, int((1 + min(1.0, part)) * self._file.size), 2 * self._file.size, writing=True))


def _is_blank(row: Row) -> bool:
    return not row[2] and not any(cell.strip() for cell in row[1])


def _is_text(cells: Sequence[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
