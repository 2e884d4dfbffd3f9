"""What other media bring goes into the store here, whichever connector brought it. Builds the connectors of the settings.

Knows neither vendors nor transports; a mapping that cannot be used stops the start, as any other mistake in the settings does.
"""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING

from ctiroute.connectors.asking import Asking
from ctiroute.connectors.imap.source import MailSource
from ctiroute.connectors.telegram.updates import TelegramUpdates
from ctiroute.connectors.webhook.door import Door, Hook
from ctiroute.connectors.webhook.files import read_mapping
from ctiroute.connectors.webhook.mapping import Unsigned
from ctiroute.connectors.webhook.metrics import ConnectorMetrics
from ctiroute.connectors.webhook.ports import Tally
from ctiroute.errors import MappingError, StoreConflict
from ctiroute.store.importing import external_touch_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from ctiroute.app.tasks import Tasks
    from ctiroute.app.urgency import Urgency
    from ctiroute.connectors.asking import Source
    from ctiroute.connectors.webhook import mapping as mappings
    from ctiroute.connectors.webhook.mapping import Brought
    from ctiroute.errors import Fault
    from ctiroute.model import Intake
    from ctiroute.settings import Settings
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)


class Keeping:
    """Keeps in a store what connectors bring."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        changed: Callable[[Iterable[str]], None] = lambda _: None,
        urgency: Urgency | None = None,
    ) -> None:
        """Take what it works with; `changed` hears which interactions were changed, for pops that show them, `urgency` raises flags."""
        self._urgency = urgency
        self._store = store
        self._clock = clock
        self._changed = changed

    async def take(self, brought: Brought) -> Tally:
        """See `Taking`. Touches go first, so that their receipts find them; each part can be told again by itself."""
        taken = repeated = refused = 0
        if brought.touches:
            new = await self._store.put_touches(brought.touches)
            taken, repeated = taken + new, repeated + len(brought.touches) - new
        if brought.receipts:
            unknown = await self._store.add_receipts(brought.receipts)
            lost = sum(receipt.touch_id in unknown for receipt in brought.receipts)
            taken, refused = taken + len(brought.receipts) - lost, refused + lost
        intakes = brought.intakes if self._urgency is None else await self._urgency.flagged(brought.intakes)
        told = await self._take_in(intakes)
        return Tally(taken + told.taken, repeated + told.repeated, refused + told.refused)

    async def _take_in(self, intakes: Sequence[Intake]) -> Tally:
        if not intakes:
            return Tally()
        try:
            taken = await self._store.take_in(intakes, now=self._clock())
        except StoreConflict as error:
            if len(intakes) == 1:
                log.warning("what %s told of a conversation cannot be kept: %s", intakes[0].source, error)
                return Tally(refused=1)
            parts = [await self._take_in([one]) for one in intakes]  # one that the store will not have takes no other with it
            return Tally(sum(one.taken for one in parts), sum(one.repeated for one in parts), sum(one.refused for one in parts))
        self._changed(one.interaction_id for one in taken if not one.repeated)
        repeated = sum(one.repeated for one in taken)
        return Tally(len(taken) - repeated, repeated)


class Media:
    """The connectors of one running service, besides voice."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
        changed: Callable[[Iterable[str]], None] = lambda _: None,
        urgency: Urgency | None = None,
    ) -> None:
        """Read the mappings that the settings name. Raises `MappingError` with every fault of all of them."""
        configured = settings.connectors
        named = [each.mapping for each in configured.hooks] + [each.mapping for each in configured.telegram]
        read = read_mappings(named + [each.mapping for each in configured.imap])
        metrics, keeping = ConnectorMetrics(registry), Keeping(store, clock, changed, urgency)
        hooks = [Hook(each.name, read[each.mapping], each.secret, each.verify_token) for each in configured.hooks]
        for hook in hooks:
            if isinstance(hook.mapping.signature, Unsigned):
                log.warning("connector %s: its mapping says signature: none, so anybody may post to /hooks/%s", hook.name, hook.name)
        self._door = Door(hooks, keeping, metrics, clock, settings.region, external_touch_id)
        sources: list[Source] = [
            *(TelegramUpdates(each, read[each.mapping], keeping, metrics, clock, settings.region) for each in configured.telegram),
            *(MailSource(each, read[each.mapping], keeping, metrics, clock, settings.region) for each in configured.imap),
        ]
        rng = Random()  # noqa: S311 - spreads waits, guards nothing
        self._asking = [Asking(source, metrics, clock, rng) for source in sources]

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server has to serve for them."""
        return self._door.routes()

    def start(self, tasks: Tasks) -> None:
        """Begin to ask those that do not come by themselves."""
        for each in self._asking:
            tasks.start(each.run(), f"connector {each.name}", lasting=True)

    def health(self) -> Mapping[str, str]:
        """Return those that are not heard, with the cause in words."""
        return {f"connector {each.name}": each.state.detail for each in self._asking if not each.state.up}


def read_mappings(named: Sequence[str]) -> dict[str, mappings.Mapping]:
    """Return the mappings by name or path. Raises `MappingError` with every fault of all of them."""
    read: dict[str, mappings.Mapping] = {}
    faults: list[Fault] = []
    for each in dict.fromkeys(named):
        try:
            read[each] = read_mapping(each)
        except MappingError as error:
            faults += error.faults
    if faults:
        raise MappingError(faults)
    return read
