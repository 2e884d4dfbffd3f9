"""What is measured of webhooks out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class AnnounceMetrics:
    """Attempts by what they came to, and what stands in the outbox."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "ctiroute_webhook_attempts", "Attempts to deliver an event to a webhook", ["webhook", "result"], registry=registry
        )
        self.seconds = Histogram(
            "ctiroute_webhook_attempt_seconds",
            "How long an attempt took",
            ["webhook"],
            registry=registry,
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.backlog = Gauge(
            "ctiroute_webhook_deliveries", "Events in the outbox that wait or were given up", ["webhook", "state"], registry=registry
        )
        self.oldest = Gauge(
            "ctiroute_webhook_oldest_seconds", "Age of the oldest event that waits; 0: none does", ["webhook"], registry=registry
        )
