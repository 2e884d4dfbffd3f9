"""The simulated node is a queue: it agrees with what is known of queues, and repeats itself."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from benchmarks import model_queue
from benchmarks.model import Load, demand
from benchmarks.model_constants import Cost

if TYPE_CHECKING:
    from benchmarks.model_constants import Constants

pytestmark = pytest.mark.lengthy


@pytest.fixture
def bare(constants: Constants) -> Constants:
    """Let calls cost 1 ms and everything else nothing: M/D/1."""
    nothing = Cost(0, 0)
    store = replace(constants.stores["sqlite"], call=Cost(1_000, 1_000), record=nothing)
    return replace(
        constants, idle_us=0, operator_us=0, wake=nothing, over=nothing, member=nothing, handled=nothing, made=nothing, push=nothing,
        ack=nothing, find=nothing, stores={"sqlite": store, "postgresql": replace(store, server_call_us=500.0)},
    )  # fmt: skip


def _run(rate: float, constants: Constants, *, seconds: float = 20.0, seed: int = 3, **more: object) -> model_queue.Waits:
    rng = Random(seed)  # noqa: S311 - the same day in every run
    load = Load(rate, 100_000, **more)  # type: ignore[arg-type]
    arrivals = list(model_queue.poisson(rate, seconds, rng))
    return model_queue.run(load, constants, arrivals, seconds, rng, client_ms=0.0)


@pytest.mark.parametrize("rate", [100.0, 300.0, 500.0, 700.0])
def test_calls_alone_wait_as_in_a_queue_with_equal_work(bare: Constants, rate: float) -> None:
    """The mean wait is Pollaczek's and Khinchine's."""
    rng = Random(3)  # noqa: S311 - the same day in every run
    arrivals = list(model_queue.poisson(rate, 200.0, rng))
    loop = model_queue.Loop(bare)
    waited = [loop.serve(at, lambda _cold: 1_000.0) - at - 0.001 for at in arrivals]
    assert sum(waited) / len(waited) == pytest.approx(model_queue.wait_deterministic(rate, 0.001), rel=0.1)


def test_work_is_neither_lost_nor_invented(bare: Constants) -> None:
    """The share of the core is calls times their work."""
    waits = _run(400.0, bare, seconds=5.0)
    assert waits.cpu == pytest.approx(waits.calls * 0.001 / 5.0)


def test_an_overloaded_node_answers_late(bare: Constants) -> None:
    """More work than time: the queue grows, and calls miss their deadline."""
    assert _run(500.0, bare, seconds=2.0).late == 0
    assert _run(1_500.0, bare, seconds=5.0).late > 0.3


def test_waits_grow_with_the_load(constants: Constants) -> None:
    """The median and the slowest hundredth."""
    waits = [_run(rate, constants, seconds=10.0) for rate in (10.0, 100.0, 300.0)]
    assert [each.p99_ms for each in waits] == sorted(each.p99_ms for each in waits)
    assert [each.cpu for each in waits] == sorted(each.cpu for each in waits)


def test_the_same_seed_gives_the_same_day(constants: Constants) -> None:
    """And another one another, hardly different."""
    first, again, other = (_run(50.0, constants, seconds=10.0, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert other != first
    assert other.cpu == pytest.approx(first.cpu, rel=0.1)


def test_formulas_and_simulation_agree(constants: Constants) -> None:
    """What needs no queue to know comes out the same."""
    for nodes in (1, 3):
        assert _run(50.0, constants, nodes=nodes).cpu == pytest.approx(demand(Load(50, 100_000, nodes=nodes), constants).cpu, rel=0.1)


def test_they_agree_on_a_service_that_goes_cold(constants: Constants) -> None:
    """Calls by how long there was none, all else by how long the service slept."""
    store = replace(constants.stores["sqlite"], call=Cost(400, 1_000))
    colder = replace(constants, wake=Cost(20, 120), handled=Cost(20, 250), stores={"sqlite": store})
    for rate in (5.0, 50.0):
        assert _run(rate, colder).cpu == pytest.approx(demand(Load(rate, 100_000), colder).cpu, rel=0.1)


def test_a_database_adds_its_work_to_what_callers_wait(bare: Constants) -> None:
    """Half a millisecond, when nobody is before them."""
    near, far = (_run(10.0, bare, store=store) for store in ("sqlite", "postgresql"))
    assert far.p50_ms == pytest.approx(near.p50_ms + 0.5, abs=0.01)


def test_a_mailing_brings_its_callers_within_the_window() -> None:
    """Most of them early."""
    rng = Random(1)  # noqa: S311 - the same day in every run
    calls = list(model_queue.blast(10_000, 0.05, 900.0, 900.0, rng))
    assert 480 <= len(calls) <= 500
    assert calls == sorted(calls)
    assert sum(at < 450 for at in calls) > 0.7 * len(calls)
