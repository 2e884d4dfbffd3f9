"""How far pops get, and how long it takes them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app import acks as acks_module
from ctiroute.app.acks import Acks
from ctiroute.web.wire import Ack


class Watch:
    """A monotonic clock that moves when the test says."""

    now = 100.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of its own."""
    return CollectorRegistry()


def counted(registry: CollectorRegistry) -> dict[str, float]:
    """Return how many pops got how far."""
    return {
        sample.labels["stage"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "ctiroute_pops_total"
    }


def test_each_stage_counts_once_with_its_time(registry: CollectorRegistry) -> None:
    """Several tabs and later revisions acknowledge again; only the first ack of a stage counts and is told to listeners."""
    watch, heard = Watch(), list[Ack]()
    acks = Acks(registry, watch)
    acks.listeners.append(heard.append)
    acks.pushed("p", browsers=2)
    watch.now += 0.02
    for revision, stage in ((1, "delivered"), (1, "delivered"), (2, "delivered"), (1, "seen")):
        acks.acked(Ack("p", revision, stage))  # type: ignore[arg-type]  # a literal by its place
    acks.closed("p")
    assert counted(registry) == {"pushed": 1, "delivered": 1, "seen": 1}
    assert [(ack.revision, ack.stage) for ack in heard] == [(1, "delivered"), (1, "seen")]
    assert registry.get_sample_value("ctiroute_ring_to_pop_seconds_sum", {"stage": "delivered"}) == pytest.approx(0.02)


def test_what_nobody_confirmed_is_counted_at_the_end(registry: CollectorRegistry) -> None:
    """A pop without a browser and one without an ack are both lost loudly; an ack after the end changes nothing."""
    acks = Acks(registry, Watch())
    acks.pushed("a", browsers=0)
    acks.pushed("b", browsers=1)
    acks.closed("b")
    acks.closed("b")
    acks.acked(Ack("b", 1, "seen"))
    acks.acked(Ack("never", 1, "seen"))
    assert counted(registry) == {"no_browser": 1, "pushed": 1, "unconfirmed": 1}


def test_watched_pops_are_bounded(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pops that never close do not fill the memory."""
    monkeypatch.setattr(acks_module, "MAX_POPS", 2)
    acks = Acks(registry, Watch())
    for pop_id in "abc":
        acks.pushed(pop_id, browsers=1)
    acks.acked(Ack("a", 1, "seen"))
    acks.acked(Ack("c", 1, "seen"))
    assert counted(registry)["seen"] == 1
