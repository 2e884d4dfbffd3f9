"""A file of rows -> cells with their lines. Knows encodings, dialects and packing, nothing of what the columns mean.

CSV and NDJSON come out alike: a header, and rows of cells under it. The header of NDJSON grows as new keys are met.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import shutil
import tempfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from ctiroute.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_COLUMNS = 500  # more is no table
MAX_CELL = 131_072  # characters: csv's own bound, and more than any column takes
_SAMPLE = 64 * 1024  # bytes looked at to learn the delimiter
_HEADER_WITHIN = 1000  # lines, if those before it are blank
_DELIMITERS = ",;\t|"
_CHUNK = 1024 * 1024  # also the longest line, so that none can fill the memory
_GZIP = b"\x1f\x8b"
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

Row = tuple[int, Sequence[str], str]  # line on which it ends (1-based), cells, why it cannot be read ("": it can)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that can be read more than once."""

    data: IO[bytes]  # unpacked
    raw: IO[bytes]  # as it lies there: what progress is counted by
    size: int  # bytes of `raw`


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is written."""

    encoding: str  # as Python calls it
    delimiter: str  # "": NDJSON
    digest: str  # of the unpacked bytes
    broken: bool = False  # some rows hold bytes that the encoding has not


@contextmanager
def opened(source: Path | IO[bytes]) -> Iterator[Opened]:
    """Open a path, or take a binary stream; one that cannot seek (a pipe) is first copied to a temporary file: it is read twice.

    What is packed by gzip is known by its first bytes, whatever its name.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file, _unpacked(file) as found:
                yield found
        except OSError as error:
            raise ImportRefused(f"cannot read {source}: {error.strerror or error}") from error
    elif source.seekable():
        with _unpacked(source) as found:
            yield found
    else:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy)
            with _unpacked(copy) as found:
                yield found


@contextmanager
def _unpacked(raw: IO[bytes]) -> Iterator[Opened]:
    size = raw.seek(0, io.SEEK_END)
    raw.seek(0)
    packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    if not packed:
        yield Opened(raw, raw, size)
        return
    try:
        with gzip.GzipFile(fileobj=raw, mode="rb") as data:
            yield Opened(data, raw, size)  # type: ignore[arg-type] # GzipFile is an IO[bytes] but for its type hints
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportRefused(f"the file cannot be unpacked: {error}") from error


def detect(file: IO[bytes], encoding: str | None = None, delimiter: str | None = None, *, json: bool | None = None) -> Format:
    """Recognise encoding and form by reading the whole file once. What is not UTF-8 and has no mark of UTF-16 is taken as cp1251.

    A file that is UTF-8 but for some rows stays UTF-8: these rows are refused, and not all others garbled.
    """
    file.seek(0)
    sample = file.read(_SAMPLE)
    marked = next((name for mark, name in _BOMS.items() if sample.startswith(mark)), None)
    if b"\0" in sample and marked != "utf-16":
        raise ImportRefused("the file is no CSV (it looks like a workbook): save it as 'CSV UTF-8'")
    digest, told = _scan(file, wide=marked == "utf-16")
    encoding = encoding or marked or told.encoding()
    try:
        head = sample.decode(encoding, errors="replace").removeprefix("\ufeff").lstrip("\r\n").splitlines()[:1]
    except LookupError as error:
        raise ImportRefused(f"there is no encoding {encoding!r}; write it as utf-8 or cp1251") from error
    if not head:
        raise ImportRefused("the file is empty")
    if json or (json is None and delimiter is None and head[0].lstrip().startswith("{")):
        return Format(encoding, "", digest, told.broken)
    # Of the header alone: texts of offers are full of commas, names of columns are not.
    return Format(encoding, delimiter or max(_DELIMITERS, key=head[0].count), digest, told.broken)


@dataclass(slots=True)
class _Told:
    """What the bytes tell of their encoding."""

    letters: int = 0  # outside ASCII, as UTF-8
    broken_bytes: int = 0  # that are no UTF-8

    @property
    def broken(self) -> bool:
        return self.broken_bytes > 0

    def encoding(self) -> str:
        return "utf-8" if self.letters >= self.broken_bytes else "cp1251"


