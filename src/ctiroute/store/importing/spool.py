"""Touches that are checked and wait to be written, in a temporary file: parsing their rows once more would cost five times as much.

A full disk is no reason to stop: without the spool the file itself is read again.
"""

from __future__ import annotations

import tempfile
from struct import Struct
from typing import TYPE_CHECKING

from ctiroute.store.touch_columns import TouchColumns

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = Struct("!QI")  # before a chunk: rows of the source that are behind us with it, and its length
_IN_MEMORY = 1024 * 1024  # bytes


class Spool:
    """Takes chunks of touches, and gives them back in order."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.whole = True  # False: the disk is full, and something is missing

    def add(self, taken: int, chunk: bytes) -> None:
        """Keep packed touches; `taken` is how many rows of the source are behind us with them."""
        if not self.whole:
            return
        try:
            self._file.write(_HEAD.pack(taken, len(chunk)))
            self._file.write(chunk)
        except OSError:
            self.whole = False
            self._file.close()  # what it holds is needed by others

    def chunks(self) -> Iterator[tuple[int, TouchColumns]]:
        """Yield what was added."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            taken, length = _HEAD.unpack(head)
            yield taken, TouchColumns.unpacked(self._file.read(length))

    def close(self) -> None:
        """Throw it away."""
        self._file.close()
