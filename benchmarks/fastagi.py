"""`make bench`: FastAGI calls/s and latency, ctiroute against a do-nothing server and against its peers, in one run on one machine.

(a) a do-nothing asyncio.Protocol server on uvloop: the floor
(b) `ctiroute serve`: touch and interaction look-up in SQLite over a million touches, fifty rules, calls recorded
(c) pyst2, a thread for each call, one look-up
(d) panoramisk on uvloop, one look-up

Compare ratios, not figures: the load runs on the same machine, pinned to one core where there are several.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import dataset
from benchmarks.load import PHONES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
# One index probe for the peers, as a site would write it by hand.
PEER_QUERY = (
    "SELECT t.campaign FROM identifiers i JOIN touches t USING (identifier_id) WHERE i.kind = 'phone' AND i.value = ?"
    " ORDER BY t.sent_at DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Point:
    """One server under one load."""

    calls_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us: float  # of the server, for each call


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each point (default: 5)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument("--servers", nargs="+", default=["a", "b", "c", "d"], choices=["a", "b", "c", "d"], help="(default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    database = dataset.database()
    results: dict[str, dict[int, Point]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, command, environ in _servers(database, Path(folder)):
            if name[0] not in options.servers:
                continue
            for connections in options.connections:
                results.setdefault(name, {})[connections] = measured(command, environ, connections, options.seconds)
                if not options.json:
                    _print(name, connections, results)
    if options.json:
        print(json.dumps({name: {str(n): vars_of(point) for n, point in points.items()} for name, points in results.items()}))
    return 0


def measured(
    command: list[str],
    environ: dict[str, str],
    connections: int,
    seconds: float,
    *,
    phones: int = PHONES,
    before: Callable[[], None] = lambda: None,
) -> Point:
    """Start a server, do what has to be done `before`, load it, stop it. `phones` of the callers' numbers are in its store."""
    with started(command, environ) as (port, pid):
        before()
        return _point(port, pid, connections, seconds, phones)


def vars_of(point: Point) -> dict[str, float]:
    """Return a point as a JSON object."""
    return {field: getattr(point, field) for field in Point.__slots__}


def _servers(database: Path, folder: Path) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    python = sys.executable
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores", file=sys.stderr)
    yield "a floor", [python, str(HERE / "servers" / "floor.py")], {}
    data, rules = folder / "data", folder / "etc" / "rules"  # as packages lay them out: what changes all day is not beside the rules
    data.mkdir()
    shutil.copy(database, data / "ctiroute.db")  # calls are recorded: the kept one stays as it is
    environ = {
        "CTIROUTE_DATA_DIR": str(data), "CTIROUTE_RULES": str(dataset.rules(rules)), "CTIROUTE_FASTAGI_PORT": "0",
        "CTIROUTE_WEB_PORT": "0", "CTIROUTE_LOG_LEVEL": "info",
    }  # fmt: skip
    yield "b ctiroute", [python, "-m", "ctiroute.cli", "serve"], environ
    yield "c pyst2", [python, str(HERE / "servers" / "pyst2_threads.py"), str(database), PEER_QUERY], {}
    yield "d panoramisk", [python, str(HERE / "servers" / "panoramisk_lookup.py"), str(database), PEER_QUERY], {}


@contextmanager
def started(command: list[str], environ: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run a server, free to use every core as it would be in use; yield its port and process id."""
    ours = "ctiroute.cli" in command
    with subprocess.Popen(  # noqa: S603 - our own commands
        command,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL if ours else subprocess.PIPE,
        stderr=subprocess.PIPE if ours else None,
        text=True,
    ) as process:
        try:
            yield _port(process, ours=ours), process.pid
        finally:
            process.send_signal(signal.SIGTERM if ours else signal.SIGKILL)
            if process.stderr is not None:
                process.stderr.close()


def _port(process: subprocess.Popen[str], *, ours: bool) -> int:
    stream = process.stderr if ours else process.stdout
    assert stream is not None
    for line in stream:
        if not ours:
            return int(line)
        if "calls at agi://" in line:
            return int(line.partition("agi://")[2].partition("/")[0].rpartition(":")[2])
        sys.stderr.write(line)
    raise SystemExit("the server did not start")


def _point(port: int, pid: int, connections: int, seconds: float, phones: int) -> Point:
    pin = ["taskset", "-c", "1"] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []
    load = [*pin, sys.executable, "-m", "benchmarks.load", "--port", str(port), "--connections", str(connections)]
    load += ["--phones", str(phones)]
    subprocess.run([*load, "--seconds", "1"], check=True, capture_output=True)  # noqa: S603 - warms caches
    before = _cpu_s(pid)
    done = subprocess.run([*load, "--seconds", str(seconds)], check=True, capture_output=True, text=True)  # noqa: S603
    figures = json.loads(done.stdout)
    cpu = (_cpu_s(pid) - before) / max(1, figures["calls"])
    return Point(figures["calls_per_s"], figures["p50_ms"], figures["p99_ms"], figures["failed"], cpu * 1e6)


def _cpu_s(pid: int) -> float:
    """Return the seconds of CPU a process has used. Source: proc(5), fields utime and stime."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(name: str, connections: int, results: dict[str, dict[int, Point]]) -> None:
    point = results[name][connections]
    floor = results.get("a floor", {}).get(connections)
    ratio = f"{point.calls_per_s / floor.calls_per_s:5.2f} of (a)" if floor is not None else ""
    print(
        f"{name:13} {connections:4} connections {point.calls_per_s:9,.0f} calls/s  {ratio}  p50 {point.p50_ms:7.2f} ms"
        f"  p99 {point.p99_ms:7.2f} ms  {point.cpu_us:6.0f} µs CPU a call  {point.failed} failed",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
