"""Predicts what a load does to ctiroute: processor, latency, memory, disk, what ends first, and how many nodes it wants.

    python -m benchmarks.simulate --calls-per-s 100 --operators 200 --store postgresql --touches 1e9
    python -m benchmarks.simulate --calls-per-s 10 --operators 600 --blast 100000      # a mailing, answered within 15 minutes
    python -m benchmarks.simulate --check                                              # the model against a run it has not seen

The constants are measured ones (benchmarks/constants.json); docs/scale.md describes the model. Equal arguments give equal figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import model, model_plan, model_queue, model_shapes
from benchmarks.model_constants import Constants

FILE = Path(__file__).with_name("constants.json")
JOBS = 300_000  # about so many events are simulated
SHORTEST_S, LONGEST_S = 5.0, 300.0
WINDOW_S = 900.0  # of a mailing
SHOWN = 7  # limits in the table


def constants() -> Constants:
    """Return the measured constants."""
    return Constants.of(json.loads(FILE.read_text(encoding="utf-8")))


def main() -> int:
    """Predict, print."""
    options = _parser().parse_args()
    if options.check:
        from benchmarks import simulate_check  # noqa: PLC0415 - nothing else here needs a service

        return simulate_check.main(options)
    load = model.Load(
        calls_per_s=options.calls_per_s, operators=options.operators, store=options.store, touches=options.touches,
        nodes=options.nodes, shape=options.shape, queues=options.queues, filtered=not options.unfiltered, talk_s=options.talk_s,
    )  # fmt: skip
    told = predict(load, constants(), blast=options.blast, response=options.response, seed=options.seed)
    print(json.dumps(told, indent=2) if options.json else _table(told))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls-per-s", type=float, default=10.0, help="that arrive in one cell (default: 10)")
    parser.add_argument("--operators", type=int, default=200, help="with a browser open (default: 200)")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite", help="(default: sqlite)")
    parser.add_argument("--touches", type=float, default=1e6, help="kept in the store (default: 1e6)")
    parser.add_argument("--nodes", type=int, default=1, help="that share the calls (default: 1)")
    parser.add_argument("--shape", choices=["queue", "ringall", "local"], default="queue", help="of the dialplan (default: queue)")
    parser.add_argument("--queues", type=int, default=1, help="of which each phone is a member (default: 1)")
    parser.add_argument("--talk-s", type=float, default=180.0, help="an operator's time for a call (default: 180)")
    parser.add_argument("--unfiltered", action="store_true", help="manager.conf lacks the shipped eventfilter")
    parser.add_argument("--blast", type=int, default=0, metavar="MESSAGES", help="a mailing, whose answers come on top")
    parser.add_argument("--response", type=float, default=0.05, help="share of them who call within 15 minutes (default: 0.05)")
    parser.add_argument("--seed", type=int, default=1, help="of the random arrivals (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", action="store_true", help="run a measured point and compare; exit code 1 beyond 20 %%")
    parser.add_argument("--rate", type=float, default=30.0, help="with --check: calls a second (default: 30)")
    parser.add_argument("--seconds", type=float, default=20.0, help="with --check: of the run (default: 20)")
    return parser


def predict(load: model.Load, measured: Constants, *, blast: int = 0, response: float = 0.05, seed: int = 1) -> dict[str, Any]:
    """Return everything the model says of a load."""
    asked = model.demand(load, measured)
    found = model_plan.limits(load, measured)
    wanted = model_plan.plan(load, measured)
    shape = model_shapes.SHAPES[load.shape](queues=load.queues)
    told = {
        "load": asdict(load),
        "answered_share": load.answered,
        "events_per_call": shape.total("member") + shape.total("handled") + (0 if load.filtered else shape.total("over")),
        "demand": asdict(asked),
        "limits": [asdict(limit) for limit in found],
        "first_limit": asdict(found[0]),
        "plan": {"cells": wanted.cells, "nodes_a_cell": wanted.nodes, "cpu_with_one_dead": model.demand(wanted.load, measured).cpu},
        "waits": asdict(_steady(load, measured, seed)) if asked.cpu < 1 else None,
        "waits_as_planned": asdict(_steady(wanted.load, measured, seed)),
    }
    if blast:
        rng = Random(seed)  # noqa: S311 - the same arrivals for the same seed
        answers = model_queue.blast(blast, response, WINDOW_S, WINDOW_S, rng)
        arrivals = sorted([*answers, *model_queue.poisson(load.calls_per_s, WINDOW_S, rng)])
        busiest = max(sum(start <= at < start + 10 for at in arrivals) for start in range(0, int(WINDOW_S), 10)) / 10
        peak = model.Load(**{**asdict(load), "calls_per_s": busiest})
        told["blast"] = {
            "messages": blast,
            "calls": len(arrivals),
            "peak_calls_per_s": busiest,
            "operators_wanted_at_peak": round(busiest * load.talk_s),
            "waits": asdict(model_queue.run(peak, measured, arrivals, WINDOW_S, rng)),
        }
    return told


def _steady(load: model.Load, measured: Constants, seed: int) -> model_queue.Waits:
    rng = Random(seed)  # noqa: S311 - as above
    seconds = min(LONGEST_S, max(SHORTEST_S, JOBS / max(1.0, 14 * load.calls_per_s)))
    arrivals = list(model_queue.poisson(load.calls_per_s, seconds, rng))
    return model_queue.run(load, measured, arrivals, seconds, rng)


def _table(told: dict[str, Any]) -> str:
    load, asked, waits = told["load"], told["demand"], told["waits"]
    rows = [
        ("events a call", f"{told['events_per_call']}", ""),
        ("live calls", f"{asked['live_calls']:,.0f}", f"on {asked['asterisks']} Asterisk(s)"),
        ("calls that are answered", f"{told['answered_share']:.0%}", f"by {load['operators']:,} operators"),
        ("processor of a node", f"{asked['cpu']:.0%}", f"of a core; {asked['hearing']:.0%} is hearing, the same on every node"),
        ("processor of the store", f"{asked['server_cpu']:.2f}", "cores"),
        ("memory of a node", f"{asked['memory_bytes'] / 1e6:,.0f}", "MB"),
        ("disk of the store", f"{asked['disk_bytes'] / 1e9:,.1f}", "GB"),
        ("manager events", f"{asked['events_per_s']:,.0f}", "a second, to every node"),
        (
            "browsers",
            f"{asked['websockets']:,}",
            f"and {asked['ami_connections']} AMI, {asked['postgres_connections']} PostgreSQL connections",
        ),
        ("decision, p50", f"{waits['p50_ms']:.1f}", "ms") if waits else ("decision", "never", "more work than time: the queue only grows"),
    ]
    if waits:
        rows.append(("decision, p99", f"{waits['p99_ms']:.1f}", "ms"))
    first, wanted, planned = told["first_limit"], told["plan"], told["waits_as_planned"]
    title = f"{load['calls_per_s']:g} calls/s, {load['operators']:,} operators, {load['touches']:,.0f} touches, {load['store']}"
    lines = [f"{title}, {load['nodes']} node(s)", "", *(f"  {name:26}{value:>10}  {unit}" for name, value, unit in rows)]
    lines += ["", "  share used of what can end, the first to end first"]
    for limit in told["limits"][:SHOWN]:
        where = f"at {limit['at_calls_per_s']:,.3g} calls/s" if limit["at_calls_per_s"] else ""
        lines.append(f"  {limit['used']:>8.0%}  {limit['name']:34} {where:22} {limit['remedy']}")
    dead = f"with one of them dead {wanted['cpu_with_one_dead']:.0%} of a core on each, decision p99 {planned['p99_ms']:.1f} ms"
    lines += [
        "",
        f"  first limit: {first['name']} {'has ended' if first['used'] > 1 else 'ends first'}; remedy: {first['remedy']}",
        f"  wanted: {wanted['cells']} cell(s) of {wanted['nodes_a_cell']} node(s); {dead}",
    ]
    return "\n".join([*lines, *_mailing(told["blast"])] if "blast" in told else lines)


def _links(asked: dict[str, Any]) -> str:
    return f"and {asked['ami_connections']} AMI, {asked['postgres_connections']} PostgreSQL, {asked['redis_connections']} Redis connections"


def _mailing(blast: dict[str, Any]) -> list[str]:
    waits = blast["waits"]
    peak = f"{blast['peak_calls_per_s']:.1f}/s at the peak, which {blast['operators_wanted_at_peak']:,} operators could answer"
    late = f"p99 {waits['p99_ms']:.1f} ms, {waits['late']:.2%} without a decision in time"
    return [
        f"  mailing of {blast['messages']:,}: {blast['calls']:,} calls in 15 minutes, {peak};",
        f"    busiest ten seconds {waits['peak_cpu']:.0%} of a core, {late}",
    ]


if __name__ == "__main__":
    sys.exit(main())
