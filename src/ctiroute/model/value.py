"""What the words of this room are made of: frozen records that cost a call next to nothing.

A call makes some twenty of them with a hundred and thirty fields. A frozen dataclass sets each field through `object.__setattr__`: 1.3 us
for a touch of 12 fields, where msgspec takes 0.1, and packs a call's file in half the time. All in all a call costs a seventh less.
They still answer to `dataclasses.replace`, `fields` and `asdict`. Knows nothing of what is recorded.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, ClassVar

import msgspec
from msgspec import field

__all__ = ["Value", "field"]


class _Fields:
    """The fields of a record as dataclasses describe theirs."""

    def __get__(self, instance: object, kind: type[Value]) -> dict[str, dataclasses.Field[Any]]:
        return _fields_of(kind)


# gc: nothing that a value holds refers back to what holds it, so counting references is enough.
class Value(msgspec.Struct, frozen=True, gc=False):
    """A frozen record: `class Touch(Value, frozen=True)`, where "frozen" is for the type checker, which does not inherit it."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


@dataclasses.dataclass(frozen=True, repr=False)
class _Example:
    """A dataclass that makes no promise of its own but that it is frozen."""


type.__setattr__(Value, "__dataclass_fields__", _Fields())
type.__setattr__(Value, "__dataclass_params__", _Example.__dataclass_params__)  # type: ignore[attr-defined]  # pprint asks for them


@cache
def _fields_of(kind: type[Value]) -> dict[str, dataclasses.Field[Any]]:
    return {each.name: _described(each) for each in msgspec.structs.fields(kind)}


def _described(said: msgspec.structs.FieldInfo) -> dataclasses.Field[Any]:
    found: Any = dataclasses.field()
    if said.default is not msgspec.NODEFAULT:
        found.default = said.default
    elif said.default_factory is not msgspec.NODEFAULT:
        found.default_factory = said.default_factory
    found.name, found.type = said.name, said.type
    found._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - the one mark by which dataclasses know a field
    described: dataclasses.Field[Any] = found
    return described
