"""All that callbacks need, built from the settings: the book of orders always, what places them only where an account for it is set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctiroute.app.callback_metrics import CallbackMetrics
from ctiroute.app.callback_orders import CallbackOrders
from ctiroute.app.callback_placer import CallbackPlacer
from ctiroute.app.callback_scene import CallbackScene
from ctiroute.connectors.asterisk.originator import Originator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime, tzinfo
    from random import Random

    from prometheus_client import CollectorRegistry

    from ctiroute.app.call_files import CallFile
    from ctiroute.app.floor import Floor
    from ctiroute.app.queues import Queues
    from ctiroute.app.tasks import Tasks
    from ctiroute.connectors.asterisk.ports import EventSink
    from ctiroute.model import Announcer, CallEvent, LegStarted
    from ctiroute.model.callback import CallbackHeard
    from ctiroute.settings import Settings
    from ctiroute.store.base import Store


@dataclass(frozen=True, slots=True)
class OriginateAccount:
    """The account that may place calls, at the place of an Asterisk that is heard as well."""

    host: str
    port: int
    username: str
    secret: str
    tls: bool
    tls_ca: Path | None


class Callbacks:
    """Callback orders, and perhaps their placing."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        registry: CollectorRegistry,
        zone: Callable[[], tzinfo],
        clock: Callable[[], datetime],
        tasks: Tasks,
        announcer: Announcer | None = None,
    ) -> None:
        self._announcer = announcer
        self._settings = settings
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._placer: CallbackPlacer | None = None
        self._originator: Originator | None = None
        self.metrics = CallbackMetrics(
            registry,
            lambda: float(self._placer.in_hand if self._placer is not None else 0),
            lambda: float(self._originator is not None and not self._originator.fault),
        )
        self.orders = CallbackOrders(store, settings.callbacks, settings.region, zone, clock, self._ordered, announcer)

    def place_with(
        self, floor: Floor, queues: Queues, look_up: Callable[[LegStarted], Awaitable[CallFile]], node: str, rng: Random
    ) -> EventSink:
        """Build what places orders, where the settings have an account for it; return what the Asterisks' links are to tell."""
        settings = self._settings.callbacks
        if not settings.secret or not self._settings.asterisk:
            return floor
        each = next((one for one in self._settings.asterisk if one.name == settings.pbx), self._settings.asterisk[0])
        account = OriginateAccount(each.host, each.port, settings.username, settings.secret, each.tls, each.tls_ca)
        scene = CallbackScene(each.name, floor, queues, look_up, self._clock)
        self._originator = originator = Originator(each.name, account, self, self._clock, rng)
        self._placer = CallbackPlacer(
            self._store, self.orders, settings, originator, scene, self._tasks, node, self._clock, self.metrics, self._announcer
        )
        return AlsoHeard(floor, self._placer)

    def start(self) -> None:
        """Begin to place, where that is set."""
        if self._originator is not None and self._placer is not None:
            self._tasks.start(self._originator.run(), "originate link", lasting=True)
            self._tasks.start(self._placer.run(), "callbacks", lasting=True)

    @property
    def fault(self) -> str:
        """Why promised calls cannot be placed, in words; "": they can, or are left to other nodes."""
        return self._originator.fault if self._originator is not None else ""

    def told(self, event: CallbackHeard) -> None:
        """Take what the switch tells of an order."""
        if self._placer is not None:
            self._placer.told(event)

    def placeable(self) -> None:
        """Take note that the switch is there."""
        if self._placer is not None:
            self._placer.changed()

    def _ordered(self, source: str) -> None:
        if source:
            self.metrics.ordered.labels(source).inc()
        if self._placer is not None:
            self._placer.changed()


class AlsoHeard:
    """Passes on what a switch tells to the floor, and then to the placer of callbacks."""

    def __init__(self, floor: EventSink, placer: CallbackPlacer) -> None:
        self._floor = floor
        self._placer = placer

    def heard(self, event: CallEvent) -> None:
        """Take one event."""
        self._floor.heard(event)
        self._placer.heard(event)
