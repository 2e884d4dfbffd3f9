"""The link to one Asterisk's manager interface: reach it, log in, tell the truth first, then what happens, for ever.

On every connection the live calls are read before any event is passed on, so whoever listens is never behind by more than
one reconnect. Events that come in meanwhile wait, and follow the snapshot in order: told twice is harmless, missed is not.
Several Asterisks are several links. Knows nothing of what listens, but that `heard` takes what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from ctiroute.connectors.asterisk.ami_connection import MAX_QUEUED, AmiConnection, AmiTiming
from ctiroute.connectors.asterisk.ami_door import RefusedByAsterisk, knock, log_in, message_of
from ctiroute.connectors.asterisk.ami_needs import manager_needs
from ctiroute.connectors.asterisk.ami_orphans import Orphans
from ctiroute.connectors.asterisk.translate import queues
from ctiroute.connectors.asterisk.translate.events import WANTED, Translator
from ctiroute.connectors.backoff import FIRST_S, LONGEST_S, Backoff
from ctiroute.errors import AmiError, LinkError
from ctiroute.model import SwitchLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from ctiroute.connectors.asterisk.ami_metrics import AmiMetrics
    from ctiroute.connectors.asterisk.ports import EventSink, QueueSink
    from ctiroute.model import CallEvent
    from ctiroute.model.queue import QueueEvent
    from ctiroute.protocol.ami import AmiEvent, AmiHostile
    from ctiroute.settings.model import AsteriskSettings

log = logging.getLogger(__name__)

# Asked for at login, so that Asterisk sends no other events even to an account that may read more.
_EVENT_CLASSES = ",".join(manager_needs().read)

# Parts of the answers to our own questions. They come whatever classes the account may read (manager.c: astman_append), and
# are told apart by their ActionID.
_LISTS = ("CoreShowChannel", "CoreShowChannelsComplete", "QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete")
_READ = {**queues.WANTED, **WANTED, **dict.fromkeys(_LISTS, ())}

_BATCH = 200  # events passed on before other tasks get a turn: about 5 ms
_HEALTHY_S = 60.0  # a link that lived so long was well: the next fault begins with the shortest wait
_REFUSED_S = 30.0  # least time between two tries that Asterisk refuses; it logs each, and fail2ban reads that log
_RESYNC_S = 10.0  # least time between two doubts that are cleared up at once: forged blocks must not keep us busy

_TICK_S = 5.0  # how often a quiet link looks at what is due


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link is, for health and screens."""

    up: bool
    since: datetime  # aware, UTC: when it became so
    detail: str  # in words; when it is down, the cause and the remedy
    degraded: tuple[str, ...] = ()  # what it has to do without while up, each with the remedy


