"""Rows that are checked and wait to be written, in a temporary file: parsing them once more would cost ten times as much.

Only plain tuples of plain values go in. A full disk is no reason to stop: without the spool the file itself is read again.
"""

from __future__ import annotations

import marshal
import tempfile
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

V = TypeVar("V")  # a tuple of plain values

_LENGTH = 4  # bytes that say how long a chunk is
_IN_MEMORY = 1024 * 1024  # bytes


class Spool(Generic[V]):
    """Takes chunks of rows, and gives them back in order."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.whole = True  # False: the disk is full, and something is missing

    def add(self, taken: int, rows: list[V]) -> None:
        """Keep rows; `taken` is how many rows of the source are behind us with them."""
        if not self.whole:
            return
        try:
            chunk = marshal.dumps((taken, rows))
            self._file.write(len(chunk).to_bytes(_LENGTH))
            self._file.write(chunk)
        except OSError:
            self.whole = False
            self._file.close()  # what it holds is needed by others

    def chunks(self) -> Iterator[tuple[int, list[V]]]:
        """Yield what was added."""
        self._file.seek(0)
        while length := self._file.read(_LENGTH):  # `marshal.load` would read some bytes at a time
            yield marshal.loads(self._file.read(int.from_bytes(length)))  # noqa: S302 - our own file, which has no name

    def close(self) -> None:
        """Throw it away."""
        self._file.close()
