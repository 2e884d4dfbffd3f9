"""The manager interface's wire format: what is read out of bytes, what is refused, and what is written."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.errors import AmiError
from ctiroute.protocol.ami import (
    MAX_ACTION_LINE,
    MAX_BLOCK,
    MAX_HEADERS,
    MAX_LINE,
    AmiBanner,
    AmiEvent,
    AmiHostile,
    AmiReader,
    AmiResponse,
    encode_action,
)
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctiroute.protocol.ami import AmiMessage

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
HANGUP = b"Event: Hangup\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nCause: 16\r\n\r\n"
WANTED = {"Hangup": ("Uniqueid", "Linkedid")}
DATA = sorted((Path(__file__).parents[2] / "data" / "ami").glob("22-*.txt"))

# name, bytes after the banner, what they are
EXAMPLES: list[tuple[str, bytes, list[AmiMessage]]] = [
    ("an event", HANGUP, [AmiEvent("Hangup", {"Event": "Hangup", "Uniqueid": "1.1", "Linkedid": "1.1", "Cause": "16"})]),
    (
        "an event with bare line feeds",
        HANGUP.replace(b"\r\n", b"\n"),
        [AmiEvent("Hangup", {"Event": "Hangup", "Uniqueid": "1.1", "Linkedid": "1.1", "Cause": "16"})],
    ),
    (
        "mixed line ends",
        b"Event: Hangup\nUniqueid: 1.1\r\nLinkedid: 1.1\n\r\n",
        [AmiEvent("Hangup", {"Event": "Hangup", "Uniqueid": "1.1", "Linkedid": "1.1"})],
    ),
    ("a response", b"Response: Success\r\nPing: Pong\r\n\r\n", [AmiResponse("Success", {"Response": "Success", "Ping": "Pong"})]),
    ("an unwanted event", b"Event: RTCPSent\r\nX\r\n\r\n", []),
    ("surplus blank lines", b"\r\n\r\n\r\nResponse: Error\r\n\r\n\r\n\r\n", [AmiResponse("Error", {"Response": "Error"})]),
    (
        "any bytes in a value, a lone carriage return among them",
        b"Response: Success\r\nA: \xff\x00\r \xd0\x9e: x\r\r\nB:\r\nC: \r\n\r\n",
        [AmiResponse("Success", {"Response": "Success", "A": "\ufffd\x00\r \u041e: x\r", "B": "", "C": ""})],
    ),
    (
        "headers that may be repeated",
        b"Response: Success\r\nOutput: a\r\nOutput: b\r\nDestChanVariable: X=1\r\nDestChanVariable: Y=2\r\n\r\n",
        [AmiResponse("Success", {"Response": "Success", "Output": "a\nb", "DestChanVariable": "X=1\nY=2"})],
    ),
    ("neither event nor response", b"Uniqueid: 1.1\r\nEvent: Hangup\r\n\r\n", [AmiHostile("neither event nor response")]),
    ("a repeated header", HANGUP.replace(b"Cause", b"Linkedid"), [AmiHostile("repeated header")]),
    ("a repeated Event", HANGUP.replace(b"Cause", b"Event"), [AmiHostile("repeated header")]),
    ("a line that is no header", b"Response: Success\r\nhello\r\n\r\n", [AmiHostile("line without a header's name")]),
    ("a header without a name", b"Response: Success\r\n: x\r\n\r\n", [AmiHostile("line without a header's name")]),
    ("a header that is missing", b"Event: Hangup\r\nUniqueid: 1.1\r\n\r\n", [AmiHostile("mandatory header missing", cut=True)]),
    ("a header that is empty", b"Event: Hangup\r\nUniqueid: 1.1\r\nLinkedid: \r\n\r\n", [AmiHostile("mandatory header missing", cut=True)]),
    (
        "too many headers",
        b"Response: Success\r\n" + b"".join(b"A%d: 1\r\n" % n for n in range(MAX_HEADERS)) + b"\r\n",
        [AmiHostile("too many headers")],
    ),
    ("a line too long", b"Response: Success\r\nA: " + b"x" * MAX_LINE + b"\r\n\r\n", [AmiHostile("line too long")]),
]
IDS = [name for name, _, _ in EXAMPLES]


def read(chunks: Iterable[bytes], wanted: Mapping[str, tuple[str, ...]] | None = WANTED) -> list[AmiMessage]:
    """Return all messages in these bytes but the banner."""
    reader = AmiReader(wanted)
    messages = [message for chunk in chunks for message in reader.receive(chunk)]
    reader.receive_eof()
    assert isinstance(messages[0], AmiBanner)
    return messages[1:]


def single(data: bytes) -> list[bytes]:
    """Cut bytes into single ones."""
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(("name", "data", "expected"), EXAMPLES, ids=IDS)
def test_whole(name: str, data: bytes, expected: list[AmiMessage]) -> None:
    """A block that comes in one piece is read."""
    assert read([BANNER + data]) == expected


@pytest.mark.parametrize(("name", "data", "expected"), EXAMPLES, ids=IDS)
def test_byte_by_byte(name: str, data: bytes, expected: list[AmiMessage]) -> None:
    """However the bytes are cut, the messages are the same."""
    assert read(single(BANNER + data)) == expected


@pytest.mark.parametrize(("name", "data", "expected"), EXAMPLES, ids=IDS)
def test_bytes_behind(name: str, data: bytes, expected: list[AmiMessage]) -> None:
    """Whatever a block was, the answer behind it is read."""
    behind = b"Response: Success\r\nPing: Pong\r\n\r\nResponse: Goo"
    assert read([BANNER + data + behind]) == [*expected, AmiResponse("Success", {"Response": "Success", "Ping": "Pong"})]


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_recordings_hold_nothing_hostile(path: Path) -> None:
    """What Asterisk 22 sends is read the same whole and in single bytes, and none of it is taken for an attack."""
    data = path.read_bytes()
    whole = read([data], None)
    assert len(whole) == data.count(b"\r\n\r\n")
    assert not [message for message in whole if isinstance(message, AmiHostile)]
    assert read(single(data), None) == whole


def test_unwanted_events_are_counted_unread() -> None:
    """An event nobody wants is passed over, however broken it is inside."""
    reader = AmiReader(WANTED)
    assert reader.receive(BANNER + b"Event: VarSet\r\nno header\r\n\r\n" * 3) == [AmiBanner("11.0.0")]
    assert reader.passed_over == 3


def test_endless_block_is_dropped_in_bounded_memory() -> None:
    """A block that never ends is thrown away as it comes; the next one is read."""
    reader = AmiReader(WANTED)
    reader.receive(BANNER + b"Event: Hangup\r\n")
    for _ in range(100):
        assert reader.receive(b"A: " + b"x" * 10_000 + b"\r\n") == []
        assert len(reader._buffer) <= MAX_BLOCK + 10_005
    assert [type(message) for message in reader.receive(b"\r\n" + HANGUP)] == [AmiHostile, AmiEvent]


FORGED = b"Event: Hangup\r\nUniqueid: 6.6\r\nLinkedid: 6.6\r\n\r\n"
REST = b"ConnectedLineNum: 5\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"


@pytest.mark.parametrize(
    "cut",
    [
        b"Event: Hangup\r\nChannelStateDesc: Up\r\nCallerIDNum: 1\r\n\r\n",
        b"Event: Newexten\r\nChannelStateDesc: Up\r\nCallerIDNum: 1\r\n\r\n",
    ],
    ids=["in an event that is wanted", "in one that is not"],
)
def test_forged_block_behind_a_cut_one_is_dropped(cut: bytes) -> None:
    """A caller's text that ends a block and begins another is not believed; what comes after the torn-off rest is."""
    messages = read([BANNER + cut + FORGED + FORGED + REST + HANGUP])
    assert [getattr(message, "reason", "event") for message in messages] == [
        "mandatory header missing",
        "behind a cut block",
        "behind a cut block",
        "neither event nor response",
        "event",
    ]


