"""A caller now and then, from a process of his own: how long a decision takes while others keep the service busy. Prints JSON.

Others call a server that does nothing: what they wait for is the machine's and this process's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from random import Random

import uvloop

from benchmarks.constants_floor import Callers, at_random


async def probe(ports: list[int], rate: float, seconds: float, first: int) -> list[list[float]]:
    """Call each port at random times; return the milliseconds its callers waited, ascending. `first`: where linked ids begin."""
    servers = [Callers(port, first=first) for port in ports]
    async with asyncio.TaskGroup() as group:
        for number, callers in enumerate(servers):
            times = Random(first + number)  # noqa: S311 - the same times in every run
            group.create_task(at_random(rate, seconds, times, group, callers.call), name=f"callers of {ports[number]}")
    if failed := sum(callers.failed for callers in servers):
        raise SystemExit(f"{failed} calls had no decision")
    return [sorted(1000 * each for each in callers.took) for callers in servers]


def main() -> None:
    """Parse, call, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", type=int, nargs="+", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first", type=int, default=20_000_000)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(probe(options.ports, options.rate, options.seconds, options.first))))


if __name__ == "__main__":
    main()
