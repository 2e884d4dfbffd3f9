"""The block of `agi_…` lines with which Asterisk opens every AGI session: bytes in, an `AgiEnvironment` out.

Asterisk writes these values as they are, and the calling party can influence some of them; a line break inside one adds lines or
ends the block early. Therefore the block is believed only when it is exactly what Asterisk writes: each line once, none missing,
none unknown, the arguments last. Knows nothing of sockets or of what the values mean.

Source: res/res_agi.c, setup_env() and launch_netscript(), Asterisk 13 to 22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ctiroute.errors import AgiError

MAX_ENVIRONMENT: Final = 8192  # bytes; a real block is under 1.5 KiB, even with long arguments
MAX_LINE: Final = 2048  # characters; Asterisk itself handled AGI lines in 2048 bytes for most of its life
MAX_LINES: Final = 22 + 128  # what Asterisk always writes, and as many arguments as AGI() takes (MAX_ARGS in res_agi.c)

FIRST_BYTES: Final = b"agi_"  # every block starts so: whatever starts otherwise is no Asterisk

# What Asterisk always writes, in its order.
_WRITTEN: Final = (
    "agi_request",
    "agi_channel",
    "agi_language",
    "agi_type",
    "agi_uniqueid",
    "agi_version",
    "agi_callerid",
    "agi_calleridname",
    "agi_callingpres",
    "agi_callingani2",
    "agi_callington",
    "agi_callingtns",
    "agi_dnid",
    "agi_rdnis",
    "agi_context",
    "agi_extension",
    "agi_priority",
    "agi_enhanced",
    "agi_accountcode",
    "agi_threadid",
)
_OVER_NETWORK: Final = ("agi_network", "agi_network_script")  # these two come over the network only, first
MANDATORY: Final = frozenset(_WRITTEN)
KNOWN: Final = MANDATORY | set(_OVER_NETWORK)

_USUAL: Final = _OVER_NETWORK + _WRITTEN
_USUAL_BLOCK: Final = re.compile("\n".join(f"{name}: (.*)" for name in _USUAL) + r"(?:\nagi_arg_1: (.*))?")


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """What Asterisk says of the call. Values are as they came, only decoded: untrusted text."""

    values: Mapping[str, str]  # by the name on the wire, "agi_callerid"; arguments are not among them
    args: tuple[str, ...] = ()  # agi_arg_1 first


class EnvironmentParser:
    """Eats bytes until the block is whole; is of no use after that, or after an `AgiError`."""

    __slots__ = ("_buffer", "behind")

    def __init__(self) -> None:
        self._buffer = b""
        self.behind = b""  # bytes that came behind the block; they belong to the conversation

    def feed(self, data: bytes) -> AgiEnvironment | None:
        """Take the next bytes; return the environment once it is whole, None while more is needed.

        Raises `AgiError` as soon as the bytes cannot become an environment: close the session.
        """
        seen = len(self._buffer)
        buffer = self._buffer + data if seen else data
        if buffer[:4] != FIRST_BYTES:
            _check_start(buffer)
        end, rest = _find_end(buffer, max(0, seen - 2))
        if end < 0:
            if len(buffer) > MAX_ENVIRONMENT or buffer.count(b"\n") > MAX_LINES:
                raise AgiError(f"no end of the environment within {MAX_ENVIRONMENT} bytes and {MAX_LINES} lines", hostile=True)
            self._buffer = buffer
            return None
        if end > MAX_ENVIRONMENT:
            raise AgiError(f"the environment is longer than {MAX_ENVIRONMENT} bytes", hostile=True)
        self.behind = buffer[rest:]
        return _read_usual(buffer[:end]) or read_environment(_split(buffer[:end]))

    def feed_eof(self) -> None:
        """Raise `AgiError`: the peer closed before the block was whole."""
        raise AgiError("the peer closed before the environment was whole" if self._buffer else "the peer closed without a word")


def read_environment(lines: list[str]) -> AgiEnvironment:
    """Return the environment that these lines (without line ends) hold; raises a hostile `AgiError` unless they are just right."""
    if len(lines) > MAX_LINES:
        raise AgiError(f"more than {MAX_LINES} lines in the environment", hostile=True)
    if len(max(lines, key=len, default="")) > MAX_LINE:
        raise AgiError(f"a line of the environment is longer than {MAX_LINE} characters", hostile=True)
    try:
        values = dict([line.split(": ", 1) for line in lines])
    except ValueError:
        # Not what Asterisk writes, but editors and some tools cut the blank behind the colon of an empty value.
        values = dict([_pair(line) for line in lines])
    if len(values) != len(lines):
        raise AgiError("the environment says something twice", hostile=True)
    if not values.keys() >= MANDATORY:
        raise AgiError(f"the environment lacks {', '.join(sorted(MANDATORY - values.keys()))}", hostile=True)
    extra = len(values) - len(MANDATORY) - ("agi_network" in values) - ("agi_network_script" in values)
    if not extra:
        return AgiEnvironment(values)
    # Arguments come last and are numbered from one: text smuggled in by a caller stands before them and cannot fake one.
    names = list(values)[-extra:]
    if names != [f"agi_arg_{number}" for number in range(1, extra + 1)]:
        raise AgiError("the environment has a line that Asterisk does not write there", hostile=True)
    return AgiEnvironment(values, tuple([values.pop(name) for name in names]))


def _read_usual(block: bytes) -> AgiEnvironment | None:
    """Read a block that is to the letter what Asterisk sends over the network, with at most one argument; None: it is to be judged.

    Nearly every block is, and no line of it needs to be looked at: each stands where Asterisk writes it, so none is missing,
    repeated or unknown, and a block no longer than a line may be holds no line that is too long.
    """
    if len(block) > MAX_LINE or b"\0" in block or b"\r" in block:
        return None
    try:
        match = _USUAL_BLOCK.fullmatch(block.decode())
    except UnicodeDecodeError:
        return None
    if match is None:
        return None
    *values, arg = match.groups()
    return AgiEnvironment(dict(zip(_USUAL, values, strict=True)), () if arg is None else (arg,))


def _pair(line: str) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon:
        raise AgiError("a line of the environment has no colon", hostile=True)
    return key, value.removeprefix(" ")


def _check_start(buffer: bytes) -> None:
    """Raise unless these first bytes (fewer than four, or wrong) can still become an environment."""
    if buffer.startswith((b"\n", b"\r\n")):
        raise AgiError("the environment is empty", hostile=True)
    if not FIRST_BYTES.startswith(buffer) and buffer != b"\r":
        raise AgiError("the first bytes are not AGI")


def _find_end(buffer: bytes, start: int) -> tuple[int, int]:
    """Return where the block ends and where what is behind it starts; (-1, -1) when no blank line has come yet."""
    end = buffer.find(b"\n\n", start)
    if b"\r" in buffer:
        crlf = buffer.find(b"\n\r\n", start)
        if crlf >= 0 and (end < 0 or crlf < end):
            return crlf, crlf + 3
    return (end, end + 2) if end >= 0 else (-1, -1)


def _split(block: bytes) -> list[str]:
    """Cut a block into decoded lines. A name in another encoding must not cost the caller his route: nothing is refused for it."""
    if b"\0" in block:
        raise AgiError("a NUL in the environment", hostile=True)
    try:
        lines = block.decode().split("\n")
    except UnicodeDecodeError:
        lines = [_decode(line) for line in block.split(b"\n")]
    return [line.removesuffix("\r") for line in lines] if b"\r" in block else lines


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
