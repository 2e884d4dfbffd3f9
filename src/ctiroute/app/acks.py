"""Measures how pops get to people: from the moment the phone rings to delivered, rendered, seen. Loses a pop only loudly."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from ctiroute.web.wire import Ack

MAX_POPS = 10_000  # pops watched at once; far more than phones that ring
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(slots=True)
class _Shown:
    """A pop that was pushed."""

    at: float  # monotonic, seconds
    stages: set[str] = field(default_factory=set)


class Acks:
    """Matches browsers' acknowledgements with the pops that were pushed."""

    def __init__(self, registry: CollectorRegistry, monotonic: Callable[[], float]) -> None:
        self.listeners: list[Callable[[Ack], None]] = []  # hear the first ack of each stage of each pop
        self._monotonic = monotonic
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        self._pops = Counter("ctiroute_pops", "Pops by how far they got", ["stage"], registry=registry)
        self._seconds = Histogram(
            "ctiroute_ring_to_pop_seconds", "Ring heard to pop, by stage", ["stage"], buckets=BUCKETS, registry=registry
        )

    def pushed(self, pop_id: str, *, browsers: int) -> None:
        """Start the clock of a pop; without a browser it is counted as unseen at once."""
        self._pops.labels("pushed" if browsers else "no_browser").inc()
        self._shown[pop_id] = _Shown(self._monotonic())
        if len(self._shown) > MAX_POPS:
            self._shown.popitem(last=False)

    def acked(self, ack: Ack) -> None:
        """Count the first ack of each stage; several tabs and later revisions ack again."""
        shown = self._shown.get(ack.pop_id)
        if shown is None or ack.stage in shown.stages:
            return
        shown.stages.add(ack.stage)
        self._pops.labels(ack.stage).inc()
        self._seconds.labels(ack.stage).observe(self._monotonic() - shown.at)
        for listener in self.listeners:
            listener(ack)

    def closed(self, pop_id: str) -> None:
        """Stop watching a pop; one that no browser ever confirmed is counted as lost."""
        shown = self._shown.pop(pop_id, None)
        if shown is not None and not shown.stages:
            self._pops.labels("unconfirmed").inc()
