"""Bytes of Asterisk's manager interface <-> messages, and nothing else: no sockets, no clock, no meaning of events.

Fed with whatever came from the link, `AmiReader.receive` returns whole messages. Two things shape it:

* Speed. A busy switch sends tens of thousands of events a second, nearly all of no interest. A block is one slice of the
  buffer; its event name is compared as bytes, and only the blocks that somebody wants are decoded and taken apart.
* Distrust. Text that callers choose reaches event blocks unescaped, so a block can be cut short by a forged blank line, with a
  forged block behind it. A block is hostile when its first line is neither Event nor Response (Asterisk writes these first, see
  main/manager.c), when a header is repeated, has no name, or when a header that this event always has is missing. Hostile blocks
  are returned as `AmiHostile`, to be counted; nothing is read out of them. What follows a cut block is in doubt, too: see `_DOUBT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ctiroute.errors import AmiError

BANNER_PREFIX = b"Asterisk Call Manager/"
MAX_BANNER = 256  # bytes; real ones are under 40. Whatever talks longer without a line end is no manager interface
MAX_BLOCK = 65_536  # bytes; the largest real blocks (transfers, three channels with variables) stay under 16 KiB
MAX_LINE = 16_384  # bytes; Asterisk builds values in buffers of at most 8 KiB (AST_MAX_EXTENSION, VarSet), doubled by escaping
MAX_HEADERS = 512  # an attended transfer has about 90; channelvars may add a few dozen for each channel
MAX_ACTION_LINE = 1_000  # bytes; manager.c reads lines into 1,025 bytes and breaks longer ones in two

# How many blocks behind a cut one are taken for forged, while neither its torn-off rest nor an answer to an action of ours has come.
# The rest always comes when the cut was an attack, and Asterisk writes an answer behind a whole event, never into one. So a larger
# number would only let through a longer forgery less; a smaller loss is what a false alarm costs.
_DOUBT = 8

# May stand in one block many times (manager.c: append_channel_vars; action_command). All other repeated headers are hostile.
_REPEATABLE = re.compile(r"(?:[A-Za-z]+)?ChanVariable(?:\(.*\))?|Output|Variable")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EVENT = b"Event: "
_RESPONSE = b"Response: "


@dataclass(frozen=True, slots=True)
class AmiBanner:
    """The first line: the version of the interface, which differs by branch ("9.0.0", "11.0.0")."""

    version: str


@dataclass(frozen=True, slots=True)
class AmiEvent:
    """One wanted event; its mandatory headers are there, no header came twice."""

    name: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AmiResponse:
    """The answer to an action."""

    status: str  # "Success", "Error", "Goodbye", ...
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Say whether the action was accepted."""
        return self.status != "Error"


@dataclass(frozen=True, slots=True)
class AmiHostile:
    """A block that was dropped. Nothing of its content may be believed."""

    reason: str  # of a small, fixed set, fit for a metric's label
    cut: bool = False  # it ends too early: what the switch told in it, and perhaps behind it, is lost


AmiMessage = AmiBanner | AmiEvent | AmiResponse | AmiHostile


