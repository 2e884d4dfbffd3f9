"""What the copy keeps of one identifier, as bytes, and what of it answers a query. Pure: no Redis, no clock.

A value is a header of 17 bytes (when it was read from the truth, in microseconds as 16 hexadecimal digits, so that a script in the
server can tell the older of two; then the format's version) and the facts in MessagePack. Fields that are added later have
defaults and are skipped by who does not know them; anything else is a new version, which an older node takes for "cannot tell".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import msgspec

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerFacts, CallerQuery, Interaction, InteractionStatus

VERSION = b"1"
HEADER = 17

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """Facts as they were read, and how far back that reading looked. None of the lists was cut but at `limit`."""

    touches_since: datetime  # aware, UTC
    calls_since: datetime  # aware, UTC
    interactions_since: datetime  # aware, UTC; open ones are there whatever their age
    limit: int
    facts: CallerFacts
    as_of: datetime = _EPOCH  # aware, UTC; by the clock of the store it was read from. In the header, not in here


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def stamp(at: datetime) -> bytes:
    """Return a time so that bytes compare as times do."""
    return b"%016x" % ((at - _EPOCH) // _MICROSECOND)


def to_bytes(query: CallerQuery, facts: CallerFacts, as_of: datetime) -> bytes:
    """Return the value to keep of what a query found."""
    kept = Kept(query.touches_since, query.calls_since, query.interactions_since, query.limit, facts)
    return stamp(as_of) + VERSION + _encode(kept)


def from_bytes(value: bytes) -> Kept:
    """Return what a value holds; raises `StoreUnavailable` when it cannot be read, which is not to be taken for "unknown caller"."""
    if value[HEADER - 1 : HEADER] != VERSION:
        raise StoreUnavailable("the copy holds a value of another version")
    try:
        kept = _decode(memoryview(value)[HEADER:])
        as_of = _EPOCH + int(value[: HEADER - 1], 16) * _MICROSECOND
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise StoreUnavailable(f"the copy holds a value that cannot be read: {error}") from error
    return Kept(kept.touches_since, kept.calls_since, kept.interactions_since, kept.limit, kept.facts, as_of)


def answer(kept: Kept, query: CallerQuery) -> CallerFacts:
    """Return what the store would answer, as far as it was known at `kept.as_of`.

    Raises `StoreUnavailable` when the query looks further back than what was kept: then there may be more than is known here.
    """
    if (
        query.touches_since < kept.touches_since
        or query.calls_since < kept.calls_since
        or query.interactions_since < kept.interactions_since
        or query.limit > kept.limit
    ):
        raise StoreUnavailable("the copy does not reach as far back as is asked")
    facts, limit = kept.facts, query.limit
    # Every list is kept in the order in which the store cuts it, so cutting a longer one once more gives what the store would give.
    found = CallerFacts(
        customers=facts.customers,
        touches=tuple([it for it in facts.touches if it.sent_at >= query.touches_since][:limit]),
        interactions=_interactions(facts.interactions, query),
        calls=tuple([it for it in facts.calls if it.received_at >= query.calls_since][:limit]),
        claims=facts.claims,
    )
    if len(facts.customers) > 1 and found != facts:  # who was the last we had to do with may have changed with what was left out
        found = replace(found, customers=found.by_last_contact())
    return found if len(found.customers) <= limit else replace(found, customers=found.customers[:limit])


def _interactions(kept: tuple[Interaction, ...], query: CallerQuery) -> tuple[Interaction, ...]:
    """Cut interactions as a store does: open ones of any age stay before closed ones; what is left is newest first."""
    found = [it for it in kept if it.status is not InteractionStatus.CLOSED or it.updated_at >= query.interactions_since]
    if len(found) > query.limit:
        closed = [it for it in found if it.status is InteractionStatus.CLOSED]
        found = ([it for it in found if it.status is not InteractionStatus.CLOSED] + closed)[: query.limit]
        found.sort(key=attrgetter("updated_at"), reverse=True)
    return tuple(found)
