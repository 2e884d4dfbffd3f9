"""Servers under the same load, turn by turn: all of them run, and one after the other is loaded for some seconds, again and again.

A machine shared with strangers takes up to half as long again for the same work in one minute as in the next. What is measured once is
compared with another minute's; so there are several rounds, and what counts is the median of their ratios. The order turns round with
each, so that what drifts meets all alike.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.load import PHONES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
WARM_S = 1.0
_ROUND_S = 3.0  # of each server in a round: what it does half a second later, as records are written, has to fall into it as well
_SETTLE_S = 1.0  # after each: what is written later must not take from the next one


@dataclass(frozen=True, slots=True)
class Server:
    """A running one."""

    port: int  # of FastAGI
    pid: int

    def cpu_s(self) -> float:
        """Return the seconds of processor it has used. Source: proc(5), fields utime and stime."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Point:
    """One server under one load, in one round."""

    calls_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us: float  # of the server, for each call


@dataclass(frozen=True, slots=True)
class Rounds:
    """One server under one load, round by round."""

    points: tuple[Point, ...]

    @property
    def usual(self) -> Point:
        """The median of each figure; of failed calls the sum."""
        medians = {name: statistics.median(getattr(point, name) for point in self.points) for name in Point.__slots__}
        return Point(**medians | {"failed": sum(point.failed for point in self.points)})

    def of(self, other: Rounds) -> Ratio:
        """Return how many times the calls of another server this one takes."""
        ratios = [ours.calls_per_s / theirs.calls_per_s for ours, theirs in zip(self.points, other.points, strict=True)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))

    def as_json(self, **others: Rounds) -> dict[str, Any]:
        """Return what is told to a script; `others`: servers it is compared with."""
        return asdict(self.usual) | {f"of_{name}": asdict(self.of(other)) for name, other in others.items()}


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of two servers' calls/s."""

    usual: float  # the median
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.usual:.2f} ({self.least:.2f}-{self.most:.2f})"


def in_turn(servers: Mapping[str, Server], connections: int, seconds: float, phones: int = PHONES) -> dict[str, Rounds]:
    """Load servers in turn, each for `seconds` in all. `phones` of the callers' numbers are in their stores."""
    for server in servers.values():
        _loaded(server, connections, WARM_S, phones, turn=0)
    rounds = max(1, round(seconds / _ROUND_S))
    points: dict[str, list[Point]] = {name: [] for name in servers}
    for turn in range(1, rounds + 1):
        for name in [*servers][:: 1 if turn % 2 else -1]:
            points[name].append(_loaded(servers[name], connections, seconds / rounds, phones, turn=turn))
            time.sleep(_SETTLE_S)
    return {name: Rounds(tuple(each)) for name, each in points.items()}


@contextmanager
def started(command: list[str], environ: dict[str, str]) -> Iterator[Server]:
    """Run a server, free to use every core as it would be in use."""
    ours = "ctiroute.cli" in command
    with subprocess.Popen(  # noqa: S603 - our own commands
        command,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL if ours else subprocess.PIPE,
        stderr=subprocess.PIPE if ours else None,
        text=True,
    ) as process:
        try:
            yield Server(_port(process, ours=ours), process.pid)
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


def _loaded(server: Server, connections: int, seconds: float, phones: int, *, turn: int) -> Point:
    pin = ["taskset", "-c", "1"] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []
    load = [*pin, sys.executable, "-m", "benchmarks.load", "--port", str(server.port), "--connections", str(connections)]
    load += ["--phones", str(phones), "--seconds", str(seconds), "--turn", str(turn)]
    before = server.cpu_s()
    done = subprocess.run(load, check=True, capture_output=True, text=True)  # noqa: S603
    figures = json.loads(done.stdout)
    cpu = (server.cpu_s() - before) / max(1, figures["calls"])
    return Point(figures["calls_per_s"], figures["p50_ms"], figures["p99_ms"], figures["failed"], cpu * 1e6)
