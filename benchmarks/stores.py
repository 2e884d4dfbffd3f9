"""`make bench-stores`: what PostgreSQL and Redis cost, as ratios of one run on one machine, against the least that could be done.

size      decision latency over 10^4 to 10^7 touches: it must not grow with them
import    `ctiroute import touches` against a bare COPY of the same rows into a table with the same indices
fastagi   calls/s: ctiroute on PostgreSQL against a do-nothing FastAGI server with one bare asyncpg look-up, and against panoramisk with
          an asyncpg pool
redis     calls/s from the hot copy alone, PostgreSQL stopped

It starts a PostgreSQL and a Valkey of its own, in a temporary folder, and needs some 8 GB of disk for ten million touches.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import uvloop
from prometheus_client import CollectorRegistry

from benchmarks import dataset
from benchmarks.in_turn import HERE, in_turn, started
from benchmarks.load import FIRST_PHONE
from ctiroute.app.rule_files import read_rules
from ctiroute.engine.router import Router
from ctiroute.model import Caller, Medium, RouteRequest
from ctiroute.store import open_store
from tests.real.ports import free_port
from tests.real.postgres import PostgresServer, running
from tests.real.redis import RealRedis

if TYPE_CHECKING:
    from ctiroute.model import CallerContext, Decision

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
REDIS_SIZE = 100_000  # the copy is filled at 5,000 identifiers a second, so that the store can go on with its work
FASTAGI_SIZE = 1_000_000
IMPORTS = 5
WARM_S = 120.0
LOOK_UPS = 4_000
PARTS = ("import", "size", "redis", "fastagi")
# As a server is set up that keeps what it is given. Larger than the defaults, which are made for machines of long ago: a quarter of the
# memory is what PostgreSQL's manual begins with (Resource Consumption, shared_buffers).
MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
SETTINGS = (
    f"shared_buffers={MEMORY // 4 // 2**20}MB",
    "max_wal_size=8GB", "checkpoint_timeout=30min", "work_mem=32MB", "maintenance_work_mem=512MB",
)  # fmt: skip
PEER_QUERY = (
    "SELECT campaign_id FROM touches WHERE identifier_key = $1 AND sent_at >= now() - interval '30 days' ORDER BY sent_at DESC LIMIT 1"
)

BARE_PARTITIONS = """
DO $$
DECLARE part record;
BEGIN
    FOR part IN SELECT relid::text AS name, pg_get_expr(relpartbound, relid) AS bound
        FROM pg_partition_tree('touches') JOIN pg_class ON pg_class.oid = relid WHERE isleaf
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF bare %s', 'bare_' || part.name, part.bound);
    END LOOP;
END $$
"""
_, *GROW = (HERE / "grow.sql").read_text(encoding="utf-8").strip().split("\n\n")


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--largest", type=float, default=SIZES[-1], help="touches (default: 1e7)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="to import (default: 1,000,000)")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each FastAGI load, in rounds of three (default: 15)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with running(SETTINGS) as server, tempfile.TemporaryDirectory() as folder:
        if "import" in options.parts:
            results["import"] = _import(server, Path(folder), options.rows)
            _say(options, "import", results["import"])
        results |= _sizes(server, Path(folder), options)
    if options.json:
        print(json.dumps(results))
    return 0


def _say(options: argparse.Namespace, part: str, figures: dict[str, Any]) -> None:
    if not options.json:
        words = "  ".join(f"{name} {value:,.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items())
        print(f"{part:8} {words}", flush=True)


# --- size


def _sizes(server: PostgresServer, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Grow one database step by step; measure at each step, and FastAGI at a million."""
    results: dict[str, Any] = {}
    url = _database(server, "sizes")
    rules = dataset.rules(folder / "rules")
    asyncio.run(_upgrade(url))
    p50: dict[int, float] = {}
    have = 0
    for size in SIZES:
        if size > options.largest or ("size" not in options.parts and size > FASTAGI_SIZE):
            break
        asyncio.run(_grow(url, have, size))
        have = size
        if "size" in options.parts:
            p50[size] = _decisions(url, rules, size)
            ratio = p50[size] / p50[SIZES[0]]
            _say(options, "size", {"touches": f"{size:,}", "p50_ms": p50[size], "of the smallest": round(ratio, 2)})
        if size == REDIS_SIZE and "redis" in options.parts:
            results["redis"] = _redis(server, url, rules, folder, options)
        if size == FASTAGI_SIZE and "fastagi" in options.parts:
            results["fastagi"] = _fastagi(url, rules, folder, options)
    if p50:
        results["size"] = {"p50_ms": p50, "ratio": p50[max(p50)] / p50[min(p50)]}
    return results


