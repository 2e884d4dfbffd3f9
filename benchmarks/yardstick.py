"""How fast this machine is just now: the processor time of a fixed piece of work of the service's own kind.

A machine shared with strangers does the same work in a fifth more time in one minute than in the next, so a figure that was measured in
another minute is told beside the yardstick of its own.
"""

from __future__ import annotations

import gc
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ctiroute.connectors.asterisk.translate.events import WANTED, Translator
from ctiroute.protocol.ami import AmiEvent, AmiReader

_RECORDING = Path(__file__).parents[1] / "tests" / "data" / "ami" / "22-queue-answered.txt"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def usual_us(seconds: float) -> float:
    """Return the microseconds of processor that the work takes as a rule: the median of so long. It holds its thread meanwhile."""
    recorded = _RECORDING.read_bytes()
    until = time.perf_counter() + seconds
    took: list[float] = []
    gc.disable()  # what else this process holds is none of the machine's
    try:
        while time.perf_counter() < until:
            before = time.thread_time_ns()
            _work(recorded)
            took.append((time.thread_time_ns() - before) / 1000)
    finally:
        gc.enable()
    return statistics.median(took)


def _work(recorded: bytes) -> None:
    """Read what a real Asterisk said of a call, understand it, write it down and read that again."""
    translator = Translator("pbx")
    heard = [message for message in AmiReader(dict(WANTED)).receive(recorded) if isinstance(message, AmiEvent)]
    told = [translator.event(event.name, event.headers, _NOW) for event in heard]
    msgspec.json.decode(msgspec.json.encode([dict(event.headers) for event in heard]))
    msgspec.json.encode(told)
