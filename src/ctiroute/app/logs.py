"""How log lines look. Control characters never reach the terminal, and numbers are masked before they come here."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0)) if chr(code) not in "\n\t"}
_DIM, _BOLD_RED, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[1;31m", "\x1b[33m", "\x1b[0m"


def set_up(level: str, form: str, stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error) from `level` on, as "text" for people or "json" for machines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines(color=handler.stream.isatty()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """`12:04:31 warning  ctiroute.app.recorder: text`, coloured on a terminal only."""

    def __init__(self, *, color: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s", "%H:%M:%S")
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = super().format(record).translate(_CONTROLS)
        if not self._color:
            return line
        color = _BOLD_RED if record.levelno >= logging.ERROR else _YELLOW if record.levelno >= logging.WARNING else _DIM
        return f"{color}{line}{_PLAIN}"


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