def test_answers_are_read_behind_a_cut_block() -> None:
    """Doubt does not touch answers: an ActionID cannot be guessed by a caller."""
    answer = b"Response: Success\r\nActionID: a-1\r\n\r\nEvent: Hangup\r\nActionID: a-1\r\nUniqueid: 1\r\nLinkedid: 1\r\n\r\n"
    messages = read([BANNER + b"Event: Hangup\r\n\r\n" + answer])
    assert [type(message) for message in messages] == [AmiHostile, AmiResponse, AmiEvent]


@pytest.mark.parametrize(
    "answer",
    [
        b"Response: Success\r\nActionID: ours-7\r\n\r\n",
        b"Event: Hangup\r\nActionID: ours-7\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n",
    ],
    ids=["a response", "an event of a list"],
)
def test_an_answer_of_ours_ends_the_doubt(answer: bytes) -> None:
    """Asterisk writes an answer behind the whole event that a caller's text has cut: what follows is believed again."""
    reader = AmiReader(WANTED, tag="ours-")
    guessed = answer.replace(b"ours-", b"guess-")
    messages = reader.receive(BANNER + b"Event: Hangup\r\n\r\n" + HANGUP + guessed + HANGUP + answer + HANGUP)
    heard = [message for message in messages if isinstance(message, AmiEvent) and "ActionID" not in message.headers]
    assert len(heard) == 1
    dropped = [message.reason for message in messages if isinstance(message, AmiHostile)]
    assert dropped == ["mandatory header missing", *["behind a cut block"] * (2 + guessed.startswith(b"Event"))]


