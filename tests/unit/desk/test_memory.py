"""What is forgotten, when, and that memory stays bounded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ctiroute.desk import live

if TYPE_CHECKING:
    import pytest

    from tests.unit.desk.conftest import Conversation

ENDED = """
    0s > know 1
    1s > ring 1/2 PJSIP/1001 for 1/1
       < show ann ringing
    2s > answer 1/2 PJSIP/1001
       < update ann talking
       < record 1 answered by ann
    9s > gone 1/2
       < close ann ended
    9s > gone 1/1
       < record 1 ended
       < forget 1
"""


def test_note_after_the_call(talk: Conversation) -> None:
    """A pop that ended is kept for some minutes, so that a note is still taken; then it is dropped."""
    talk(ENDED + "500s > expire\n 500s > note ann done")
    assert talk.desk.offer("p:1~ann~p:2") is not None
    talk("610s > expire")
    assert talk.desk.offer("p:1~ann~p:2") is None
    assert talk.desk.write_note("p:1~ann~p:2", "ann", "late", talk.now) == []
    assert list(talk.desk._register) == []


def test_silent_calls_are_forgotten(talk: Conversation) -> None:
    """A call without a word for a day is over: its pop is closed and its outcome is not known."""
    talk(
        """
        0s > know 1
        0s > wait 1 in sales
        1s > ring 1/2 PJSIP/1001 in sales for 1/1
           < show ann ringing
        86000s > expire
        87000s > expire
           < close ann missed
           < missed ann 0s
           < record 1 ended unknown
           < forget 1
        """
    )


def test_silent_call_without_a_pop_is_forgotten_aloud(talk: Conversation) -> None:
    """A call whose end was missed and that rang nobody is let go of in the same moment by everybody who keeps something of it."""
    talk("0s > know 1\n 86000s > expire\n 87000s > expire\n < record 1 ended unknown\n < forget 1")
    assert talk.desk._register.call("p:1") is None


def test_joined_calls_are_dropped_together(talk: Conversation) -> None:
    """What was a consultation is forgotten with the call it became."""
    talk(
        """
        0s > know 1
        1s > ring 1/2 PJSIP/1001 for 1/1
           < show ann ringing
        2s > answer 1/2 PJSIP/1001
           < update ann talking
           < record 1 answered by ann
        3s > leg 9/9 PJSIP/1001
        3s > ring 9/10 PJSIP/1002 for 9/9
           < show ben ringing about 1 from ann
        4s > attended 1/2 9/9 10
           < close ann ended
           < update ben ringing from ann
           < forget 9
        5s > leg 20/20 PJSIP/1003
        6s > attended 20/20 1/1 10
           < record 1 ended
           < update ben ringing from ann
           < forget 1
        """
    )
    assert talk.desk._register.call("p:9") is talk.desk._register.call("p:20")
    for leg in ("1/1", "1/2", "9/9", "9/10", "20/20"):
        talk.say(f"gone {leg}")
    talk("2000s > expire")
    assert [talk.desk._register.call(f"p:{call}") for call in (1, 9, 20)] == [None, None, None]


def test_calls_are_bounded(talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound the oldest call without a visible pop makes room; when all have one, the oldest does."""
    monkeypatch.setattr(live, "MAX_CALLS", 2)
    talk("0s > know 1\n 0s > ring 1/2 PJSIP/1001\n < show ann ringing\n 1s > know 3\n 2s > know 5")
    assert set(talk.desk.live_calls) == {"p:1", "p:5"}
    talk("3s > ring 5/6 PJSIP/1002\n < show ben ringing\n 4s > know 7")
    assert set(talk.desk.live_calls) == {"p:5", "p:7"}
    assert talk.screen("ann") == []


def test_ended_legs_are_bounded(talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tombstones of one call are bounded."""
    monkeypatch.setattr(live, "MAX_GONE_LEGS", 3)
    talk.say("know 1")
    for leg in range(10, 20):
        talk.say(f"gone 1/{leg}")
    call = talk.desk._register.call("p:1")
    assert call is not None
    assert list(call.gone) == ["p:17", "p:18", "p:19"]


def test_thousands_of_calls_leave_nothing(talk: Conversation) -> None:
    """After many calls and the time of grace, nothing is kept."""
    for number in range(0, 3000, 3):
        for line in (f"know {number}", f"ring {number}/{number + 1} PJSIP/1001 for {number}/{number}", f"gone {number}/{number}"):
            talk.say(line)
        talk.say(f"gone {number}/{number + 1}")
    talk.now += timedelta(minutes=11)
    assert talk.say("expire") == []
    register = talk.desk._register
    assert [len(kept) for kept in (register._calls, register._pops, register._legs, register._visible, register._ended)] == [0] * 5
