"""Touches as the lines of a COPY, made column by column: a line is cells joined by a function written in C.

Pure. A line is made in two parts, because whose touch it is and the number of its campaign are in the database; all else is known before.
Source: https://www.postgresql.org/docs/current/sql-copy.html (Text Format). The binary format is read no quicker and costs more to make.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, repeat
from typing import TYPE_CHECKING

from ctiroute.store.postgres.columns import to_texts
from ctiroute.store.postgres.rows import MEDIUM_NUMBERS, STATUS_NUMBERS, to_text
from ctiroute.store.touch_columns import is_same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ctiroute.store.touch_columns import Column, TouchColumns

COLUMNS = (
    "identifier_key", "campaign_id",
    "sent_at", "medium", "status", "delivered_at", "read_at", "clicked_at", "touch_id", "customer_id", "title", "text", "terms", "fields",
)  # fmt: skip

_AT_ONCE = 500  # touches: some half a millisecond, and enough for the server to have something to do meanwhile
_NULL = "\\N"
_SPECIAL = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}  # the first is the one that stands in what takes the others' place
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _MINUTE, _SECOND = 86_400_000_000, 60_000_000, 1_000_000  # in microseconds
_MINUTES_A_DAY = 24 * 60
_MINUTES = [f"T{minute // 60:02}:{minute % 60:02}" for minute in range(_MINUTES_A_DAY)]
_SECONDS = [f":{second:02}+00:00" for second in range(60)]


def tails(touches: TouchColumns) -> Iterator[list[str]]:
    """Yield all of each touch's line but its first two cells, some lines at a time."""
    for start in range(0, len(touches), _AT_ONCE):
        yield _tails(touches.cut(start, start + _AT_ONCE))


def lines(keys: Iterable[int], campaigns: Iterable[int], tails: Sequence[str]) -> Iterator[bytes]:
    """Yield a COPY of touches, given the keys of their identifiers and the numbers of their campaigns.

    Raises UnicodeEncodeError for what is no text.
    """
    cells = zip(map(str, keys), map(str, campaigns), tails, strict=True)
    for _ in range(0, len(tails), _AT_ONCE):
        yield ("\n".join(map("\t".join, islice(cells, _AT_ONCE))) + "\n").encode()


def _tails(touches: TouchColumns) -> list[str]:
    touch_id, _, _, _, medium, sent_at, status, *times, customer_id, title, text, terms, fields, _ = touches.columns
    return [*map("\t".join, zip(
        _times(sent_at),
        _numbers(medium, MEDIUM_NUMBERS),
        _numbers(status, STATUS_NUMBERS),
        *map(_times, times),
        *map(_texts, (touch_id, customer_id, title, text, terms)),
        _escaped(fields),
        strict=False,  # of a value that all share there is no end
    ))]  # fmt: skip


def _numbers(column: Column, numbers: Mapping[str, int]) -> Iterable[str]:
    """Return what stands for the names of an enumeration."""
    return [str(numbers[name]) for name in column] if not is_same(column) else repeat(str(numbers[column[0]]))


def _times(column: Column) -> Iterable[str]:
    """Return what stands for times, or for None."""
    if is_same(column):
        return repeat(_time(column[0]))
    distinct = {*column}
    texts = [
        # As `_time` writes it, at a quarter of the price.
        f"{_day(at // _DAY)}{_MINUTES[at // _MINUTE % _MINUTES_A_DAY]}{_SECONDS[at // _SECOND % 60]}"
        if at and not at % _SECOND
        else _time(at)
        for at in distinct
    ]
    return map(dict(zip(distinct, texts, strict=True)).__getitem__, column)


def _time(at: int | None) -> str:
    return _NULL if at is None else (_EPOCH + timedelta(microseconds=at)).isoformat()


@lru_cache(maxsize=400)
def _day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def _texts(column: Column) -> Iterable[str]:
    """Return what stands for texts, or for None."""
    if is_same(column):
        return repeat(_NULL if column[0] is None else _escaped(to_texts(column[:1]))[0])
    if None not in column:
        return _escaped(to_texts(column))
    return [_NULL if text is None else _escape(to_text(text)) for text in column]


def _escaped(column: Sequence[str]) -> Sequence[str]:
    joined = "".join(column)
    return [*map(_escape, column)] if any(character in joined for character in _SPECIAL) else column


def _escape(text: str) -> str:
    for character, written in _SPECIAL.items():
        text = text.replace(character, written)
    return text
