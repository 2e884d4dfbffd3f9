"""(c) pyst2's AGI class, a thread for each call, one look-up. Prints its port.

pyst2 sets a signal handler, which only a main thread may, and writes all it reads to standard error: both are taken from it here, in
its favour.
"""

from __future__ import annotations

import io
import signal
import socketserver
import sqlite3
import sys
import threading

from asterisk import agi

_local = threading.local()


class Silent(io.TextIOBase):
    """Takes everything, keeps nothing."""

    def write(self, text: str, /) -> int:
        """Drop it."""
        return len(text)


class Handler(socketserver.StreamRequestHandler):
    """One call."""

    def handle(self) -> None:
        """Look up, answer."""
        if not hasattr(_local, "db"):
            _local.db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        reader = self.connection.makefile("r", encoding="utf-8")
        writer = self.connection.makefile("w", encoding="utf-8")
        session = agi.AGI(reader, writer, Silent())
        found = _local.db.execute(sys.argv[2], (session.env["agi_callerid"],)).fetchone()
        session.set_variable("CTI_QUEUE", "promo" if found else "main")


class Server(socketserver.ThreadingTCPServer):
    """A thread for each call."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    setattr(signal, "signal", lambda *_: None)  # noqa: B010 - typed as a function of the standard library, which it is not from here on
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
