"""What Asterisk's events mean: calls recorded on the wire, read by the parser and told in our words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ctiroute.connectors.asterisk.translate.events import MAX_ANSWERED, MAX_MEMBERS, WANTED, Translator, interface_of
from ctiroute.model import (
    AttendedTransferred,
    BlindTransferred,
    LegEnded,
    LegHeld,
    LegStarted,
    Member,
    OfferAnswered,
    OfferCompleted,
    OfferMissed,
    OfferStarted,
    QueueAbandoned,
    QueueJoined,
)
from ctiroute.protocol.ami import AmiEvent, AmiHostile, AmiReader

if TYPE_CHECKING:
    from ctiroute.model import CallEvent

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL, FIRST, SECOND, THIRD = "hq:leg0", "hq:leg1", "hq:leg2", "hq:leg3"  # in the order in which a recording names them
_UNIQUE = re.compile(rb"\b1\d{9}\.\d{1,3}\b")
DATA = Path(__file__).parents[2] / "data" / "ami"


def events_of(name: str, wanted: dict[str, tuple[str, ...]] | None = None) -> list[AmiEvent]:
    """Return the events of a conversation, as the link would read them."""
    numbers: dict[bytes, bytes] = {}
    data = _UNIQUE.sub(lambda found: numbers.setdefault(found[0], b"leg%d" % len(numbers)), (DATA / f"22-{name}.txt").read_bytes())
    messages = AmiReader(dict(WANTED) if wanted is None else wanted).receive(data)
    assert not [message for message in messages if isinstance(message, AmiHostile)]
    return [message for message in messages if isinstance(message, AmiEvent)]


def told(name: str) -> list[CallEvent]:
    """Return what a conversation means."""
    translator = Translator("hq")
    heard = [translator.event(event.name, event.headers, NOW) for event in events_of(name)]
    return [event for event in heard if event is not None]


def one(event: str, **headers: str) -> CallEvent | None:
    """Return what one event means to a fresh translator."""
    return Translator("hq").event(event, headers, NOW)


def member(number: int, device: str = "") -> Member:
    """Return a queue member of the conversations."""
    return Member(f"PJSIP/{number}", f"Operator {number}", device)


def test_answered_queue_call() -> None:
    """A queue call is told from the caller's leg to both hang-ups, times in seconds."""
    # A member's device is told (QueueMemberStatus) after its phone rings for the first time; the lists at login tell it before.
    assert told("queue-answered") == [
        LegStarted(CALL, CALL, "PJSIP/trunk", "+380671234567", "queue-solo", NOW),
        QueueJoined(CALL, "solo", NOW, 1),
        LegStarted(CALL, FIRST, "PJSIP/1001", "1001", "s", NOW),
        OfferStarted(CALL, FIRST, member(1001), NOW, "solo", CALL),
        OfferStarted(CALL, FIRST, Member("PJSIP/1001"), NOW, None, CALL),
        OfferAnswered(CALL, FIRST, Member("PJSIP/1001"), NOW),
        OfferAnswered(CALL, FIRST, member(1001, "PJSIP/1001"), NOW, "solo", 2.0, 2.0),
        LegHeld(CALL, FIRST, held=True, at=NOW),
        LegHeld(CALL, FIRST, held=False, at=NOW),
        OfferCompleted(CALL, FIRST, member(1001, "PJSIP/1001"), NOW, "solo", 2.0, "caller"),
        LegEnded(CALL, FIRST, NOW, 16),
        LegEnded(CALL, CALL, NOW, 16),
    ]


# As Asterisk 22 sent it under load, when both channels were gone before the queue's thread told the end.
WITHOUT_CHANNELS = (
    b"Event: AgentComplete\r\nPrivilege: agent,all\r\nTimestamp: 1795357732.934452\r\nQueue: credit\r\nInterface: PJSIP/1003\r\n"
    b"MemberName: Operator 1003\r\nHoldTime: 0\r\nTalkTime: 0\r\nReason: caller\r\n\r\n"
)


