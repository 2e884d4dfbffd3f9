"""The model against a run it has not seen: whole calls, made by the lab's Asterisk through a real `ctiroute serve`.

Callers come at random, are asked about over FastAGI, ring an operator's phone, are answered, talk, and hang up; every operator has a
browser that acknowledges what is pushed; records are written. What the constants were measured with has no such call in it. Compared are
the service's processor time and the median time of a decision, as a caller in another process sees it. Exit code 1 when one is off by more
than 20 %.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import aiohttp

from benchmarks import model, model_queue, simulate
from benchmarks.constants_floor import Browsers, at_random, floor, heard
from benchmarks.constants_service import free, pin, serving
from benchmarks.in_turn import HERE, started
from benchmarks.load import FIRST_PHONE, PHONES
from ctiroute.lab import Behaviour, LabCall
from tests.real.ports import free_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks.constants_service import Service
    from benchmarks.model_constants import Constants
    from ctiroute.lab import Lab

WITHIN = 0.2
ANSWER_S, TALK_S = 1.0, 2.0  # of the lab's people; nothing in the model depends on them but how many are in talk at once
WARM_UP_S = 5.0
PROBES_PER_S, QUIET_S = 10.0, 15.0
SIMULATED_S = 120.0


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure."""

    what: str
    predicted: float
    measured: float
    unit: str
    binding: bool = True  # counts for the exit code

    @property
    def ratio(self) -> float:
        """Predicted by measured."""
        return self.predicted / self.measured if self.measured else 0.0

    @property
    def good(self) -> bool:
        """Say whether it is near enough."""
        return not self.binding or 1 - WITHIN <= self.ratio <= 1 + WITHIN


@dataclass(frozen=True, slots=True)
class Waited:
    """Milliseconds of probing calls, ascending."""

    service: list[float]
    floor: list[float]  # on a server that does nothing

    @property
    def over_floor(self) -> float:
        """The median that the service itself is waited for."""
        return statistics.median(self.service) - statistics.median(self.floor)


@dataclass(frozen=True, slots=True)
class Run:
    """What happened."""

    stories: list[LabCall]
    alone: Waited  # before, when nobody else called
    waited: Waited  # among the others
    cpu: float  # share of a core, of the service
    took_s: float
    operators: int
    pushes: int  # revisions of pops that came to browsers
    events: float  # that the service has read


def main(options: argparse.Namespace) -> int:
    """Run, compare, print."""
    pin()
    measured = simulate.constants()
    compared = asyncio.run(_run(options.rate, options.seconds, options.seed, measured))
    if options.json:
        print(
            json.dumps(
                [{"what": each.what, "predicted": each.predicted, "measured": each.measured, "ratio": each.ratio} for each in compared]
            )
        )
    else:
        for each in compared:
            told = "" if each.binding else "  (told, not held)" if each.good else ""
            print(
                f"{each.what:34} predicted {each.predicted:9.3f}  measured {each.measured:9.3f} {each.unit:8} ratio {each.ratio:5.2f}{told}"
            )
    return 0 if all(each.good for each in compared) else 1


async def _run(rate: float, seconds: float, seed: int, constants: Constants) -> list[Compared]:
    operators = round(rate * (ANSWER_S + TALK_S) * 2) + 10
    rng = Random(seed)  # noqa: S311 - the same callers in every run
    agi_port = free_port()
    config = floor(operators, Behaviour(answer_after_s=ANSWER_S, talk_s=TALK_S), agi_port)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        async with (
            heard(config) as lab,
            serving(Path(folder) / "check", ami_port=lab.ami_port, operators=operators, agi_port=agi_port) as service,
            Browsers(service, 0, operators) as browsers,
        ):
            ports = (service.agi_port, stack.enter_context(_floor()))
            if not await lab.listener():
                raise SystemExit("the service does not listen to the lab")
            await _calls(lab, rate, WARM_UP_S, rng)
            alone = await _probe(ports, QUIET_S, first=20_000_000)
            said, events = browsers.messages, await _events(service)
            before, began = service.cpu_s(), time.perf_counter()
            probing = asyncio.get_running_loop().create_task(_probe(ports, seconds, first=30_000_000), name="probe")
            stories = await _calls(lab, rate, seconds, rng)
            waited = await probing
            took_s = time.perf_counter() - began
            cpu = (service.cpu_s() - before) / took_s
            said, events = browsers.messages - said, await _events(service) - events
            run = Run(stories, alone, waited, cpu, took_s, operators, said, events)
    return compare(run, constants, seed)


