"""A large, ugly file into real stores by the real command: what is bad is set apart, what is cut off goes on, calls never notice.

IMPORT_ROWS asks for another number of rows than 100,000; a million take some minutes.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.model import CallerQuery, CallRecord, Identifier, IdentifierKind
from ctiroute.store import open_store
from tests.real import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.store.base import Store

ROWS = int(os.environ.get("IMPORT_ROWS", "100000"))
MAX_RSS = 300 * 1024  # KiB
MAX_P99_S = 0.05  # of what a call waits for, the promise of a healthy service
SENT_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
HEAD = "\ufeffТелефон;Кампанія;Надіслано;Текст;Сума\n"  # noqa: RUF001 - Ukrainian
# One in a hundred: what goes wrong with files that people and programs export.
BAD: dict[str, tuple[bytes, str]] = {
    "no number": ("unknown;осінь;2026-03-01 10:00;Вигідно;1\n".encode(), "phone"),
    "formula": ("=HYPERLINK(1);осінь;2026-03-01 10:00;@SUM(A1);1\n".encode(), "phone"),
    "another encoding": ("+380671234567;осінь;2026-03-01 10:00;Вигідно;1\n".encode("cp1251"), ""),
    "a day alone": ("+380671234567;осінь;2026-03-01;Вигідно;1\n".encode(), "sent_at"),
    "a separator in a text": ("+380671234567;осінь;2026-03-01 10:00;Вигідно; дуже;1\n".encode(), ""),
}


@dataclass(frozen=True, slots=True)
class Ugly:
    """A file and what is in it."""

    path: Path
    different: int  # touches there are, without the repeated ones
    late: str  # a number that is first met a quarter into the file
    bad: Counter[str]  # rows by the column that is refused


@pytest.fixture(scope="module")
def ugly(tmp_path_factory: pytest.TempPathFactory) -> Ugly:
    """Write the file: a BOM, semicolons, repeated numbers and rows, formulas, and a bad row in a hundred."""
    path, rng, bad = tmp_path_factory.mktemp("import") / "ugly.csv", random.Random(7), Counter[str]()  # noqa: S311 - no secret
    kinds, seen, phones, late = list(BAD.values()), set[str](), set[str](), ""
    with path.open("wb") as file:
        file.write(HEAD.encode())
        for number in range(ROWS):
            if number % 100 == 50:
                row, column = rng.choice(kinds)
                bad[column] += 1
                file.write(row)
                continue
            phone = f"+38067{rng.randrange(ROWS // 2):07d}"
            key = f"{phone};осінь-{rng.randrange(3)};{SENT_AT + timedelta(seconds=rng.randrange(3600)):%Y-%m-%d %H:%M:%S}"
            if number > ROWS // 4 and not late and phone not in phones:
                late = phone
            seen.add(key)
            phones.add(phone)
            file.write(f'{key};"=Вигідно; лише до 30 листопада";{number % 1000}\n'.encode())
    return Ugly(path, len(seen), late, bad)


@contextmanager
def settings_of(scheme: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """Give a ctiroute.yml on an empty store of its own, and the store's URL."""
    config = folder / "ctiroute.yml"
    if scheme == "sqlite":
        config.write_text(f"data_dir: {folder}\n", encoding="utf-8")
        yield config, f"sqlite://{folder / 'ctiroute.db'}"
        return
    with postgres.running() as server:
        postgres.psql(server, "CREATE DATABASE import")
        config.write_text(f"data_dir: {folder}\nstore: {server.url('import')}\n", encoding="utf-8")
        yield config, server.url("import")


class Import:
    """`ctiroute import touches` as a process."""

    def __init__(self, ugly: Ugly, config: Path, *options: str) -> None:
        self._command = ["-m", "ctiroute.cli", "import", "touches", str(ugly.path), "-c", str(config), "--json", *options]
        self._process: asyncio.subprocess.Process | None = None
        self.peak_kib = 0  # of memory, its own workers' with it

    async def start(self) -> None:
        """Begin."""
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(sys.executable, *self._command, stdout=pipe, stderr=pipe)

    async def run(self) -> tuple[int, dict[str, Any], str]:
        """Wait for the end; returns code, result and what was complained of."""
        if self._process is None:
            await self.start()
        assert self._process is not None
        watching = asyncio.get_running_loop().create_task(self._watch(self._process.pid), name="memory")
        out, err = await self._process.communicate()
        watching.cancel()
        assert self._process.returncode is not None
        return self._process.returncode, json.loads(out) if out else {}, err.decode()

    async def _watch(self, pid: int) -> None:
        """Look at the high-water marks: the kernel's account of ended children starts from the memory of whoever started them."""
        while True:
            self.peak_kib = max(self.peak_kib, high_water(pid))
            await asyncio.sleep(0.02)  # how often is looked: the kernel tells nobody

    async def interrupt_when(self, checkpoints: Path) -> None:
        """Press Ctrl-C as soon as it keeps how far it got."""
        assert self._process is not None
        while not list(checkpoints.glob("*.json")):  # noqa: ASYNC240 - one small folder
            assert self._process.returncode is None, "it was too quick to be interrupted"
            await asyncio.sleep(0.005)  # another process has no event for us
        self._process.send_signal(signal.SIGINT)

    async def kill_when(self, store: Store, phone: str) -> None:
        """Kill it as soon as this number is known."""
        assert self._process is not None
        while not await found(store, phone):
            assert self._process.returncode is None, "it was too quick to be killed"
            await asyncio.sleep(0.005)  # another process has no event for us
        self._process.kill()
        await self._process.communicate()


