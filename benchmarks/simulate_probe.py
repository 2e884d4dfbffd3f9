"""A caller now and then, from a process of his own: how long a decision takes while others keep the service busy. Prints JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
from random import Random

import uvloop

from benchmarks.constants_floor import Callers, at_random


async def probe(port: int, rate: float, seconds: float, first: int) -> list[float]:
    """Call at random times; return the milliseconds each waited, ascending. `first`: where linked ids begin."""
    callers = Callers(port, first=first)
    async with asyncio.TaskGroup() as group:
        await at_random(rate, seconds, Random(first), group, callers.call)  # noqa: S311 - the same times in every run
    if callers.failed:
        raise SystemExit(f"{callers.failed} calls had no decision")
    return sorted(1000 * each for each in callers.took)


def main() -> None:
    """Parse, call, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first", type=int, default=20_000_000)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(probe(options.port, options.rate, options.seconds, options.first))))


if __name__ == "__main__":
    main()