def _scan(file: IO[bytes], *, wide: bool) -> tuple[str, _Told]:
    file.seek(0)
    told, hashed = _Told(), hashlib.blake2b(digest_size=16)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    line = 0
    while chunk := file.read(_CHUNK):
        hashed.update(chunk)
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        line = line + len(chunk) if first < 0 else len(chunk) - last
        if line > _CHUNK:
            raise ImportRefused("a line of the file is longer than 1 MiB: it is no table")
        if not wide and not chunk.isascii():
            text = decoder.decode(chunk)
            told.letters += len(text) - len(text.encode("ascii", "ignore"))
            bad = len(text) - len(text.encode("utf-16-le", "ignore")) // 2 if not _is_text(text) else 0
            told.letters -= bad
            told.broken_bytes += bad
    return hashed.hexdigest(), told


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(slots=True)
class Rows:
    """The rows of a file, from its first on."""

    file: IO[bytes]
    form: Format
    header: list[str] = field(default_factory=list)  # filled when the first rows are taken, unless it is known; of NDJSON it may grow
    _rows: Generator[Row, None, None] | None = None

    def take(self, count: int) -> list[Row]:
        """Return the next rows; none: the end. Raises `ImportRefused` when there is no header."""
        if self._rows is None:
            self._rows = self._read_json() if not self.form.delimiter else self._read_csv()
        return list(islice(self._rows, count))

    def close(self) -> None:
        """Let go of the file, which stays open: it is not ours."""
        if self._rows is not None:
            self._rows.close()

    def _text(self) -> io.TextIOWrapper:
        self.file.seek(0)
        # Bytes that are no text come through as surrogates: their row is refused, and its line is known.
        errors = "replace" if self.form.encoding == "utf-16" else "surrogateescape"
        return io.TextIOWrapper(self.file, encoding=self.form.encoding, errors=errors, newline="")

    def _read_csv(self) -> Generator[Row, None, None]:
        text = self._text()
        reader = csv.reader(text, delimiter=self.form.delimiter)
        try:
            try:
                if not self.header:
                    self.header += next((cells for cells in islice(reader, _HEADER_WITHIN) if any(cell.strip() for cell in cells)), [])
            except csv.Error as error:
                raise ImportRefused(f"the header cannot be read: {error}") from error
            if not self.header:
                whole = reader.line_num < _HEADER_WITHIN
                raise ImportRefused("the file is empty" if whole else f"there is no header in the first {_HEADER_WITHIN:,} lines")
            while True:
                try:
                    for cells in reader:  # blank ones too: millions of them must not keep callers waiting
                        yield reader.line_num, cells, ""
                except csv.Error as error:
                    yield reader.line_num, (), f"cannot be read: {error}"
                    continue
                return
        finally:
            text.detach()  # else it would close the file

    def _read_json(self) -> Generator[Row, None, None]:
        text = self._text()
        decode = msgspec.json.Decoder(dict[str, str | int | float | bool | None]).decode
        places: dict[str, int] = {}
        try:
            for number, line in enumerate(text, 1):
                line = line.strip().removeprefix("\ufeff")  # noqa: PLW2901 - the same line
                if not line:
                    continue
                try:
                    found = decode(line)
                except (msgspec.DecodeError, UnicodeEncodeError) as error:
                    yield number, (line,), f"is no JSON object of texts and numbers: {error}"
                    continue
                for key in found:
                    if key not in places:
                        places[key] = len(places)
                        self.header.append(key)
                if len(places) > MAX_COLUMNS:
                    raise ImportRefused(f"the objects have more than {MAX_COLUMNS} different keys: they are no table")
                cells = [""] * len(places)
                for key, value in found.items():
                    cells[places[key]] = value if isinstance(value, str) else _plain(value)
                yield number, cells, ""
        finally:
            text.detach()


def _plain(value: float | bool | None) -> str:
    """Return a JSON value as the text of a cell."""
    if value is None:
        return ""
    return str(value) if not isinstance(value, bool) else str(value).lower()