def test_the_end_of_a_talk_whose_channels_are_gone_casts_no_doubt() -> None:
    """It names no call and tells nothing that the hang-ups do not tell; what comes behind it is believed."""
    reader = AmiReader(dict(WANTED))
    hangup = b"Event: Hangup\r\nUniqueid: leg1\r\nLinkedid: leg0\r\n\r\n"
    _, complete, behind = reader.receive(b"Asterisk Call Manager/11.0.0\r\n" + WITHOUT_CHANNELS + hangup)
    assert isinstance(complete, AmiEvent)
    assert isinstance(behind, AmiEvent)
    assert one(complete.name, **complete.headers) is None
    assert one(behind.name, **behind.headers) == LegEnded(CALL, FIRST, NOW)
    operators_leg = {**complete.headers, "DestUniqueid": "leg1", "DestLinkedid": "leg0"}
    assert one("AgentComplete", **operators_leg) == OfferCompleted(CALL, FIRST, member(1003), NOW, "credit", 0.0, "caller")


def test_no_answer_then_the_caller_gives_up() -> None:
    """The ring time of a missed offer comes in milliseconds; a ring cut off by the caller's leaving is not answered elsewhere."""
    events = told("queue-no-answer-then-abandoned")
    missed = [event for event in events if isinstance(event, OfferMissed)]
    assert missed[0] == OfferMissed(CALL, FIRST, member(1001, "PJSIP/1001"), NOW, "pair", 2.0)
    # Asterisk ends a dial that timed out twice, with NOANSWER and then with CANCEL.
    assert set(missed[1:3]) == {OfferMissed(CALL, FIRST, Member("PJSIP/1001"), NOW)}
    assert set(missed[3:]) == {OfferMissed(CALL, SECOND, Member("PJSIP/1002"), NOW, elsewhere=False)}
    assert QueueAbandoned(CALL, "pair", NOW, 4.0) in events


def test_ring_all_loser_was_answered_elsewhere() -> None:
    """When all phones ring, the one that lost was not missed by its operator."""
    events = told("queue-ringall")
    assert {event for event in events if isinstance(event, OfferMissed)} == {
        OfferMissed(CALL, SECOND, Member("PJSIP/1001"), NOW, elsewhere=True)
    }
    assert LegEnded(CALL, SECOND, NOW, 26) in events


def test_busy_phone_without_a_queue() -> None:
    """A phone that is dialled directly and refuses is an offer that was missed."""
    assert told("direct-busy")[2:4] == [
        OfferStarted(CALL, FIRST, Member("PJSIP/1001"), NOW, None, CALL),
        OfferMissed(CALL, FIRST, Member("PJSIP/1001"), NOW),
    ]


def test_local_members_carry_their_device() -> None:
    """A member behind a Local channel is told with the device it stands for, its legs without serial and half."""
    events = told("queue-freepbx-local")
    local = "Local/1001@from-queue"
    assert [event for event in events if isinstance(event, OfferStarted)] == [
        OfferStarted(CALL, FIRST, Member(f"{local}/n", "Operator 1001"), NOW, "freepbx", CALL),
        OfferStarted(CALL, FIRST, Member(local), NOW, None, CALL),
        OfferStarted(CALL, THIRD, Member("PJSIP/1001"), NOW, None, SECOND),
    ]
    assert [event for event in events if isinstance(event, OfferAnswered)] == [
        OfferAnswered(CALL, THIRD, Member("PJSIP/1001"), NOW),
        OfferAnswered(CALL, FIRST, Member(local), NOW),
        OfferAnswered(CALL, FIRST, Member(f"{local}/n", "Operator 1001", "PJSIP/1001"), NOW, "freepbx", 0.0, 0.0),
    ]


def test_blind_transfer() -> None:
    """A blind transfer is told before the new phone rings, in the same call."""
    events = told("blind-transfer")
    at = events.index(BlindTransferred(CALL, FIRST, "1002", NOW))
    assert OfferStarted(CALL, SECOND, Member("PJSIP/1002"), NOW, None, CALL) in events[at:]


