"""The file of refused rows: line, column, reason and the cells as they came, for somebody to mend and import again."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ctiroute.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TextIO

REJECT_COLUMNS = ("line", "column", "reason")  # before the file's own
FIRST = 20  # refused rows that are told at once, without the file
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets execute. Source: OWASP, CSV injection


def neutralise(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not execute. The import takes the apostrophe before a phone off again."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _shown(cell: str) -> str:
    """Return a cell with bytes that were no text as what they were, in hexadecimal."""
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Rejects:
    """Written as rows are refused; the file is made only when there is one. UTF-8 with a BOM, for spreadsheets to show it right."""

    def __init__(self, path: Path | None, header: Sequence[str]) -> None:
        self._path = path
        self._header = header
        self._file: TextIO | None = None
        self.count = 0
        self.last = (0, "", "")
        self.first: list[tuple[int, str, str]] = []  # line, column, reason

    def add(self, line: int, column: str, reason: str, cells: Sequence[str]) -> None:
        """Note one refused row."""
        self.count += 1
        self.last = (line, column, reason)
        if len(self.first) < FIRST:
            self.first.append(self.last)
        if self._path is None:
            return
        if self._file is None:
            try:
                self._file = self._path.open("w", encoding="utf-8-sig", newline="")
            except OSError as error:
                raise ImportRefused(f"cannot write the rejects to {self._path}: {error.strerror or error}") from error
            csv.writer(self._file).writerow([*REJECT_COLUMNS, *(neutralise(_shown(cell)) for cell in self._header)])
        csv.writer(self._file).writerow([line, neutralise(column), reason, *(neutralise(_shown(cell)) for cell in cells)])

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
