"""Measures what the cost model is made of, each constant by a small run of its own against a real `ctiroute serve`, and keeps the figures.

    python -m benchmarks.constants              # some eight minutes; writes benchmarks/constants.json
    python -m benchmarks.constants --print      # measures, writes nothing

What is counted is processor time, as the kernel tells it, of the service alone; of several short runs the median counts, and of several
passes, each with a service of its own, again: a machine shared with strangers is quick in one minute and slow in the next. What the runs
are is said in docs/scale.md. Nothing here is measured by `simulate --check`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import constants_disk, constants_runs
from benchmarks.constants_service import free, pin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.constants_runs import Figures

FILE = Path(__file__).with_name("constants.json")
RECORDING = FILE.parents[1] / "tests" / "data" / "ami" / "22-queue-answered.txt"
OPERATORS = 200  # with a browser, in the runs about them


@dataclass(frozen=True, slots=True)
class Machine:
    """What it was measured on."""

    processor: str
    cores: int
    python: str
    system: str

    @classmethod
    def here(cls) -> Machine:
        """Describe this one, without its name."""
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
        return cls(processor, os.cpu_count() or 1, platform.python_version(), f"{platform.system()} {platform.machine()}")


def main() -> int:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="write nothing")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"], help="(default: both)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median counts (default: 3)")
    parser.add_argument("--passes", type=int, default=3, help="over all runs, of which the median counts again (default: 3)")
    options = parser.parse_args()
    pin()
    measured = asyncio.run(_measure(options.stores, options.repeat, options.passes))
    if not options.print:
        kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"stores": {}}
        measured = kept | measured | {"stores": kept["stores"] | measured["stores"]}
        FILE.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(measured, indent=2))
    return 0


async def _measure(stores: list[str], repeat: int, passes: int) -> dict[str, Any]:
    measured: dict[str, Any] = {"machine": {name: getattr(Machine.here(), name) for name in Machine.__slots__}}
    by_store: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in stores:
            of_store = await constants_disk.sqlite(Path(folder) / "disk")
            runs = [
                await constants_runs.embedded(Path(folder) / f"sqlite-{number}", OPERATORS, repeat, of_store["record"])
                for number in range(passes)
            ]
            measured |= usual([general for general, _ in runs]) | {"events_bytes": _event_bytes()}
            by_store["sqlite"] = of_store | usual([calls for _, calls in runs])
        else:
            measured |= {name: value for name, value in json.loads(FILE.read_text(encoding="utf-8")).items() if name != "stores"}
        if "postgresql" in stores:
            with constants_disk.postgres() as server:
                free(server.pid)
                url = await constants_disk.filled(server)
                calls = [
                    await constants_runs.across(Path(folder) / f"postgresql-{number}", url, server.pid, measured, repeat)
                    for number in range(passes)
                ]
                by_store["postgresql"] = usual(calls) | await constants_disk.postgresql(server)
            measured["copy_bytes"] = round(await constants_disk.redis(Path(folder) / "redis"))
    return measured | {"stores": by_store}


def usual(passes: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    by_name = {name: [figures[name] for figures in passes] for name in passes[0]}
    return {name: usual(found) if isinstance(found[0], dict) else statistics.median(found) for name, found in by_name.items()}


def _event_bytes() -> int:
    """Return the mean size of the events of a recorded call."""
    recorded = RECORDING.read_bytes()
    return round(len(recorded) / recorded.count(b"\r\nEvent: "))


if __name__ == "__main__":
    sys.exit(main())
