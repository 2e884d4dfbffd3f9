"""The environment block: what is believed, what is refused, and that its way of arriving changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctiroute.errors import AgiError
from ctiroute.protocol.agi_environment import (
    MANDATORY,
    MAX_ENVIRONMENT,
    MAX_LINE,
    MAX_LINES,
    AgiEnvironment,
    EnvironmentParser,
    read_environment,
)

DATA = Path(__file__).parents[2] / "data" / "agi"
RECORDED = sorted(DATA.glob("*.agi"))
BLOCK = (DATA / "asterisk-22.10.1-pjsip.agi").read_bytes()

# `make check` keeps this short; FUZZ_EXAMPLES=50000 is the full run.
FUZZ = int(os.environ.get("FUZZ_EXAMPLES", "200"))


def whole(data: bytes) -> tuple[AgiEnvironment | None, bytes]:
    """Feed all at once."""
    parser = EnvironmentParser()
    return parser.feed(data), parser.behind


def byte_by_byte(data: bytes) -> tuple[AgiEnvironment | None, bytes]:
    """Feed one byte at a time; what comes after the end stays behind."""
    parser = EnvironmentParser()
    for position in range(len(data)):
        env = parser.feed(data[position : position + 1])
        if env is not None:
            return env, parser.behind + data[position + 1 :]
    return None, b""


def refusal(data: bytes) -> AgiError:
    """Return the error that both ways of arriving meet."""
    with pytest.raises(AgiError) as at_once:
        whole(data)
    with pytest.raises(AgiError) as slowly:
        byte_by_byte(data)
    assert at_once.value.hostile == slowly.value.hostile
    return at_once.value


def without(key: str) -> bytes:
    """Return the block with one line missing."""
    return b"".join(line for line in BLOCK.splitlines(keepends=True) if not line.startswith(key.encode() + b":"))


def put_behind(key: str, smuggled: bytes) -> bytes:
    """Return the block with bytes added to the value of a key, as a caller might do."""
    lines = BLOCK.splitlines(keepends=True)
    return b"".join(line[:-1] + smuggled + b"\n" if line.startswith(key.encode() + b":") else line for line in lines)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_block_is_the_same_however_it_arrives(path: Path, line_end: bytes) -> None:
    """Whole, byte by byte and with bytes behind, with either line end, a block gives the same environment."""
    block = path.read_bytes().replace(b"\n", line_end)
    env, behind = whole(block)
    assert env is not None
    assert behind == b""
    assert set(env.values) >= MANDATORY
    assert byte_by_byte(block) == (env, b"")
    assert whole(block + b"HANGUP\n") == (env, b"HANGUP\n")
    assert byte_by_byte(block + b"HANGUP\n") == (env, b"HANGUP\n")


def test_values_come_as_they_are() -> None:
    """Colons, quotes and expressions inside a value are only text; arguments are told apart from the rest."""
    env, _ = whole((DATA / "asterisk-22.10.1-script.agi").read_bytes())
    assert env is not None
    assert env.values["agi_calleridname"] == 'Олена: "${X}", 50%'
    assert env.values["agi_accountcode"] == ""
    assert env.args == ("pbx-1700000000.6", "promo")
    assert not any(name.startswith("agi_arg") for name in env.values)


def test_a_blank_cut_behind_a_colon_changes_nothing() -> None:
    """An empty value is the same with and without the blank that Asterisk writes before it."""
    assert whole(BLOCK.replace(b"accountcode: ", b"accountcode:")) == whole(BLOCK)


def test_a_name_in_another_encoding_is_read() -> None:
    """Bytes that are no UTF-8 are read as latin-1, on their own line only."""
    env, _ = whole(put_behind("agi_calleridname", b" M\xfcller").replace(b"from-trunk", "вхід".encode()))
    assert env is not None
    assert env.values["agi_calleridname"] == "Olena Müller"
    assert env.values["agi_context"] == "вхід"


def test_an_unfinished_block_needs_more() -> None:
    """Up to its last byte but one, a block is neither an environment nor an error; the end of the connection makes it one."""
    parser = EnvironmentParser()
    assert parser.feed(BLOCK[:-1]) is None
    with pytest.raises(AgiError, match="before the environment was whole"):
        parser.feed_eof()
    with pytest.raises(AgiError, match="without a word"):
        EnvironmentParser().feed_eof()


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01", b"\0", b"AGI_request: x\n", b"agx"],
    ids=["http", "tls", "nul", "case", "near"],
)
def test_what_is_no_agi_is_refused_with_its_first_wrong_byte(data: bytes) -> None:
    """Other protocols are refused before they have sent a whole line, and are not called hostile."""
    assert not refusal(data).hostile


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\n", id="early blank line"),
        pytest.param(b"\r\n" + BLOCK, id="early blank line, CR LF"),
        pytest.param(put_behind("agi_calleridname", b"\n"), id="block ended inside"),
        pytest.param(put_behind("agi_calleridname", b"\nagi_dnid: 900"), id="repeated key"),
        pytest.param(put_behind("agi_calleridname", b"\nagi_vip: yes"), id="unknown key"),
        pytest.param(put_behind("agi_calleridname", b"\nhello"), id="no colon"),
        pytest.param(without("agi_arg_1").replace(b"Olena\n", b"Olena\nagi_arg_1: 1.1\n"), id="argument before its place"),
        pytest.param(BLOCK.replace(b"agi_arg_1", b"agi_arg_2"), id="first argument missing"),
        pytest.param(put_behind("agi_calleridname", b"\0"), id="NUL"),
        pytest.param(put_behind("agi_calleridname", b"x" * MAX_LINE), id="line too long"),
        pytest.param(b"agi_x: 1\n" * 10_000, id="10,000 lines"),
        pytest.param(b"agi_x: 1\n" * (MAX_LINES + 1) + b"\n", id="too many lines, ended"),
        pytest.param(b"agi_x: " + b"x" * MAX_ENVIRONMENT, id="no end"),
        pytest.param(
            BLOCK[:-1] + b"".join(b"agi_arg_%d: %s\n" % (n, b"x" * 600) for n in range(2, 20)) + b"\n", id="too many bytes, ended"
        ),
        *(pytest.param(without(key), id=f"no {key}") for key in sorted(MANDATORY)),
    ],
)
def test_smuggled_lines_make_the_block_hostile(data: bytes) -> None:
    """Whatever a value with a line break can do to the block, nothing is decided from it."""
    assert refusal(data).hostile


def test_no_more_is_kept_than_the_limit() -> None:
    """A peer that never ends its block is refused within the limit and one read."""
    parser = EnvironmentParser()
    assert parser.feed(BLOCK[:-1]) is None
    assert parser.feed(b"agi_x: " + b"z" * (MAX_ENVIRONMENT - len(BLOCK) - 6)) is None
    with pytest.raises(AgiError, match="no end"):
        parser.feed(b"z")


PIECES = st.sampled_from(
    [BLOCK, BLOCK[:-1], b"\n", b"\r\n", b"\n\n", b"agi_", b"agi_arg_1: x\n", b": ", b"\0", b"\xff", b"agi_callerid: 1\n", b"HANGUP\n"]
)
SOUP = st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=12).map(b"".join)


@given(data=SOUP, cuts=st.lists(st.integers(1, 700), max_size=20))
@example(data=BLOCK + BLOCK, cuts=[1])
@settings(max_examples=FUZZ, deadline=None)
def test_nothing_but_agi_error_escapes(data: bytes, cuts: list[int]) -> None:
    """Any bytes, cut anywhere, give an environment, a wish for more, or an AgiError, and the cuts do not matter."""
    outcomes = []
    for sizes in (cuts, []):
        parser, rest, env = EnvironmentParser(), data, None
        try:
            for size in [*sizes, len(data)]:
                if not rest:
                    break
                env, rest = parser.feed(rest[:size]), rest[size:]
                if env is not None:
                    break
        except AgiError:
            outcomes.append("refused")
        else:
            outcomes.append(repr((env, parser.behind + rest)) if env is not None else "more")
    assert outcomes[0] == outcomes[1]


@given(noise=st.text(max_size=60), at=st.sampled_from(sorted(MANDATORY)))
@settings(max_examples=FUZZ, deadline=None)
def test_text_in_a_value_never_changes_another_value(noise: str, at: str) -> None:
    """Whatever a caller writes into one value, every other one is what Asterisk said, or the block is refused."""
    clean, _ = whole(BLOCK)
    assert clean is not None
    try:
        env, _ = whole(put_behind(at, noise.encode(errors="replace")))
    except AgiError:
        return
    assert env is not None
    assert {**env.values, at: ""} == {**clean.values, at: ""}
    assert env.args == clean.args


# What a caller can bring about between two lines, and what real blocks look like.
VALUE = st.one_of(st.sampled_from(["", " ", "a: b", "agi_dnid: 1", "x\ragi_dnid: 1", "\x0b", "\u2028", "\x85"]), st.text(max_size=12))
CHANGES = st.sampled_from(["none", "drop", "swap", "repeat", "cut", "argument", "no argument", "line feed"])


def damage(lines: list[str], change: str, place: int, text: str) -> None:
    """Change the lines of a block in the way named."""
    match change:
        case "drop":
            del lines[place]
        case "swap":
            lines[place], lines[place + 1] = lines[place + 1], lines[place]
        case "repeat":
            lines.insert(place, lines[place])
        case "cut":
            lines[place] = lines[place].replace(": ", ":", 1)
        case "argument":
            lines.append("agi_arg_2: more")
        case "no argument":
            lines.pop()
        case "line feed":
            lines[place] += "\n" + text


@given(values=st.lists(VALUE, min_size=23, max_size=23), change=CHANGES, place=st.integers(0, 21))
@settings(max_examples=FUZZ, deadline=None)
def test_the_quick_way_and_the_strict_way_agree(values: list[str], change: str, place: int) -> None:
    """A block is read, or refused, exactly as by the parser that judges every line."""
    keys = [line.partition(b":")[0].decode() for line in BLOCK.splitlines() if line]
    lines = [f"{key}: {value}" for key, value in zip(keys, values, strict=True)]
    damage(lines, change, place, values[0])
    block = "\n".join(lines).encode(errors="replace")
    if b"\n\n" in block or b"\n\r\n" in block or b"\0" in block:
        return  # ends early, or is hostile whatever it holds: both are tests of their own
    judged: AgiEnvironment | None
    try:
        judged = read_environment([line.removesuffix("\r") for line in block.decode().split("\n")])
    except AgiError:
        judged = None
    try:
        env, _ = whole(block + b"\n\n")
    except AgiError:
        env = None
    assert env == judged
