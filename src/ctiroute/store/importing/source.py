"""A CSV file as rows with their lines and places in bytes. Knows encodings and dialects, nothing of what the columns mean."""

from __future__ import annotations

import codecs
import csv
import io
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ctiroute.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_SAMPLE = 64 * 1024  # bytes looked at to learn the delimiter
_DELIMITERS = ",;\t"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is written."""

    encoding: str  # utf-8-sig or cp1251
    delimiter: str  # one of , ; tab
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row."""

    line: int  # 1-based line of the file on which the row ends
    cells: tuple[str, ...]
    error: str = ""  # why the row cannot be read at all; "" when it can


@contextmanager
def opened(source: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open a path, or take a binary stream; one that cannot seek (a pipe) is first copied to a temporary file: it is read twice."""
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield file
        except OSError as error:
            raise ImportRefused(f"cannot read {source}: {error.strerror or error}") from error
    elif source.seekable():
        yield source
    else:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy)
            yield copy


def detect(file: IO[bytes], encoding: str | None = None, delimiter: str | None = None) -> Format:
    """Recognise encoding and delimiter. UTF-8 is told by decoding the whole file; what is not UTF-8 is taken as cp1251."""
    file.seek(0)
    sample = file.read(_SAMPLE)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in sample:
        raise ImportRefused("the file is not CSV in UTF-8 or cp1251 (it looks like UTF-16 or a workbook): save it as 'CSV UTF-8'")
    size = file.seek(0, io.SEEK_END)
    encoding = encoding or ("utf-8-sig" if _is_utf8(file) else "cp1251")
    header = sample.decode(encoding, errors="replace").removeprefix("\ufeff").lstrip("\r\n").splitlines()[:1]
    if not header:
        raise ImportRefused("the file is empty")
    # Of the header alone: texts of offers are full of commas, names of columns are not.
    return Format(encoding, delimiter or max(_DELIMITERS, key=header[0].count), size)


def _is_utf8(file: IO[bytes]) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def read_rows(file: IO[bytes], form: Format) -> Generator[SourceRow, None, None]:
    """Yield the rows, the header among them; blank lines are left out, and what csv cannot read is a row with its error."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=form.encoding, errors="replace", newline="")
    reader = csv.reader(text, delimiter=form.delimiter)
    try:
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield SourceRow(reader.line_num, (), f"cannot be read: {error}")
                continue
            if any(cell.strip() for cell in cells):
                yield SourceRow(reader.line_num, tuple(cells))
    finally:
        text.detach()  # else it would close the file, which is not ours
