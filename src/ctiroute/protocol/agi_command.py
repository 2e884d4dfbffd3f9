"""The commands ctiroute sends to Asterisk, and the only place that writes them.

A line feed inside a value would start a second command, and a command longer than Asterisk's buffer spills into one; so there is
one encoder, and it refuses what it cannot write safely. Knows nothing of sockets or of what the variables mean.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ctiroute.errors import AgiError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_COMMAND: Final = 2000  # bytes with the line feed; Asterisk before July 2025 cuts at 2048
MAX_PAIRS: Final = 24  # of one MSet; main/pbx_variables.c keeps no more (AST_APP_ARG(pair)[24])

# MSet splits at commas and AGI at blanks and quotes; none of them is in the alphabet, so a value can only ever be one value.
NAME: Final = re.compile(r"CTI_[A-Za-z0-9_]{1,60}", re.ASCII)
VALUE: Final = re.compile(r"[A-Za-z0-9_.:@/+&-]{0,128}", re.ASCII)
_PAIR_FORM: Final = r"CTI_[A-Za-z0-9_]{1,60}=[A-Za-z0-9_.:@/+&-]{0,128}"
_PAIR: Final = re.compile(_PAIR_FORM, re.ASCII)
_PAIRS: Final = re.compile(f"{_PAIR_FORM}(?:,{_PAIR_FORM})*", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_MSET: Final = 'EXEC MSet "'
_ROOM: Final = MAX_COMMAND - len(_MSET) - len('"\n')


def encode_command(line: str) -> bytes:
    """Return one command as it goes over the wire: no control characters, one line feed, at most 2000 bytes.

    Raises `AgiError` when it is empty or too long.
    """
    if not line.isprintable():  # what is printable holds no control character
        line = _CONTROL.sub("", line)
    data = line.encode(errors="replace") + b"\n"
    if not 1 < len(data) <= MAX_COMMAND:
        raise AgiError(f"a command of {len(data)} bytes cannot be sent")
    return data


def set_variables(values: Mapping[str, str]) -> list[bytes]:
    """Return the commands that set these channel variables, in this order, in as few round trips as can be.

    Asterisk sets the pairs of an MSet from left to right, so the last of `values` is set only when all others are. Raises
    `AgiError` when a name is not `CTI_…` or a value is outside the alphabet.
    """
    joined = ",".join(map("=".join, values.items()))
    # Nearly always one command holds all. With no comma but those between the pairs, each of them has the form of a pair.
    if len(joined) <= _ROOM and len(values) <= MAX_PAIRS and joined.count(",") == len(values) - 1 and _PAIRS.fullmatch(joined):
        return [encode_command(f'{_MSET}{joined}"')]
    commands: list[bytes] = []
    pairs: list[str] = []
    size = 0
    for name, value in values.items():
        pair = f"{name}={value}"
        if _PAIR.fullmatch(pair) is None:
            raise AgiError(f"{name[:60]!r} cannot be set: its name or its value is outside the alphabet")
        if size + len(pair) > _ROOM or len(pairs) == MAX_PAIRS:
            commands.append(encode_command(f'{_MSET}{",".join(pairs)}"'))
            pairs, size = [], 0
        pairs.append(pair)
        size += len(pair) + 1
    if pairs:
        commands.append(encode_command(f'{_MSET}{",".join(pairs)}"'))
    return commands
