"""Replies: the forms Asterisk writes, and that every loss of step is noticed."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.errors import AgiError
from ctiroute.protocol.agi_reply import HANGUP, MAX_REPLY, AgiEvent, AgiReply, ReplyParser

FUZZ = int(os.environ.get("FUZZ_EXAMPLES", "200"))

USAGE = (
    b"520-Invalid command syntax.  Proper usage follows:\n Usage: EXEC <application> <options>\n\n200 result=1\n520 End of proper usage.\n"
)

EXAMPLES: list[tuple[bytes, AgiEvent]] = [
    (b"200 result=1\n", AgiReply(200, "1")),
    (b"200 result=0\r\n", AgiReply(200, "0")),
    (b"200 result=-2\n", AgiReply(200, "-2")),
    (b"200 result=1 (Olena)\n", AgiReply(200, "1", "Olena")),
    (b"200 result=1 ()\n", AgiReply(200, "1", "")),
    (b"200 result=1 (a (b) c))\n", AgiReply(200, "1", "a (b) c)")),
    (b"200 result=0 endpos=1024\n", AgiReply(200, "0")),
    (b"200 result=1 (speech) endpos=5\n", AgiReply(200, "1", "speech")),
    (b"200 result=1 (\xff)\n", AgiReply(200, "1", "\N{REPLACEMENT CHARACTER}")),
    (b"510 Invalid or unknown command\n", AgiReply(510, text="Invalid or unknown command")),
    (
        b"511 Command Not Permitted on a dead channel or intercept routine\n",
        AgiReply(511, text="Command Not Permitted on a dead channel or intercept routine"),
    ),
    (USAGE, AgiReply(520, text=USAGE.decode().rstrip("\n"))),
    (b"100 result=0 Trying...\n200 result=0\n", AgiReply(200, "0")),
]


def parser(awaited: int) -> ReplyParser:
    """Return a parser that waits for so many replies."""
    it = ReplyParser()
    for _ in range(awaited):
        it.expect()
    return it


def drip(it: ReplyParser, data: bytes) -> list[AgiEvent]:
    """Feed byte by byte."""
    return [event for position in range(len(data)) for event in it.feed(data[position : position + 1])]


@pytest.mark.parametrize(("data", "event"), EXAMPLES, ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else "")
def test_a_reply_is_the_same_however_it_arrives(data: bytes, event: AgiEvent) -> None:
    """Whole, byte by byte and with bytes behind, a reply is one and the same event."""
    assert parser(1).feed(data) == [event]
    slow = parser(1)
    assert drip(slow, data) == [event]
    slow.feed_eof()
    crowded = parser(2)
    assert crowded.feed(data + b"HANGUP\n" + data) == [event, HANGUP, event]
    crowded.feed_eof()


def test_a_hang_up_needs_no_command() -> None:
    """HANGUP comes in between and is no reply: the one that is due is still due."""
    it = parser(1)
    assert it.feed(b"HANG") == []
    assert it.feed(b"UP\n511 Command Not Permitted\n") == [HANGUP, AgiReply(511, text="Command Not Permitted")]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\n",
        b"\n",
        b"200\n",
        b"200 OK\n",
        b"200 result=1 (cut\n",
        b"200 result=1 (a) b)x\n",
        b"20 result=1\n",
        b"2000 result=1\n",
        b"hangup\n",
        b"200 result=1\n200 result=1\n",
        b"200 result=1 (a\nb)\n",
        b"200 result=1 (a)\nb)\n",
        b"200 result=1 (a)\n200 result=1 (b)\n",
    ],
)
def test_loss_of_step_is_noticed(data: bytes) -> None:
    """A line of another form, a value with a line break in it, or a reply to no command ends the session."""
    with pytest.raises(AgiError):
        parser(1).feed(data)
    with pytest.raises(AgiError):
        drip(parser(1), data)


@pytest.mark.parametrize("data", [b"x" * (MAX_REPLY + 1), b"520-\n" + b"usage\n" * MAX_REPLY, b"520-\n" + b"x" * MAX_REPLY])
def test_a_reply_without_end_is_refused(data: bytes) -> None:
    """Neither one endless line nor endless lines of usage are kept."""
    with pytest.raises(AgiError, match="longer"):
        parser(1).feed(data)


@pytest.mark.parametrize("data", [b"", b"200 resu", b"520-Usage:\nmore\n"])
def test_the_end_of_the_connection_inside_a_reply_is_an_error(data: bytes) -> None:
    """A peer that closes while a reply is due, or inside one, has not confirmed anything."""
    it = parser(1)
    assert it.feed(data) == []
    with pytest.raises(AgiError):
        it.feed_eof()


PIECES = st.sampled_from([data for data, _ in EXAMPLES] + [b"HANGUP\n", b"520-", b"520 ", b"\n", b"200 result=", b"(", b")"])


@given(
    data=st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=12).map(b"".join), cut=st.integers(0, 300), awaited=st.integers(0, 4)
)
@settings(max_examples=FUZZ, deadline=None)
def test_nothing_but_agi_error_escapes(data: bytes, cut: int, awaited: int) -> None:
    """Any bytes give events or an AgiError, and where they are cut does not matter."""
    outcomes: list[object] = []
    for pieces in ((data,), (data[:cut], data[cut:])):
        it = parser(awaited)
        try:
            outcomes.append([event for piece in pieces for event in it.feed(piece)])
        except AgiError:
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]
