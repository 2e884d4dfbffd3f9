"""The named statements of `sql/`, read once. `{name}` in one stands for the text of another."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.store.named_sql import load_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = re.compile(r"\{([a-z_]+)\}")
_TEXTS = {name: statement for name, (_, statement) in load_statements(__package__).items()}

SQL: Mapping[str, str] = MappingProxyType({name: _NAMED.sub(lambda found: _TEXTS[found[1]], text) for name, text in _TEXTS.items()})
