"""What this node tells the others, and what it hears from them: contexts of calls, notes, who is connected where, rules in use.

All of it is a help and none of it a need. What is to be told waits in bounded buffers, the newest pushes the oldest out, and everything
goes out behind the calls' backs. While Redis is away each node works by itself: a context comes from the store a little later, a note is
seen by the colleague whose browser is on the same node.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec
from prometheus_client import Counter, Gauge

from ctiroute.app.neighbours import (
    CallChanged,
    CallsForgotten,
    InteractionChanged,
    NoteWritten,
    PresenceChanged,
    RulesChanged,
    decode,
    encode,
)
from ctiroute.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime
    from random import Random

    from prometheus_client import CollectorRegistry

    from ctiroute.app.neighbours import Listener, News
    from ctiroute.store.redis import SharedMemory
    from ctiroute.store.redis.shared import Presence

log = logging.getLogger(__name__)

MAX_CALLS = 2_000  # contexts that wait, of some 2 KiB; older ones are in the store by now
MAX_NEWS = 1_000
MAX_SESSIONS = 1_000
AT_ONCE = 200  # of each, a trip
BEAT_S = 3.0  # between two heartbeats; one that missed some is gone
PAUSE_S = 0.2  # between two heartbeats at least: when a whole floor comes, it comes at once
LISTEN_S = 5.0
ASK_S = 0.3  # for a context that somebody's screen waits for; the store is asked after that
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)  # then every 2 s; half of each is chance

K = TypeVar("K")
V = TypeVar("V")


class SharedMetrics:
    """What becomes of what nodes tell each other."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.up = Gauge("ctiroute_redis_up", "1: Redis answers; 0: it does not, or there is none", registry=registry)
        self.nodes = Gauge("ctiroute_nodes", "Nodes that are heard of over Redis, this one included", registry=registry)
        self.present = Gauge("ctiroute_operators_present", "Operators with a browser on any node", registry=registry)
        self.rules = Gauge(
            "ctiroute_nodes_rules", "Versions of the rules in use on the nodes; more than 1 for long is a mistake", registry=registry
        )
        self.dropped = Counter("ctiroute_shared_dropped", "Things not told to other nodes, for want of Redis", ["kind"], registry=registry)


