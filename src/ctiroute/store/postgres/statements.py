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
_KEY_OF_ANY = "(SELECT COALESCE($1::bigint, (SELECT i.identifier_key FROM identifiers i WHERE i.kind = $6 AND i.value = $7)))"
_TEXTS = {name: statement for name, (_, statement) in load_statements(__package__).items()}
# The look-up of a phone, which is its own key, has nothing to resolve: that would cost half as much again. Any other identifier is
# resolved on the way, by its kind ($6) and value ($7).
_TEXTS["find_any"] = _KEY.sub(lambda _: _KEY_OF_ANY, _TEXTS["find_caller"])
_PARTS = {**_TEXTS, "find_caller_of_asked": _KEY.sub("asked.key", _TEXTS["find_caller"])}  # the latter is none by itself

SQL: Mapping[str, str] = MappingProxyType({name: _NAMED.sub(lambda found: _PARTS[found[1]], text) for name, text in _TEXTS.items()})
