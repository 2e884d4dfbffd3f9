"""The named, described statements of `sql/`, read once."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.store import named_sql

if TYPE_CHECKING:
    from collections.abc import Mapping

_VALUES = re.compile(r"\bVALUES (\(.*?\))(?=\s+ON CONFLICT|\Z)", re.DOTALL)


def load_statements() -> Mapping[str, tuple[str, str]]:
    """Return name -> (description, statement) of every file in `sql/`."""
    return named_sql.load_statements(__package__)


def for_rows(statement: str, count: int) -> str:
    """Return an INSERT of one row as one of `count` rows: its list of placeholders repeated."""
    return _VALUES.sub(lambda found: "VALUES " + ", ".join([found[1]] * count), statement, count=1)


SQL: Mapping[str, str] = MappingProxyType({name: statement for name, (_, statement) in load_statements().items()})
