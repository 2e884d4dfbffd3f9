"""`ctiroute-agi`: the AGI script that Asterisk starts itself, for sites where the FastAGI port cannot be reached.

    AGI(ctiroute-agi,${CHANNEL(linkedid)})                          the socket of the default configuration
    AGI(ctiroute-agi,${CHANNEL(linkedid)},--socket=/run/cti.sock)   another one; CTIROUTE_AGI_SOCKET does the same

Hands the environment to the daemon over a unix socket and sets the variables it gets back. It decides nothing: when the daemon is away,
slow, or talks nonsense, no variable is set, the dialplan sees an empty CTI_STATUS and takes the default way. Always exits with 0.

AGI is spoken by pyst2, in a fence (all seen in 0.5.1): it writes every caller's data to stderr, keeps only the last of repeated
lines, takes HANGUP for a number, and reads for ever when its input ends inside a reply.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import IO, TYPE_CHECKING, Final, NoReturn

from asterisk.agi import AGI, AGIException, AGIHangup

from ctiroute.errors import AgiError
from ctiroute.protocol.agi_command import set_variables
from ctiroute.protocol.agi_environment import MAX_LINE, MAX_LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SOCKET: Final = "/var/lib/ctiroute/agi.sock"
SOCKET_OPTION: Final = "--socket="
LIMIT_S: Final = 2.0  # for the whole script; the daemon has 1 s, the dialplan's own net takes over at 3 s
MAX_ANSWER: Final = 65_536  # bytes of the daemon's answer; a real one is under 1 KiB


class _TooLate(Exception):  # noqa: N818 - reads as what it is
    """The time of the whole script is over."""


class RecordedInput:
    """Asterisk's side of the pipe as pyst2 wants to read it: bounded, never undecodable, and with an end.

    Keeps the lines of the environment as they came, for the daemon checks them more strictly than pyst2 does.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.lines: list[str] = []
        self._recording = True

    def readline(self) -> str:
        """Return the next line; raises `AGIHangup` when the caller or Asterisk has gone."""
        data = self._stream.readline(MAX_LINE + 2)
        line = data.decode(errors="replace").rstrip("\r\n")
        if not data.endswith(b"\n") or line == "HANGUP":
            raise AGIHangup("the caller has gone")
        if self._recording:
            self._recording = line != "" and len(self.lines) <= MAX_LINES
            if line:
                self.lines.append(line)
        return line + "\n"


def main() -> int:
    """Run the script; return 0, whatever happened."""
    try:
        signal.signal(signal.SIGALRM, _alarm)
        signal.signal(signal.SIGHUP, _hangup)
        signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        _run(sys.argv[1:])
    except (_TooLate, AGIException, AgiError, OSError, ValueError, RecursionError) as error:
        # pyst2's messages may repeat what Asterisk said, so only the kind of error is told.
        cause = error if isinstance(error, _TooLate | OSError | AgiError) else type(error).__name__
        print(f"ctiroute-agi: taking the default way: {cause}", file=sys.stderr)  # noqa: T201 - Asterisk's console is its log
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        sys.stdout.flush()
    except OSError:
        # Asterisk closed the pipe: without this the interpreter itself would complain at its end, and exit with 120.
        with open(os.devnull, "w", encoding="utf-8") as silence:  # noqa: PTH123 - os.devnull is a name, not a place
            os.dup2(silence.fileno(), sys.stdout.fileno())
    return 0


def _run(argv: Sequence[str]) -> None:
    given = [arg.removeprefix(SOCKET_OPTION) for arg in argv if arg.startswith(SOCKET_OPTION)]
    path = given[-1] if given else os.environ.get("CTIROUTE_AGI_SOCKET", DEFAULT_SOCKET)
    source = RecordedInput(sys.stdin.buffer)
    with open(os.devnull, "w", encoding="utf-8") as silence:  # noqa: PTH123 - os.devnull is a name, not a place
        agi = AGI(source, sys.stdout, silence)
        signal.signal(signal.SIGHUP, _hangup)  # pyst2's own would be noticed only after the daemon's answer
        commands = set_variables(_ask(path, source.lines))
        for command in commands:
            agi.execute(command.decode().rstrip("\n"))


def _ask(path: str, lines: list[str]) -> dict[str, str]:
    """Send the environment to the daemon, one line of JSON; return the variables in its one line of answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(LIMIT_S)
        link.connect(path)
        link.sendall(json.dumps({"environment": lines}).encode() + b"\n")
        with link.makefile("rb") as reader:
            line = reader.readline(MAX_ANSWER)
    answer = json.loads(line) if line.endswith(b"\n") else None
    variables = answer.get("variables") if isinstance(answer, dict) else None
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise AgiError("the daemon's answer is not one")
    return variables


def _alarm(*_: object) -> NoReturn:
    raise _TooLate(f"no answer within {LIMIT_S} s")


def _hangup(*_: object) -> NoReturn:
    raise AGIHangup("the caller has gone")


if __name__ == "__main__":
    sys.exit(main())
