"""The hot copy: what the store would say of a caller, as of a moment ago. A source for the engine, and what its keeper needs to fill it.

It never guesses. An identifier that is not there is an unknown caller only while the marker of its bucket is there, and a marker is
written only when a whole pass over the truth has been filled in. No marker, a value that cannot be read, a query that looks further back
than the copy does, a server that is another one than was filled: each is "cannot tell" (`StoreUnavailable`), and never "unknown".

Keeping it in step with the truth is not its own business: app/relay does that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerFacts
from ctiroute.store.redis import facts as values
from ctiroute.store.redis.keys import BUCKETS, STEP, WARMING, bucket_of, facts_key, filling_key, warm_key
from ctiroute.store.redis.scripts import DELETE_IF, FINISH_BUCKET, PUT_FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ctiroute.model import CallerQuery, Identifier
    from ctiroute.store.redis.link import Link

FACTS_TTL_S = 24 * 3600  # of what is known of an identifier; every pass renews it
MARGIN_S = 600  # a marker goes so much earlier than the first of its facts may
GONE_TTL_S = 600  # of "nothing is known any more": long enough to outlive any reading that was under way when it was written
FILLING_TTL_S = 120  # between two pages of a pass; longer means that who filled it is dead


class Marker(msgspec.Struct, frozen=True, array_like=True):
    """What a bucket says of itself once it is whole."""

    epoch: str  # of the server that was filled
    touches_since: datetime  # how far back the pass looked; aware, UTC
    calls_since: datetime
    interactions_since: datetime

    def reaches(self, query: CallerQuery | Marker) -> bool:
        """Say whether nobody whom this query would find was left out."""
        return (
            self.touches_since <= query.touches_since
            and self.calls_since <= query.calls_since
            and self.interactions_since <= query.interactions_since
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Marker).decode


def _marker(value: bytes | None) -> Marker | None:
    try:
        return None if value is None else _decode(value)
    except msgspec.MsgspecError:
        return None


@dataclass(frozen=True, slots=True)
class Server:
    """What the server, or the primaries of a cluster, say of themselves."""

    epoch: str  # another one after a restart or a fail-over: what was filled may be older now than it says
    evicted: int  # keys thrown out for want of memory since it was started


class HotCopy:
    """Answers for the store while it is away."""

    name = "copy"
    find_now = None  # it has to be awaited

    def __init__(self, link: Link, keeping: Link, clock: Callable[[], datetime]) -> None:
        """`link` is for look-ups alone, so that no call waits behind what goes over `keeping`."""
        self._link = link
        self._keeping = keeping
        self._clock = clock
        self.epoch = ""  # of the server as it was last seen; set by who watches it
        self.in_step_at: datetime | None = None  # aware, UTC: all that was changed up to then is in; set by who watches it

    # --- the engine's source

    async def find_caller(self, query: CallerQuery) -> CallerFacts:
        """Return what the store would say; raises `StoreUnavailable` when Redis is away or the copy cannot tell."""
        identifier = query.identifier
        warm, value = await self._link.ask("MGET", warm_key(bucket_of(identifier)), facts_key(identifier))
        marker = _marker(warm)
        if marker is None:
            raise StoreUnavailable("the copy is not filled yet, it cannot tell")
        if self.epoch and marker.epoch != self.epoch:
            raise StoreUnavailable("the copy is of a server that was replaced or restarted, it cannot tell")
        if value is not None:
            kept = values.from_bytes(value)
            return replace(values.answer(kept, query), read_at=self._read_at(kept.as_of))
        if not marker.reaches(query):
            raise StoreUnavailable("the copy does not reach as far back as is asked")
        return CallerFacts(read_at=self._read_at(None))

    def _read_at(self, as_of: datetime | None) -> datetime | None:
        """Return when this was last known to be true: when it was read, or later, when nothing that had changed was missing."""
        known = [at for at in (as_of, self.in_step_at) if at is not None]
        return min(max(known), self._clock()) if known else None

    # --- filling it

    async def put(self, queries: Sequence[CallerQuery], facts: Sequence[CallerFacts], as_of: datetime) -> None:
        """Keep what was read from the truth at `as_of`; what was read later stays."""
        stamp, impossible = values.stamp(as_of), values.stamp(as_of + timedelta(seconds=GONE_TTL_S))
        commands = []
        for query, found in zip(queries, facts, strict=True):
            ttl_s = FACTS_TTL_S if found != _NOTHING else GONE_TTL_S
            commands.append(
                ("EVAL", PUT_FACTS, 1, facts_key(query.identifier), stamp, values.to_bytes(query, found, as_of), ttl_s * 1000, impossible),
            )
        await self._keeping.ask_all(commands)

    async def begin_pass(self, token: str) -> None:
        """Say in every bucket that this pass fills it; to be said again at least every `FILLING_TTL_S`, by `go_on`."""
        await self._keeping.ask_all([("SET", filling_key(bucket), token, "PX", FILLING_TTL_S * 1000) for bucket in range(BUCKETS)])

    async def go_on(self, token: str) -> bool:
        """Keep a pass's claim alive; False when a bucket of it was flushed or taken over: begin anew."""
        answers = await self._keeping.ask_all([("GET", filling_key(bucket)) for bucket in range(BUCKETS)])
        if any(answer != token.encode() for answer in answers):
            return False
        await self._keeping.ask_all([("PEXPIRE", filling_key(bucket), FILLING_TTL_S * 1000) for bucket in range(BUCKETS)])
        return True

    async def finish_pass(self, token: str, marker: Marker, began: datetime) -> int:
        """Mark every bucket that this pass has filled as whole; returns how many were."""
        left = timedelta(seconds=FACTS_TTL_S - MARGIN_S) - (self._clock() - began)
        ttl_ms = left // timedelta(milliseconds=1)
        if ttl_ms <= 0:  # the first values are about to go
            return 0
        encoded = _encode(marker)
        script = [("EVAL", FINISH_BUCKET, 2, filling_key(each), warm_key(each), token, encoded, ttl_ms) for each in range(BUCKETS)]
        return sum(await self._keeping.ask_all(script))

    async def claim(self, node: str, ttl_s: float) -> bool:
        """Claim the right to fill the copy, or keep it. Only for economy: two who fill it at once do no harm."""
        ttl_ms = round(ttl_s * 1000)
        if await self._keeping.ask("SET", WARMING, node, "NX", "PX", ttl_ms):
            return True
        if await self._keeping.ask("GET", WARMING) != node.encode():
            return False
        await self._keeping.ask("PEXPIRE", WARMING, ttl_ms)
        return True

    async def release(self, node: str) -> None:
        """Give that right back."""
        await self._keeping.ask("EVAL", DELETE_IF, 1, WARMING, node)

    # --- watching it

    async def server(self) -> Server:
        """Return which server, or servers, this is."""
        about = await self._keeping.ask_every_node("INFO", "server")
        stats = await self._keeping.ask_every_node("INFO", "stats")
        return Server("+".join(sorted(each["run_id"] for each in about)), sum(each["evicted_keys"] for each in stats))

    async def whole(self, epoch: str, needed: Marker, buckets: Sequence[int] = range(BUCKETS)) -> list[bool]:
        """Return which buckets are whole, of this server, and reach as far back as is needed."""
        markers = [_marker(value) for value in await self._keeping.ask_all([("GET", warm_key(bucket)) for bucket in buckets])]
        return [marker is not None and marker.epoch == epoch and marker.reaches(needed) for marker in markers]

    async def oldest_expiry_s(self) -> float:
        """Return in how many seconds the first bucket ceases to be whole; 0.0 when one is not."""
        left = await self._keeping.ask_all([("PTTL", warm_key(bucket)) for bucket in range(BUCKETS)])
        return max(0.0, float(min(left)) / 1000)

    async def forget_markers(self) -> None:
        """Say of every bucket that it cannot be believed."""
        await self._keeping.ask_all([("DEL", warm_key(bucket)) for bucket in range(BUCKETS)])

    async def set_step(self, at: datetime) -> None:
        """Tell every node that all that had changed up to `at` is in."""
        await self._keeping.ask("SET", STEP, values.stamp(at), "EX", FACTS_TTL_S)

    async def step(self) -> datetime | None:
        """Return what was told so last; None: nobody did."""
        value = await self._keeping.ask("GET", STEP)
        try:
            return None if value is None else datetime.fromtimestamp(int(value, 16) / 1e6, UTC)
        except (ValueError, OverflowError):
            return None

    async def forget(self, identifiers: Iterable[Identifier]) -> int:
        """Take identifiers out of the copy, as when a person is erased; returns how many were there."""
        return sum(await self._keeping.ask_all([("DEL", facts_key(identifier)) for identifier in identifiers]))


_NOTHING = CallerFacts()
