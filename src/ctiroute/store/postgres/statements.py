"""The named statements of `sql/`, read once. `{name}` in one stands for the text of another."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.store.named_sql import load_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = re.compile(r"\{([a-z_]+)\}")
_KEY = re.compile(r"\$1(?:::bigint)?(?![0-9])")
_TEXTS = {name: statement for name, (_, statement) in load_statements(__package__).items()}
# The look-up of a phone, which is its own key, has nothing to resolve: that costs a third of it. Any other identifier has to be.
_TEXTS["find_any"] = _KEY.sub(lambda _: _TEXTS["key_of_any"], _TEXTS["find_caller"])

SQL: Mapping[str, str] = MappingProxyType({name: _NAMED.sub(lambda found: _TEXTS[found[1]], text) for name, text in _TEXTS.items()})
