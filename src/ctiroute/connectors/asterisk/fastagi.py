"""The FastAGI server: accepts, bounds, times and drains the sessions. Decides nothing about calls.

asyncio's callbacks instead of its streams, one shared timer instead of one for each session: a call costs tens of microseconds, and a
flood of silent sockets costs little more than their file descriptors.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from ctiroute.connectors.asterisk.access import AllowList, ScriptPath
from ctiroute.connectors.asterisk.agi_metrics import AgiMetrics, SessionResult
from ctiroute.connectors.asterisk.agi_session import AgiSession
from ctiroute.connectors.asterisk.agi_timer import FifoTimer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prometheus_client import CollectorRegistry

    from ctiroute.connectors.asterisk.ports import RouteHandler
    from ctiroute.settings.model import AsteriskSettings, FastAgiSettings

log = logging.getLogger(__name__)

BACKLOG: Final = 1024  # connections the kernel holds while the loop is busy; asyncio's 100 is a burst of two seconds at 50 calls/s
REPLY_GRACE_S: Final = 1.0  # Asterisk replies within microseconds; after this the peer is gone without saying so
COMPLAIN_EVERY_S: Final = 10.0  # one log line of a kind in this time: a scan must not fill the disk


class FastAgiServer:
    """Answers `AGI(agi://HOST:PORT/route,${CHANNEL(linkedid)},…)`.

    `region` is the ISO 3166-1 alpha-2 country in which numbers without a code are read, `clock` gives aware UTC. Raises
    `SettingsError` when the bind is open to others and nobody is named who may ask.
    """

    def __init__(
        self,
        settings: FastAgiSettings,
        asterisks: tuple[AsteriskSettings, ...],
        region: str,
        handler: RouteHandler,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._allowed = AllowList(settings)
        self.script = ScriptPath(settings.secret, asterisks)
        self.region = region
        self.handler = handler
        self.clock = clock
        self.port = settings.port  # after start(): the one that is bound
        self.deadline_s = settings.deadline_s
        self._sessions: set[AgiSession] = set()
        self._metrics = AgiMetrics(registry, lambda: float(len(self._sessions)))
        self.dropped = self._metrics.dropped
        self._complained: dict[SessionResult, float] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind and accept. Raises `OSError` when the port is taken."""
        self.loop = asyncio.get_running_loop()
        header_s, deadline_s = self._settings.header_timeout_s, self._settings.deadline_s
        self._headers = FifoTimer[AgiSession](self.loop, header_s, AgiSession.header_late)
        self._deadlines = FifoTimer[AgiSession](self.loop, deadline_s, AgiSession.deadline)
        self._confirmations = FifoTimer[AgiSession](self.loop, max(header_s, deadline_s) + REPLY_GRACE_S, AgiSession.unconfirmed)
        self._server = await self.loop.create_server(
            lambda: AgiSession(self), self._settings.host, self._settings.port, backlog=BACKLOG, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]
        log.debug("FastAGI listens on %s port %d", self._settings.host, self.port)

    async def drain(self, timeout_s: float) -> None:
        """Accept no more, and wait until the calls in hand have their answers, for at most `timeout_s`; the rest is closed."""
        if self._server is not None:
            self._server.close()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d AGI sessions were still open after %.1f s", len(self._sessions), timeout_s)
        await self.stop()

    async def stop(self) -> None:
        """Close the port and every session now; every look-up is let go of when this returns."""
        if self._server is None:
            return
        self._server.close()
        for session in list(self._sessions):
            session.abort()
        await self._idle.wait()
        for timer in (self._headers, self._deadlines, self._confirmations):
            timer.close()

    # --- what sessions tell

    def opened(self, session: AgiSession, peer: str) -> SessionResult | None:
        """Take a session in; return why it may not stay, or None."""
        sessions = self._sessions
        refusal = None
        if not self._allowed.admits(peer):
            refusal = SessionResult.REFUSED_PEER
            self.complain(refusal, peer, "not in fastagi.allow_from")
        elif len(sessions) >= self._settings.max_sockets:
            refusal = SessionResult.OVERLOAD
            self.complain(refusal, peer, f"more than {self._settings.max_sockets} sockets")
        else:
            self._headers.add(session, session.accepted_at)
            self._deadlines.add(session, session.accepted_at)
            self._confirmations.add(session, session.accepted_at)
        sessions.add(session)
        self._idle.clear()
        return refusal

    def environment_read(self, session: AgiSession) -> None:
        """Stop the clock of the environment: it is whole."""
        self._headers.discard(session)

    def answered(self, session: AgiSession) -> None:
        """Stop the clock of the call: its answer is sent."""
        self._deadlines.discard(session)
        self._metrics.answered(self.loop.time() - session.accepted_at)

    def ended(self, session: AgiSession, result: SessionResult) -> None:
        """Count a session that is over; its socket may still be closing."""
        self._headers.discard(session)
        self._deadlines.discard(session)
        self._confirmations.discard(session)
        self._metrics.ended(result)

    def closed(self, session: AgiSession) -> None:
        """Forget a session whose socket is gone."""
        self._sessions.discard(session)
        if not self._sessions:
            self._idle.set()

    def complain(self, result: SessionResult, peer: str, cause: object) -> None:
        """Log why a session ended badly, but not more often than a person can read."""
        now = self.loop.time()
        if now - self._complained.get(result, -COMPLAIN_EVERY_S) >= COMPLAIN_EVERY_S:
            self._complained[result] = now
            log.warning("AGI from %s: %s (%s; further ones are counted only)", peer, cause, result.value)
