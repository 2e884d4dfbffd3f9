"""`make bench`: FastAGI calls/s and latency, ctiroute against a do-nothing server and against its peers, in one run on one machine.

(a) a do-nothing asyncio.Protocol server on uvloop: the floor
(b) `ctiroute serve`: touch and interaction look-up in SQLite over a million touches, fifty rules, calls recorded
(c) pyst2, a thread for each call, one look-up
(d) panoramisk on uvloop, one look-up

They are loaded in turn, some seconds each, again and again; told are medians, and of the ratios the least and the most. Compare ratios, not
figures: the load runs on the same machine, pinned to one core where there are several.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import dataset
from benchmarks.in_turn import HERE, in_turn, started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.in_turn import Rounds

# One index probe for the peers, as a site would write it by hand.
PEER_QUERY = (
    "SELECT t.campaign FROM identifiers i JOIN touches t USING (identifier_id) WHERE i.kind = 'phone' AND i.value = ?"
    " ORDER BY t.sent_at DESC LIMIT 1"
)


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="for each server at each load, in rounds of three (default: 15)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument(
        "--servers", nargs="+", default=["a", "b", "c", "d"], choices=["a", "b", "c", "d"], help="the first is compared with (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    database = dataset.database()
    results: dict[str, dict[str, object]] = {}
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(started(command, environ))
            for name, command, environ in _servers(database, Path(folder))
            if name[0] in options.servers
        }
        for connections in options.connections:
            found = in_turn(servers, connections, options.seconds)
            first = next(iter(found.values()))
            for name, rounds in found.items():
                results.setdefault(name, {})[str(connections)] = rounds.as_json(first=first)
            if not options.json:
                _print(connections, found)
    if options.json:
        print(json.dumps(results))
    return 0


def _servers(database: Path, folder: Path) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    python = sys.executable
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


def _print(connections: int, found: Mapping[str, Rounds]) -> None:
    first_name, first = next(iter(found.items()))
    for name, rounds in found.items():
        point = rounds.usual
        print(
            f"{name:13} {connections:4} connections {point.calls_per_s:9,.0f} calls/s  {rounds.of(first)} of ({first_name[0]})"
            f"  p50 {point.p50_ms:7.2f} ms  p99 {point.p99_ms:7.2f} ms  {point.cpu_us:6.0f} µs CPU a call  {point.failed} failed",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
