"""What Asterisk says after the environment: replies to our commands, and `HANGUP` in between. Bytes in, events out.

The conversation is strictly one reply for one command. A line that is no reply, or a reply nobody asked for, means that the two
sides no longer speak of the same thing ("lost step"); everything said after that could be taken for something else, so it is an
`AgiError` and the session is over. Knows nothing of sockets.

Source: res/res_agi.c, agi_handle_command() and run_agi(), Asterisk 13 to 22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ctiroute.errors import AgiError

MAX_REPLY: Final = 8192  # bytes of one reply with all its lines; the longest usage text of Asterisk 22 is under 3 KiB

OK: Final = 200
DEAD_CHANNEL: Final = 511  # "Command Not Permitted on a dead channel or intercept routine"

_HANGUP: Final = b"HANGUP"
_CODE: Final = re.compile(rb"([1-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
# A value may hold closing brackets, so it reaches to the last one; a value that holds a line break leaves a line without its
# last bracket, which is how the break is noticed.
_RESULT: Final = re.compile(rb"result=([^ ()]*)(?: \((.*)\))?(?: endpos=([0-9]+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AgiReply:
    """One reply."""

    code: int  # 200 done, 510 unknown command, 511 dead channel, 520 wrong usage
    result: str = ""  # of a 200: the text behind "result="
    value: str | None = None  # of a 200: the text in brackets, None when there is none
    text: str = ""  # of any other code: what it says


@dataclass(frozen=True, slots=True)
class AgiHangup:
    """The caller hung up; Asterisk goes on answering, mostly with 511."""


AgiEvent = AgiReply | AgiHangup
HANGUP: Final = AgiHangup()

# What nearly every reply is: read once, here.
_USUAL: Final = {b"200 result=0\n": AgiReply(OK, "0"), b"200 result=1\n": AgiReply(OK, "1")}


class ReplyParser:
    """Eats bytes and gives events; is of no use after an `AgiError`."""

    __slots__ = ("_awaited", "_buffer", "_usage")

    def __init__(self) -> None:
        self._buffer = b""
        self._usage: list[bytes] | None = None  # lines of a 520 that has not ended
        self._awaited = 0

    def expect(self) -> None:
        """Note that a command was sent: one more reply is due."""
        self._awaited += 1

    def feed(self, data: bytes) -> list[AgiEvent]:
        """Take the next bytes; return the events they complete, none while more is needed.

        Raises `AgiError` when step is lost; the events before that are lost too, they can no longer be believed.
        """
        usual = _USUAL.get(data)
        if usual is not None and self._awaited and not self._buffer and self._usage is None:
            self._awaited -= 1
            return [usual]
        buffer = self._buffer + data if self._buffer else data
        *lines, self._buffer = buffer.split(b"\n")
        events = [event for line in lines if (event := self._read(line.removesuffix(b"\r"))) is not None]
        if len(self._buffer) + sum(map(len, self._usage or ())) > MAX_REPLY:
            raise AgiError(f"a reply is longer than {MAX_REPLY} bytes")
        return events

    def feed_eof(self) -> None:
        """Take note that the peer closed. Raises `AgiError` when it did so inside a reply or before one that is due."""
        if self._buffer or self._usage is not None or self._awaited:
            raise AgiError("the peer closed before its reply was whole")

    def _read(self, line: bytes) -> AgiEvent | None:
        if self._usage is not None:
            return self._read_usage(self._usage, line)
        if line == _HANGUP:
            return HANGUP
        match = _CODE.fullmatch(line)
        if match is None:
            raise AgiError("lost step: a line that is no reply")
        code, kind, text = int(match[1]), match[2], match[3] or b""
        if code < OK:
            return None  # "100 result=0 Trying...": the reply itself comes later
        if not self._awaited:
            raise AgiError("lost step: a reply to no command")
        if kind == b"-":
            self._usage = [line]
            return None
        self._awaited -= 1
        if code != OK:
            return AgiReply(code, text=text.decode(errors="replace"))
        result = _RESULT.fullmatch(text)
        if result is None:
            raise AgiError("lost step: a reply without its result, or with a line break in it")
        value = None if result[2] is None else result[2].decode(errors="replace")
        return AgiReply(code, result[1].decode(errors="replace"), value)

    def _read_usage(self, usage: list[bytes], line: bytes) -> AgiReply | None:
        """Collect the lines of "520-…" until the one that starts with the same code and a space."""
        code = usage[0][:3]
        if not line.startswith(code + b" "):
            usage.append(line)
            if sum(map(len, usage)) > MAX_REPLY:
                raise AgiError(f"a reply is longer than {MAX_REPLY} bytes")
            return None
        self._usage = None
        self._awaited -= 1
        return AgiReply(int(code), text=b"\n".join([*usage, line]).decode(errors="replace"))
