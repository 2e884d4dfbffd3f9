"""What a decision saw, read of a stored snapshot as fast as can be: a replay reads hundreds of thousands.

Knows nothing of rules.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ctiroute.app.hidden import HiddenCaller
from ctiroute.model import CallerContext, IdentityKind, QueueState
from ctiroute.model.value import Value


class Seen(Value, frozen=True):
    """What is read of a snapshot: what the decision saw. The rest of it (pop texts, traces) is passed over."""

    context: CallerContext
    queues: tuple[QueueState, ...] = ()  # those the rules of then asked about
    available: frozenset[str] | None = None  # None: not known, or no rule of then asked
    masked: bool = False  # the numbers in it are masked
    ruleset_version: str = ""  # of the rules of then


def read_seen(snapshot: bytes) -> Seen:
    """Return what was seen at the decision: before an operator said who of several it is, and with what is masked out of sight.

    Raises `msgspec.MsgspecError` for a snapshot that cannot be read.
    """
    seen = _decode(snapshot)
    context = seen.context
    identity = context.identity
    if identity.kind is IdentityKind.KNOWN and len(identity.customers) > 1:
        context = replace(context, identity=replace(identity, kind=IdentityKind.AMBIGUOUS))
    if seen.masked:
        context = replace(context, request=replace(context.request, caller=HiddenCaller.of(context.request.caller)))
    return seen if context is seen.context else replace(seen, context=context)


_decode = msgspec.json.Decoder(Seen).decode
