"""Ports for the servers that tests start: each given once, and out of reach of those the kernel gives away.

Binding to port 0 and letting go finds a port that is free *now*. It comes from the same range as the local ends of outgoing
connections, and with several test runs at once somebody else has it by the time a server has started. So ours lie below that
range, and a claim keeps other test processes off for as long as this one lives.
"""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_FIRST, _LAST = 12_000, 21_999  # below 32768, where Linux begins to give ports away; SIPp's sound is above
_claims: list[socket.socket] = []  # held until the process ends, and let go by its end, however it comes
_numbers = iter(random.sample(range(_FIRST, _LAST + 1), _LAST + 1 - _FIRST))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody has, and that no test process will be given while this one lives.

    kind: SOCK_STREAM for TCP, SOCK_DGRAM for UDP.
    """
    for port in _numbers:
        with suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", port))
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0ctiroute-test-port-{port}")  # Linux: a name without a file, gone with the process
            except OSError:
                claim.close()
                continue
            _claims.append(claim)
            return port
    raise OSError("no port is left for tests: too many processes, or one that takes thousands")