class AsteriskLink:
    """Keeps one Asterisk's events coming.

    `sink` hears them, in order, and `queue_sink` what they mean for queues; `clock` gives aware UTC; `rng` spreads the waits;
    `metrics` is shared by all links; `timing` and what follows it are for tests.
    """

    def __init__(
        self,
        settings: AsteriskSettings,
        sink: EventSink,
        metrics: AmiMetrics,
        clock: Callable[[], datetime],
        rng: Random,
        *,
        queue_sink: QueueSink | None = None,
        timing: AmiTiming | None = None,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        refused_s: float = _REFUSED_S,
        resync_s: float = _RESYNC_S,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._sink = sink
        self._queue_sink = queue_sink
        self._metrics = metrics
        self._clock = clock
        self._rng = rng
        self._timing = timing or AmiTiming()
        self._backoff = Backoff(rng, first_s, longest_s)
        self._refused_s = refused_s
        self._resync_s = resync_s
        self._max_queued = max_queued
        self._translator = Translator(settings.name)
        self._orphans = Orphans()
        self._doubtful = False  # a cut block came: what we believe may lack something
        self.state = LinkState(up=False, since=clock(), detail="not connected yet")
        metrics.up.labels(settings.name).set(0)

    async def run(self) -> None:
        """Hold the link until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began, least_s = loop.time(), 0.0
            try:
                await self._live()
            except RefusedByAsterisk as error:
                result, detail, least_s = "refused", str(error), self._refused_s
            except (LinkError, AmiError) as error:
                result, detail = "failed", str(error)
            except Exception as error:  # a link that gave up for good would leave every screen blind
                log.exception("manager link %s broke", self.name)
                result, detail = "failed", f"it broke: {type(error).__name__}; the log has the details"
            if loop.time() - began > _HEALTHY_S:
                self._backoff.reset()
            self._down(detail, result)
            await asyncio.sleep(max(least_s, self._backoff.next_s()))

    async def queue_names(self) -> frozenset[str]:
        """Ask once, on a connection of its own, which queues Asterisk has now. Raises LinkError or AmiError."""
        connection = await self._connect()
        try:
            await log_in(connection, self._settings, _EVENT_CLASSES)
            answer, told = await connection.ask_list("QueueStatus", "QueueStatusComplete")
            if not answer.ok:
                raise LinkError(f"{self.name} does not list its queues ({message_of(answer)}): is app_queue loaded?")
            return frozenset(event.headers["Queue"] for event in told if event.name == "QueueParams" and event.headers.get("Queue"))
        finally:
            connection.abort("asked what there was to ask")

    # --- one connection
    async def _live(self) -> NoReturn:
        connection = await self._connect()
        try:
            await log_in(connection, self._settings, _EVENT_CLASSES)
            await self._resynchronise(connection)
            self._metrics.connects.labels(self.name, "ok").inc()
            await self._pass_on(connection)
        finally:
            connection.abort("closed by ctiroute")

    async def _connect(self) -> AmiConnection:
        tag = f"ctiroute-{self._rng.getrandbits(64):016x}"
        return await knock(
            self._settings,
            lambda: AmiConnection(_READ, self._clock, tag, self._hostile, self._timing, self._max_queued),
            self._timing.connect_s,
        )

    async def _resynchronise(self, connection: AmiConnection) -> None:
        self._doubtful = False
        degraded: list[str] = []
        channels, entries = await connection.ask_list("CoreShowChannels", "CoreShowChannelsComplete")
        status, told = await connection.ask_list("QueueStatus", "QueueStatusComplete")
        if not status.ok:
            degraded.append(f"callers already waiting are not seen (QueueStatus: {message_of(status)}): is app_queue loaded?")
        params, members, waiting = (
            [event.headers for event in told if event.name == name] for name in ("QueueParams", "QueueMember", "QueueEntry")
        )
        now = self._clock()
        self._hear_queues(queues.queues_told(self.name, params, members, waiting, now) if status.ok else SwitchLost(self.name, now))
        snapshot = self._translator.snapshot([event.headers for event in entries], waiting, members, now)
        if channels.ok:
            self._hear(snapshot)
        else:
            self._orphans.doubt(now)
            degraded.append(
                f"calls that end while the link is down are noticed hours late (CoreShowChannels: {message_of(channels)}): "
                f"add write = reporting for {self._settings.username} in manager.conf"
            )
        since = self.state.since if self.state.up else now
        self.state = LinkState(up=True, since=since, detail=f"up, manager interface {connection.version}", degraded=tuple(degraded))
        self._metrics.up.labels(self.name).set(1)
        log.info("manager link %s: up%s", self.name, "".join(f"; {part}" for part in degraded))

    async def _pass_on(self, connection: AmiConnection) -> NoReturn:
        loop = asyncio.get_running_loop()
        next_resync = loop.time()  # the first doubt is cleared up at once: a phone may be ringing behind it
        while connection.events or not connection.loss:  # what was read before the end is passed on, too
            self._batch(connection)
            if connection.events:
                await asyncio.sleep(0)
                continue
            for event in self._orphans.due(self._clock()):
                self._hear(event)
            if self._doubtful and loop.time() >= next_resync and not connection.loss:
                await self._resynchronise(connection)
                next_resync = loop.time() + self._resync_s
            connection.activity.clear()
            if not connection.loss and not connection.events:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await connection.activity.wait()
        if connection.overflowed:
            self._metrics.overflows.labels(self.name).inc()
        raise LinkError(connection.loss)

    def _batch(self, connection: AmiConnection) -> None:
        name, events = self.name, connection.events
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
            self._metrics.failed.labels(self.name).inc()
            log.exception("manager link %s: the event %s could not be understood", self.name, event.name)
            return
        if told is not None:
            self._metrics.translated.labels(self.name).inc()
            self._hear(told)
        if self._queue_sink is not None and event.name in queues.WANTED:
            about = queues.queue_event(self.name, event.name, event.headers, at)
            if about is not None:
                self._hear_queues(about)

    def _hear(self, event: CallEvent) -> None:
        self._orphans.heard(event)
        try:
            self._sink.heard(event)
        except Exception:  # the same: the fault is downstream, the link stays
            self._metrics.failed.labels(self.name).inc()
            log.exception("manager link %s: %s was not taken", self.name, type(event).__name__)

    def _hear_queues(self, event: QueueEvent) -> None:
        if self._queue_sink is None:
            return
        try:
            self._queue_sink.heard(event)
        except Exception:  # the same
            self._metrics.failed.labels(self.name).inc()
            log.exception("manager link %s: %s was not taken", self.name, type(event).__name__)

    def _hostile(self, block: AmiHostile) -> None:
        self._metrics.hostile.labels(self.name, block.reason).inc()
        self._doubtful = self._doubtful or block.cut

    def _down(self, detail: str, result: str) -> None:
        was_up, now = self.state.up, self._clock()
        self._metrics.up.labels(self.name).set(0)
        self._metrics.connects.labels(self.name, "lost" if was_up else result).inc()
        if was_up or detail != self.state.detail:
            log.warning("manager link %s: %s", self.name, detail)
            self.state = LinkState(up=False, since=now if was_up else self.state.since, detail=detail)
        if was_up:
            self._hear(SwitchLost(self.name, now))
            self._hear_queues(SwitchLost(self.name, now))
