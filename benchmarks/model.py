"""What a load asks of nodes, store and switch, from measured constants alone: processor, memory, disk, connections, and what ends first.

Pure: no clock, no files, no randomness. `model_queue.py` says how long callers wait on a node that is loaded so.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp
from typing import TYPE_CHECKING

from benchmarks import model_shapes

if TYPE_CHECKING:
    from benchmarks.model_constants import Burst, Constants, Shape

# Bounds that stand in the code; a test holds them equal to it.
DESK_CALLS = 20_000  # desk.live.MAX_CALLS; beyond, the oldest quiet ones are forgotten
CALL_FILES = 10_000  # app.call_files.MAX_FILES
AMI_QUEUED = 20_000  # connectors.asterisk.ami_connection.MAX_QUEUED
RECORDS_WAITING = 50_000  # app.recorder.MAX_WAITING
RECORDS_PER_S = 4_000  # app.recorder: BATCH of 2,000 every LINGER_S of 0.5 s
KEEP_ENDED_S = 600  # desk.live.KEEP_ENDED
POSTGRES_LINKS = 12  # connections of a node to PostgreSQL, at most: store.postgres.ways, LOOK_UP_LINKS and OTHER_LINKS
REDIS_LINKS = 3  # connections of a node to Redis: for calls, for all other work, for news
ACKS = 3  # a browser in front of somebody: delivered, rendered, seen
PING_S = 20.0  # frontend/src/link.ts

# What is taken for granted, not measured: other people's machines.
BUSY = 0.6  # share of a core up to which a node is planned: bursts double a busy minute, and one node must carry a dead one's calls
DISK_READ_MS = 0.1  # one random read of a solid-state disk
DISK_READS = 6  # of a look-up that finds nothing in memory: two indices and two rows, the upper levels known
ASTERISK_CALLS = 2_000  # live calls one Asterisk carries
SERVER_CORES = 8  # of PostgreSQL's machine
CACHE_BYTES = 64e9  # memory of the machine for the store's file
ONE_FILE_BYTES = 500e9  # up to which a single file is backed up in a night


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of one store and its nodes."""

    calls_per_s: float
    operators: int
    store: str = "sqlite"
    touches: float = 1e6
    identifiers: float = 0  # 0: one for every ten touches
    nodes: int = 1
    shape: str = "queue"
    queues: int = 1  # of which each phone is a member
    filtered: bool = True  # the shipped eventfilter is in manager.conf: nothing comes that is read over
    talk_s: float = 180.0  # an operator's time for a call, wrap-up included
    patience_s: float = 60.0  # of a caller whom nobody answers
    calls_kept_days: float = 365.0
    duty: float = 0.25  # share of the day at this rate, for what is kept

    @property
    def answered(self) -> float:
        """The share of calls for which there is an operator: no more than they can talk to."""
        return min(1.0, self.operators / (self.calls_per_s * self.talk_s)) if self.calls_per_s else 1.0

    @property
    def live_calls(self) -> float:
        """Calls at one moment. Source: Little's law."""
        return self.calls_per_s * (self.answered * (self.talk_s + 10.0) + (1 - self.answered) * self.patience_s)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a load asks for. Of one node, unless it says otherwise."""

    cpu: float  # share of one core: Python runs on one
    hearing: float  # the part of it that is the same on every node, however many there are
    coldness: float  # of what is heard
    server_cpu: float  # cores of the store's server, by all nodes
    memory_bytes: float
    disk_bytes: float  # of the store
    events_per_s: float  # of all Asterisks, heard by every node
    records_per_s: float
    network_bytes_per_s: float
    live_calls: float
    asterisks: int
    postgres_connections: int  # of all nodes
    redis_connections: int  # the same, where there is a Redis
    ami_connections: int  # the same
    websockets: int


def shape_of(load: Load, name: str = "") -> Shape:
    """Return what an Asterisk says of one call."""
    return model_shapes.SHAPES[name or load.shape](queues=load.queues)


def coldness(slept_s: float, constants: Constants) -> float:
    """Return how cold a service is that slept so long: from 0, at work, to 1."""
    return 1 - exp(-slept_s / constants.warm_s)


def mean_coldness(wakes_per_s: float, constants: Constants) -> float:
    """Return the average over wakes that come independently of each other: of `coldness` over exponential pauses."""
    return 1 / (1 + wakes_per_s * constants.warm_s)


def burst_us(burst: Burst, constants: Constants, cold: float, *, shown: float, filtered: bool) -> float:
    """Return what one burst costs a node; `shown`: the share of its pops that a browser of this node shows."""
    over = 0 if filtered else burst.over
    if not over + burst.member + burst.handled:
        return 0.0
    cost = constants.wake.at(cold)
    for kind, count in ((constants.over, over), (constants.member, burst.member), (constants.handled, burst.handled)):
        if count:  # the first of a kind may be cold; those behind it are not
            cost += kind.at(cold) + (count - 1) * kind.hot
    if burst.pops:
        cost += constants.made.at(cold) + (burst.pops - 1) * constants.made.hot
        cost += burst.pops * shown * (constants.push.at(cold) + ACKS * constants.ack.at(cold))
    return cost


def calls_coldness(calls_per_s: float, constants: Constants) -> float:
    """Return how cold a node is for calls on average: it runs for them what it runs for nothing else, so only calls keep it warm."""
    return mean_coldness(calls_per_s, constants)


def call_us(load: Load, constants: Constants) -> tuple[float, float]:
    """Return (own, heard): what a call costs the node that decides it, and what it costs every node, in microseconds."""
    store = constants.stores[load.store]
    cold = mean_coldness(wakes_per_s(load), constants)
    shown = 1 / load.nodes
    heard = (1 - shown) * constants.find.at(cold)  # a node that did not decide a call fetches its context for the first pop
    for share, shape in ((load.answered, shape_of(load)), (1 - load.answered, shape_of(load, "abandoned"))):
        if share:
            heard += share * sum(burst_us(burst, constants, cold, shown=shown, filtered=load.filtered) for burst in shape.bursts)
            # Every node writes the same record of what it heard: an upsert.
            heard += share * shape.total("records") * store.record.at(cold)
    return store.call.at(calls_coldness(load.calls_per_s / load.nodes, constants)), heard


def wakes_per_s(load: Load) -> float:
    """Return how often a node is woken: by its calls, by all bursts, by its browsers."""
    shape = shape_of(load)
    pushes = shape.total("pops") * ACKS / load.nodes
    return load.calls_per_s * (1 / load.nodes + len(shape.bursts) + pushes) + load.operators / load.nodes / PING_S


def demand(load: Load, constants: Constants) -> Demand:
    """Return what a load asks for."""
    store = constants.stores[load.store]
    own, heard = call_us(load, constants)
    browsers = load.operators / load.nodes
    standing = constants.idle_us + browsers * constants.operator_us
    shape = shape_of(load)
    events = sum(burst.events - (burst.over if load.filtered else 0) for burst in shape.bursts)
    records = shape.total("records") + 1
    remembered = min(load.live_calls + load.calls_per_s * KEEP_ENDED_S, DESK_CALLS)
    identifiers = load.identifiers or load.touches / 10
    kept = load.calls_per_s * 86_400 * load.duty * load.calls_kept_days
    asterisks = max(1, ceil(load.live_calls / ASTERISK_CALLS))
    return Demand(
        cpu=(load.calls_per_s / load.nodes * own + load.calls_per_s * heard + standing) / 1e6,
        hearing=load.calls_per_s * heard / 1e6,
        coldness=mean_coldness(wakes_per_s(load), constants),
        server_cpu=load.calls_per_s * store.server_call_us / 1e6,
        memory_bytes=constants.base_bytes + remembered * constants.live_bytes + browsers * constants.browser_bytes,
        disk_bytes=load.touches * store.touch_bytes + identifiers * store.identifier_bytes + kept * store.call_bytes,
        events_per_s=load.calls_per_s * events,
        records_per_s=load.calls_per_s * (1 / load.nodes + records - 1),
        network_bytes_per_s=load.calls_per_s * (events * constants.events_bytes + shape.total("pops") * constants.push_bytes / load.nodes),
        live_calls=load.live_calls,
        asterisks=asterisks,
        postgres_connections=0 if load.store == "sqlite" else POSTGRES_LINKS * load.nodes,
        redis_connections=0 if load.store == "sqlite" else REDIS_LINKS * load.nodes,
        ami_connections=asterisks * load.nodes,
        websockets=load.operators,
    )
