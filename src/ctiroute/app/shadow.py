"""Rules on trial: a candidate that is asked about every call after the live rules have answered, and never acts.

A call costs the call path one append to a bounded queue. Candidate and live rules are asked again from there, both on the same facts, so
that a difference is one of the rules and not of the moment. Whatever is wrong with the candidate (files that cannot be read, a rule that
fails, too many calls) stops at this door: it is counted and said, and costs no call anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from ctiroute.app.hidden import HiddenFactError
from ctiroute.app.replay import Judge
from ctiroute.app.replay_tally import OTHERS, difference, in_words, masked
from ctiroute.app.rule_files import read_rules, signature
from ctiroute.app.seen import Seen
from ctiroute.errors import ConfigurationError, StoreError
from ctiroute.model import ShadowReport, Status
from ctiroute.web.api.rules_found import Kind, Pair, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from prometheus_client import CollectorRegistry

    from ctiroute.engine.router import Ledger
    from ctiroute.model import CallerContext, Decision, Operator, QueueState, RouteRequest
    from ctiroute.rules import Needs, Ruleset
    from ctiroute.store.base import Store

log = logging.getLogger(__name__)

MAX_WAITING = 1000  # calls; a burst of some seconds, and not enough to weigh
AT_ONCE = 20  # calls asked about before callers get their turn again: under a ms
MAX_PAIRS = 200  # of rules told apart; the rest is counted together
SAMPLES = 3  # calls shown of each pair: the latest
LOOK_S = 2.0  # how often the files are looked at
TELL_S = 10.0  # how often the store is told
_BY_RULES = frozenset({Status.ROUTED, Status.DEFAULT})


class _FloorState(Protocol):
    def __call__(self, pbx: str, needs: Needs) -> tuple[Mapping[str, QueueState], Collection[str] | None]:
        """Return the queues in `needs` as they stand on a switch, and whose phone could ring now when that is in it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was learnt of one candidate beside one version of the live rules, by one run of one node."""

    candidate: str  # version; "" while none could be read
    live: str
    since: datetime  # aware, UTC: when the two were first asked together
    fault: str  # why the files on disk are not the candidate asked; "" when they are
    calls: dict[str, int]  # same, moved, shown otherwise, renamed, unjudged, failed, dropped -> how many
    pairs: tuple[Pair, ...]  # most calls first


@dataclass(slots=True)
class _Cell:
    kinds: Counter[str] = field(default_factory=Counter)
    samples: deque[tuple[Sample, str, str]] = field(default_factory=lambda: deque(maxlen=SAMPLES))


class Shadow:
    """The candidate of one node."""

    def __init__(
        self,
        path: Path,
        store: Store,
        metrics: ShadowMetrics,
        name: str,
        clock: Callable[[], datetime],
        live: Callable[[str], Ruleset | None],
        operators: Callable[[], Mapping[str, Operator]],
        state: _FloorState | None = None,
    ) -> None:
        """`name` is the node's; `live` returns the rules of a version; `state` is None where no switch is heard."""
        self.fault = "not read yet"
        self._path, self._store, self._metrics, self._name, self._clock = path, store, metrics, name, clock
        self._live, self._operators, self._state = live, operators, state
        self._candidate: Ruleset | None = None
        self._print: object = None  # of the files that were read last
        self._reading = asyncio.Lock()  # whoever asks meanwhile hears what comes of it
        self._waiting: deque[tuple[Decision, Seen]] = deque()
        self._some = asyncio.Event()
        self._runs = 0
        self._versions = ("", "")  # (candidate, live) that the counts are of
        self._since = clock()
        self._calls: Counter[str] = Counter()
        self._pairs: dict[tuple[str, str], _Cell] = {}
        self._untold = True

    def ask(self, context: CallerContext, decision: Decision) -> None:
        """Take a call that was decided; it is asked about later. Never raises, never waits."""
        if decision.status not in _BY_RULES or context.request.is_trial:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._count("dropped")
            return
        try:
            queues, available = decision.queues, decision.available
            if self._state is not None and self._candidate is not None:  # it may ask for more than the rules in use did
                known, free = self._state(context.request.pbx, self._candidate.needs)
                queues = (*queues, *(state for name, state in known.items() if all(name != seen.queue for seen in queues)))
                available = available if free is None else (*(available or ()), *free)
            self._waiting.append((decision, Seen(context, queues, None if available is None else frozenset(available))))
            self._some.set()
        except Exception:  # what is only tried out may cost no call its answer
            log.exception("the rules on trial could not take note of %s", context.request.call_id)

    async def run(self) -> None:
        """Follow the files, ask, and tell the store, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="shadow: its files")
            group.create_task(self._answer(), name="shadow: its calls")
            group.create_task(self._tell_again(), name="shadow: what it learnt")

    async def tell(self) -> None:
        """Tell the store what was learnt. Raises nothing of the store's."""
        if not self._untold:
            return
        self._untold = False
        report = ShadowReport(f"{self._name}/{self._runs}", self._clock(), msgspec.json.encode(self.findings()))
        try:
            await self._store.put_shadow_report(report)
        except StoreError as error:
            self._untold = True
            log.warning("what the rules on trial would do differently cannot be kept: %s", error)

    def findings(self) -> Findings:
        """Return what was learnt since these two versions met."""
        ordered = sorted(self._pairs.items(), key=lambda item: -item[1].kinds.total())
        return Findings(
            candidate=self._versions[0],
            live=self._versions[1],
            since=self._since,
            fault=self.fault,
            calls=dict(self._calls),
            pairs=tuple(Pair(*names, dict(cell.kinds), tuple(cell.samples)) for names, cell in ordered),
        )

    async def read(self) -> None:
        """Read the candidate's files if they have changed. One with a mistake leaves the candidate before it, and says so."""
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        printed = await asyncio.to_thread(signature, self._path)
        if printed == self._print and self._print is not None:
            return
        self._print = printed
        try:
            self._candidate = await asyncio.to_thread(read_rules, self._path)
        except ConfigurationError as error:
            self._say(f"{error.faults[0]}" + (f" (and {len(error.faults) - 1} more)" if len(error.faults) > 1 else ""))
        except Exception as error:  # it is tried again when a file changes; the calls go on
            log.exception("the rules on trial could not be read")
            self._say(repr(error))
        else:
            self.fault = ""
            log.info("rules %s are on trial: %d rules", self._candidate.version, len(self._candidate.rules))
        self._metrics.good.set(not self.fault)
        self._untold = True

    def _say(self, fault: str) -> None:
        self.fault = fault
        log.warning("rules on trial cannot be used: %s", fault)

    async def _follow(self) -> None:
        while True:
            await self.read()
            await asyncio.sleep(LOOK_S)

    async def _answer(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                for _ in range(min(AT_ONCE, len(self._waiting))):
                    self._judge(*self._waiting.popleft())
                await asyncio.sleep(0)

    async def _tell_again(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            await self.tell()

    def _judge(self, decision: Decision, seen: Seen) -> None:
        candidate, live = self._candidate, self._live(decision.ruleset_version)
        if candidate is None or live is None:
            self._count("unjudged")
            return
        if self._versions != (candidate.version, live.version):
            self._begin(candidate.version, live.version)
        operators = self._operators()
        try:
            after = Judge(candidate, operators).decide(seen)
            kind = difference(decision, after)
            if kind is not None:  # perhaps only because a moment has passed: ask the live rules on the very same facts
                before = Judge(live, operators).decide(seen)
                kind = difference(before, after)
                if kind is not None:
                    self._differ(kind, seen.context.request, before, after)
            self._count(kind.value if kind is not None else "same")
        except HiddenFactError:
            self._count("unjudged")
        except Exception:
            log.exception("the rules on trial could not be asked about %s", seen.context.request.call_id)
            self._count("failed")

    def _begin(self, candidate: str, live: str) -> None:
        """Count anew: what was learnt of other versions stays in the store, under its own run."""
        self._versions, self._since = (candidate, live), self._clock()
        self._runs += 1
        self._calls.clear()
        self._pairs.clear()

    def _differ(self, kind: Kind, request: RouteRequest, before: Decision, after: Decision) -> None:
        names = before.rule or "default", after.rule or "default"
        if names not in self._pairs and len(self._pairs) >= MAX_PAIRS:
            names = OTHERS, OTHERS
        cell = self._pairs.setdefault(names, _Cell())
        cell.kinds[kind.value] += 1
        sample = Sample(request.call_id, request.received_at, masked(request.caller))
        cell.samples.append((sample, in_words(before.destination), in_words(after.destination)))

    def _count(self, result: str) -> None:
        self._calls[result] += 1
        self._metrics.calls.labels(result.replace(" ", "_")).inc()
        self._untold = True


class ShadowMetrics:
    """What is counted of rules on trial; there also where there are none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Metric("ctiroute_shadow_calls", "Calls that the rules on trial were asked about", ["result"], registry=registry)
        self.good = Gauge("ctiroute_shadow_good", "1: the rules on trial are those of the files on disk", registry=registry)


class Overheard:
    """A ledger that lets a shadow hear what the real one is told."""

    def __init__(self, ledger: Ledger, shadow: Shadow) -> None:
        self._ledger, self._shadow = ledger, shadow

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Pass a decision on."""
        self._ledger.decided(context, decision, took_ms)
        self._shadow.ask(context, decision)

    def completed(self, context: CallerContext) -> None:
        """Pass a completed context on."""
        self._ledger.completed(context)

    def abandoned(self, request: RouteRequest) -> None:
        """Pass on that a caller left."""
        self._ledger.abandoned(request)
