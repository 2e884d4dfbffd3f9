"""sqlite3's exceptions -> ours, in one place."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import StoreConflict, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a value that cannot be stored raises before SQLite sees it: lone surrogates, integers over 64 bits.
_UNFIT = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, UnicodeEncodeError, OverflowError)


def translate(error: Exception, doing: str) -> StoreError:
    """Return our exception for one of sqlite3's; raise it `from` the cause."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, _UNFIT):
        return StoreConflict(f"cannot {doing}: {error}")
    return StoreUnavailable(f"cannot {doing}: {error}")


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Raise `StoreUnavailable` or `StoreConflict` in place of what sqlite3 raises."""
    try:
        yield
    except (sqlite3.Error, UnicodeEncodeError, OverflowError, OSError) as error:
        raise translate(error, doing) from error


@contextmanager
def readable() -> Iterator[None]:
    """Raise `StoreError` when a row holds what this version does not know: something newer wrote it."""
    try:
        yield
    except (KeyError, ValueError, msgspec.DecodeError) as error:
        raise StoreError(f"a stored row cannot be read: {error!r}") from error
