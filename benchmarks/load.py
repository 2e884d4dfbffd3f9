"""The load of the FastAGI benchmark: N callers at once, each connecting, asking, answering every command, and starting over.

One process on uvloop, callbacks only: it costs about as much a call as the do-nothing server it drives, so at the floor the two share the
machine evenly, and every slower server is the limit itself. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from array import array
from time import perf_counter
from typing import cast

import uvloop

ENVIRONMENT = (
    "agi_network: yes\nagi_network_script: {script}\nagi_request: agi://127.0.0.1/{script}\nagi_channel: PJSIP/trunk-{serial:08x}\n"
    "agi_language: en\nagi_type: PJSIP\nagi_uniqueid: 1764000000.{serial}\nagi_version: 22.10.1\nagi_callerid: {number}\n"
    "agi_calleridname: unknown\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\nagi_callingtns: 0\nagi_dnid: 0800500500\n"
    "agi_rdnis: unknown\nagi_context: from-trunk\nagi_extension: 0800500500\nagi_priority: 5\nagi_enhanced: 0.0\nagi_accountcode: \n"
    "agi_threadid: 140001\nagi_arg_1: 1764000000.{serial}\n\n"
)
FIRST_PHONE, PHONES = 380_670_000_000, 1_000_000
MOST_A_TURN = 1_000_000  # calls: whoever calls in another turn is none of these


class Load:
    """The callers together: how many calls are done, and how long each took."""

    def __init__(self, host: str, port: int, script: str, seconds: float, phones: int, turn: int = 0) -> None:
        self.host, self.port, self.script, self.phones = host, port, script, phones
        self.until = perf_counter() + seconds
        self.took = array("d")
        self.failed = 0
        self.serial = turn * MOST_A_TURN
        self.open = 0
        self.done = asyncio.Event()
        self.rng = random.Random(7 + turn)  # noqa: S311 - the same callers in every run

    def environment(self) -> bytes:
        """Return the next call's environment; nine callers of ten are known."""
        self.serial += 1
        number = FIRST_PHONE + self.rng.randrange(self.phones + self.phones // 9)
        return ENVIRONMENT.format(script=self.script, serial=self.serial, number=f"+{number}").encode()

    async def caller(self) -> None:
        """Call until the time is over."""
        loop = asyncio.get_running_loop()
        while perf_counter() < self.until:
            call = Call(self, loop.create_future())
            try:
                await loop.create_connection(lambda call=call: call, self.host, self.port)  # type: ignore[misc]  # bound at once
            except OSError:
                self.failed += 1
                continue
            await call.over


class Call(asyncio.BufferedProtocol):
    """One AGI session as Asterisk leads it."""

    def __init__(self, load: Load, over: asyncio.Future[None]) -> None:
        self.load, self.over = load, over
        self.buffer = bytearray(4096)
        self.commands = 0
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.began = perf_counter()
        self.transport.write(self.load.environment())

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's interface
        """Lend the buffer."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Say yes to every command."""
        count = self.buffer.count(b"\n", 0, nbytes)
        if count:
            self.commands += count
            self.transport.write(b"200 result=1\n" * count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the call; one without a command had no answer."""
        if exc is None and self.commands:
            self.load.took.append(perf_counter() - self.began)
        else:
            self.load.failed += 1
        self.over.set_result(None)


async def run(host: str, port: int, script: str, connections: int, seconds: float, phones: int, turn: int = 0) -> dict[str, float]:
    """Load one server; return calls/s and milliseconds. In another `turn` there are other callers and other calls."""
    load = Load(host, port, script, seconds, phones, turn)
    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(load.caller(), name=f"caller {number}")
    elapsed = perf_counter() - began
    took = sorted(load.took)
    return {
        "calls": len(took),
        "failed": load.failed,
        "calls_per_s": len(took) / elapsed,
        "p50_ms": 1000 * took[len(took) // 2] if took else 0.0,
        "p99_ms": 1000 * took[int(len(took) * 0.99)] if took else 0.0,
    }


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--script", default="route")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--phones", type=int, default=PHONES, help="that are known; one caller in ten is not")
    parser.add_argument("--turn", type=int, default=0, help="in another one there are other callers and other calls")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        work = run(options.host, options.port, options.script, options.connections, options.seconds, options.phones, options.turn)
        print(json.dumps(runner.run(work)))


if __name__ == "__main__":
    main()
