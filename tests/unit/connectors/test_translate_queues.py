"""Asterisk's words about queues, recorded and by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ctiroute.connectors.asterisk.translate.queues import WANTED, queue_event, queues_told
from ctiroute.model import Member
from ctiroute.model.queue import MemberGone, MemberTold, WaitBegan, WaitEnded
from ctiroute.protocol.ami import AmiEvent, AmiReader

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "data" / "ami"
LISTS = ("QueueParams", "QueueMember", "QueueEntry")


def events(name: str) -> list[AmiEvent]:
    """Return the recorded events that are used, and those of the lists."""
    wanted = {**WANTED, **dict.fromkeys(LISTS, ())}
    data = (DATA / f"22-{name}.txt").read_bytes()
    return [one for one in AmiReader(wanted).receive(data) if isinstance(one, AmiEvent)]


def test_a_recorded_call_begins_and_ends_to_wait() -> None:
    """The caller joins, the phone is busy with his call, he leaves the line, the phone is free again."""
    heard = [queue_event("hq", one.name, one.headers, NOW) for one in events("queue-answered")]
    waits = [one for one in heard if isinstance(one, WaitBegan | WaitEnded)]
    assert [type(one) for one in waits] == [WaitBegan, WaitEnded]
    assert waits[0].leg_id == waits[1].leg_id
    assert {one.queue for one in waits} == {"solo"}
    states = [one.free for one in heard if isinstance(one, MemberTold) and one.queue == "solo"]
    assert False in states
    assert states[-1] is True


def test_a_caller_who_gives_up_is_told_to_have_left() -> None:
    """Abandoning and leaving are told both; either ends the wait."""
    heard = [queue_event("hq", one.name, one.headers, NOW) for one in events("queue-no-answer-then-abandoned")]
    assert len({one.leg_id for one in heard if isinstance(one, WaitEnded)}) == 1


def test_the_lists_tell_every_queue() -> None:
    """Queues, phones and callers with how long they wait, as recorded."""
    by_name = {name: [one.headers for one in events("resynchronise") if one.name == name] for name in LISTS}
    params, members, entries = (by_name[name] for name in LISTS)
    told = queues_told("hq", params, members, entries, NOW)
    assert len(told.queues) == len(by_name["QueueParams"]) > 0
    assert len(told.members) == len(by_name["QueueMember"]) > 0
    assert {one.queue for one in told.members} <= set(told.queues)
    assert any(one.member.state_interface == "PJSIP/1001" and one.member.interface.startswith("Local/1001@") for one in told.members)
    (waiting,) = told.waiting
    wait = int(by_name["QueueEntry"][0]["Wait"])
    assert (waiting.queue, waiting.at) == ("solo", NOW - timedelta(seconds=wait))


@pytest.mark.parametrize(
    ("status", "free"), [("0", True), ("1", True), ("2", False), ("3", False), ("4", False), ("5", False), ("6", False), ("8", False)]
)
def test_a_phone_is_free_by_its_device(status: str, free: bool) -> None:
    """Not in use, or watched by nobody; everything else cannot ring for one more call."""
    told = queue_event("hq", "QueueMemberStatus", {"Queue": "a", "Interface": "PJSIP/1", "Status": status, "Paused": "0"}, NOW)
    assert told == MemberTold("hq", "a", Member("PJSIP/1"), free, NOW)


@pytest.mark.parametrize("name", ["Paused", "InCall"])
def test_who_is_paused_or_in_a_call_is_not_free(name: str) -> None:
    """Whatever the device says."""
    told = queue_event("hq", "QueueMemberPause", {"Queue": "a", "Interface": "PJSIP/1", "Status": "1", name: "1"}, NOW)
    assert isinstance(told, MemberTold)
    assert not told.free


def test_a_member_taken_out_is_gone() -> None:
    """By its interface; other events mean nothing."""
    headers = {"Queue": "a", "Interface": "PJSIP/1"}
    assert queue_event("hq", "QueueMemberRemoved", headers, NOW) == MemberGone("hq", "a", "PJSIP/1", NOW)
    assert queue_event("hq", "AgentCalled", headers, NOW) is None


def test_each_is_understood_from_its_mandatory_headers_alone() -> None:
    """Nothing more is needed of an event than what its absence makes hostile."""
    for name, mandatory in WANTED.items():
        assert queue_event("hq", name, dict.fromkeys(mandatory, "x"), NOW) is not None
