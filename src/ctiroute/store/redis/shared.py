"""What nodes share: contexts of calls, sessions, who is connected where, and news. All of it expires or is bounded; none is the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ctiroute.store.redis.keys import NEWS, NODES, call_key, presence_key, session_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctiroute.store.redis.link import Command, Link

CALL_TTL_S = 2 * 3600  # a call that is talked about for longer has its record in the store
PRESENCE_TTL_S = 15.0  # a node that said nothing for so long is gone, and its operators with it
FORGOTTEN_NODE_S = 3600.0
NEWS_KEPT_S = 600.0  # there are notes among them, and nobody who was deaf for longer needs them
MAX_NEWS = 10_000  # entries, about; a node that was deaf for longer has lost only what was typed meanwhile
MAX_CALL_BYTES = 1 << 20  # nothing that we write comes near


class Presence(msgspec.Struct, frozen=True):
    """What a node says of itself."""

    operators: frozenset[str] = frozenset()  # operator_id of everybody with a browser there
    rules: str = ""  # version of the rules in use there
    rules_since: float = 0.0  # s since the epoch; 0: it does not say


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the stream."""

    position: str  # to go on from
    node: str  # who wrote it
    body: bytes


_presence = msgspec.json.Decoder(Presence).decode
_encode = msgspec.json.Encoder().encode


class SharedMemory:
    """Reads and writes it. Every method raises `StoreUnavailable` while Redis is away."""

    def __init__(self, link: Link, listening: Link) -> None:
        """Take `listening` for `listen` alone: it waits at the server, and whatever else went over it would wait, too."""
        self._link = link
        self._listening = listening

    # --- calls

    async def put_calls(self, snapshots: Mapping[str, bytes]) -> None:
        """Keep what is known of calls, by call id."""
        commands: list[Command] = [("SET", call_key(call_id), data, "EX", CALL_TTL_S) for call_id, data in snapshots.items()]
        await self._link.ask_all(commands)

    async def get_call(self, call_id: str) -> bytes | None:
        """Return what is known of a call, or None."""
        found: bytes | None = await self._link.ask("GET", call_key(call_id))
        return found if found is not None and len(found) <= MAX_CALL_BYTES else None

    async def drop_calls(self, call_ids: Iterable[str]) -> int:
        """Forget calls; returns how many were there."""
        return sum(await self._link.ask_all([("DEL", call_key(call_id)) for call_id in call_ids]))

    # --- sessions

    async def put_session(self, token_hash: bytes, operator_id: str, ttl_s: float) -> None:
        """Keep a session under the SHA-256 of its token."""
        ttl_ms = round(ttl_s * 1000)
        if ttl_ms > 0:
            await self._link.ask("SET", session_key(token_hash), operator_id, "PX", ttl_ms)

    async def get_session(self, token_hash: bytes) -> str | None:
        """Return the operator of a session, or None."""
        found: bytes | None = await self._link.ask("GET", session_key(token_hash))
        return None if found is None else found.decode("utf-8", "replace")

    async def drop_session(self, token_hash: bytes) -> None:
        """End a session."""
        await self._link.ask("DEL", session_key(token_hash))

    # --- presence

    async def tell_presence(self, node: str, presence: Presence, now_s: float) -> None:
        """Say that this node lives, and who is connected to it. `now_s` (seconds since 1970) only serves to forget what is old."""
        await self._link.ask_all(
            [
                ("ZADD", NODES, now_s, node),
                ("ZREMRANGEBYSCORE", NODES, "-inf", now_s - FORGOTTEN_NODE_S),
                ("SET", presence_key(node), _encode(presence), "PX", round(PRESENCE_TTL_S * 1000)),
                ("XTRIM", NEWS, "MINID", "~", round((now_s - NEWS_KEPT_S) * 1000)),
            ]
        )

    async def leave(self, node: str) -> None:
        """Say that this node is gone."""
        await self._link.ask_all([("ZREM", NODES, node), ("DEL", presence_key(node))])

    async def presences(self) -> dict[str, Presence]:
        """Return every node that lives, with what it said last."""
        nodes = [node.decode() for node in await self._link.ask("ZRANGE", NODES, 0, -1)]
        if not nodes:
            return {}
        said = await self._link.ask("MGET", *[presence_key(node) for node in nodes])
        found = {}
        for node, value in zip(nodes, said, strict=True):
            if value is not None:
                try:
                    found[node] = _presence(value)
                except msgspec.MsgspecError:  # of another version: it lives, that much is sure
                    found[node] = Presence()
        return found

    # --- news

    async def tell(self, node: str, bodies: Iterable[bytes]) -> None:
        """Add news, in order."""
        await self._link.ask_all([("XADD", NEWS, "MAXLEN", "~", MAX_NEWS, "*", "node", node, "body", body) for body in bodies])

    async def forget_news(self) -> None:
        """Let go of all news so far, as when a person is erased: notes are among them. Nodes that live have read them."""
        await self._link.ask("XTRIM", NEWS, "MAXLEN", 0)

    async def newest(self) -> str:
        """Return the position behind all news so far."""
        entries = await self._link.ask("XREVRANGE", NEWS, "+", "-", "COUNT", 1)
        return entries[0][0].decode() if entries else "0-0"

    async def listen(self, position: str, wait_s: float, count: int = 500) -> list[Entry]:
        """Wait for news behind a position; [] when there was none for `wait_s`."""
        answer = await self._listening.ask("XREAD", "COUNT", count, "BLOCK", round(wait_s * 1000), "STREAMS", NEWS, position)
        if not answer:
            return []
        entries = next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]
        return [
            Entry(place.decode(), fields.get(b"node", b"").decode("utf-8", "replace"), fields.get(b"body", b""))
            for place, fields in entries
            if fields is not None  # trimmed meanwhile
        ]
