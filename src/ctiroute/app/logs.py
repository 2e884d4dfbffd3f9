"""How log lines look, and what never stands in one: whole phone numbers, passwords, characters that forge lines or colours.

Every line goes through `Privacy`, whoever wrote it and whatever library it came from: code that logs need not think of it. A number is
masked and followed by a short keyed hash ("+38067•••4567#5f0c91ae"), so that two lines about one caller can be brought together on this
installation and nowhere else. The key stands in `log.key` in the data directory, readable by the service alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from ctiroute.model.phone import mask_phone

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIM, _BOLD_RED, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[1;31m", "\x1b[33m", "\x1b[0m"

KEY_FILE: Final = "log.key"
_KEY_BYTES: Final = 32
_HASH_DIGITS: Final = 8  # hexadecimal; callers of one day do not collide, and nothing can be read back without the key

# After a plus, 7 digits are a number, written together or apart. Without one it takes 9 to 18: eight are a date or the serial of a
# channel. A fraction behind it, or a dot before it, makes it a part of a linked id (1764000000.12), which must stay whole.
_PHONE: Final = re.compile(r"\+\d{7,}|\+\d(?:[ ().\-/]{0,2}\d){6,16}|(?<![\w.+])\d{9,18}(?!\w|\.\d)")
_URL_PASSWORD: Final = re.compile(r"(://[^\s:/@]*):\S*@")  # to the last @ of the word: passwords hold slashes and @, too
_NAMED_SECRET: Final = re.compile(r"\b(password|passwd|secret|token|ticket|api_key)(=|': ')[^\s&,;'\")]+", re.IGNORECASE)


def set_up(level: str, form: str, stream: TextIO | None = None, *, data_dir: Path | None = None) -> None:
    """Log to `stream` (standard error) from `level` on, as "text" for people or "json" for machines.

    `data_dir` is where the key of the hashes is kept; without it they mean something within this process only.
    """
    privacy = Privacy(log_key(data_dir) if data_dir is not None else secrets.token_bytes(_KEY_BYTES))
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(privacy) if form == "json" else TextLines(privacy, color=handler.stream.isatty()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for quiet in ("aiohttp.access", "watchfiles"):
        logging.getLogger(quiet).setLevel(logging.WARNING)


def log_key(data_dir: Path) -> bytes:
    """Return the installation's key, made at the first start; where it cannot be kept, one that lasts as long as the process."""
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_bytes(_KEY_BYTES))
        key = path.read_bytes()
    except OSError:  # a read-only or foreign directory costs the correlation over restarts, never the start
        return secrets.token_bytes(_KEY_BYTES)
    return key if len(key) >= _KEY_BYTES else secrets.token_bytes(_KEY_BYTES)


def _write_once(path: Path, key: bytes) -> None:
    """Put the whole key in place or leave the one that another process put there: a link is atomic, and mkstemp makes it 0600."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{KEY_FILE}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(name)
    finally:
        Path(name).unlink()


class Privacy:
    """Makes any text fit for a log line."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def line(self, text: str) -> str:
        """Return `text` as one line without control and format characters, numbers masked, passwords hidden."""
        text = _URL_PASSWORD.sub(r"\1:•••@", one_line(text))
        text = _NAMED_SECRET.sub(r"\1\2•••", text)
        return _PHONE.sub(self._masked, text)

    def _masked(self, found: re.Match[str]) -> str:
        # int(): digits of any script. One number written in several ways has one hash.
        digits = "".join(str(int(char)) for char in found[0] if char.isdecimal())
        shown = f"+{digits}" if found[0].startswith("+") else digits
        tag = hmac.new(self._key, digits.removeprefix("00").encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]
        return f"{mask_phone(shown)}#{tag}"


def one_line(text: str) -> str:
    """Return `text` with line breaks shown as ⏎ and without anything a terminal obeys, bidirectional overrides among it."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", " ⏎ ")
    return "".join(char if char.isprintable() else " " if char.isspace() else "" for char in text)


class _Lines(logging.Formatter):
    """What both forms share: the message and the traceback, made fit."""

    def __init__(self, privacy: Privacy) -> None:
        super().__init__()
        self._privacy = privacy

    def message(self, record: logging.LogRecord) -> str:
        """Return the message as one line."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # logging itself would print the arguments as they are
            text = f"{record.msg} (with arguments that do not fit)"
        return self._privacy.line(text)

    def trace(self, record: logging.LogRecord) -> Iterator[str]:
        """Yield the lines of the traceback; what an exception quotes is as untrusted as any text."""
        if record.exc_info:
            for text in self.formatException(record.exc_info).split("\n"):
                yield self._privacy.line(text)


class TextLines(_Lines):
    """`12:04:31 warning  ctiroute.app.recorder: text`, coloured on a terminal only; lines of a traceback begin with a bar."""

    def __init__(self, privacy: Privacy, *, color: bool) -> None:
        super().__init__(privacy)
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and one more for each line of a traceback."""
        at = self.formatTime(record, "%H:%M:%S")
        first = f"{at} {record.levelname.lower():8} {record.name}: {self.message(record)}"
        line = "\n".join((first, *(f"  | {text}" for text in self.trace(record))))
        if not self._color:
            return line
        color = _BOLD_RED if record.levelno >= logging.ERROR else _YELLOW if record.levelno >= logging.WARNING else _DIM
        return f"{color}{line}{_PLAIN}"


class JsonLines(_Lines):
    """One JSON object a line: at, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
        }
        if record.exc_info:
            entry["trace"] = "\n".join(self.trace(record))
        return json.dumps(entry, ensure_ascii=False)
