"""The runs behind the constants: one kind of work at a time, at a steady pace, and what the service's processor says to it.

A pace decides how cold the service is (`model.coldness`), so each kind is run at a slow and at a quick one, and the prices hot and cold
follow from the two.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from math import exp
from typing import TYPE_CHECKING, Any

from benchmarks import load
from benchmarks.constants_floor import STAGES, Browsers, Callers, Script, floor, heard
from benchmarks.constants_service import Service, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ctiroute.lab.channels import Channel

    Job = Callable[[], Awaitable[object] | None]

Figures = dict[str, Any]

SLOW_S, QUICK_S = 0.02, 0.002  # between two pieces of work
RUN_S = 0.8
SETTLE_S = 0.8  # until a record that lingers is written
MANY = 9  # events in the longer of two bursts
LIVE = 2_000  # calls in the run about memory
STANDING_S = 18.5  # holds a websocket ping, and four looks at the session
LEAST = 0.6
BLOCK = 12  # calls whose phones ring side by side
PAUSES_S = (0.001, 0.0015, 0.002, 0.003, 0.005, 0.008, 0.02)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run, by piece of work."""

    us: float  # of the service's processor, with what it costs anyway taken off
    pause_s: float  # between two
    server_us: float = 0.0  # of the database's


class Meter:
    """Measures runs against one service."""

    def __init__(self, service: Service, repeat: int) -> None:
        self.service = service
        self.repeat = repeat
        self.idle_us = 0.0  # a second

    async def standing(self, seconds: float) -> float:
        """Return the microseconds of processor a second without work."""
        before, began = self.service.cpu_s(), time.perf_counter()
        await asyncio.sleep(seconds)
        return (self.service.cpu_s() - before) / (time.perf_counter() - began) * 1e6

    async def run(self, job: Job, pause_s: float, *, settle_s: float = 0.0) -> Ran:
        """Return the median of several runs of `job`, one every `pause_s`; `settle_s`: what follows from it takes so long."""
        runs = []
        for _ in range(self.repeat):
            await asyncio.sleep(0.1)
            before, server_before, began = self.service.cpu_s(), self.service.server_cpu_s(), time.perf_counter()
            done, took_s = await every(job, pause_s, RUN_S)
            await asyncio.sleep(settle_s)
            used = (self.service.cpu_s() - before) * 1e6 - (time.perf_counter() - began) * self.idle_us
            server = (self.service.server_cpu_s() - server_before) * 1e6
            runs.append(Ran(used / done, took_s / done, server / done))
        return _usual(runs)


