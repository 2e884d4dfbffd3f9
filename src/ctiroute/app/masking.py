"""Takes phone numbers out of what is kept of a call's context, where the settings want it so.

The call's own record keeps its number: without it nobody could be recognised who calls again. What goes are the numbers in its snapshot:
of the caller, of those who share the call's customer, of what was sent. Replay then cannot judge rules that ask for the number.
"""

from __future__ import annotations

from dataclasses import replace

from ctiroute.app.call_files import from_bytes, to_bytes
from ctiroute.model import CallerContext, Identifier, IdentifierKind
from ctiroute.model.phone import mask_phone


def mask_snapshot(packed: bytes) -> bytes:
    """Return a stored file with its numbers masked; one that cannot be read is emptied: nobody can say what it holds."""
    file = from_bytes(packed)
    if file is None:
        return b"{}"
    return packed if file.masked else to_bytes(replace(file, context=_masked(file.context), rules=(), fates=None, masked=True))


def _masked(context: CallerContext) -> CallerContext:
    request, identity = context.request, context.identity
    caller = replace(request.caller, raw=_shown(request.caller.raw), phone=None, name="")
    customers = tuple(replace(one, identifiers=tuple(map(_identifier, one.identifiers))) for one in identity.customers)
    return replace(
        context,
        request=replace(request, caller=caller, args=()),
        identity=replace(identity, customers=customers),
        touches=tuple(replace(one, identifier=_identifier(one.identifier)) for one in context.touches),
        interactions=tuple(
            one if one.identifier is None else replace(one, identifier=_identifier(one.identifier)) for one in context.interactions
        ),
    )


def _identifier(identifier: Identifier) -> Identifier:
    return replace(identifier, value=mask_phone(identifier.value)) if identifier.kind == IdentifierKind.PHONE else identifier


def _shown(raw: str) -> str:
    return mask_phone(raw) if raw else ""
