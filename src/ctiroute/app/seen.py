"""What a decision saw, read of a stored snapshot as fast as can be: a replay reads hundreds of thousands.

The words are those of `model`, as records that msgspec fills in half the time it needs for dataclasses, and that the garbage collector
need not look through. They are made from the dataclasses themselves, field by field, so that there is no second list to keep in step.

Knows nothing of rules.
"""

from __future__ import annotations

import dataclasses
import types
from dataclasses import dataclass
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from ctiroute.app.hidden import HiddenCaller
from ctiroute.model import CallerContext, IdentityKind, QueueState

_SAID = (property, types.FunctionType)  # what a class adds to its fields; what makes one in another way is of no use here


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read of a snapshot: what the decision saw. The rest of it (pop texts, traces) is passed over."""

    context: CallerContext
    queues: tuple[QueueState, ...] = ()  # those the rules of then asked about
    available: frozenset[str] | None = None  # None: not known, or no rule of then asked
    masked: bool = False  # the numbers in it are masked
    ruleset_version: str = ""  # of the rules of then


def read_seen(snapshot: bytes) -> Seen:
    """Return what was seen at the decision: before an operator said who of several it is, and with what is masked out of sight.

    What is returned answers as `Seen` does and is not one. Raises `msgspec.MsgspecError` for a snapshot that cannot be read.
    """
    seen: Seen = _decode(snapshot)
    context = seen.context
    identity = context.identity
    if identity.kind is IdentityKind.KNOWN and len(identity.customers) > 1:
        context = _with(context, identity=_with(identity, kind=IdentityKind.AMBIGUOUS))
    if seen.masked:
        context = _with(context, request=_with(context.request, caller=HiddenCaller(context.request.caller)))
    return seen if context is seen.context else _with(seen, context=context)


def _with(record: Any, **changes: object) -> Any:
    return msgspec.structs.replace(record, **changes)


def _record(kind: type, made: dict[type, type]) -> type:
    """Return a record with the fields, properties and methods of a dataclass, and of those in its fields. `made` holds those there are."""
    if kind not in made:
        hints = get_type_hints(kind)
        fields = [(field.name, _typed(hints[field.name], made), _default(field)) for field in dataclasses.fields(kind)]
        said = {name: value for name, value in vars(kind).items() if isinstance(value, _SAID) and not name.startswith("__")}
        # gc: nothing in a snapshot refers to what holds it, so counting references is enough.
        made[kind] = msgspec.defstruct(kind.__name__, fields, namespace=said, frozen=True, gc=False, order=kind.__dataclass_params__.order)  # type: ignore[attr-defined]
    return made[kind]


def _typed(kind: Any, made: dict[type, type]) -> Any:
    """Return an annotation with every dataclass in it replaced."""
    if dataclasses.is_dataclass(kind):
        return _record(cast("type", kind), made)
    arguments = tuple(argument if argument is Ellipsis else _typed(argument, made) for argument in get_args(kind))
    if not arguments:
        return kind
    origin = get_origin(kind)
    return Union[arguments] if origin in {Union, types.UnionType} else origin[arguments]  # noqa: UP007 - made of a list


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.NODEFAULT if field.default is dataclasses.MISSING else msgspec.field(default=field.default)


_decode = msgspec.json.Decoder[Any](_record(Seen, {})).decode
