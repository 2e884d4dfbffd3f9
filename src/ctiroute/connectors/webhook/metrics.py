"""What is counted of connectors, by their names in the settings. The registry is an argument."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from ctiroute.connectors.webhook.ports import Tally

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds; vendors wait for 5 to 60


class Arrival(StrEnum):
    """What became of one request, update or mail; the label `result` of `ctiroute_connector_arrivals_total`."""

    TAKEN = "taken"  # all that is of use is kept
    IGNORED = "ignored"  # of a kind the mapping does not name
    USELESS = "useless"  # of a kind it names, and nothing can be kept of it
    REPLAYED = "replayed"  # the very same, signature and all, was taken before
    UNSIGNED = "unsigned"  # signature or token missing, wrong, or too old
    MALFORMED = "malformed"  # not what its kind of content says
    TOO_LARGE = "too_large"
    SLOW = "slow"  # the body did not come in time
    BUSY = "busy"  # too many at once; the sender tries again
    AWAY = "away"  # the store could not take it; the sender tries again, or we ask again


class ConnectorMetrics:
    """Counters of all connectors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._arrivals = Counter(
            "ctiroute_connector_arrivals", "Requests, updates and mails by what became of them", ["connector", "result"], registry=registry
        )
        self._items = Counter(
            "ctiroute_connector_items", "Interactions, receipts and touches in them", ["connector", "result"], registry=registry
        )
        self._took = Histogram(
            "ctiroute_connector_take_seconds", "From a whole message until it is kept", ["connector"], buckets=_BUCKETS, registry=registry
        )
        self._up = Gauge("ctiroute_connector_up", "1 while a connector that asks by itself is heard", ["connector"], registry=registry)

    def arrived(self, connector: str, result: Arrival) -> None:
        """Count one arrival."""
        self._arrivals.labels(connector, result.value).inc()

    def kept(self, connector: str, tally: Tally, took_s: float) -> None:
        """Count what an arrival held."""
        for result, count in (("taken", tally.taken), ("repeated", tally.repeated), ("refused", tally.refused)):
            if count:
                self._items.labels(connector, result).inc(count)
        self._took.labels(connector).observe(took_s)

    def up(self, connector: str, *, up: bool) -> None:
        """Take note whether the other side answers."""
        self._up.labels(connector).set(1 if up else 0)
