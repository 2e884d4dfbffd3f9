"""The link to one Asterisk's manager interface: reach it, log in, tell the truth first, then what happens, for ever.

On every connection the live calls are read before any event is passed on, so whoever listens is never behind by more than
one reconnect. Events that come in meanwhile wait, and follow the snapshot in order: told twice is harmless, missed is not.
Several Asterisks are several links. Knows nothing of what listens, but that `heard` takes what happened.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ctiroute.connectors.asterisk.ami_backoff import FIRST_S, LONGEST_S, Backoff
from ctiroute.connectors.asterisk.ami_connection import MAX_QUEUED, AmiConnection, AmiTiming
from ctiroute.connectors.asterisk.translate.events import WANTED, Translator
from ctiroute.errors import LinkError
from ctiroute.model import SwitchLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from ctiroute.connectors.asterisk.ami_metrics import AmiMetrics
    from ctiroute.connectors.asterisk.ports import EventSink
    from ctiroute.model import CallEvent
    from ctiroute.protocol.ami import AmiEvent, AmiHostile, AmiResponse
    from ctiroute.settings.model import AsteriskSettings

log = logging.getLogger(__name__)

# The classes of events asked for at login, so that Asterisk sends no others even to an account that may read more.
EVENT_CLASSES = "call,agent"

# Parts of the answers to our own questions. They come whatever classes the account may read (manager.c: astman_append), and
# are told apart by their ActionID.
_LISTS = ("CoreShowChannel", "CoreShowChannelsComplete", "QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete")
_READ = {**WANTED, **dict.fromkeys(_LISTS, ())}

_BATCH = 200  # events passed on before other tasks get a turn: about 5 ms
_HEALTHY_S = 60.0  # a link that lived so long was well: the next fault begins with the shortest wait
_REFUSED_S = 30.0  # least time between two tries that Asterisk refuses; it logs each, and fail2ban reads that log
_RESYNC_S = 30.0  # least time between two resynchronisations on one connection: forged blocks must not keep us busy

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link is, for health and screens."""

    up: bool
    since: datetime  # aware, UTC: when it became so
    detail: str  # in words; when it is down, the cause and the remedy
    degraded: tuple[str, ...] = ()  # what it has to do without while up, each with the remedy


class _RefusedError(LinkError):
    """Asterisk answered and said no; trying again soon would not help."""


