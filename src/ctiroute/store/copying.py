"""One store into another, page by page, so that a box that has grown goes on with everything it knew.

Every page is an idempotent write, and how far it got is kept after each: cut off, it goes on from there, and run again it brings over
what has changed. Sessions of screens are left out (operators sign in again), and markers of erasures, which live for an hour.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, assert_never, cast

import msgspec

from ctiroute.errors import StoreError
from ctiroute.model import (
    ApiKey,
    Attribution,
    CallbackOrder,
    CallRecord,
    Campaign,
    ConfirmedReason,
    Customer,
    Delivery,
    Interaction,
    MissedCall,
    Operator,
    ProposalFate,
    ReasonTally,
    RulesVersion,
    WrapUp,
)
from ctiroute.store.identities import KeptChange, KeptIdentity
from ctiroute.store.interactions import Tellings
from ctiroute.store.rules_rows import use_id
from ctiroute.store.touch_rows import TouchRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ctiroute.store.base import Store

Item = (
    Campaign
    | Customer
    | KeptIdentity
    | KeptChange
    | TouchRow
    | Interaction
    | Tellings
    | CallRecord
    | MissedCall
    | WrapUp
    | ConfirmedReason
    | ReasonTally
    | ProposalFate
    | CallbackOrder
    | Attribution
    | Delivery
    | tuple[Operator, str | None]
    | tuple[ApiKey, bytes]
    | RulesVersion
)
Key = tuple[str, ...]  # of an item among those of its kind; () comes before all

_PAGE = 2000  # items
_AT_ONCE = 16  # of what is written one by one


class Kind(StrEnum):
    """What stores hold, in the order in which it is copied."""

    CAMPAIGNS = "campaigns"
    CUSTOMERS = "customers"
    IDENTITIES = "identities"  # after customers, whose links it completes
    IDENTITY_CHANGES = "identity_changes"
    TOUCHES = "touches"
    INTERACTIONS = "interactions"
    TELLINGS = "tellings"
    CALLS = "calls"
    MISSED_CALLS = "missed_calls"
    WRAP_UPS = "wrap_ups"
    CONFIRMED_REASONS = "confirmed_reasons"
    REASON_TALLIES = "reason_tallies"
    PROPOSAL_FATES = "proposal_fates"
    CALLBACKS = "callbacks"
    ATTRIBUTIONS = "attributions"  # after calls and notes, which would have them made anew
    DELIVERIES = "deliveries"
    OPERATORS = "operators"
    API_KEYS = "api_keys"
    RULES_VERSIONS = "rules_versions"


PAIRED = frozenset({Kind.WRAP_UPS, Kind.REASON_TALLIES, Kind.PROPOSAL_FATES})  # their keys are of two parts

NUMBERED = frozenset({Kind.IDENTITY_CHANGES, Kind.DELIVERIES})  # their keys are numbers


class Exporting(Protocol):
    """The part of a store that is read from."""

    async def export(self, kind: Kind, after: Key, limit: int) -> Sequence[Item]:
        """Return the next items of a kind after a key."""

    async def count(self, kind: Kind) -> int:
        """Return how many there are."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a copy got."""

    kind: Kind
    done: int  # items of this kind written by this run or before it
    total: int  # in the source when the kind was begun


@dataclass(frozen=True, slots=True)
class Compared:
    """Items of one kind after a copy."""

    kind: Kind
    source: int
    target: int


class Reached(msgspec.Struct):
    """How far a copy got, as it is kept in a file."""

    after: dict[str, tuple[str, ...]] = {}  # kind -> key of the last item written
    done: dict[str, int] = {}  # kind -> items written


def key_of(item: Item) -> Key:  # noqa: C901, PLR0911, PLR0912 - one for each kind
    """Return the key of an item."""
    match item:
        case Campaign():
            return (item.key,)
        case Customer():
            return (item.customer_id,)
        case Interaction() | Tellings():
            return (item.interaction_id,)
        case CallRecord() | ConfirmedReason() | Attribution():
            return (item.call_id,)
        case MissedCall():
            return (item.pop_id,)
        case KeptIdentity():
            return (item.customer_id,)
        case KeptChange():
            return (f"{item.change.change_id:020}",)
        case WrapUp():
            return item.call_id, item.operator_id
        case ReasonTally():
            return item.period, item.what
        case ProposalFate():
            return item.subject, item.proposal
        case Delivery():
            return (f"{item.delivery_id:020}",)
        case CallbackOrder():
            return (item.callback_id,)
        case RulesVersion():
            return (use_id(item),)
        case (Operator() as operator, _):
            return (operator.operator_id,)
        case (ApiKey() as key, _):
            return (key.key_id,)
        case _:
            return (item[0],)


