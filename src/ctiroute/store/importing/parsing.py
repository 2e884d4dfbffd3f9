"""Rows of cells -> values of a kind, or why not. Pure; the same in the process that runs an import and in those that help it."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from ctiroute.store.importing.columns import column_parser
from ctiroute.store.importing.mapping import map_columns
from ctiroute.store.importing.source import Format
from ctiroute.store.importing.splitting import Split
from ctiroute.store.importing.values import Defaults, Refused, customer_parser, touch_parser
from ctiroute.store.touch_columns import TouchColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctiroute.model import Customer
    from ctiroute.store.importing.mapping import Columns
    from ctiroute.store.importing.source import Row

V = TypeVar("V")  # TouchRow or Customer
C = TypeVar("C", bound=Sized)  # what becomes of some rows: TouchColumns, or a list of Customer

Bad = tuple[int, str, str, list[str]]  # line, column, reason, cells: a row that is refused


@dataclass(frozen=True, slots=True)
class Task:
    """What decides what the rows of a file come out as, besides its header."""

    kind: str  # "touches" or "customers"
    form: Format
    columns: Mapping[str, str]  # our name -> header as written
    defaults: Defaults


@dataclass(slots=True)
class Checked(Generic[C]):
    """What came of some rows."""

    good: C
    bad: list[Bad]
    taken: int  # rows of the file, blank ones among them
    read: int  # without those


class Parser(Generic[C]):
    """Parses the rows under one header, which of NDJSON may grow."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._width = -1  # cells of the header that `_check` was made for
        self._check: Callable[[Sequence[Row] | Split], Checked[C]] | None = None

    def settle(self, header: Sequence[str]) -> None:
        """Find out what the columns mean, when they are not as they were. Raises `ImportRefused`."""
        if len(header) == self._width:
            return
        task = self._task
        given = ("campaign",) if task.defaults.campaign else ()
        self._width = len(header)
        columns = map_columns(header, task.kind, task.columns, given)
        check = _touches if task.kind == "touches" else _customers
        self._check = cast("Callable[[Sequence[Row] | Split], Checked[C]]", check(columns, task, self._width))

    def check(self, rows: Sequence[Row] | Split) -> Checked[C]:
        """Parse rows; `settle` was told their header."""
        if self._check is None:
            raise AssertionError("rows are parsed after the header")
        return self._check(rows)


def _customers(columns: Columns, task: Task, width: int) -> Callable[[Sequence[Row]], Checked[list[Customer]]]:
    """Return what parses customers."""
    parser = _RowParser(customer_parser(columns, task.defaults), task.form, width)

    def check(rows: Sequence[Row]) -> Checked[list[Customer]]:
        good, bad, blank = parser.sort(rows)
        return Checked([*good.values()], bad, len(rows), len(rows) - blank)

    return check


def _touches(columns: Columns, task: Task, width: int) -> Callable[[Sequence[Row] | Split], Checked[TouchColumns]]:
    """Return what parses touches: by columns, and those rows one by one that are not like most."""
    parser, by_columns = _RowParser(touch_parser(columns, task.defaults), task.form, width), column_parser(columns, task.defaults)

    def check(rows: Sequence[Row] | Split) -> Checked[TouchColumns]:
        usual: Sequence[int] = range(len(rows))
        if isinstance(rows, Split):
            table = rows.columns
        else:
            if not parser.are_whole(rows):
                usual = [place for place, row in enumerate(rows) if parser.are_whole((row,))]
            table = [*zip(*(rows[place][1] for place in usual), strict=True)]
        touches, odd = by_columns(table, len(usual))
        if len(touches) == len(rows):
            return Checked(touches, [], len(rows), len(rows))
        done = sorted({*usual}.difference([usual[place] for place in odd]))  # the places of `touches`
        others = sorted({*range(len(rows))}.difference(done))
        good, bad, blank = parser.sort([rows[place] for place in others])
        if good:
            found = {others[place]: touch for place, touch in good.items()} | dict(zip(done, touches.rows(), strict=True))
            touches = TouchColumns.of([found[place] for place in sorted(found)])
        return Checked(touches, bad, len(rows), len(rows) - blank)

    return check


class _RowParser(Generic[V]):
    """Takes rows one by one, whatever they are like."""

    def __init__(self, parse: Callable[[Sequence[str]], V], form: Format, width: int) -> None:
        self._parse = parse
        self._form = form
        self._width = width

    def are_whole(self, rows: Sequence[Row]) -> bool:
        """Say whether all rows could be read and have as many cells as the header, of text."""
        _, cells, errors = zip(*rows, strict=True) if rows else ((), (), ())
        if any(errors) or {*map(len, cells)} - {self._width}:
            return False
        return not self._form.broken or all(map(_is_text, cells))

    def sort(self, rows: Sequence[Row]) -> tuple[dict[int, V], list[Bad], int]:
        """Return what came of rows, by their places; those that are refused; and how many have nothing in them."""
        parse, width, broken = self._parse, self._width, self._form.broken
        good: dict[int, V] = {}
        bad: list[Bad] = []
        blank = 0
        for place, (line, cells, error) in enumerate(rows):
            try:
                good[place] = parse(self._whole(cells, error) if error or broken or len(cells) != width else cells)
            except Refused as refused:
                if not error and not any(cell.strip() for cell in cells):
                    blank += 1
                else:
                    bad.append((line, refused.column, refused.reason, list(cells[:width])))
        return good, bad, blank

    def _whole(self, cells: Sequence[str], error: str) -> Sequence[str]:
        """Return the cells of a row that is not like most; raises `Refused`."""
        width, form = self._width, self._form
        if error:
            raise Refused("", error)
        if len(cells) > width:
            raise Refused("", f"has {len(cells)} cells, the header {width}: a text with the delimiter needs quotes")
        if form.broken and not _is_text(cells):
            raise Refused("", f"holds bytes that are not {form.encoding}")
        return [*cells, *[""] * (width - len(cells))]


def _is_text(cells: Sequence[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