def _usual(runs: Sequence[Ran]) -> Ran:
    """Return the median: a service is asked in the machine's usual minutes, not in its best one."""
    return sorted(runs, key=lambda ran: ran.us)[len(runs) // 2]


async def every(job: Job, pause_s: float, seconds: float) -> tuple[int, float]:
    """Do a piece of work every `pause_s`; return how often, and the seconds it took."""
    began = due = time.perf_counter()
    done = 0
    while due < began + seconds:
        due += pause_s
        left = due - time.perf_counter()
        if left > 0.004:
            await asyncio.sleep(left - 0.002)  # loops round to whole milliseconds
        left = due - time.perf_counter()
        if left > 0:
            time.sleep(left)  # noqa: ASYNC251 - for the rest of a millisecond or two nobody else has work here
        waiting = job()
        if waiting is not None:
            await waiting
        else:
            await asyncio.sleep(0)
        done += 1
    return done, time.perf_counter() - began


def prices(slow: Ran, quick: Ran, warm_s: float, taken_off: Callable[[float], float] = lambda _cold: 0.0) -> dict[str, float]:
    """Return hot and cold price of what two runs have in common; `taken_off`: what else they did, at a coldness.

    Hot is beyond the quicker run, so it is guessed on from the two; at most down to `LEAST` of the quicker one's price.
    """
    a, b = _coldness(slow.pause_s, warm_s), _coldness(quick.pause_s, warm_s)
    slow_us, quick_us = slow.us - taken_off(a), quick.us - taken_off(b)
    quick_us = max(1.0, quick_us)
    rise = max(0.0, (slow_us - quick_us) / (a - b))
    rise = min(rise, quick_us * (1 - LEAST) / max(b, 0.01))
    hot = quick_us - rise * b
    return {"hot": round(hot, 1), "cold": round(hot + rise, 1)}


def at(price: Mapping[str, float], cold: float) -> float:
    """Return a price at a coldness."""
    return price["hot"] + (price["cold"] - price["hot"]) * cold


def _coldness(pause_s: float, warm_s: float) -> float:
    return 1 - exp(-pause_s / warm_s)


def fit(runs: Iterable[Ran]) -> tuple[float, float, float]:
    """Return (hot, cold, warm_s) for which hot + (cold - hot) (1 - exp(-pause/warm_s)) is nearest to runs at several pauses."""
    runs = list(runs)

    def line(warm_s: float) -> tuple[float, float, float, float]:
        xs = [_coldness(ran.pause_s, warm_s) for ran in runs]
        x, y = sum(xs) / len(xs), sum(ran.us for ran in runs) / len(runs)
        slope = sum((a - x) * (ran.us - y) for a, ran in zip(xs, runs, strict=True)) / sum((a - x) ** 2 for a in xs)
        hot = y - slope * x
        return sum((hot + slope * a - ran.us) ** 2 for a, ran in zip(xs, runs, strict=True)), hot, hot + slope, warm_s

    _, hot, cold, warm_s = min(line(step / 10_000) for step in range(10, 61))
    return hot, cold, warm_s


async def embedded(folder: Path, operators: int, repeat: int, record: dict[str, float]) -> tuple[Figures, Figures]:
    """Return (general, of the store) constants, measured on a node with the embedded store; `record`: what writing a record costs it."""
    async with (
        heard(floor(operators)) as lab,
        serving(folder, ami_port=lab.ami_port, operators=operators) as service,
    ):
        if not await lab.listener():
            raise SystemExit("the service does not listen to the simulated Asterisk")
        await asyncio.sleep(1)
        meter, script, general = Meter(service, repeat), Script(lab), Figures()
        callers = Callers(service.agi_port)
        general["base_bytes"] = service.rss()
        general |= await _memory(service, script)
        meter.idle_us = general["idle_us"] = round(await meter.standing(2.0), 1)
        general |= await _events(meter, script, callers)
        of_store = await store(meter, general)
        general |= await _pops(meter, script, callers, general | {"record": record}, operators)
        return general, of_store


async def across(folder: Path, url: str, server_pid: int, general: Figures, repeat: int) -> Figures:
    """Return the constants of a store across a network, whose server is the process `server_pid`."""
    async with heard(floor(1)) as lab, serving(folder, store_url=url, ami_port=lab.ami_port, server_pids=(server_pid,)) as service:
        if not await lab.listener():
            raise SystemExit("the service does not listen to the simulated Asterisk")
        meter = Meter(service, repeat)
        meter.idle_us = await meter.standing(2.0)
        return await store(meter, general)


async def _memory(service: Service, script: Script) -> Figures:
    """Return the bytes of a live call. All are of one caller, so that the store's cache of pages stays as it is."""
    callers = Callers(service.agi_port, first=7_000_000, phones=1)
    for _ in range(LIVE // 4):
        script.caller(await callers.call())
    await asyncio.sleep(1)
    before = service.rss()
    for _ in range(LIVE):
        script.caller(await callers.call())
    await asyncio.sleep(1)
    figures = {"live_bytes": round((service.rss() - before) / LIVE)}
    say("memory", figures)
    return figures


async def _events(meter: Meter, script: Script, callers: Callers) -> Figures:
    """Events: what wakes the service, what is read over, what is understood."""
    runs = [await meter.run(script.passed_over, pause_s) for pause_s in PAUSES_S]
    hot, cold, warm_s = fit(runs)
    figures: Figures = {"warm_s": warm_s}
    say("events by pause", {f"{ran.pause_s * 1000:.1f} ms": round(ran.us) for ran in runs} | figures)
    caller = script.caller(await callers.call())
    quick = next(ran for ran in runs if ran.pause_s >= QUICK_S * 0.99)
    many = await meter.run(_times(script.passed_over, MANY), QUICK_S)
    over = max(1.0, (many.us - quick.us) / (MANY - 1))
    figures["over"] = {"hot": round(over, 1), "cold": round(over, 1)}
    wake = figures["wake"] = {"hot": round(max(over, hot - over), 1), "cold": round(cold - over, 1)}
    for name, job, events in (("member", script.member, 1), ("handled", lambda: script.handled(caller), 2)):
        one = await meter.run(job, QUICK_S)
        many = await meter.run(_times(job, MANY), QUICK_S)
        slow = await meter.run(job, SLOW_S)
        price = (many.us - one.us) / (MANY - 1) / events
        first = slow.us - at(wake, _coldness(slow.pause_s, warm_s)) - (events - 1) * price
        figures[name] = {"hot": round(price, 1), "cold": round(max(price, first), 1)}
    say("events", figures)
    return figures


def _times(job: Callable[[], None], number: int) -> Callable[[], None]:
    def many() -> None:
        for _ in range(number):
            job()

    return many


async def store(meter: Meter, general: Figures) -> Figures:
    """Run calls on one store."""
    warm_s = general["warm_s"]
    callers = Callers(meter.service.agi_port)
    await every(callers.call, QUICK_S, RUN_S)  # warms caches
    slow = await meter.run(callers.call, SLOW_S, settle_s=SETTLE_S)
    alone_ms, quick = await _at_once(meter)
    figures: Figures = {"call": prices(slow, quick, warm_s), "alone_ms": round(alone_ms, 3), "server_call_us": round(quick.server_us, 1)}
    say("calls", figures)
    return figures


async def _at_once(meter: Meter) -> tuple[float, Ran]:
    """Return (p50 in ms, cost) of calls one behind the other."""
    runs: list[Ran] = []
    waited: list[float] = []
    for _ in range(meter.repeat):
        before, server, began = meter.service.cpu_s(), meter.service.server_cpu_s(), time.perf_counter()
        figures = await load.run("127.0.0.1", meter.service.agi_port, "route", 1, RUN_S, load.PHONES)
        await asyncio.sleep(SETTLE_S)
        wall, calls = time.perf_counter() - began, figures["calls"]
        used = (meter.service.cpu_s() - before) * 1e6 - wall * meter.idle_us
        ran = Ran(used / calls, max(0.0, RUN_S / calls - used / calls / 1e6), (meter.service.server_cpu_s() - server) * 1e6 / calls)
        runs.append(ran)
        waited.append(figures["p50_ms"])
    return statistics.median(waited), _usual(runs)


async def _pops(meter: Meter, script: Script, callers: Callers, general: Figures, operators: int) -> Figures:
    """Pops: made with nobody there, fetched, pushed to a browser, acknowledged; and browsers that show nothing."""
    warm_s, figures = general["warm_s"], Figures()
    events, records = 5 / 3, 1 / 3  # of a burst: three events for a ring, one for an answer, with a record, one for an end

    def rest(cold: float) -> float:
        heard: float = at(general["wake"], cold) + at(general["handled"], cold) + (events - 1) * general["handled"]["hot"]
        return heard + records * at(general["record"], cold)

    async def both() -> tuple[Ran, Ran]:
        ran = []
        for pause_s in (SLOW_S, QUICK_S * 2):
            known = [script.caller(await callers.call()) for _ in range(int(meter.repeat * RUN_S / pause_s / 3) + BLOCK)]
            await asyncio.sleep(1.5)  # their records are written
            cycles = _cycles(script, known)
            ran.append(await meter.run(partial(next, cycles), pause_s, settle_s=SETTLE_S))
        return ran[0], ran[1]

    made = await both()
    figures["made"] = prices(*made, warm_s, rest)
    # Strangers ring as known callers do, and their own channel is announced in the same burst: what they cost more is the search.
    ringing = int(meter.repeat * RUN_S * (1 / SLOW_S + 1 / (QUICK_S * 2))) + 10
    rings = _rings(script, [script.caller(await callers.call()) for _ in range(ringing)])
    await asyncio.sleep(1.5)
    strangers = _strangers(script)
    known = prices(await meter.run(partial(next, rings), SLOW_S), await meter.run(partial(next, rings), QUICK_S * 2), warm_s)
    found = await meter.run(partial(next, strangers), SLOW_S), await meter.run(partial(next, strangers), QUICK_S * 2)
    figures["find"] = prices(*found, warm_s, lambda cold: at(known, cold) + general["handled"]["hot"])
    await asyncio.sleep(SETTLE_S)
    before = meter.service.rss()
    async with Browsers(meter.service, 0, operators, ()) as browsers:
        figures["browser_bytes"] = round((meter.service.rss() - before) / operators)
        idle_us = meter.idle_us
        meter.idle_us = await meter.standing(STANDING_S / 2)
        figures["operator_us"] = round((meter.idle_us - idle_us) / operators, 1)
        pushed = await both()
        figures["push"] = prices(*pushed, warm_s, lambda cold: rest(cold) + at(figures["made"], cold))
        figures["push_bytes"] = round(browsers.bytes / max(1, browsers.messages))
        browsers.stages = STAGES
        acked = await both()
        per_push = len(STAGES)
        slow, quick = (Ran((a.us - p.us) / per_push, p.pause_s) for a, p in zip(acked, pushed, strict=True))
        figures["ack"] = prices(slow, quick, warm_s)
        meter.idle_us = idle_us
    say("pops", figures)
    return figures


def _cycles(script: Script, known: list[Channel]) -> Iterator[None]:
    """Ring, answer and end each call once: a step each time it is asked, and between two of a call some of other calls."""
    for start in range(0, len(known), BLOCK):
        callers = known[start : start + BLOCK]
        legs = []
        for caller in callers:
            legs.append(script.ring(caller))
            yield None
        for caller, leg in zip(callers, legs, strict=True):
            script.answered(caller, leg)
            yield None
        for leg in legs:
            script.end(leg)
            yield None


def _rings(script: Script, known: list[Channel]) -> Iterator[None]:
    """Ring for calls that this node decided."""
    for caller in known:
        script.ring(caller)
        yield None


def _strangers(script: Script) -> Iterator[None]:
    """Ring for calls that nobody asked this node about."""
    for number in itertools.count():
        script.ring(script.caller(f"1764000001.{number}"))
        yield None


def say(what: str, figures: Figures) -> None:
    """Tell how far it got."""
    sys.stderr.write(f"{what}: {figures}\n")
