"""The bodies of /api/v1/context and /api/v1/customers. docs and the OpenAPI document are made from these."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ctiroute.model import Candidate, Customer, Identifier, IdentityChange, IdentityKind, Interaction, PastCall, Touch
from ctiroute.store.identities import MAX_WHY
from ctiroute.web.api.interactions_wire import Given, IdentifierGiven, Name, TimelineEntry

Why = Annotated[str, msgspec.Meta(max_length=MAX_WHY, description="For the audit, in your words.")]


class ContextFound(msgspec.Struct, frozen=True):
    """All that is known of whoever has an identifier: what a call from it would bring."""

    identifier: Identifier
    identity: IdentityKind
    customers: list[Customer]  # several: nobody knows which of them it is; the likeliest first
    candidates: list[Candidate]  # how likely each is, and on what evidence, in the same order
    touches: list[Touch]  # newest first
    interactions: list[Interaction]  # newest event first
    calls: list[PastCall]  # newest first
    timeline: list[TimelineEntry]  # all of these in one line of time, the newest first


class MergeAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Two customers are one."""

    into: Given  # whose name and key stay
    other: Given
    why: Why = ""


class SplitAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One customer is two."""

    customer_id: Given
    identifiers: Annotated[list[IdentifierGiven], msgspec.Meta(min_length=1, max_length=64)]  # of the new one
    new_id: Name = ""  # your key for the new one; "": one is made up
    name: Name = ""  # of the new one
    why: Why = ""


class LinkAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An identifier is, or is not, a customer's."""

    identifier: IdentifierGiven
    customer_id: Given
    why: Why = ""


class UndoAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier change was a mistake."""

    change_id: Annotated[int, msgspec.Meta(ge=1, le=999_999_999)]


class IdentityChanges(msgspec.Struct, frozen=True):
    """What was changed of who is who, the latest first."""

    changes: list[IdentityChange]
