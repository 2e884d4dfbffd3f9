"""The screens that are connected, and what waits to be sent to each. Knows neither HTTP nor what the messages mean.

`push` never waits: a message is encoded once, shared between all tabs, and put in each tab's bounded queue. A tab that does not
keep up is cut off at its bound; it comes back and reads a snapshot, and nobody else has noticed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctiroute.web.limits import WebLimits
    from ctiroute.web.metrics import WebMetrics
    from ctiroute.web.ports import Floor
    from ctiroute.web.wire import ServerMessage

log = logging.getLogger(__name__)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):  # msgspec knows dict alone
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} has no place on the wire")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(message: ServerMessage) -> bytes:
    """Return a message as it goes over the wire."""
    return _encoder.encode(message)


class Screen:
    """One connected tab: a bounded queue, and the wish to close."""

    def __init__(self, operator_id: str, token_hash: bytes, limits: WebLimits, cut: Callable[[], None]) -> None:
        self.operator_id = operator_id
        self.token_hash = token_hash
        self.closing: tuple[int, str] | None = None  # websocket close code and reason
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._limits = limits
        self.cut = cut  # ends the connection at once, whatever is under way
        self._changed = asyncio.Event()

    def offer(self, encoded: bytes) -> bool:
        """Queue a message; False when the screen is too far behind and has been cut off."""
        if self.closing is not None:
            return True
        # What one message weighs says nothing about the browser: only with something else waiting is it too slow.
        too_much = self._queued_bytes + len(encoded) > self._limits.queue_bytes
        if self._queue and (too_much or len(self._queue) >= self._limits.queue_messages):
            # A closing handshake would wait behind what the browser does not read, so the connection is cut.
            self.close(1013, "too slow")
            self._queue.clear()
            self.cut()
            return False
        self._queue.append(encoded)
        self._queued_bytes += len(encoded)
        self._changed.set()
        return True

    def close(self, code: int, reason: str) -> None:
        """Ask the writer to close after what is queued, and cut the connection if that takes too long. The first reason stays."""
        if self.closing is None:
            self.closing = (code, reason)
            # The writer may be stuck behind a browser that reads nothing; a session that is over must not wait for it.
            asyncio.get_running_loop().call_later(self._limits.close_s, self.cut)
            self._changed.set()

    async def next(self) -> bytes | None:
        """Wait for a message to send; None: close now, for the reason in `closing`."""
        while not self._queue:
            if self.closing is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        encoded = self._queue.popleft()
        self._queued_bytes -= len(encoded)
        return encoded


class Screens:
    """All connected screens by operator. Belongs to the event loop's thread."""

    def __init__(self, floor: Floor, limits: WebLimits, metrics: WebMetrics) -> None:
        self._floor = floor
        self._limits = limits
        self._metrics = metrics
        self._by_operator: dict[str, list[Screen]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def push(self, operator_id: str, message: ServerMessage) -> int:
        """Send to every tab of one operator, without waiting. Returns how many tabs that were: 0 is an operator who does not see it."""
        return self._send(tuple(self._by_operator.get(operator_id, ())), message)

    def broadcast(self, message: ServerMessage) -> int:
        """Send to every tab of everybody, without waiting. Returns how many that were."""
        return self._send(tuple(self._all()), message)

    def connected(self, operator_id: str) -> int:
        """Return how many tabs of an operator are connected."""
        return len(self._by_operator.get(operator_id, ()))

    def operators(self) -> frozenset[str]:
        """Return who has a tab connected."""
        return frozenset(self._by_operator)

    def add(self, screen: Screen) -> None:
        """Let a screen receive pushes; the operator's first one makes him present."""
        tabs = self._by_operator.setdefault(screen.operator_id, [])
        tabs.append(screen)
        self._empty.clear()
        self._count(1)
        if len(tabs) == 1:
            self._floor.came(screen.operator_id)

    def remove(self, screen: Screen) -> None:
        """Forget a screen; the operator's last one makes him absent."""
        tabs = self._by_operator[screen.operator_id]
        tabs.remove(screen)
        if not tabs:
            del self._by_operator[screen.operator_id]
        if not self._by_operator:
            self._empty.set()
        self._count(-1)
        if not tabs:
            self._floor.left(screen.operator_id)

    def close_session(self, token_hash: bytes, code: int, reason: str) -> None:
        """Close every tab of a session."""
        for screen in self._all():
            if screen.token_hash == token_hash:
                screen.close(code, reason)

    def close_all(self, code: int, reason: str) -> None:
        """Close every tab."""
        for screen in self._all():
            screen.close(code, reason)

    def cut_all(self) -> None:
        """Cut whoever has not closed when asked."""
        for screen in tuple(self._all()):
            screen.cut()

    async def emptied(self) -> None:
        """Wait until nobody is connected."""
        await self._empty.wait()

    def _all(self) -> Iterable[Screen]:
        return (screen for tabs in self._by_operator.values() for screen in tabs)

    def _send(self, screens: tuple[Screen, ...], message: ServerMessage) -> int:
        if not screens:
            self._metrics.undelivered.labels(message.type).inc()
            return 0
        encoded = encode(message)
        for screen in screens:
            if screen.offer(encoded):
                self._metrics.pushes.labels(message.type).inc()
                self._metrics.sent_bytes.observe(len(encoded))
            else:
                self._metrics.closes.labels("slow").inc()
                log.warning("A browser of %s did not keep up and was cut off", screen.operator_id)
        return len(screens)

    def _count(self, more: int) -> None:
        self._metrics.browsers.inc(more)
        self._metrics.operators.set(len(self._by_operator))
