"""Two other AGI implementations read the same bytes: on what is well formed, all three agree."""

from __future__ import annotations

import io
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asterisk.agi import AGI
from hypothesis import given
from hypothesis import strategies as st
from pystrix.agi import agi_core as pystrix

from ctiroute.protocol.agi_environment import KNOWN, AgiEnvironment, EnvironmentParser
from ctiroute.protocol.agi_reply import AgiReply, ReplyParser

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = sorted((Path(__file__).parents[2] / "data" / "agi").glob("*.agi"))


@pytest.fixture(autouse=True)
def _own_sighup() -> Iterator[None]:
    """Keep pyst2's signal handler from outliving its test."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


class Scripted(pystrix._AGI):  # type: ignore[misc] # ships no types
    """Pystrix on bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._rfile = io.BytesIO(data)
        self._wfile = io.BytesIO()
        super().__init__(debug=False)

    def _test_hangup(self) -> None:
        """Nobody hangs up here."""


def pyst2(data: bytes) -> AGI:
    """Return pyst2 on bytes in memory."""
    return AGI(io.StringIO(data.decode(), newline="\n"), io.StringIO(), io.StringIO())


def ours(data: bytes) -> AgiEnvironment:
    """Return our own reading."""
    env = EnvironmentParser().feed(data)
    assert env is not None
    return env


def as_one(env: AgiEnvironment) -> dict[str, str]:
    """Put the arguments back among the values, as the others have them."""
    return {**env.values, **{f"agi_arg_{number}": arg for number, arg in enumerate(env.args, 1)}}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_all_read_the_recorded_environments_alike(path: Path) -> None:
    """Same keys, same values."""
    data = path.read_bytes()
    assert as_one(ours(data)) == pyst2(data).env == Scripted(data).get_environment()


TEXT = st.from_regex(r"[A-Za-z0-9+<>@./:\"$,{}'()=_-]([ -~]{0,38}[A-Za-z0-9+<>@./:\"$,{}'()=_-])?", fullmatch=True)


@given(values=st.fixed_dictionaries(dict.fromkeys(sorted(KNOWN), TEXT)), args=st.lists(TEXT, max_size=5))
def test_all_read_any_plain_environment_alike(values: dict[str, str], args: list[str]) -> None:
    """For values without outer blanks, which the others strip, the three agree."""
    whole = {**values, **{f"agi_arg_{number}": arg for number, arg in enumerate(args, 1)}}
    data = "".join(f"{key}: {value}\n" for key, value in whole.items()).encode() + b"\n"
    assert as_one(ours(data)) == pyst2(data).env == Scripted(data).get_environment() == whole


@pytest.mark.parametrize(
    ("line", "result", "value"), [("200 result=1", "1", ""), ("200 result=0", "0", ""), ("200 result=1 (promo)", "1", "promo")]
)
def test_all_read_plain_replies_alike(line: str, result: str, value: str) -> None:
    """A success and its value are the same to all three."""
    data = line.encode() + b"\n"
    parser = ReplyParser()
    parser.expect()
    (reply,) = parser.feed(data)
    assert isinstance(reply, AgiReply)
    block = RECORDED[0].read_bytes()
    other = pyst2(block + data).get_result()["result"]
    third = Scripted(block + data)._get_result().items["result"]
    assert (reply.result, reply.value or "") == (result, value) == tuple(other) == (third.value, third.data or "")
