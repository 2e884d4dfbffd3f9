"""The named statements of `sql/`, read once."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.store.named_sql import load_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

SQL: Mapping[str, str] = MappingProxyType({name: statement for name, (_, statement) in load_statements(__package__).items()})
