"""What the web room counts. Acknowledgements by stage are counted where pops are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SIZES = (256, 1024, 4096, 16_384, 65_536, 262_144)


class WebMetrics:
    """Counters of one server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.browsers = Gauge("ctiroute_web_browsers", "Browsers connected by websocket", registry=registry)
        self.operators = Gauge("ctiroute_web_operators", "Operators with at least one browser connected", registry=registry)
        self.pushes = Counter("ctiroute_web_pushes", "Messages queued for browsers, by type", ["type"], registry=registry)
        self.undelivered = Counter(
            "ctiroute_web_undelivered", "Messages whose operator had no browser connected", ["type"], registry=registry
        )
        self.closes = Counter("ctiroute_web_closes", "Browsers we closed, by reason", ["reason"], registry=registry)
        self.refused = Counter("ctiroute_web_refused_messages", "Browsers' messages refused, by code", ["code"], registry=registry)
        self.sent_bytes = Histogram("ctiroute_web_sent_bytes", "Size of messages to browsers", buckets=_SIZES, registry=registry)
        self.received_bytes = Histogram("ctiroute_web_received_bytes", "Size of messages from browsers", buckets=_SIZES, registry=registry)
        self.sign_ins = Counter("ctiroute_web_sign_ins", "Sign-ins, by way and result", ["way", "result"], registry=registry)
        self.api_requests = Counter("ctiroute_web_api_requests", "Requests with an API key, by result", ["result"], registry=registry)
        self.requests = Histogram(
            "ctiroute_web_request_seconds", "Time to answer, without websockets", ["route", "method", "status"], registry=registry
        )
