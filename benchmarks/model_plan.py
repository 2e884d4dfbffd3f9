"""What ends first under a load, and how many nodes and cells it wants. Pure, like `model.py`.

A cell is a group of nodes with its own Asterisks and one store: its nodes hear its own calls and no others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from benchmarks import model
from benchmarks.model import Load

if TYPE_CHECKING:
    from benchmarks.model_constants import Constants

MAX_NODES = 64  # of a cell; hearing ends it long before


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that can end. `used`: 1.0 is the end; `at_calls_per_s`: where that is, everything else unchanged; None: not by calls."""

    name: str
    used: float
    at_calls_per_s: float | None
    remedy: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How many of what carries a load."""

    cells: int
    nodes: int  # of each cell, the one more that may die included
    load: Load  # of one cell, on the nodes that must carry it


def limits(load: Load, constants: Constants) -> list[Limit]:
    """Return everything that can end, the first to end first."""
    asked = model.demand(load, constants)
    store = constants.stores[load.store]
    rate = load.calls_per_s
    identifiers = load.identifiers or load.touches / 10
    outreach = load.touches * store.touch_bytes + identifiers * store.identifier_bytes
    hall, files = load.live_calls, load.live_calls / load.nodes
    found = [
        _by_rate("operators", rate * load.talk_s / max(1, load.operators), rate, "more operators, or fewer messages a minute"),
        _by_rate("processor of a node", asked.cpu / model.BUSY, rate, "more nodes"),
        _by_rate("hearing, the same on every node", asked.hearing / model.BUSY, rate, "another cell: more nodes do not help"),
        _by_rate("live calls at a desk", hall / model.DESK_CALLS, rate, "another cell: every desk keeps all of them"),
        _by_rate("ended calls kept for notes", remembered(load) / model.DESK_CALLS, rate, "notes close before 10 minutes; another cell"),
        _by_rate("live calls with their file", files / model.CALL_FILES, rate, "files are read from the store again; more nodes"),
        _by_rate("live calls of one Asterisk", hall / model.ASTERISK_CALLS, rate, "more Asterisks"),
        _by_rate("records written", asked.records_per_s / model.RECORDS_PER_S, rate, "more nodes; another cell"),
        _by_rate("manager events waiting", asked.events_per_s / model.AMI_QUEUED, rate, "another cell"),
    ]
    if load.store == "sqlite":
        missing = max(0.0, 1 - model.CACHE_BYTES / outreach) if outreach else 0.0
        reading = rate * missing * model.DISK_READS * model.DISK_READ_MS / 1000
        found += [
            Limit("nodes on one file", float(load.nodes > 1) * load.nodes, None, "PostgreSQL: an embedded store serves one node"),
            _by_rate("look-ups that wait for the disk", (reading + asked.cpu) / model.BUSY if missing else 0.0, rate, "PostgreSQL"),
            Limit("store's file", asked.disk_bytes / model.ONE_FILE_BYTES, None, "PostgreSQL, whose partitions are dropped, not emptied"),
        ]
    else:
        found += [
            _by_rate(
                "processor of PostgreSQL", asked.server_cpu / (model.SERVER_CORES * model.BUSY), rate, "a larger server; another cell"
            ),
            Limit("touches in PostgreSQL", outreach / (8 * model.ONE_FILE_BYTES), None, "shorter retention; another cell"),
        ]
    return sorted(found, key=lambda limit: limit.used, reverse=True)


def remembered(load: Load) -> float:
    """Return the calls that a desk would keep if it had room: the live ones, and those that ended so lately that notes are taken."""
    return load.live_calls + load.calls_per_s * model.KEEP_ENDED_S


def carries(load: Load, constants: Constants) -> bool:
    """Say whether the nodes of a cell carry a load: within the share of a core they are planned to, and with room for all live calls."""
    return model.demand(load, constants).cpu <= model.BUSY and load.live_calls <= model.DESK_CALLS


def _by_rate(name: str, used: float, rate: float, remedy: str) -> Limit:
    return Limit(name, used, rate / used if used else None, remedy)


def plan(load: Load, constants: Constants) -> Plan:
    """Return the fewest nodes that carry a load with one of them dead, in as few cells as that takes."""
    for cells in range(1, 1025):
        share = replace(load, calls_per_s=load.calls_per_s / cells, operators=ceil(load.operators / cells), touches=load.touches / cells)
        for nodes in range(1, 2 if load.store == "sqlite" else MAX_NODES):
            carried = replace(share, nodes=nodes)
            if carries(carried, constants):
                return Plan(cells, nodes if load.store == "sqlite" else nodes + 1, carried)
    raise ValueError("no number of cells carries this: the operators or the calls of one are too much for a node")
