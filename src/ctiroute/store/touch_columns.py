"""Touches column by column, as an import makes them and a store takes them: a whole column is handled at the price of few cells.

Knows no back end and no file. A column is in the order of its rows; the columns are those of `TouchRow`, in its order.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctiroute.store.touch_rows import TouchRow

WIDTH = 16  # columns of a `TouchRow`
_QUICK = 2  # the version of `marshal` that looks for no value it has met before, which takes longer than it saves

Column = Sequence[Any]


@dataclass(frozen=True, slots=True)
class TouchColumns:
    """Some touches."""

    columns: tuple[Column, ...]  # `WIDTH` of them, all of the same length

    @classmethod
    def of(cls, rows: Iterable[TouchRow]) -> TouchColumns:
        """Return rows as columns."""
        return cls(tuple(zip(*rows, strict=True)) or ((),) * WIDTH)

    @classmethod
    def joined(cls, parts: Sequence[TouchColumns]) -> TouchColumns:
        """Return the touches of all parts, in their order."""
        if len(parts) == 1:
            return parts[0]
        return cls(tuple([list(chain.from_iterable(columns)) for columns in zip(*(part.columns for part in parts), strict=True)]))

    @classmethod
    def unpacked(cls, content: bytes) -> TouchColumns:
        """Return what was `packed`."""
        count, columns = marshal.loads(content)  # noqa: S302 - of our own process
        return cls(tuple([column if len(column) == count else column * count for column in columns]))

    def __len__(self) -> int:
        return len(self.columns[0])

    def cut(self, start: int, stop: int) -> TouchColumns:
        """Return the touches from `start` to before `stop`."""
        return TouchColumns(tuple([column[start:stop] for column in self.columns]))

    def rows(self) -> list[TouchRow]:
        """Return columns as rows."""
        return cast("list[TouchRow]", list(zip(*self.columns, strict=True)))

    def packed(self) -> bytes:
        """Return bytes that only this program reads, and quickly; of a column that holds one value all the way, that value."""
        return marshal.dumps((len(self), [column[:1] if is_same(column) else column for column in self.columns]), _QUICK)


def is_same(column: Column) -> bool:
    """Say whether all values of a column are equal, and there are some."""
    return len(column) > 0 and column[0] == column[-1] and column.count(column[0]) == len(column)
