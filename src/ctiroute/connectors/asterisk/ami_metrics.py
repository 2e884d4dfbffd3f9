"""What is counted of the manager links. One set for all of them, each series labelled with the Asterisk's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class AmiMetrics:
    """Made once for a registry and shared by all links."""

    __slots__ = ("connects", "failed", "hostile", "overflows", "queued", "read", "translated", "up")

    def __init__(self, registry: CollectorRegistry) -> None:
        self.read = Counter("ctiroute_ami_events", "Manager events read, wanted or not", ["pbx"], registry=registry)
        self.translated = Counter("ctiroute_ami_call_events", "Manager events that meant something for a call", ["pbx"], registry=registry)
        self.hostile = Counter(
            "ctiroute_ami_hostile_blocks", "Blocks dropped because they were forged, cut or broken", ["pbx", "reason"], registry=registry
        )
        self.failed = Counter(
            "ctiroute_ami_event_failures", "Events that our own code failed on; each is in the log", ["pbx"], registry=registry
        )
        self.overflows = Counter(
            "ctiroute_ami_overflows", "Times the queue of events was full and the link began anew", ["pbx"], registry=registry
        )
        self.connects = Counter(
            "ctiroute_ami_connects",
            "Tries to connect (ok, refused, failed) and links that broke (lost)",
            ["pbx", "result"],
            registry=registry,
        )
        self.up = Gauge("ctiroute_ami_up", "1 while logged in and resynchronised", ["pbx"], registry=registry)
        self.queued = Gauge("ctiroute_ami_queued_events", "Events read and not yet handed on", ["pbx"], registry=registry)
