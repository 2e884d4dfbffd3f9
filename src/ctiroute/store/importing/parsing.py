"""Rows of cells -> values of a kind, or why not. Pure; the same in the process that runs an import and in those that help it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from ctiroute.store.importing.mapping import map_columns
from ctiroute.store.importing.source import Format
from ctiroute.store.importing.values import Defaults, Refused, customer_parser, touch_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctiroute.store.importing.source import Row

V = TypeVar("V")  # TouchRow or Customer

Bad = tuple[int, str, str, list[str]]  # line, column, reason, cells: a row that is refused

_PARSERS = {"touches": touch_parser, "customers": customer_parser}


@dataclass(frozen=True, slots=True)
class Task:
    """What decides what the rows of a file come out as, besides its header."""

    kind: str  # "touches" or "customers"
    form: Format
    columns: Mapping[str, str]  # our name -> header as written
    defaults: Defaults


@dataclass(slots=True)
class Checked(Generic[V]):
    """What came of some rows."""

    good: list[V]
    bad: list[Bad]
    taken: int  # rows of the file, blank ones among them
    read: int  # without those


class Parser(Generic[V]):
    """Parses the rows under one header, which of NDJSON may grow."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._width = -1  # cells of the header that `_parse` was made for
        self._parse: Callable[[Sequence[str]], object] | None = None

    def settle(self, header: Sequence[str]) -> None:
        """Find out what the columns mean, when they are not as they were. Raises `ImportRefused`."""
        if len(header) == self._width:
            return
        task = self._task
        given = ("campaign",) if task.defaults.campaign else ()
        self._width = len(header)
        self._parse = _PARSERS[task.kind](map_columns(header, task.kind, task.columns, given), task.defaults)

    def check(self, rows: Sequence[Row]) -> Checked[V]:
        """Parse rows; `settle` was told their header."""
        parse, width, broken = cast("Callable[[Sequence[str]], V] | None", self._parse), self._width, self._task.form.broken
        if parse is None:
            raise AssertionError("rows are parsed after the header")
        good: list[V] = []
        bad: list[Bad] = []
        blank = 0
        for line, cells, error in rows:
            try:
                good.append(parse(self._whole(cells, error) if error or broken or len(cells) != width else cells))
            except Refused as refused:
                if not error and not any(cell.strip() for cell in cells):
                    blank += 1
                else:
                    bad.append((line, refused.column, refused.reason, list(cells[:width])))
        return Checked(good, bad, len(rows), len(rows) - blank)

    def _whole(self, cells: Sequence[str], error: str) -> Sequence[str]:
        """Return the cells of a row that is not like most; raises `Refused`."""
        width, form = self._width, self._task.form
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
