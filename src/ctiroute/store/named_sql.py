"""Named, described statements from the `.sql` files of a back end's folder. Knows the files' form, nothing of what they say."""

from __future__ import annotations

import re
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


def parse_statements(text: str) -> dict[str, tuple[str, str]]:
    """Return name -> (description, statement) of one file: "-- name: x", comment lines, the statement, repeated."""
    parts = _NAME.split(text)
    found: dict[str, tuple[str, str]] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.strip().splitlines()
        first = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
        description = " ".join(line.removeprefix("--").strip() for line in lines[:first])
        found[name] = (description, "\n".join(lines[first:]).strip())
    return found


def load_statements(package: str) -> Mapping[str, tuple[str, str]]:
    """Return name -> (description, statement) of every file in the folder `sql/` of a package."""
    found: dict[str, tuple[str, str]] = {}
    for file in sorted((resources.files(package) / "sql").iterdir(), key=lambda entry: entry.name):
        found |= parse_statements(file.read_text(encoding="utf-8"))
    return MappingProxyType(found)