async def copy_store(source: Exporting, target: Store, place: Path, progress: Callable[[Step], None]) -> list[Compared]:
    """Copy all of a store into another, open both, and return the counts of both after it.

    `place` is the file that keeps how far it got: removed when all is done. Raises `StoreError`; run again it goes on from there.
    """
    reached = _load(place)
    for kind in Kind:
        total, done = await source.count(kind), reached.done.get(kind, 0)
        progress(Step(kind, done, total))
        while page := await source.export(kind, reached.after.get(kind, ()), _PAGE):
            await _put(target, kind, page)
            done += len(page)
            reached.after[kind], reached.done[kind] = key_of(page[-1]), done
            _save(place, reached)
            progress(Step(kind, done, total))
    compared = [Compared(kind, await source.count(kind), await target.count(kind)) for kind in Kind]
    _forget(place)
    return compared


async def _put(target: Store, kind: Kind, page: Sequence[Item]) -> None:  # noqa: C901, PLR0912 - one branch for each kind
    match kind:
        case Kind.CAMPAIGNS:
            await target.put_campaigns(cast("Sequence[Campaign]", page))
        case Kind.CUSTOMERS:
            await target.put_customers(cast("Sequence[Customer]", page))
        case Kind.IDENTITIES:
            await target.restore_identities(cast("Sequence[KeptIdentity]", page))
        case Kind.IDENTITY_CHANGES:
            await target.restore_identity_changes(cast("Sequence[KeptChange]", page))
        case Kind.TOUCHES:
            await target.put_touch_rows(cast("Sequence[TouchRow]", page))
        case Kind.INTERACTIONS:
            await target.put_interactions(cast("Sequence[Interaction]", page))
        case Kind.TELLINGS:
            await target.put_tellings(cast("Sequence[Tellings]", page))
        case Kind.CALLS:
            await target.record_calls(cast("Sequence[CallRecord]", page))
        case Kind.MISSED_CALLS:
            await _each(target.record_missed, cast("Sequence[MissedCall]", page))
        case Kind.WRAP_UPS:
            await _each(target.put_wrap_up, cast("Sequence[WrapUp]", page))
        case Kind.CONFIRMED_REASONS:
            await _each(target.confirm_reason, cast("Sequence[ConfirmedReason]", page))
        case Kind.REASON_TALLIES:
            await target.put_reason_tallies(cast("Sequence[ReasonTally]", page))
        case Kind.PROPOSAL_FATES:
            await target.put_proposal_fates(cast("Sequence[ProposalFate]", page))
        case Kind.ATTRIBUTIONS:
            await target.put_attributions(cast("Sequence[Attribution]", page))
        case Kind.DELIVERIES:
            await target.restore_deliveries(cast("Sequence[Delivery]", page))
        case Kind.CALLBACKS:
            await target.restore_callbacks(cast("Sequence[CallbackOrder]", page))
        case Kind.OPERATORS:
            for operator, password_hash in cast("Sequence[tuple[Operator, str | None]]", page):
                await target.put_operator(operator, password_hash)
        case Kind.API_KEYS:
            for key, secret_hash in cast("Sequence[tuple[ApiKey, bytes]]", page):
                if await target.get_api_key(key.key_id) is None:
                    await target.put_api_key(key, secret_hash)
        case Kind.RULES_VERSIONS:
            for used in cast("Sequence[RulesVersion]", page):  # in the order of time
                await target.put_rules_version(used)
        case _:
            assert_never(kind)


async def _each(put: Callable[..., object], values: Sequence[object]) -> None:
    for start in range(0, len(values), _AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for value in values[start : start + _AT_ONCE]:
                group.create_task(put(value), name="copy one")  # type: ignore[arg-type] # a coroutine function


def _load(place: Path) -> Reached:
    try:
        return msgspec.json.decode(place.read_bytes(), type=Reached)
    except FileNotFoundError:
        return Reached()
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(f"how far the copy got cannot be read ({error}): remove {place} to begin anew") from error


def _forget(place: Path) -> None:
    place.unlink(missing_ok=True)


def _save(place: Path, reached: Reached) -> None:
    beside = place.with_suffix(".new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.encode(reached))
        beside.replace(place)
    except OSError as error:
        raise StoreError(f"cannot keep how far the copy got in {place.parent}: {error.strerror or error}") from error
