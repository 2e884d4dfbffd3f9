"""Commands: that one is one, whatever stands in it."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.errors import AgiError
from ctiroute.protocol.agi_command import MAX_COMMAND, MAX_PAIRS, encode_command, set_variables

FUZZ = int(os.environ.get("FUZZ_EXAMPLES", "200"))

VALUES = st.text("AZaz09_.:@/+&-", max_size=128)
NAMES = st.from_regex(r"CTI_X_[A-Z0-9_]{1,50}", fullmatch=True)


def pairs_of(command: bytes) -> list[tuple[str, str]]:
    """Read a command as Asterisk does: AGI's quotes, then MSet's commas."""
    match = re.fullmatch(rb'EXEC MSet "([^"\n]*)"\n', command)
    assert match is not None
    return [(name, value) for name, _, value in (pair.partition("=") for pair in match[1].decode().split(","))]


def test_a_usual_answer_is_one_round_trip() -> None:
    """All variables of a decision go in one command, in their order."""
    values = {"CTI_ACTION": "queue", "CTI_QUEUE": "promo", "CTI_PRIORITY": "10", "CTI_STATUS": "routed"}
    assert set_variables(values) == [b'EXEC MSet "CTI_ACTION=queue,CTI_QUEUE=promo,CTI_PRIORITY=10,CTI_STATUS=routed"\n']


def test_nothing_to_set_is_no_command() -> None:
    """An empty answer sends nothing."""
    assert set_variables({}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CTI_X_A", "a,CTI_STATUS=routed"),
        ("CTI_X_A", 'a"'),
        ("CTI_X_A", "a b"),
        ("CTI_X_A", "a\nb"),
        ("CTI_X_A", "a\n"),
        ("CTI_X_A", "${SHELL(x)}"),
        ("CTI_X_A", "a\\b"),
        ("CTI_X_A", "ё"),
        ("CTI_X_A", "٣"),
        ("CTI_X_A", "x" * 129),
        ("CALLERID(num)", "1"),
        ("__CTI_X", "1"),
        ("CTI_", "1"),
        ("CTI_A\nB", "1"),
        ("CTI_A=1,CTI_B", "1"),
        ("CTI_A,CTI_B", "1"),
        ("CTI_" + "A" * 61, "1"),
    ],
)
def test_what_does_not_fit_is_never_sent(name: str, value: str) -> None:
    """A foreign name, or a value outside the alphabet, is refused with everything that would go with it."""
    with pytest.raises(AgiError):
        set_variables({"CTI_ACTION": "menu", name: value, "CTI_STATUS": "routed"})


def test_a_comma_in_one_name_does_not_make_up_for_another() -> None:
    """Pairs are counted, so two that look like three are refused, and nothing can be put in beside them."""
    with pytest.raises(AgiError):
        set_variables({"CTI_A=1,CTI_B": "2", "CTI_C": "3,CTI_STATUS=routed"})


def test_a_long_answer_is_split_and_ends_with_its_status() -> None:
    """Neither the bytes nor the pairs that Asterisk takes are exceeded, and the status is in the last command alone."""
    by_bytes = {f"CTI_X_{number}": "v" * 128 for number in range(40)} | {"CTI_STATUS": "routed"}
    by_pairs = {f"CTI_X_{number}": "" for number in range(2 * MAX_PAIRS)} | {"CTI_STATUS": "routed"}
    for values, expected in ((by_bytes, 3), (by_pairs, 3)):
        commands = set_variables(values)
        assert len(commands) == expected
        assert [b"CTI_STATUS" in command for command in commands] == [False] * (expected - 1) + [True]
        assert {name: value for command in commands for name, value in pairs_of(command)} == values


@given(values=st.dictionaries(NAMES, VALUES, max_size=60))
@settings(max_examples=FUZZ, deadline=None)
def test_what_fits_arrives_whole(values: dict[str, str]) -> None:
    """Read back as Asterisk reads it, every answer is itself, in order, within the limits of each command."""
    commands = set_variables(values)
    assert all(len(command) <= MAX_COMMAND for command in commands)
    parts = [pairs_of(command) for command in commands]
    assert all(len(part) <= MAX_PAIRS for part in parts)
    assert [pair for part in parts for pair in part] == list(values.items())


@given(name=st.text(max_size=20), value=st.text(max_size=200))
@settings(max_examples=FUZZ, deadline=None)
def test_any_text_is_one_command_or_refused(name: str, value: str) -> None:
    """Whatever is asked for, only one line of the closed alphabet can come of it."""
    try:
        commands = set_variables({name: value})
    except AgiError:
        return
    assert [pairs_of(command) for command in commands] == [[(name, value)]]


@given(line=st.text(max_size=3000))
@settings(max_examples=FUZZ, deadline=None)
def test_the_encoder_writes_one_line(line: str) -> None:
    """One line feed, at its end, no other control character, never too long."""
    try:
        command = encode_command(line)
    except AgiError:
        return
    assert command.endswith(b"\n")
    assert len(command) <= MAX_COMMAND
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", command[:-1].decode())


@pytest.mark.parametrize("line", ["", "\r\n\0", "x" * MAX_COMMAND, "é" * 1000])
def test_an_empty_or_overlong_command_is_refused(line: str) -> None:
    """Nothing is cut to fit: half a command is another command."""
    with pytest.raises(AgiError):
        encode_command(line)
