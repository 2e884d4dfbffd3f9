"""A real PgBouncer before a PostgreSQL, in transaction mode: the next transaction may be on another server connection."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.ports import free_port
from tests.real.postgres import SUPERUSER, PostgresServer, as_unprivileged, own

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_S = 10.0
_SETTINGS = """
[databases]
* = host={host} port={server_port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
logfile = {folder}/log
"""


def is_installed() -> bool:
    """Return whether there is a PgBouncer on this machine."""
    return _program() is not None


@contextlib.contextmanager
def running(server: PostgresServer) -> Iterator[int]:
    """Give the port of a started PgBouncer that keeps three server connections."""
    program = _program()
    assert program is not None
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="ctiroute-pgbouncer-"))
    own(folder)
    settings = folder / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(host=server.host, server_port=server.port, user=SUPERUSER, port=port, folder=folder))
    settings.chmod(0o644)
    process = subprocess.Popen([program, "-q", settings], cwd=folder, stderr=subprocess.DEVNULL, **as_unprivileged())  # noqa: S603 - our own arguments
    try:
        _wait_until_listening(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(_START_S)
        shutil.rmtree(folder, ignore_errors=True)


def _program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)  # it tells nobody that it listens
    raise RuntimeError("PgBouncer did not start")
