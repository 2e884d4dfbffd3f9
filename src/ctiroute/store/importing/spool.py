"""Rows that are checked and wait to be written, in a temporary file: parsing them once more would cost ten times as much.

Only plain tuples of plain values go in. A full disk is no reason to stop: without the spool the file itself is read again.
"""

from __future__ import annotations

import marshal
import tempfile
from struct import Struct
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

V = TypeVar("V")  # a tuple of plain values

_HEAD = Struct("!QI")  # before a chunk: rows of the source that are behind us with it, and its length
_IN_MEMORY = 1024 * 1024  # bytes
_QUICK = 2  # the version of `marshal` that looks for no value it has met before, which takes longer than it saves


def packed(rows: list[V]) -> bytes:
    """Return rows as `Spool.add` takes them."""
    return marshal.dumps(rows, _QUICK)


class Spool(Generic[V]):
    """Takes chunks of rows, and gives them back in order."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.whole = True  # False: the disk is full, and something is missing

    def add(self, taken: int, chunk: bytes) -> None:
        """Keep packed rows; `taken` is how many rows of the source are behind us with them."""
        if not self.whole:
            return
        try:
            self._file.write(_HEAD.pack(taken, len(chunk)))
            self._file.write(chunk)
        except OSError:
            self.whole = False
            self._file.close()  # what it holds is needed by others

    def chunks(self) -> Iterator[tuple[int, list[V]]]:
        """Yield what was added."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):  # `marshal.load` would read some bytes at a time
            taken, length = _HEAD.unpack(head)
            yield taken, marshal.loads(self._file.read(length))  # noqa: S302 - our own file, which has no name

    def close(self) -> None:
        """Throw it away."""
        self._file.close()
