"""The measured constants of the cost model as values, and what a call makes an Asterisk say. Reads nothing: JSON comes as a mapping.

A service that slept pays more for what wakes it: the processor leaves an idle state and finds other programs' data in its caches. So work
has two prices: `hot` right behind other work, `cold` after a long sleep, and in between 1 - exp(-slept/`warm_s`) of the difference. A call
runs much that nothing else runs, so what keeps it warm are calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processor for one thing."""

    hot: float
    cold: float

    def at(self, coldness: float) -> float:
        """Return the price when this share of the work (0 to 1) finds the service asleep."""
        return self.hot + (self.cold - self.hot) * coldness


@dataclass(frozen=True, slots=True)
class StoreCosts:
    """What a call costs on a store."""

    call: Cost  # FastAGI session, look-up, decision, the first record; of the service
    record: Cost  # each later record of a call, merged and written
    server_call_us: float  # of the database's processes for one call with its record; 0: there are none
    alone_ms: float  # p50 of a call that meets nobody, asked again at once: as its caller waits, network included
    touch_bytes: float
    identifier_bytes: float
    call_bytes: float  # one record with its snapshot


@dataclass(frozen=True, slots=True)
class Constants:
    """All that was measured, on one machine."""

    idle_us: float  # a second, with nothing to do
    warm_s: float  # how slowly a service that sleeps goes cold: 63 % of the way in so long
    wake: Cost  # for each burst of events, however many come in it
    over: Cost  # an event that is read over
    member: Cost  # an event that is understood and concerns no call: QueueMemberStatus
    handled: Cost  # an event the desk takes
    made: Cost  # a pop or a revision, worded; nobody there to see it
    push: Cost  # ... and sent to one browser
    ack: Cost  # a browser's acknowledgement
    find: Cost  # a pop of a call that another node decided: its context is fetched, and a revision made
    operator_us: float  # a second, for one browser that shows nothing: pings, and the session looked after
    base_bytes: float  # of a service that has just started, without SQLite's own cache
    live_bytes: float  # of memory for one live call: at the desk, its file, and the record that waits
    browser_bytes: float  # of memory for one connected browser
    copy_bytes: float  # of Redis's memory for one identifier with one touch
    push_bytes: float  # of the network for one revision of a pop
    events_bytes: float  # of the network for one event
    stores: Mapping[str, StoreCosts]

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> Constants:
        """Return the constants in what `benchmarks/constants.json` holds. Raises KeyError for what is missing."""
        values = {field.name: _value(measured[field.name]) for field in fields(cls) if field.name != "stores"}
        stores = {
            name: StoreCosts(**{field.name: _value(store[field.name]) for field in fields(StoreCosts)})
            for name, store in measured["stores"].items()
        }
        return cls(**values, stores=stores)


def _value(found: Any) -> Any:
    return Cost(found["hot"], found["cold"]) if isinstance(found, Mapping) else float(found)


@dataclass(frozen=True, slots=True)
class Burst:
    """What an Asterisk says in one breath, and what follows from it."""

    over: int = 0
    member: int = 0
    handled: int = 0
    pops: int = 0  # pops, revisions and ends of pops
    records: int = 0  # later records of the call

    @property
    def events(self) -> int:
        """How many events these are."""
        return self.over + self.member + self.handled


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of call, from its first ring to its end, and how the events of real Asterisks come in it.

    `recording`: the file of tests/data/ami whose events these are; "": made from the others.
    """

    name: str
    bursts: tuple[Burst, ...]
    recording: str = ""

    def total(self, what: str) -> int:
        """Return the sum of a field over all bursts."""
        return sum(int(getattr(burst, what)) for burst in self.bursts)