async def found(store: Store, phone: str) -> int:
    """Return how many touches a call from this number would find."""
    since = SENT_AT - timedelta(days=1)
    query = CallerQuery(Identifier(IdentifierKind.PHONE, phone), since, since, since)
    return len((await store.find_caller(query)).touches)


async def calls(store: Store, delays: list[float], stop: asyncio.Event) -> None:
    """Look callers up, as calls do, and record them, until told to stop."""
    rng = random.Random(8)  # noqa: S311 - no secret
    number = 0
    while not stop.is_set():
        number += 1
        started = time.perf_counter()
        await found(store, f"+38067{rng.randrange(ROWS // 2):07d}")
        delays.append(time.perf_counter() - started)
        if number % 10 == 0:
            await store.record_calls([CallRecord(f"pbx:{number}", "pbx", received_at=SENT_AT)])
        await asyncio.sleep(0.005)  # the pace of the calls


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
async def test_a_large_ugly_file_is_imported_while_calls_come_in(scheme: str, ugly: Ugly, tmp_path: Path) -> None:
    """Over the limit nothing is kept; killed, it goes on; every good row is there once; memory and calls stay within their bounds."""
    rejects = tmp_path / "rejects.csv"
    with settings_of(scheme, tmp_path) as (config, url):
        store = open_store(url)
        await store.open()
        try:
            code, _, err = await Import(ugly, config, "--max-rejects", "0.9%", "--rejects", str(rejects)).run()
            assert (code, "nothing is kept" in err) == (1, True), err
            assert await found(store, ugly.late) == 0
            _check(rejects, ugly)

            interrupted = Import(ugly, config, "--max-rejects", "1%", "--rejects", str(rejects))
            await interrupted.start()
            await interrupted.kill_when(store, ugly.late)

            delays: list[float] = []
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(calls(store, delays, stop), name="calls")
                code, result, err = await Import(ugly, config, "--max-rejects", "1%", "--rejects", str(rejects), "--resume").run()
                stop.set()
            assert code == 0, err
            assert result["resumed_at"] > 0
            assert (result["read"], result["rejected"]) == (ROWS, ugly.bad.total())
            # What the killed one wrote in its last moment, without a note of it, is written and counted once more.
            assert 0 <= ugly.different - result["added"] <= 2 * store.batch_rows
            delays.sort()
            assert len(delays) > 100
            assert delays[len(delays) * 99 // 100] < MAX_P99_S

            repeated = Import(ugly, config, "--max-rejects", "1%", "--rejects", str(rejects))
            code, again, _ = await repeated.run()
            assert (code, again["added"], again["updated"]) == (0, 0, ROWS - ugly.bad.total())
            assert 0 < repeated.peak_kib < MAX_RSS
        finally:
            await store.close()


async def test_ctrl_c_says_how_to_go_on(ugly: Ugly, tmp_path: Path) -> None:
    """With the usual code, without a traceback."""
    with settings_of("sqlite", tmp_path) as (config, _):
        running = Import(ugly, config, "--max-rejects", "1%", "--rejects", str(tmp_path / "rejects.csv"))
        await running.start()
        await running.interrupt_when(tmp_path / "imports")
        code, result, err = await running.run()
    assert (code, result) == (130, {})
    assert err == "error: interrupted; what is written stays, and the same command with --resume goes on from there\n"


def high_water(pid: int) -> int:
    """Return the most memory a process and its children have had, in KiB; 0 when it is gone. Source: proc(5), VmHWM."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        texts = [Path(f"/proc/{each}/status").read_text(encoding="utf-8") for each in (pid, *children)]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("VmHWM"))


def _check(rejects: Path, ugly: Ugly) -> None:
    """Every bad row is there with its line, column and reason, and nothing that a spreadsheet would execute."""
    with closing(rejects.open(encoding="utf-8-sig", newline="")) as file:
        header, *rows = csv.reader(file)
    assert header[:3] == ["line", "column", "reason"]
    assert Counter(row[1] for row in rows) == ugly.bad
    assert [int(row[0]) for row in rows] == [2 + number for number in range(50, ROWS, 100)]
    assert all(row[2] for row in rows)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
