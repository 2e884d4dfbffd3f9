"""Drives an import: every row is checked before the first is written, then batches go to the store.

Two passes. The first parses and counts, and keeps what it parsed aside (see `spool`): over the limit of bad rows the import is refused
and nothing was ever written, so there is nothing to roll back. The second writes a batch a transaction, so that none holds up what live
calls write. Cut off in between, what is written stays, and the same import goes on (`resume`) or begins anew; either way every row is
there once, because it is known again by its id. Rows are parsed some at a time, and the loop is free in between: this may run inside
the service.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from functools import partial
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Generic, cast

from ctiroute.errors import ImportRefused, StoreError
from ctiroute.model import IMPORTED, Claim, Medium
from ctiroute.store.importing.checkpoint import Checkpoint, Reached
from ctiroute.store.importing.crew import CrewLost, crew
from ctiroute.store.importing.cutting import is_divisible, pieces
from ctiroute.store.importing.parsing import Bad, C, Parser, Task
from ctiroute.store.importing.piece_reader import check_piece
from ctiroute.store.importing.rejects import Rejects
from ctiroute.store.importing.source import Rows, detect, opened
from ctiroute.store.importing.spool import Spool
from ctiroute.store.importing.values import Defaults
from ctiroute.store.touch_columns import TouchColumns

if TYPE_CHECKING:
    from datetime import datetime

    from ctiroute.model import Customer
    from ctiroute.store.base import Store
    from ctiroute.store.importing.piece_reader import Answer
    from ctiroute.store.importing.source import Format, Opened

_Batch = tuple[int, C]  # rows of the file taken by its end, what came of them

_SLICE = 100  # rows parsed before the loop gets its turn: about 1 ms
_TOLD_EVERY = 10  # slices or pieces between two reports of progress
_LARGE = 4 * 1024 * 1024  # bytes of a file that is worth processes of its own: these take as long to start as 50,000 rows to be parsed
_MOST_CUSTOMERS = 10_000  # a transaction: each is several rows
_AT_ONCE = 3  # batches the store has: one is brought to the disk, one written, the next made ready


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
    source: str = ""  # who says of customers by what they are known; "": the company's file that says no more
    verified: bool = False  # and has made sure of it
    rejects: Path | None = None  # where refused rows go; None: they are only counted
    checkpoints: Path | None = None  # folder that keeps how far imports got; None: a cut off import begins anew
    target: str = ""  # the store's URL: how far it got holds for this one alone
    resume: bool = False  # go on where the same import was cut off
    processes: int = 1  # that parse a large CSV file; 1: this one alone
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
class _Checked:
    """What came of some rows of the file."""

    good: bytes  # packed touches
    bad: list[Bad]
    taken: int  # rows, blank ones among them
    read: int  # without those


@dataclass(frozen=True, slots=True)
class _Kind(Generic[C]):
    name: str
    put: Callable[[C], Awaitable[int]]
    joined: Callable[[Sequence[C]], C]
    batch: int
    is_touches: bool


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
    kind = _Kind("touches", store.put_touch_columns, TouchColumns.joined, store.batch_rows, is_touches=True)
    return await _run(source, kind, region, now, options, progress)


async def import_customers(
    source: Path | IO[bytes],
    store: Store,
    region: str,
    now: datetime,
    options: ImportOptions | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportResult:
    """Import CSV or NDJSON of customers; columns nobody knows become `attributes`. Otherwise as `import_touches`."""
    claim = _claim(options or ImportOptions(), now)
    put = store.put_customers if claim == IMPORTED else partial(store.put_customers, claim=claim)
    kind = _Kind("customers", put, _joined, min(store.batch_rows, _MOST_CUSTOMERS), is_touches=False)
    return await _run(source, kind, region, now, options, progress)


def _joined(parts: Sequence[list[Customer]]) -> list[Customer]:
    return [*chain.from_iterable(parts)]


def _claim(options: ImportOptions, now: datetime) -> Claim:
    if not (options.source or options.verified):
        return IMPORTED
    name = f"{IMPORTED.source}:{options.source}" if options.source else IMPORTED.source
    return Claim(name, now if options.verified else None, now)


async def _run(
    source: Path | IO[bytes],
    kind: _Kind[C],
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


class _Job(Generic[C]):
    """One file on its way."""

    def __init__(
        self,
        file: Opened,
        form: Format,
        kind: _Kind[C],
        defaults: Defaults,
        options: ImportOptions,
        progress: Callable[[ImportProgress], None],
    ) -> None:
        self._file = file
        self._kind = kind
        self._options = options
        self._progress = progress
        self._task = Task(kind.name, form, dict(options.columns), defaults)
        self._batch = min(kind.batch, options.batch_rows or kind.batch)
        self._first: tuple[tuple[int, str, str], ...] = ()
        self._spool = Spool() if kind.is_touches else None
        decides = (
            options.target,
            form,
            kind.name,
            replace(defaults, now=defaults.now.min),
            sorted(options.columns.items()),
            options.source,
            options.verified,
        )
        self.checkpoint = Checkpoint(options.checkpoints, *decides) if options.checkpoints else None

    async def check(self) -> Reached:
        """First pass: parse every row, note the refused ones, write nothing to the store."""
        form, large = self._task.form, self._file.size >= _LARGE
        if self._options.processes > 1 and large and self._kind.is_touches and is_divisible(form):
            with suppress(CrewLost):
                return await self._count(self._checked_apart)
            self.close()
            self._spool = Spool()
        return await self._count(self._checked_here)

    async def write(self, reached: Reached) -> ImportResult:
        """Second pass: the good rows that are not written yet, a transaction a batch."""
        resumed_at = reached.taken
        spool = self._spool
        kept = spool is not None and spool.whole and not resumed_at
        chunks = cast("Iterator[_Batch[C]]", spool.chunks()) if spool is not None and kept else self._parsed(resumed_at)
        try:
            async with asyncio.TaskGroup() as tasks:
                reached = await self._put_all(chunks, reached, tasks)
        except ExceptionGroup as group:  # what was under way was ended for it
            raise group.exceptions[0] from None
        if self.checkpoint is not None:
            self.checkpoint.clear()
        self._progress(ImportProgress(reached.read, 2 * self._file.size, 2 * self._file.size, writing=True))
        return ImportResult(reached.read, reached.added, reached.written - reached.added, reached.rejected, self._first, resumed_at)

    def close(self) -> None:
        """Throw away what was parsed."""
        if self._spool is not None:
            self._spool.close()

    async def _count(self, read: Callable[[list[str]], AsyncGenerator[_Checked, None]]) -> Reached:
        """Take what was checked, in order; see that it is within the limits."""
        header: list[str] = []
        taken = rows = parts = 0
        async with aclosing(read(header)) as found:
            with closing(Rejects(self._options.rejects, header)) as rejects:
                async for part in found:
                    for bad in part.bad:
                        rejects.add(*bad)
                        self._limit(rejects)
                    taken += part.taken
                    rows += part.read
                    if self._options.max_rows is not None and rows > self._options.max_rows:
                        raise ImportRefused(f"there are more than {self._options.max_rows} rows: send them in parts")
                    if self._spool is not None:
                        self._spool.add(taken, part.good)
                    parts += 1
                    if parts % _TOLD_EVERY == 0:
                        self._tell_checking(rows)
        percent = self._options.max_rejects_percent
        if percent is not None and rejects.count * 100 > percent * rows:
            raise self._too_many(f"{rejects.count} of {rows} rows are bad, more than {percent:g} %", rejects)
        self._first = tuple(rejects.first)
        return Reached(taken=0, read=rows, rejected=rejects.count, written=0, added=0)

    async def _checked_here(self, header: list[str]) -> AsyncGenerator[_Checked, None]:
        """Parse all rows in this process, some at a time."""
        parser = Parser[C](self._task)
        with closing(Rows(self._file.data, self._task.form, header)) as rows:
            while slice_ := rows.take(_SLICE):
                parser.settle(header)
                found = parser.check(slice_)
                good = found.good.packed() if isinstance(found.good, TouchColumns) else b""
                yield _Checked(good, found.bad, found.taken, found.read)
                await asyncio.sleep(0)
            parser.settle(header)  # a file without rows has a header to check, too

    async def _checked_apart(self, header: list[str]) -> AsyncGenerator[_Checked, None]:
        """Parse all rows in processes of their own, one for each core. Raises `CrewLost` when that cannot be."""
        cut, lines = pieces(self._file.data), 0

        def checked(answer: Answer) -> _Checked:
            nonlocal lines
            if answer is None:
                raise CrewLost
            good, bad, taken, read, its_lines = answer
            before, lines = lines, lines + its_lines
            return _Checked(good, [(line + before, column, reason, cells) for line, column, reason, cells in bad], taken, read)

        yield checked(check_piece(next(cut), self._task, header, Parser(self._task)))
        async with crew(self._options.processes, self._task, header) as others:
            for piece in cut:
                others.ask(piece)
                if others.is_busy:
                    yield checked(await others.answer())
            while others.waiting:
                yield checked(await others.answer())

    def _parsed(self, behind: int) -> Iterator[_Batch[C]]:
        """Yield the good rows that are not behind us, from the file itself; the bad ones were noted in the first pass."""
        parser = Parser[C](self._task)
        with closing(Rows(self._file.data, self._task.form)) as rows:
            taken = 0
            while slice_ := rows.take(_SLICE):
                parser.settle(rows.header)
                good = parser.check(slice_[max(0, behind - taken) :]).good
                taken += len(slice_)
                yield taken, good

    async def _put_all(self, chunks: Iterator[_Batch[C]], reached: Reached, tasks: asyncio.TaskGroup) -> Reached:
        """Write all batches in order. While one is written the next is made ready, and the one after it is read."""
        # Where others have to have their turn, none may wait at the store's door.
        turns = asyncio.Semaphore(1 if self._options.breath else _AT_ONCE)
        under_way: deque[tuple[int, int, asyncio.Task[int | StoreError]]] = deque()
        for taken, batch in self._batches(chunks):
            under_way.append((taken, len(batch), tasks.create_task(self._put(batch, turns), name="import a batch")))
            while under_way and (len(under_way) > _AT_ONCE or under_way[0][2].done()):
                reached = await self._settle(reached, *under_way.popleft())
            await asyncio.sleep(0)
        while under_way:
            reached = await self._settle(reached, *under_way.popleft())
        return reached

    def _batches(self, chunks: Iterator[_Batch[C]]) -> Iterator[_Batch[C]]:
        """Join what was parsed to batches."""
        parts: list[C] = []
        taken = rows = 0
        for taken, chunk in chunks:
            parts.append(chunk)
            rows += len(chunk)
            if rows >= self._batch:
                yield taken, self._kind.joined(parts)
                parts, rows = [], 0
        if rows:
            yield taken, self._kind.joined(parts)

    async def _put(self, batch: C, turns: asyncio.Semaphore) -> int | StoreError:
        """Write one batch; return how many were new, or why it failed: that is told in its turn, when those before it are written."""
        async with turns:
            started = monotonic()
            try:
                added = await self._kind.put(batch)
            except StoreError as error:
                return error
            await asyncio.sleep(self._options.breath * (monotonic() - started))
        return added

    async def _settle(self, reached: Reached, taken: int, rows: int, batch: asyncio.Task[int | StoreError]) -> Reached:
        """Note that a batch is written, when it is."""
        added = await batch
        if isinstance(added, StoreError):
            raise added
        reached = Reached(taken, reached.read, reached.rejected, reached.written + rows, reached.added + added)
        if self.checkpoint is not None:
            self.checkpoint.save(reached)
        self._tell_writing(reached)
        return reached

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