def test_attended_transfer() -> None:
    """An attended transfer is told with the customer's call, the consultation, and the leg that gets the customer."""
    assert AttendedTransferred(CALL, FIRST, SECOND, SECOND, THIRD, NOW) in told("attended-transfer")


@pytest.mark.parametrize("name", ["BlindTransfer", "AttendedTransfer"])
def test_transfers_that_failed_are_none(name: str) -> None:
    """A transfer that Asterisk refused changes nothing."""
    assert one(name, **{**dict.fromkeys(WANTED[name], "1"), "Result": "Fail"}) is None


def test_snapshot() -> None:
    """The lists of a switch become all live legs and all waiting callers, and teach the members' devices."""
    lists = ("CoreShowChannel", "QueueEntry", "QueueMember")
    events = events_of("resynchronise", dict.fromkeys(lists, ()))
    channels, entries, members = ([event.headers for event in events if event.name == name] for name in lists)
    translator = Translator("hq")
    snapshot = translator.snapshot(channels, entries, members, NOW)
    assert (snapshot.pbx, snapshot.at) == ("hq", NOW)
    number = "+380671234567"
    assert {(leg.interface, leg.up, leg.number, leg.connected) for leg in snapshot.legs} == {
        ("PJSIP/trunk", True, number, "1002"),  # talks, after a transfer
        ("PJSIP/1002", True, "1002", number),
        ("PJSIP/trunk", True, number, "1001"),  # waits
        ("PJSIP/1001", False, "1001", number),  # rings for who waits
    }
    ringing = next(leg for leg in snapshot.legs if not leg.up)
    assert snapshot.waiting == ((ringing.call_id, "solo"),)
    called = {"Queue": "freepbx", "Interface": "Local/1001@from-queue/n", "Uniqueid": "1", "Linkedid": "1"}
    offer = translator.event("AgentCalled", called, NOW)
    assert isinstance(offer, OfferStarted)
    assert offer.member.state_interface == "PJSIP/1001"


def test_snapshot_of_a_caller_whose_call_began_elsewhere() -> None:
    """A waiting channel that was transferred in is told under its call, not under itself."""
    channel = {"Uniqueid": "9.2", "Linkedid": "9.1", "Channel": "PJSIP/x-00000002", "ChannelStateDesc": "Ring"}
    snapshot = Translator("hq").snapshot([channel, {"Uniqueid": "9.3"}], [{"Uniqueid": "9.2", "Queue": "q"}, {"Queue": "q"}], [], NOW)
    assert snapshot.waiting == (("hq:9.1", "q"),)
    assert [leg.up for leg in snapshot.legs] == [False]


@pytest.mark.parametrize(
    ("channel", "interface"),
    [
        ("PJSIP/1001-0000001a", "PJSIP/1001"),
        ("PJSIP/kyiv-office-0000001a", "PJSIP/kyiv-office"),
        ("Local/1001@from-queue-00000003;1", "Local/1001@from-queue"),
        ("Local/1001@from-queue-00000003;2", "Local/1001@from-queue"),
        ("SIP/1001", "SIP/1001"),
        ("DAHDI/1-1", "DAHDI/1-1"),
        ("PJSIP/10\u202e01-0000001a", "PJSIP/1001"),
        ("", ""),
    ],
)
def test_interface_of(channel: str, interface: str) -> None:
    """A channel's serial is taken off, and nothing else that looks like one."""
    assert interface_of(channel) == interface


@pytest.mark.parametrize("number", ["anonymous", "<unknown>", "", "\u202e"])
def test_words_in_place_of_a_number(number: str) -> None:
    """What a switch writes in place of a number is no number."""
    leg = one("Newchannel", Channel="PJSIP/1-00000001", Uniqueid="1", Linkedid="1", CallerIDNum=number)
    assert isinstance(leg, LegStarted)
    assert leg.number == ""


