"""What is counted of AGI sessions. The registry is an argument, so that two servers in one process do not meet."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

# Seconds. The promise is 50 ms for 99 of 100 calls and 1 s for all.
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.1, 2.0)


class SessionResult(StrEnum):
    """How a session ended; the label `result` of `ctiroute_agi_sessions_total` and `ctiroute_agi_socket_sessions_total`."""

    ROUTED = "routed"  # answered and confirmed, by what CTI_STATUS said
    DEFAULT = "default"
    TIMEOUT = "timeout"
    ERROR = "error"
    ABANDONED = "abandoned"  # the caller hung up before the answer
    UNCONFIRMED = "unconfirmed"  # answered, but the peer went, refused the command or did not reply
    LOST_STEP = "lost_step"  # the peer's replies do not belong to our commands
    HOSTILE = "hostile"  # an environment with smuggled lines
    GARBAGE = "garbage"  # no AGI at all, or closed before the environment was whole
    SLOW = "slow"  # the environment was not whole in time
    REFUSED_PEER = "refused_peer"  # not on the allow list
    REFUSED_SCRIPT = "refused_script"  # another script path, or a wrong secret
    OVERLOAD = "overload"  # too many sockets


class AgiMetrics:
    """Counters of one server; two servers on one registry need two prefixes."""

    def __init__(self, registry: CollectorRegistry, open_sockets: Callable[[], float], prefix: str = "ctiroute_agi") -> None:
        sessions = Counter(f"{prefix}_sessions", "AGI sessions by how they ended.", ["result"], registry=registry)
        self._sessions = {result: sessions.labels(result.value) for result in SessionResult}
        self._dropped = Counter(
            f"{prefix}_values_dropped", "Values that do not fit the alphabet of a variable.", ["name"], registry=registry
        )
        self._latency = Histogram(f"{prefix}_answer_seconds", "From accept until the answer is sent.", buckets=_BUCKETS, registry=registry)
        Gauge(f"{prefix}_open_sockets", "AGI sockets now open.", registry=registry).set_function(open_sockets)

    def ended(self, result: SessionResult) -> None:
        """Count a session that is over."""
        self._sessions[result].inc()

    def answered(self, took_s: float) -> None:
        """Take note of how long an answer took, from accept."""
        self._latency.observe(took_s)

    def dropped(self, name: str) -> None:
        """Count a value that could not be sent. The names of rules' own variables share one label: they come from a file."""
        self._dropped.labels("CTI_X_" if name.startswith("CTI_X_") else name).inc()