async def _calls(lab: Lab, rate: float, seconds: float, rng: Random) -> list[LabCall]:
    """Make calls at random times; return their stories when the last has ended."""
    async with asyncio.TaskGroup() as group:
        tasks = await at_random(rate, seconds, rng, group, lambda: _call(lab, rng))
    return [task.result() for task in tasks]


async def _call(lab: Lab, rng: Random) -> LabCall:
    return await lab.call(f"+{FIRST_PHONE + rng.randrange(PHONES)}", "0800500500")


@contextmanager
def _floor() -> Iterator[int]:
    """Run a server that does nothing; yield its port."""
    with started([sys.executable, str(HERE / "servers" / "floor.py")], {}) as server:
        free(server.pid)
        yield server.port


async def _probe(ports: tuple[int, int], seconds: float, *, first: int) -> Waited:
    """Let another process call the service and the floor now and then."""
    arguments = ("--ports", *map(str, ports), "--rate", str(PROBES_PER_S), "--seconds", str(seconds), "--first", str(first))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.simulate_probe", *arguments), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("the probe failed")
    return Waited(*json.loads(told))


async def _events(service: Service) -> float:
    """Return how many events the service has read."""
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("ctiroute_ami_events_total{"))


def compare(run: Run, constants: Constants, seed: int) -> list[Compared]:
    """Return what the model says of a run beside what it was."""
    unanswered = [story for story in run.stories if not story.status or not story.answered_by]
    if unanswered:
        raise SystemExit(f"the run is no good: {len(unanswered)} of {len(run.stories)} calls had no decision, or nobody answered them")
    rate = len(run.stories) / run.took_s
    load = model.Load(rate, run.operators, filtered=False, talk_s=ANSWER_S + TALK_S)
    shape = model.shape_of(load)
    rng = Random(seed)  # noqa: S311 - as above
    arrivals = list(model_queue.poisson(rate, SIMULATED_S, rng))
    # What the probe and its sockets take of a call is the probe's own: what the floor was waited for. Nor is a caller there any more for
    # what is done behind the answer (the record, the end of the connection); how much of the work that is, calls tell when they are alone.
    store = constants.stores["sqlite"]
    cold_ms = store.call.at(model.coldness(1 / PROBES_PER_S, constants)) / 1000
    behind = 1 - run.alone.over_floor / cold_ms
    price_ms = store.call.at(model.calls_coldness(rate + PROBES_PER_S, constants)) / 1000
    client_ms = statistics.median(run.waited.floor) - behind * price_ms
    waits = model_queue.run(load, constants, arrivals, SIMULATED_S, rng, client_ms=client_ms)
    waited = run.waited.service
    probes = len(waited) / run.took_s * price_ms / 10
    return [
        Compared("processor, by the formulas", model.demand(load, constants).cpu * 100 + probes, run.cpu * 100, "% core"),
        Compared("processor, simulated", waits.cpu * 100 + probes, run.cpu * 100, "% core"),
        Compared("decision p50", waits.p50_ms, statistics.median(waited), "ms"),
        Compared("decision p99", waits.p99_ms, waited[int(len(waited) * 0.99)], "ms", binding=False),
        Compared("events a call", sum(burst.events for burst in shape.bursts), run.events / len(run.stories), "", binding=False),
        Compared("revisions a call", shape.total("pops"), run.pushes / len(run.stories), "", binding=False),
    ]
