"""A `ctiroute serve` to be measured: started beside the measurement, its processor time, memory and disk read from the kernel."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

from benchmarks import dataset
from ctiroute.model import Operator
from ctiroute.store import open_store
from ctiroute.web.sessions import digest
from tests.real.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CORES = os.cpu_count() or 1
START_S, STOP_S = 30.0, 15.0
PBX = "pbx"  # the name of the simulated Asterisk: a call is "pbx:LINKEDID"
ACCOUNT = "ctiroute"  # of its manager interface, and the secret
LATER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. `servers`: processes of its database, whose work is counted apart."""

    pid: int
    agi_port: int
    web_port: int
    store_url: str
    server_pids: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        """Address of the screens."""
        return f"http://127.0.0.1:{self.web_port}"

    def cpu_s(self) -> float:
        """Return the seconds of processor the service has used."""
        return cpu_s(self.pid)

    def server_cpu_s(self) -> float:
        """Return the seconds its database has used."""
        return sum(cpu_s(pid) + _children_cpu_s(pid) for pid in self.server_pids)

    def rss(self) -> int:
        """Return the bytes of memory the service has in use. Source: proc(5), statm."""
        return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Return the seconds of processor a process's threads have used, the kernel's work for them included.

    To the nanosecond, where utime and stime count in hundredths of a second. Source: the kernel's Documentation/scheduler/sched-stats.rst.
    """
    return sum(_ran_ns(thread) for thread in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def _ran_ns(thread: Path) -> int:
    try:
        return int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    except (FileNotFoundError, ProcessLookupError):  # gone meanwhile
        return 0


def _children_cpu_s(pid: int) -> float:
    """Return the same for a process's living children: PostgreSQL works in one for each connection."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(cpu_s(int(child)) for child in children if Path(f"/proc/{child}").exists())


def pin() -> None:
    """Leave the first core to what is measured, where there are several; what is started from here on stays beside us, unless `free`."""
    if CORES > 1:
        os.sched_setaffinity(0, set(range(1, CORES)))


def free(pid: int) -> None:
    """Let a process use every core, as it would in use."""
    os.sched_setaffinity(pid, set(range(CORES)))


def extension(number: int) -> str:
    """Return the extension of an operator, by number from 0."""
    return str(10_000 + number)


def token(number: int) -> str:
    """Return the session token of an operator's browser."""
    return f"measured-{number}"


@asynccontextmanager
async def serving(
    folder: Path, *, store_url: str = "", ami_port: int, operators: int = 0, agi_port: int = 0, server_pids: tuple[int, ...] = ()
) -> AsyncIterator[Service]:
    """Run the service in a new folder. `store_url`: "" takes a copy of the store with a million touches; `agi_port`: 0: any."""
    data = folder / "data"
    store_url = store_url or f"sqlite://{data / 'ctiroute.db'}"
    await asyncio.to_thread(_lay_out, data, own_store=store_url.startswith("sqlite"))
    await _enrol(store_url, operators)
    agi_port, web_port = agi_port or free_port(), free_port()
    settings = folder / "ctiroute.yml"
    settings.write_text(
        f"data_dir: {data}\nstore: {store_url}\nrules: {dataset.rules(folder / 'rules')}\nfastagi: {{port: {agi_port}}}\n"
        f"web: {{port: {web_port}}}\nasterisk: [{{name: {PBX}, port: {ami_port}, username: {ACCOUNT}, secret: {ACCOUNT}}}]\n",
        encoding="utf-8",
    )
    with (folder / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ctiroute.cli", "serve", "-c", str(settings)), stdout=log, stderr=log
        )
    free(process.pid)
    try:
        service = Service(process.pid, agi_port, web_port, store_url, server_pids)
        await _ready(service, process, folder / "serve.log")
        yield service
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_S):
                await process.wait()


def _lay_out(data: Path, *, own_store: bool) -> None:
    data.mkdir(parents=True)
    if own_store:
        shutil.copy(dataset.database(), data / "ctiroute.db")


async def _enrol(store_url: str, operators: int) -> None:
    """Put operators with a phone and an open session into the store."""
    store = open_store(store_url)
    await store.open()
    try:
        until = datetime.now(UTC) + LATER
        for number in range(operators):
            who, phone = f"o{number}", extension(number)
            await store.put_operator(Operator(who, f"Operator {number}", (f"PJSIP/{phone}",), extension=phone), None)
            await store.put_session(digest(token(number)), who, until)
    finally:
        await store.close()


async def _ready(service: Service, process: asyncio.subprocess.Process, log: Path) -> None:
    until = monotonic() + START_S
    async with aiohttp.ClientSession() as session:
        while monotonic() < until and process.returncode is None:
            try:
                async with session.get(f"{service.url}/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)  # asked again until it is so
    said = await asyncio.to_thread(log.read_text, encoding="utf-8")
    raise SystemExit(f"the service did not start:\n{said[-2000:]}")
