"""asyncpg's exceptions -> ours, in one place."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from ctiroute.errors import StoreConflict, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

# Values that cannot be stored: seen by the driver (lone surrogates, integers over 64 bits) or by the server (a key too long for an index).
_UNFIT = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,  # of the server; the driver's own, below, is another class of the same name
    asyncpg.exceptions.ProgramLimitExceededError,
    asyncpg.exceptions.StatementTooComplexError,
    asyncpg.InterfaceError,
    UnicodeEncodeError,
    OverflowError,
)
_AWAY = (asyncpg.PostgresConnectionError, asyncpg.InternalClientError, OSError, TimeoutError)

DRIVER = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    UnicodeEncodeError,
    OverflowError,
)

# The same work again may pass: another transaction was in the way, or a plan was made before the schema changed.
AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.exceptions.InvalidCachedStatementError,
    asyncpg.exceptions.OutdatedSchemaCacheError,
)
# What a server says that was the primary a moment ago.
NOT_PRIMARY = (asyncpg.ReadOnlySQLTransactionError, asyncpg.exceptions.TargetServerAttributeNotMatched)


def translate(error: BaseException, doing: str) -> StoreError:
    """Return our exception for one of the driver's; raise it `from` the cause."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, NOT_PRIMARY):
        return StoreUnavailable(f"cannot {doing}: the server is a standby now, looking for the primary")
    if isinstance(error, _UNFIT) and not _is_link_trouble(error):
        return StoreConflict(f"cannot {doing}: {_words(error)}")
    return StoreUnavailable(f"cannot {doing}: {_words(error)}")


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Raise `StoreUnavailable` or `StoreConflict` in place of what the driver raises."""
    try:
        yield
    except DRIVER as error:
        give_way(error)
        raise translate(error, doing) from error


def give_way(error: BaseException) -> None:
    """Raise `CancelledError` in place of an error of the driver when the task is being cancelled.

    A transaction that is cancelled ends itself on the server; where the server is silent by then, that fails, and its error would take
    the place of the cancellation: whoever tries again after errors would never stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


@contextmanager
def readable() -> Iterator[None]:
    """Raise `StoreError` when a row holds what this version does not know: something newer wrote it."""
    try:
        yield
    except (KeyError, IndexError, msgspec.DecodeError) as error:
        raise StoreError(f"a stored row cannot be read: {error!r}") from error


def is_link_lost(error: BaseException) -> bool:
    """Return whether the connection is of no more use after this error."""
    return isinstance(error, (*_AWAY, *NOT_PRIMARY)) or _is_link_trouble(error)


def _is_link_trouble(error: BaseException) -> bool:
    """Tell the driver's "connection is closed" from its "this value does not fit": the latter is a ValueError as well."""
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