def test_doubt_without_a_rest_ends() -> None:
    """A lone block that lacks a header costs at most the eight events behind it."""
    assert len([m for m in read([BANNER + b"Event: Hangup\r\n\r\n" + HANGUP * 20]) if isinstance(m, AmiEvent)]) == 12


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02",
        b"S",
        b"Asterisk Call Manager/" + b"9" * 300,
        b"Asterisk Call Manager/" + b"9" * 300 + b"\r\n",
        b"\r\n",
    ],
)
def test_other_protocols_are_refused(data: bytes) -> None:
    """A peer that is no manager interface is known by its first bytes."""
    reader = AmiReader(WANTED)
    with pytest.raises(AmiError, match="no Asterisk manager interface"):
        reader.receive(data + b"SH-2.0")


def test_close_before_the_banner() -> None:
    """A peer that closes without a word is reported."""
    reader = AmiReader(WANTED)
    assert reader.receive(b"Asterisk Call") == []
    with pytest.raises(AmiError, match="before Asterisk's banner"):
        reader.receive_eof()


PIECES = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b": ",
        b":",
        b"Event: Hangup",
        b"Response: Success",
        b"Uniqueid: 1",
        b"Linkedid: 1",
        b"\x00\xff",
        b"Event: X",
        HANGUP,
    ]
)


@settings(max_examples=examples(500), deadline=None)
@given(data=st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=40).map(b"".join), cuts=st.lists(st.integers(0, 400), max_size=10))
def test_nothing_but_messages_comes_of_any_bytes(data: bytes, cuts: list[int]) -> None:
    """No bytes behind a banner raise anything, and no way to cut them changes what they say."""
    places = [0, *sorted(cuts), len(data)]
    chunks = [data[begin:end] for begin, end in pairwise(places) if begin <= end]
    assert read([BANNER, *chunks]) == read([BANNER + data])


@settings(max_examples=examples(300), deadline=None)
@given(data=st.binary(max_size=400))
def test_only_ami_errors_come_of_any_peer(data: bytes) -> None:
    """Whatever speaks first, only the documented error escapes."""
    reader = AmiReader(None)
    try:
        reader.receive(data)
        reader.receive_eof()
    except AmiError:
        pass


def test_action_bytes() -> None:
    """An action is its name, its id, its headers, in that order, each line ended by CRLF."""
    data = encode_action("Login", {"Username": "ctiroute", "Secret": "a: b"}, "x-1")
    assert data == b"Action: Login\r\nActionID: x-1\r\nUsername: ctiroute\r\nSecret: a: b\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "headers", "action_id"),
    [
        ("Ping\r\nAction: Originate", {}, "1"),
        ("Ping", {"A": "b\nAction: Originate"}, "1"),
        ("Ping", {"A": "b\r"}, "1"),
        ("Ping", {"A": "b\x00"}, "1"),
        ("Ping", {"A": "b\x85"}, "1"),
        ("Ping", {"A\r\nB": "b"}, "1"),
        ("Ping", {"A: b": "c"}, "1"),
        ("Ping", {"": "c"}, "1"),
        ("Ping", {"action": "Originate"}, "1"),
        ("Ping", {"ActionID": "2"}, "1"),
        ("Ping", {}, "1\n"),
        ("Ping", {"A": "\ud800"}, "1"),
        ("Ping", {"A": "x" * MAX_ACTION_LINE}, "1"),
    ],
)
def test_actions_that_are_refused(name: str, headers: dict[str, str], action_id: str) -> None:
    """Nothing that could become another header or another action is ever written."""
    with pytest.raises(AmiError):
        encode_action(name, headers, action_id)


@settings(max_examples=examples(300), deadline=None)
@given(headers=st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=4))
def test_an_action_is_always_one_block(headers: dict[str, str]) -> None:
    """Whatever goes in: either it is refused or exactly these headers are in exactly one block."""
    try:
        data = encode_action("Test", headers, "1")
    except AmiError:
        return
    assert data.count(b"\r\n\r\n") == 1
    assert data.endswith(b"\r\n\r\n")
    assert data.count(b"\n") == len(headers) + 3
