"""The named, described statements of `sql/`, read once. Knows the files' form, nothing of what they say."""

from __future__ import annotations

import re
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_VALUES = re.compile(r"\bVALUES (\(.*?\))(?=\s+ON CONFLICT|\Z)", re.DOTALL)


def parse_statements(text: str) -> dict[str, tuple[str, str]]:
    """Return name -> (description, statement) of one file: "-- name: x", comment lines, the statement, repeated."""
    parts = _NAME.split(text)
    found: dict[str, tuple[str, str]] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.strip().splitlines()
        comments = [line for line in lines if line.startswith("--")]
        description = " ".join(line.removeprefix("--").strip() for line in comments)
        found[name] = (description, "\n".join(lines[len(comments) :]).strip())
    return found


def load_statements() -> Mapping[str, tuple[str, str]]:
    """Return name -> (description, statement) of every file in `sql/`."""
    found: dict[str, tuple[str, str]] = {}
    for file in sorted((resources.files(__package__) / "sql").iterdir(), key=lambda entry: entry.name):
        found |= parse_statements(file.read_text(encoding="utf-8"))
    return MappingProxyType(found)


def for_rows(statement: str, count: int) -> str:
    """Return an INSERT of one row as one of `count` rows: its list of placeholders repeated."""
    return _VALUES.sub(lambda found: "VALUES " + ", ".join([found[1]] * count), statement, count=1)


SQL: Mapping[str, str] = MappingProxyType({name: statement for name, (_, statement) in load_statements().items()})