class Shared:
    """Tells and hears. Implements `Neighbours`."""

    any = True

    def __init__(
        self,
        memory: SharedMemory,
        node: str,
        clock: Callable[[], datetime],
        rng: Random,
        metrics: SharedMetrics,
        here: Callable[[], Presence],
    ) -> None:
        """`node` is this node's name among the others, `here` says who is connected to it and which rules it uses."""
        self._memory = memory
        self._node = node
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._here = here
        self._listener: Listener | None = None
        self._calls: OrderedDict[str, bytes] = OrderedDict()
        self._sessions: OrderedDict[bytes, tuple[str, datetime] | None] = OrderedDict()  # None: it ended
        self._news: deque[bytes] = deque()
        self._some = asyncio.Event()
        self._others: Mapping[str, Presence] = {}
        self._heard_at: datetime | None = None
        self._position = ""
        self._told: Presence | None = None
        self._look = asyncio.Event()  # somebody came or left, here or elsewhere

    def attach(self, listener: Listener) -> None:
        """Name who takes what others tell."""
        self._listener = listener

    # --- to be told

    def decided(self, call_id: str, packed: bytes) -> None:
        """Take note of a fresh call's file."""
        self._put(self._calls, call_id, packed, MAX_CALLS, "call")

    def changed(self, call_id: str, packed: bytes) -> None:
        """Take note of a file that others may have read already."""
        self._put(self._calls, call_id, packed, MAX_CALLS, "call")
        self._tell(CallChanged(call_id))

    def noted(self, pop_id: str, operator_id: str, text: str, at: datetime) -> None:
        """Take note of an operator's note."""
        self._tell(NoteWritten(pop_id, operator_id, text, at))

    def interaction_changed(self, interaction_id: str) -> None:
        """Take note of a conversation that has changed."""
        self._tell(InteractionChanged(interaction_id))

    def moved(self) -> None:
        """Take note that somebody's first browser came here, or the last one left."""
        self._look.set()

    def forget(self, call_ids: Iterable[str]) -> None:
        """Let go of calls of somebody who was erased."""
        gone = tuple(call_ids)
        for call_id in gone:
            self._put(self._calls, call_id, b"", MAX_CALLS, "call")  # empty: to be deleted
        if gone:
            self._tell(CallsForgotten(gone))

    def signed_in(self, token_hash: bytes, operator_id: str, until: datetime) -> None:
        """Take note of a session."""
        self._put(self._sessions, token_hash, (operator_id, until), MAX_SESSIONS, "session")

    def signed_out(self, token_hash: bytes) -> None:
        """Take note of the end of a session."""
        self._put(self._sessions, token_hash, None, MAX_SESSIONS, "session")

    # --- to be asked

    async def find_call(self, call_id: str) -> bytes | None:
        """Return a call's file as another node packed it; None: there is none, or nobody can tell."""
        try:
            async with asyncio.timeout(ASK_S):
                return await self._memory.get_call(call_id) or None
        except (StoreError, TimeoutError):
            return None

    async def find_session(self, token_hash: bytes) -> str | None:
        """Return the operator of a session; None: there is none, or nobody can tell."""
        if token_hash in self._sessions:  # it has not been told yet
            known = self._sessions[token_hash]
            return known[0] if known is not None and known[1] > self._clock() else None
        try:
            async with asyncio.timeout(ASK_S):
                return await self._memory.get_session(token_hash)
        except (StoreError, TimeoutError):
            return None

    def has(self, operator_id: str) -> bool:
        """Say whether an operator has a browser on another node."""
        return any(operator_id in presence.operators for node, presence in self._others.items() if node != self._node)

    def rules_of_nodes(self) -> dict[str, tuple[str, float]]:
        """Return node -> (version of its rules, since when in seconds of the epoch); nothing when nobody has been heard for a while."""
        if self._heard_at is None or self._clock() - self._heard_at > timedelta(seconds=3 * BEAT_S):
            return {}
        return {node: (presence.rules, presence.rules_since) for node, presence in self._others.items()}

    @property
    def listens(self) -> bool:
        """Whether news are heard from now on."""
        return bool(self._position)

    # --- what runs

    async def run(self) -> None:
        """Tell and hear until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_ever("tell", self._send), name="nodes: tell")
            group.create_task(self._for_ever("listen", self._hear), name="nodes: listen")
            group.create_task(self._for_ever("beat", self._beat), name="nodes: beat")

    async def leave(self) -> None:
        """Tell what waits, and that this node is gone; as far as that can be done at once."""
        try:
            async with asyncio.timeout(ASK_S):
                await self._send_some()
                await self._memory.leave(self._node)
        except (StoreError, TimeoutError) as error:
            log.info("the other nodes will notice by themselves that this one is gone: %s", error)

    async def _for_ever(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                await step()
                failures = 0
            except Exception as error:  # whatever it is, in a moment it is tried again
                if not isinstance(error, StoreError):
                    log.exception("telling other nodes: %s broke", what)
                pause = RETRY_S[min(failures, len(RETRY_S) - 1)] * (0.5 + self._rng.random() / 2)
                failures += 1
                self._metrics.up.set(0)
                await asyncio.sleep(pause)

    async def _send(self) -> None:
        await self._some.wait()
        await self._send_some()
        if not (self._calls or self._sessions or self._news):
            self._some.clear()

    async def _send_some(self) -> None:
        """Write what waits; it is let go of only when it is written. What replaced it meanwhile stays."""
        sessions = list(self._sessions.items())[:AT_ONCE]
        for token_hash, session in sessions:
            if session is None:
                await self._memory.drop_session(token_hash)
            else:
                operator_id, until = session
                await self._memory.put_session(token_hash, operator_id, (until - self._clock()).total_seconds())
        _let_go(self._sessions, sessions)
        calls = list(self._calls.items())[:AT_ONCE]
        await self._memory.put_calls({call_id: packed for call_id, packed in calls if packed})
        await self._memory.drop_calls([call_id for call_id, packed in calls if not packed])
        _let_go(self._calls, calls)
        if not self._calls:  # who hears that a call has changed finds it changed
            news = list(self._news)[:AT_ONCE]
            await self._memory.tell(self._node, news)
            for _ in news:
                self._news.popleft()

    async def _hear(self) -> None:
        if not self._position:
            self._position = await self._memory.newest()
        entries = await self._memory.listen(self._position, LISTEN_S)
        if not entries:
            newest = await self._memory.newest()
            if _order(newest) < _order(self._position):  # flushed, and its clock is behind what we have read
                self._position = newest
            return
        for entry in entries:
            self._position = entry.position
            if entry.node != self._node:
                self._take(entry.body)

    def _take(self, body: bytes) -> None:
        listener = self._listener
        try:
            news = decode(body)
        except msgspec.MsgspecError:  # of a later version
            return
        match news:
            case RulesChanged(version=version):
                log.info("another node uses rules %s now", version)
            case PresenceChanged():
                self._look.set()
            case _ if listener is None:
                pass
            case NoteWritten():
                listener.noted_elsewhere(news.pop_id, news.operator_id, news.text, news.at)
            case CallChanged(call_id=call_id):
                listener.changed_elsewhere(call_id)
            case CallsForgotten(call_ids=call_ids):
                listener.forgotten_elsewhere(call_ids)
            case InteractionChanged(interaction_id=interaction_id):
                listener.interaction_changed_elsewhere(interaction_id)

    async def _beat(self) -> None:
        self._look.clear()
        here, told = self._here(), self._told
        await self._memory.tell_presence(self._node, here, self._clock().timestamp())
        self._told = here
        if told is None or here.operators != told.operators:
            self._tell(PresenceChanged())
        if told is None or here.rules != told.rules:
            self._tell(RulesChanged(here.rules))
        self._others = await self._memory.presences()
        self._heard_at = self._clock()
        self._metrics.up.set(1)
        self._metrics.nodes.set(len(self._others))
        self._metrics.present.set(len(frozenset().union(*(each.operators for each in self._others.values()))))
        self._metrics.rules.set(len({each.rules for each in self._others.values()}))
        await asyncio.sleep(PAUSE_S)
        try:
            async with asyncio.timeout(BEAT_S - PAUSE_S):
                await self._look.wait()
        except TimeoutError:
            pass

    # --- buffers

    def _tell(self, news: News) -> None:
        if len(self._news) >= MAX_NEWS:
            self._news.popleft()
            self._metrics.dropped.labels("news").inc()
        self._news.append(encode(news))
        self._some.set()

    def _put(self, waiting: OrderedDict[K, V], key: K, value: V, limit: int, kind: str) -> None:
        waiting[key] = value
        if len(waiting) > limit:
            waiting.popitem(last=False)
            self._metrics.dropped.labels(kind).inc()
        self._some.set()


def _let_go(waiting: OrderedDict[K, V], written: list[tuple[K, V]]) -> None:
    for key, value in written:
        if waiting.get(key) is value:
            del waiting[key]


def _order(position: str) -> tuple[int, int]:
    at, _, number = position.partition("-")
    return int(at), int(number or 0)