def test_texts_are_cleaned() -> None:
    """Control and direction characters never leave this room, and no text is longer than a name of Asterisk's."""
    joined = one("QueueCallerJoin", Queue="pro\u202emo\x1b" + "x" * 500, Uniqueid="1", Linkedid="1\x00", Position="\u0662")
    assert isinstance(joined, QueueJoined)
    assert joined.queue == "promo" + "x" * 123
    assert joined.call_id == "hq:1"
    assert joined.position == 0


@pytest.mark.parametrize("time", ["", "-1", "1e9", "nan", "9" * 13, "abc"])
def test_absurd_times_are_unknown(time: str) -> None:
    """A time that is no count of seconds is not known, rather than wrong."""
    answered = one("AgentConnect", Queue="q", Interface="PJSIP/1", Uniqueid="1", Linkedid="1", HoldTime=time, RingTime="3")
    assert isinstance(answered, OfferAnswered)
    assert (answered.waited_s, answered.rang_s) == (None, 3.0)


def test_dialling_without_a_waiting_channel() -> None:
    """An originated call rings a phone for nobody yet: the call is the phone's own."""
    assert one("DialBegin", DestUniqueid="5", DestLinkedid="5", DestChannel="PJSIP/1001-00000001") == OfferStarted(
        "hq:5", "hq:5", Member("PJSIP/1001"), NOW
    )
    assert one("DialEnd", DestUniqueid="5", DestLinkedid="5", DialStatus="BUSY") == OfferMissed("hq:5", "hq:5", Member(""), NOW)


def test_answered_mark_ends_with_the_next_dial() -> None:
    """A ring cut off after an earlier dial of the same caller was answered is not taken for answered elsewhere."""
    translator = Translator("hq")
    dial = {"Uniqueid": "1", "Linkedid": "1", "DestUniqueid": "2", "DestLinkedid": "1"}
    translator.event("DialEnd", {**dial, "DialStatus": "ANSWER"}, NOW)
    translator.event("DialBegin", {**dial, "DestUniqueid": "3"}, NOW)
    missed = translator.event("DialEnd", {**dial, "DestUniqueid": "3", "DialStatus": "CANCEL"}, NOW)
    assert isinstance(missed, OfferMissed)
    assert not missed.elsewhere


def test_memory_is_bounded() -> None:
    """However many members and calls a switch tells of, only so many are remembered."""
    translator = Translator("hq")
    for number in range(MAX_MEMBERS + 5):
        translator.event("QueueMemberAdded", {"Queue": "q", "Interface": f"PJSIP/{number}", "StateInterface": "PJSIP/x"}, NOW)
    for number in range(MAX_ANSWERED + 5):
        translator.event("DialEnd", {"Uniqueid": str(number), "DestUniqueid": "d", "DestLinkedid": "d", "DialStatus": "ANSWER"}, NOW)
    assert len(translator._devices) == MAX_MEMBERS
    assert len(translator._answered) == MAX_ANSWERED


def test_removed_member_is_forgotten() -> None:
    """A member that left its queue takes its device with it."""
    translator = Translator("hq")
    headers = {"Queue": "q", "Interface": "PJSIP/1", "StateInterface": "PJSIP/x"}
    translator.event("QueueMemberStatus", headers, NOW)
    translator.event("QueueMemberRemoved", headers, NOW)
    offer = translator.event("AgentCalled", {**headers, "Uniqueid": "1", "Linkedid": "1"}, NOW)
    assert isinstance(offer, OfferStarted)
    assert offer.member == Member("PJSIP/1")


def test_every_wanted_event_is_understood_from_its_mandatory_headers_alone() -> None:
    """Nothing is needed of an event beyond the headers that its absence of makes a block hostile."""
    for name, mandatory in WANTED.items():
        one(name, **dict.fromkeys(mandatory, "Success"))


def test_other_events_mean_nothing() -> None:
    """An event of no interest is no event of ours."""
    assert one("RTCPSent") is None
