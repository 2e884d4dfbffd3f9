"""What is counted of callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from ctiroute.model import CallbackOrder

_DELAYS_S = (1, 5, 15, 60, 300, 900, 3600)


class CallbackMetrics:
    """Made once for a registry."""

    def __init__(self, registry: CollectorRegistry, in_hand: Callable[[], float], up: Callable[[], float] = lambda: 0.0) -> None:
        """`in_hand` tells how many orders this node has in hand, `up` is 1 while it can place some."""
        Gauge("ctiroute_originate_up", "1 while this node can place callbacks", registry=registry).set_function(up)
        self.ordered = Counter("ctiroute_callbacks_ordered", "Callback orders taken by this node", ["source"], registry=registry)
        self._attempts = Counter("ctiroute_callback_attempts", "Attempts that ended, by how", ["outcome"], registry=registry)
        self._closed = Counter("ctiroute_callbacks_closed", "Orders closed by this node: done or given_up", ["state"], registry=registry)
        self.delay = Histogram(
            "ctiroute_callback_delay_seconds", "From the time an order was due to its placing", registry=registry, buckets=_DELAYS_S
        )
        Gauge("ctiroute_callbacks_in_hand", "Orders that ring or talk now, on this node", registry=registry).set_function(in_hand)

    def ended(self, order: CallbackOrder) -> None:
        """Count an attempt that is over, and the order if it is over with it."""
        outcome = order.attempts[-1].outcome if order.attempts else None
        if outcome is not None:
            self._attempts.labels(outcome.value).inc()
        if order.state.is_over:
            self._closed.labels(order.state.value).inc()
