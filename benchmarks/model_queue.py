"""How long callers wait: a node as one server that does one thing after the other, event by event. Pure; randomness comes in.

A node's loop is a queue with one server. What comes is served in its order: calls, bursts of events, acknowledgements. Each costs what
`model_constants` says, by how long the loop slept before and, for a call, by how long there was none. PostgreSQL stands beside it as a
queue with as many servers as it has cores.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from benchmarks import model
from benchmarks.model_constants import Constants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from benchmarks.model import Load
    from benchmarks.model_constants import Burst

DEADLINE_S = 1.0  # of a decision
OFFSETS_S = (0.0, 0.05, 10.0)  # from arrival to the first bursts; the others follow the talk
ACK_DELAYS_S = (0.002, 0.035, 0.036)  # delivered at once, rendered and seen when the page has painted
MAX_JOBS = 3_000_000  # bounds the memory of a run


@dataclass(frozen=True, slots=True)
class Waits:
    """What a run showed."""

    cpu: float  # share of a core
    p50_ms: float
    p99_ms: float
    longest_ms: float
    late: float  # share of calls that had no decision within the deadline
    calls: int
    peak_cpu: float = 0.0  # of the busiest ten seconds


@dataclass(slots=True)
class Loop:
    """The one server: free again at `free_at`; `busy_s` is what it did."""

    constants: Constants
    free_at: float = 0.0
    busy_s: float = 0.0
    by_slot: dict[int, float] = field(default_factory=dict)

    def serve(self, at: float, cost_us: Callable[[float], float]) -> float:
        """Do what came at a time, whose price depends on the coldness; return when it is done."""
        took = cost_us(model.coldness(max(0.0, at - self.free_at), self.constants)) / 1e6
        start = max(at, self.free_at)
        self.busy_s += took
        self.by_slot[int(start // 10)] = self.by_slot.get(int(start // 10), 0.0) + took
        self.free_at = start + took
        return self.free_at


@dataclass(slots=True)
class Servers:
    """Some servers with one queue: the cores of a database."""

    free_at: list[float]

    def serve(self, at: float, took_s: float) -> float:
        """Return when work that came at a time is done."""
        start = max(at, heapq.heappop(self.free_at))
        heapq.heappush(self.free_at, start + took_s)
        return start + took_s


def poisson(rate: float, seconds: float, rng: Random) -> Iterator[float]:
    """Yield times of independent arrivals."""
    at = 0.0
    while rate > 0 and (at := at + rng.expovariate(rate)) < seconds:
        yield at


def blast(messages: int, response: float, window_s: float, seconds: float, rng: Random) -> Iterator[float]:
    """Yield the calls that a mailing to so many people brings: a share of them calls, most soon, fewer and fewer later.

    The curve is t/a² e^(-t/a) with a sixth of the window for a: it is highest then, and 98 % have called when the window ends.
    """
    scale = window_s / 6
    arrivals = sorted(rng.gammavariate(2.0, scale) for _ in range(round(messages * response)))
    yield from (at for at in arrivals if at < seconds)


def run(load: Load, constants: Constants, arrivals: list[float], seconds: float, rng: Random, *, client_ms: float | None = None) -> Waits:
    """Return what a node of `load.nodes` makes of calls that arrive in the cell at these times (ascending).

    Events that would come after `seconds` come at its beginning instead, so that a short run has as many of them as a long day.
    `client_ms`: what the caller's side and the network add; None: as it was measured with the constants.
    """
    node = Node(load, constants, rng)
    shape, given_up = model.shape_of(load), model.shape_of(load, "abandoned")
    for at in arrivals:
        own = rng.random() * load.nodes < 1
        if own:
            node.later(at, partial(node.call, at))
        said = shape if rng.random() < load.answered else given_up
        for number, burst in enumerate(said.bursts):
            talk_s = load.talk_s * rng.uniform(0.5, 1.5)
            offset_s = OFFSETS_S[number] if number < len(OFFSETS_S) else OFFSETS_S[-1] + talk_s
            node.later((at + offset_s) % seconds, partial(node.burst, burst, own=own))
        if len(node.jobs) > MAX_JOBS:
            raise ValueError("too much for one run: fewer seconds")
    node.work()
    store = constants.stores[load.store]
    if client_ms is None:
        client_ms = store.alone_ms - (store.call.hot + store.server_call_us) / 1000
    standing = (constants.idle_us + load.operators / load.nodes * constants.operator_us) / 1e6
    return _waits([each + client_ms / 1000 for each in node.took], node.loop, standing, seconds)


class Node:
    """One node, its database, and what is still to come."""

    def __init__(self, load: Load, constants: Constants, rng: Random) -> None:
        self.loop = Loop(constants)
        self.jobs: list[tuple[float, int, Callable[[float], None]]] = []
        self.took: list[float] = []  # seconds of each call, without its caller's side
        self._load = load
        self._constants = constants
        self._store = constants.stores[load.store]
        self._database = Servers([0.0] * model.SERVER_CORES)
        self._rng = rng
        self._serial = 0
        self._called_at = -inf  # when the last call was done

    def later(self, at: float, job: Callable[[float], None]) -> None:
        """Have a job done at a time, behind what came before it."""
        self._serial += 1
        heapq.heappush(self.jobs, (at, self._serial, job))

    def work(self) -> None:
        """Do all jobs, and those that come of them."""
        while self.jobs:
            at, _, job = heapq.heappop(self.jobs)
            job(at)

    def call(self, came_at: float, at: float) -> None:
        """Take a call in: look up here, or ask the database and go on when it has answered."""
        price_us = self._store.call.at(model.coldness(max(0.0, at - self._called_at), self._constants))
        if not self._store.server_call_us:
            self._decided(came_at, price_us, at)
            return
        asked_at = self._called_at = self.loop.serve(at, lambda _cold: price_us / 2)
        self.later(self._database.serve(asked_at, self._store.server_call_us / 1e6), partial(self._decided, came_at, price_us / 2))

    def _decided(self, came_at: float, price_us: float, at: float) -> None:
        """Do what is left of a call once all is known."""
        self._called_at = self.loop.serve(at, lambda _cold: price_us)
        self.took.append(self._called_at - came_at)

    def burst(self, burst: Burst, at: float, *, own: bool) -> None:
        """Hear what the switch says; pops go to the browsers that are here, and these answer."""
        constants, shown = self._constants, self._rng.random() * self._load.nodes < 1

        def cost_us(cold: float) -> float:
            cost = model.burst_us(burst, constants, cold, shown=0, filtered=self._load.filtered)
            cost += burst.records * self._store.record.at(cold)
            if shown:
                cost += burst.pops * constants.push.at(cold)
            if burst.pops and not own and not burst.records:  # the first pop of a call that another node decided
                cost += constants.find.at(cold)
            return cost

        done = self.loop.serve(at, cost_us)
        for delay_s in ACK_DELAYS_S * (burst.pops if shown else 0):
            self.later(done + delay_s, self.ack)

    def ack(self, at: float) -> None:
        """Take a browser's word."""
        self.loop.serve(at, self._constants.ack.at)


def _waits(took: list[float], loop: Loop, standing: float, seconds: float) -> Waits:
    took.sort()
    calls = len(took)
    return Waits(
        cpu=loop.busy_s / seconds + standing,
        p50_ms=took[calls // 2] * 1000 if took else 0.0,
        p99_ms=took[int(calls * 0.99)] * 1000 if took else 0.0,
        longest_ms=took[-1] * 1000 if took else 0.0,
        late=sum(each > DEADLINE_S for each in took) / calls if calls else 0.0,
        calls=calls,
        peak_cpu=max(loop.by_slot.values(), default=0.0) / 10 + standing,
    )


def wait_deterministic(rate: float, service_s: float) -> float:
    """Return the mean wait in a queue with one server and equal work (M/D/1). Source: Pollaczek and Khinchine."""
    load = rate * service_s
    return load * service_s / (2 * (1 - load))