class AsteriskLink:
    """Keeps one Asterisk's events coming.

    `sink` hears them, in order; `clock` gives aware UTC; `rng` spreads the waits; `metrics` is shared by all links;
    `timing`, `first_s`, `longest_s`, `refused_s` and `max_queued` are for tests.
    """

    def __init__(
        self,
        settings: AsteriskSettings,
        sink: EventSink,
        metrics: AmiMetrics,
        clock: Callable[[], datetime],
        rng: Random,
        *,
        timing: AmiTiming | None = None,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        refused_s: float = _REFUSED_S,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._metrics = metrics
        self._clock = clock
        self._rng = rng
        self._timing = timing or AmiTiming()
        self._backoff = Backoff(rng, first_s, longest_s)
        self._refused_s = refused_s
        self._max_queued = max_queued
        self._translator = Translator(settings.name)
        self._doubtful = False  # a cut block came: what we believe may lack something
        self.state = LinkState(up=False, since=clock(), detail="not connected yet")
        metrics.up.labels(settings.name).set(0)

    async def run(self) -> None:
        """Hold the link until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            result, pause_s = "lost", 0.0
            try:
                await self._live()
            except _RefusedError as error:
                result, detail, pause_s = "refused", str(error), self._refused_s
            except LinkError as error:
                result, detail = "failed", str(error)
            else:  # pragma: no cover - _live ends with an error or a cancellation
                detail = ""
            if loop.time() - began > _HEALTHY_S:
                self._backoff.reset()
            pause_s = max(pause_s, self._backoff.next_s())
            self._down(detail, result)
            await asyncio.sleep(pause_s)

    # --- one connection
    async def _live(self) -> None:
        connection = await self._connect()
        try:
            await self._log_in(connection)
            await self._resynchronise(connection)
            self._metrics.connects.labels(self._settings.name, "ok").inc()
            await self._pass_on(connection)
        finally:
            connection.abort("closed")
            self._pass_on_rest(connection)

    async def _connect(self) -> AmiConnection:
        settings, where = self._settings, f"{self._settings.host}:{self._settings.port}"
        loop = asyncio.get_running_loop()
        tag = f"ctiroute-{self._rng.getrandbits(64):016x}"
        try:
            context = ssl.create_default_context(cafile=settings.tls_ca) if settings.tls else None
            async with asyncio.timeout(self._timing.connect_s):
                _, connection = await loop.create_connection(
                    lambda: AmiConnection(_READ, self._clock, tag, self._hostile, self._timing, self._max_queued),
                    settings.host,
                    settings.port,
                    ssl=context,
                )
        except TimeoutError as error:
            raise LinkError(f"{where} does not answer: is it the right host, and does a firewall let us through?") from error
        except ssl.SSLError as error:
            raise _RefusedError(
                f"{where}: no TLS with this peer ({error.reason or error}): check `tls_ca` and tlsenable in manager.conf"
            ) from error
        except OSError as error:
            raise LinkError(
                f"{where} cannot be reached ({error.strerror or error}): is Asterisk running, with `enabled = yes` in manager.conf?"
            ) from error
        return connection

    async def _log_in(self, connection: AmiConnection) -> None:
        settings = self._settings
        plain_allowed = settings.tls or settings.host in _LOOPBACK
        answer = await connection.log_in(settings.username, settings.secret, EVENT_CLASSES, plain_allowed=plain_allowed)
        if not answer.ok:
            raise _refusal(answer.headers.get("Message", ""), settings.username)

    async def _resynchronise(self, connection: AmiConnection) -> None:
        self._doubtful = False
        degraded: list[str] = []
        channels, entries = await connection.ask_list("CoreShowChannels", "CoreShowChannelsComplete")
        queues, told = await connection.ask_list("QueueStatus", "QueueStatusComplete")
        if not queues.ok:
            degraded.append(f"callers already waiting are not seen (QueueStatus: {_message(queues)}): is app_queue loaded?")
        members = [event.headers for event in told if event.name == "QueueMember"]
        waiting = [event.headers for event in told if event.name == "QueueEntry"]
        snapshot = self._translator.snapshot([event.headers for event in entries], waiting, members, self._clock())
        if channels.ok:
            self._hear(snapshot)
        else:
            degraded.append(
                f"calls that end while the link is down are noticed late (CoreShowChannels: {_message(channels)}): "
                f"add `write = reporting` for {self._settings.username} in manager.conf"
            )
        self.state = LinkState(up=True, since=self._clock(), detail=f"up, manager interface {connection.version}", degraded=tuple(degraded))
        self._metrics.up.labels(self._settings.name).set(1)
        log.info("asterisk %s: link up%s", self._settings.name, "".join(f"; {part}" for part in degraded))

    async def _pass_on(self, connection: AmiConnection) -> None:
        loop = asyncio.get_running_loop()
        synchronised = loop.time()
        while not connection.loss:
            self._batch(connection)
            if connection.events:
                await asyncio.sleep(0)
                continue
            if self._doubtful and loop.time() - synchronised > _RESYNC_S:
                await self._resynchronise(connection)
                synchronised = loop.time()
                continue
            connection.activity.clear()
            await connection.activity.wait()
        if connection.overflowed:
            self._metrics.overflows.labels(self._settings.name).inc()
        raise LinkError(connection.loss)

    def _pass_on_rest(self, connection: AmiConnection) -> None:
        if self.state.up:  # else they would come before the truth
            while connection.events:
                self._batch(connection)

    def _batch(self, connection: AmiConnection) -> None:
        name, events = self._settings.name, connection.events
        self._metrics.read.labels(name).inc(connection.events_read)
        connection.events_read = 0
        for _ in range(min(len(events), _BATCH)):
            at, event = events.popleft()
            self._translate(event, at)
        self._metrics.queued.labels(name).set(len(events))

    def _translate(self, event: AmiEvent, at: datetime) -> None:
        try:
            told = self._translator.event(event.name, event.headers, at)
        except Exception:  # one event must not cost the link
            self._metrics.failed.labels(self._settings.name).inc()
            log.exception("asterisk %s: the event %s could not be understood", self._settings.name, event.name)
            return
        if told is not None:
            self._metrics.translated.labels(self._settings.name).inc()
            self._hear(told)

    def _hear(self, event: CallEvent) -> None:
        try:
            self._sink.heard(event)
        except Exception:  # the same: the fault is downstream, the link stays
            self._metrics.failed.labels(self._settings.name).inc()
            log.exception("asterisk %s: %s was not taken", self._settings.name, type(event).__name__)

    def _hostile(self, block: AmiHostile) -> None:
        self._metrics.hostile.labels(self._settings.name, block.reason).inc()
        self._doubtful = self._doubtful or block.cut

    def _down(self, detail: str, result: str) -> None:
        was_up, now = self.state.up, self._clock()
        self._metrics.up.labels(self._settings.name).set(0)
        self._metrics.connects.labels(self._settings.name, "lost" if was_up else result).inc()
        if was_up or detail != self.state.detail:
            log.warning("asterisk %s: %s", self._settings.name, detail)
            self.state = LinkState(up=False, since=now if was_up else self.state.since, detail=detail)
        if was_up:
            self._hear(SwitchLost(self._settings.name, now))


def _message(answer: AmiResponse) -> str:
    return answer.headers.get("Message", "refused")


def _refusal(message: str, username: str) -> LinkError:
    """Return Asterisk's refusal of a login as an error that says what to do (main/manager.c: authenticate, process_message)."""
    folded = message.lower()
    if "shutting down" in folded:
        return LinkError("Asterisk is shutting down; waiting for it to come back")
    if "already in use" in folded:
        return _RefusedError(
            f"the manager user {username} is logged in elsewhere and allowmultiplelogin is off: give ctiroute a user of its own"
        )
    if "permission" in folded:
        return _RefusedError(f"the manager user {username} may not log in ({message}): check its entry in manager.conf")
    return _RefusedError(
        f"Asterisk refused the login of {username} ({message or 'no reason given'}): check the user name, the secret "
        "and permit/deny in manager.conf"
    )