class AmiReader:
    """Takes bytes, gives messages. One for each connection.

    `wanted` maps the names of the events to deliver to the headers each of them always has; all others are passed over
    unread. None: every event is delivered, none has mandatory headers (for tools that show raw events).
    `tag`: how the ActionIDs of our own actions begin, which no caller can guess; "": any ActionID is taken for ours.
    """

    __slots__ = ("_banner_seen", "_buffer", "_doubt", "_half_line_end", "_mandatory", "_overlong", "_tag", "_wanted", "passed_over")

    def __init__(self, wanted: Mapping[str, tuple[str, ...]] | None = None, tag: str = "") -> None:
        self._tag = tag
        self._wanted = None if wanted is None else frozenset(name.encode() for name in wanted)
        self._mandatory: Mapping[str, tuple[str, ...]] = MappingProxyType(dict(wanted or {}))
        self._buffer = b""
        self._half_line_end = False
        self._banner_seen = False
        self._overlong = False  # inside a block over MAX_BLOCK, waiting for its end
        self._doubt = 0  # blocks still to be distrusted
        self.passed_over = 0  # events nobody wanted, so far

    def receive(self, data: bytes) -> list[AmiMessage]:
        """Take what came from the link and return the messages it completes, in order; an empty list means "need more".

        Raises AmiError when the peer is no manager interface: close the connection. Broken blocks raise nothing.
        """
        if self._half_line_end:
            data = b"\r" + data
        self._half_line_end = data.endswith(b"\r")  # kept back until the next byte tells whether it belongs to a line end
        if self._half_line_end:
            data = data[:-1]
        buffer = self._buffer + data.replace(b"\r\n", b"\n")
        messages: list[AmiMessage] = []
        if not self._banner_seen:
            line, end, buffer_behind = buffer.partition(b"\n")
            if not end:
                self._buffer = buffer
                self._check_unfinished_banner(buffer)
                return messages
            messages.append(self._banner(line))
            buffer = buffer_behind
        blocks = buffer.split(b"\n\n")
        rest = blocks.pop()
        for block in blocks:
            message = self._block(block)
            if message is not None:
                messages.append(message)
        if len(rest) > MAX_BLOCK:
            # Only the last byte may belong to the blank line that ends the block.
            self._overlong, rest = True, rest[-1:]
        self._buffer = rest
        return messages

    def receive_eof(self) -> None:
        """Take note that the peer closed. Raises AmiError when it did so before its banner: not a manager interface, or full."""
        if not self._banner_seen:
            raise AmiError("the connection was closed before Asterisk's banner came")

    def _check_unfinished_banner(self, line: bytes) -> None:
        known = min(len(line), len(BANNER_PREFIX))
        if line[:known] != BANNER_PREFIX[:known] or len(line) > MAX_BANNER:
            raise AmiError(f"the peer is no Asterisk manager interface: it began with {line[:40]!r}")

    def _banner(self, line: bytes) -> AmiBanner:
        if not line.startswith(BANNER_PREFIX) or len(line) > MAX_BANNER:
            raise AmiError(f"the peer is no Asterisk manager interface: it began with {line[:40]!r}")
        self._banner_seen = True
        return AmiBanner(line[len(BANNER_PREFIX) :].decode("ascii", "replace").strip())

    def _block(self, block: bytes) -> AmiMessage | None:
        if self._overlong or len(block) > MAX_BLOCK:
            self._overlong = False
            return AmiHostile("too long")
        if block.startswith(b"\n"):  # more blank lines than one between blocks are harmless
            block = block.lstrip(b"\n")
        if not block:
            return None
        if block.startswith(_RESPONSE):
            headers = _headers(block)
            if isinstance(headers, AmiHostile):
                return headers
            if self._is_answer(headers):
                self._doubt = 0
            return AmiResponse(headers["Response"], headers)
        if block.startswith(_EVENT):
            return self._event(block)
        self._doubt = 0  # the torn-off rest of a cut block: the forgery, if there was one, lies behind us
        return AmiHostile("neither event nor response")

    def _event(self, block: bytes) -> AmiEvent | AmiHostile | None:
        if self._wanted is not None:
            end = block.find(b"\n")
            if (block[len(_EVENT) : end] if end >= 0 else block[len(_EVENT) :]) not in self._wanted:
                return self._pass_over(block)
        headers = _headers(block)
        if isinstance(headers, AmiHostile):
            return headers
        if self._is_answer(headers):
            self._doubt = 0
        elif self._doubt:
            self._doubt -= 1
            return AmiHostile("behind a cut block")
        event = headers["Event"]
        for header in self._mandatory.get(event, ()):
            if not headers.get(header):
                self._doubt = _DOUBT
                return AmiHostile("mandatory header missing", cut=True)
        return AmiEvent(event, headers)

    def _is_answer(self, headers: Mapping[str, str]) -> bool:
        action_id = headers.get("ActionID", "")
        return action_id != "" and action_id.startswith(self._tag)

    def _pass_over(self, block: bytes) -> AmiHostile | None:
        self.passed_over += 1
        # Every event about a channel tells ChannelStateDesc, then the caller's texts, then Linkedid (main/manager_channels.c:
        # ast_manager_build_channel_state_string). One that ends between them was cut by those texts.
        if b"\nChannelStateDesc: " in block and b"\nLinkedid: " not in block:
            self._doubt = _DOUBT
            return AmiHostile("mandatory header missing", cut=True)
        return None


def _headers(block: bytes) -> dict[str, str] | AmiHostile:
    lines = block.decode("utf-8", "replace").split("\n")
    if len(lines) > MAX_HEADERS:
        return AmiHostile("too many headers")
    if len(block) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
        return AmiHostile("line too long")
    try:
        headers = dict([line.split(": ", 1) for line in lines])  # a line without a separator is a ValueError
    except ValueError:
        return _odd_headers(lines)
    if len(headers) != len(lines) or "" in headers:
        return _odd_headers(lines)
    return headers


def _odd_headers(lines: Iterable[str]) -> dict[str, str] | AmiHostile:
    """Read a block in which the quick way found something odd: "Name:" without a space, or headers that may be repeated."""
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator or not name or name != name.strip():
            return AmiHostile("line without a header's name")
        value = value.removeprefix(" ")
        if name not in headers:
            headers[name] = value
        elif _REPEATABLE.fullmatch(name):
            headers[name] += "\n" + value
        else:
            return AmiHostile("repeated header")
    return headers


def encode_action(name: str, headers: Mapping[str, str], action_id: str) -> bytes:
    """Return the bytes of one action, in the only form in which ctiroute writes to a manager link.

    Raises AmiError for a control character anywhere (a line end would start a header, or an action, of somebody else's making),
    for a header name that is none, for a repeated Action or ActionID and for a line that Asterisk would break in two.
    """
    lines: list[bytes] = []
    for key, value in (("Action", name), ("ActionID", action_id), *headers.items()):
        if not _NAME.fullmatch(key) or (lines[1:] and key.lower() in {"action", "actionid"}):
            raise AmiError(f"{key!r} cannot be a header of an action")
        if _CONTROL.search(value):
            raise AmiError(f"the value of {key} holds a control character")
        try:
            line = f"{key}: {value}".encode()
        except UnicodeEncodeError as error:
            raise AmiError(f"the value of {key} is not text") from error
        if len(line) > MAX_ACTION_LINE:
            raise AmiError(f"the value of {key} is longer than Asterisk reads")
        lines.append(line)
    return b"\r\n".join(lines) + b"\r\n\r\n"