def _database(server: PostgresServer, name: str) -> str:
    """Make a database, in place of one of that name; return its address."""

    async def create() -> None:
        connection = await asyncpg.connect(server.url())
        await connection.execute(f"DROP DATABASE IF EXISTS {name}")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return server.url(name)


async def _upgrade(url: str) -> None:
    store = open_store(url)
    await store.open()
    await store.close()


async def _grow(url: str, have: int, size: int) -> None:
    """Add touches number `have` to `size`, with customers and interactions."""
    connection = await asyncpg.connect(url, command_timeout=3600)
    await connection.execute("INSERT INTO campaigns (key, title, medium) VALUES ('autumn-sms', 'Autumn', 'sms') ON CONFLICT DO NOTHING")
    for month in range(3):
        await connection.execute("SELECT make_touches_partition(now() - $1 * interval '20 days')", month)
    for statement in GROW:
        await connection.execute(statement, have, size - 1, FIRST_PHONE)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    await connection.close()


class _Nobody:
    """Hears what was decided, and does nothing with it."""

    def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
        """Take no note."""

    def completed(self, context: CallerContext) -> None:
        """Take no note."""

    def abandoned(self, request: RouteRequest) -> None:
        """Take no note."""


def _decisions(url: str, rules: Path, size: int) -> float:
    """Return the median of a decision, one after the other, ms: from the request to the decision, over fifty rules."""

    async def run() -> float:
        store = open_store(url)
        await store.open()
        ruleset = read_rules(rules)
        router = Router([store], lambda: ruleset, dict, _Nobody(), CollectorRegistry(), lambda: datetime.now(UTC))
        rng = random.Random(7)  # noqa: S311 - the same callers in every run
        loop = asyncio.get_running_loop()
        took: list[float] = []
        for number in range(LOOK_UPS + LOOK_UPS // 4):
            phone = f"+{FIRST_PHONE + rng.randrange(size)}"
            request = RouteRequest(f"bench:{number}.0", Medium.VOICE, Caller(phone, phone), "+380800500500", datetime.now(UTC))
            began = time.perf_counter()
            decision = await router.route(request, loop.time() + 1.0)
            took.append(time.perf_counter() - began)
            assert decision.rule == "autumn-sms-callers", decision
        await router.close()
        await store.close()
        return 1000 * statistics.median(took[LOOK_UPS // 4 :])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


# --- import


def _import(server: PostgresServer, folder: Path, rows: int) -> dict[str, Any]:
    """Import some times, each into a database of its own, with its own bare COPY behind it; the one with the median ratio counts."""
    file = _write_csv(folder / "touches.csv", rows)
    found = sorted((_import_once(server, folder, file, rows) for _ in range(IMPORTS)), key=itemgetter("of the bare COPY"))
    return found[IMPORTS // 2] | {"least and most": [round(found[place]["of the bare COPY"], 2) for place in (0, -1)]}


def _import_once(server: PostgresServer, folder: Path, file: Path, rows: int) -> dict[str, Any]:
    """Import a CSV file, then copy what came of it into a table with the same indices."""
    url = _database(server, "imports")
    command = [sys.executable, "-m", "ctiroute.cli", "import", "touches", "--json", "--campaign", "autumn-sms", str(file)]
    environ = {**os.environ, "CTIROUTE_STORE": url, "CTIROUTE_DATA_DIR": str(folder)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.perf_counter()
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    took = time.perf_counter() - began
    peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    bare = asyncio.run(_bare_copy(url, folder / "rows"))
    (folder / "rows").unlink()
    return {
        "rows": rows,
        "import_s": took,
        "rows_per_s": rows / took,
        "copy_s": bare,
        "of the bare COPY": bare / took,
        "peak_MiB": peak / 1024,
        "result": json.loads(done.stdout),
    }


def _write_csv(path: Path, rows: int) -> Path:
    now = datetime.now(UTC)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone", "sent_at", "external_id", "title", "text", "terms", "amount"])
        for number in range(rows):
            sent_at = (now - timedelta(minutes=number % 43_000)).isoformat(timespec="seconds")
            writer.writerow(
                [
                    f"+{FIRST_PHONE + number}",
                    sent_at,
                    f"m-{number}",
                    "Autumn instalments",
                    "Pay in 24 parts",
                    "0 %, 24 months",
                    number % 100_000,
                ]
            )
    return path


async def _bare_copy(url: str, file: Path) -> float:
    """Return how long a COPY of the same rows takes into a table with the same columns, indices and partitions, s."""
    connection = await asyncpg.connect(url, command_timeout=600)
    await connection.copy_from_query("SELECT * FROM touches", output=file, format="csv")
    await connection.execute("CREATE TABLE bare (LIKE touches INCLUDING ALL) PARTITION BY RANGE (sent_at)")
    await connection.execute(BARE_PARTITIONS)
    await connection.execute("CHECKPOINT")
    began = time.perf_counter()
    await connection.copy_to_table("bare", source=file, format="csv")
    took = time.perf_counter() - began
    assert await connection.fetchval("SELECT count(*) FROM bare") == await connection.fetchval("SELECT count(*) FROM touches")
    await connection.close()
    return took


# --- FastAGI


def _fastagi(url: str, rules: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    python = sys.executable
    ours = {
        "CTIROUTE_DATA_DIR": str(folder), "CTIROUTE_RULES": str(rules), "CTIROUTE_FASTAGI_PORT": "0", "CTIROUTE_WEB_PORT": "0",
        "CTIROUTE_STORE": url, "CTIROUTE_LOG_LEVEL": "info",
    }  # fmt: skip
    servers: tuple[tuple[str, list[str], dict[str, str]], ...] = (
        ("bare asyncpg", [python, str(HERE / "servers" / "floor_asyncpg.py"), url, PEER_QUERY], {}),
        ("ctiroute", [python, "-m", "ctiroute.cli", "serve"], ours),
        ("panoramisk", [python, str(HERE / "servers" / "panoramisk_asyncpg.py"), url, PEER_QUERY], {}),
    )
    with ExitStack() as stack:
        running_ones = {name: stack.enter_context(started(command, environ)) for name, command, environ in servers}
        found = in_turn(running_ones, options.connections, options.seconds)
    bare, peer = found["bare asyncpg"], found["panoramisk"]
    for name, rounds in found.items():
        figures = {"calls/s": rounds.usual.calls_per_s, "of the bare look-up": rounds.of(bare), "of panoramisk": rounds.of(peer)}
        _say(options, "fastagi", {"server": name, **figures, "CPU_us": rounds.usual.cpu_us, "failed": rounds.usual.failed})
    return {name: rounds.as_json(bare=bare, panoramisk=peer) for name, rounds in found.items()}


def _redis(server: PostgresServer, url: str, rules: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Fill the hot copy, stop PostgreSQL, load."""
    web = free_port()
    command = [sys.executable, "-m", "ctiroute.cli", "serve"]

    def alone() -> None:
        """Wait until the copy is whole; from then on nothing else answers."""
        until = time.monotonic() + WARM_S
        while not _is_warm(web):
            if time.monotonic() > until:
                raise SystemExit("the hot copy is not whole")
            time.sleep(0.5)  # another process: there is nothing to wait on
        server.stop()

    with asyncio.Runner() as runner:
        redis = RealRedis(folder)
        runner.run(redis.start())
        environ = {
            "CTIROUTE_DATA_DIR": str(folder), "CTIROUTE_RULES": str(rules), "CTIROUTE_FASTAGI_PORT": "0", "CTIROUTE_WEB_PORT": str(web),
            "CTIROUTE_STORE": url, "CTIROUTE_REDIS": redis.url, "CTIROUTE_LOG_LEVEL": "info",
        }  # fmt: skip
        try:
            with started(command, environ) as copy:
                alone()
                point = in_turn({"copy": copy}, options.connections, options.seconds, phones=REDIS_SIZE)["copy"].usual
        finally:
            runner.run(redis.kill())
            server.start()
    _say(options, "redis", {"calls/s": point.calls_per_s, "CPU_us": point.cpu_us, "failed": point.failed})
    return asdict(point)


def _is_warm(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return b"\nctiroute_copy_warm 1.0" in answer.read()
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
