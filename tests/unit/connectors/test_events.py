"""What Asterisk's events mean: written conversations of the wire, read by the parser and told in our words."""

from __future__ import annotations

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
    LiveLeg,
    Member,
    OfferAnswered,
    OfferCompleted,
    OfferMissed,
    OfferStarted,
    QueueAbandoned,
    QueueJoined,
    SwitchSnapshot,
)
from ctiroute.protocol.ami import AmiEvent, AmiReader

if TYPE_CHECKING:
    from ctiroute.model import CallEvent

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL = "hq:1700000000.1"
FIRST, SECOND = "hq:1700000004.2", "hq:1700000024.3"
DATA = Path(__file__).parents[2] / "data" / "ami"


def events_of(name: str, wanted: dict[str, tuple[str, ...]] | None = None) -> list[AmiEvent]:
    """Return the events of a conversation, as the link would read them."""
    messages = AmiReader(dict(WANTED) if wanted is None else wanted).receive((DATA / f"22-{name}.txt").read_bytes())
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
    # The member's own device is told (QueueMemberStatus) after its phone rings for the first time.
    assert told("queue-answered") == [
        LegStarted(CALL, CALL, "PJSIP/trunk", "+380671234567", "0800500600", NOW),
        QueueJoined(CALL, "promo", NOW, 1),
        LegStarted(CALL, FIRST, "PJSIP/1001", "1001", "0800500600", NOW),
        OfferStarted(CALL, FIRST, member(1001), NOW, "promo", CALL),
        OfferStarted(CALL, FIRST, Member("PJSIP/1001"), NOW, None, CALL),
        OfferAnswered(CALL, FIRST, Member("PJSIP/1001"), NOW),
        OfferAnswered(CALL, FIRST, member(1001, "PJSIP/1001"), NOW, "promo", 9.0, 5.0),
        LegHeld(CALL, FIRST, held=True, at=NOW),
        LegHeld(CALL, FIRST, held=False, at=NOW),
        OfferCompleted(CALL, FIRST, member(1001, "PJSIP/1001"), NOW, "promo", 63.0, "caller"),
        LegEnded(CALL, FIRST, NOW, 16),
        LegEnded(CALL, CALL, NOW, 16),
    ]


def test_no_answer_then_the_caller_gives_up() -> None:
    """The ring time of a missed offer comes in milliseconds; a ring cut off by the caller's leaving is not answered elsewhere."""
    events = told("queue-no-answer-then-abandoned")
    assert [event for event in events if isinstance(event, OfferMissed)] == [
        OfferMissed(CALL, FIRST, member(1001, "PJSIP/1001"), NOW, "promo", 15.0),
        OfferMissed(CALL, FIRST, Member("PJSIP/1001"), NOW),
        OfferMissed(CALL, SECOND, Member("PJSIP/1002"), NOW, elsewhere=False),
    ]
    assert QueueAbandoned(CALL, "promo", NOW, 27.0) in events


def test_ring_all_loser_was_answered_elsewhere() -> None:
    """When all phones ring, the one that lost was not missed by its operator."""
    assert [event for event in told("queue-ringall") if isinstance(event, OfferMissed)] == [
        OfferMissed(CALL, FIRST, Member("PJSIP/1001"), NOW, elsewhere=True)
    ]


def test_local_members_carry_their_device() -> None:
    """A member behind a Local channel is told with the device it stands for, and its legs without serial and half."""
    offers = [event for event in told("queue-freepbx-local") if isinstance(event, OfferStarted)]
    assert offers == [
        OfferStarted(CALL, FIRST, Member("Local/1001@from-queue/n", "Iryna Bondar", "PJSIP/1001"), NOW, "promo", CALL),
        OfferStarted(CALL, FIRST, Member("Local/1001@from-queue"), NOW, None, CALL),
        OfferStarted(CALL, "hq:1700000005.4", Member("PJSIP/1001"), NOW, None, "hq:1700000004.3"),
    ]


def test_transfers() -> None:
    """Transfers that succeeded are told with both calls' legs; those that failed are not."""
    assert told("transfers") == [
        BlindTransferred(CALL, FIRST, "1002", NOW),
        AttendedTransferred(CALL, FIRST, "hq:1700000030.5", "hq:1700000030.5", "hq:1700000030.6", NOW),
    ]


def test_snapshot() -> None:
    """The lists of a switch become all live legs and all waiting callers, and teach the members' devices."""
    events = events_of("resynchronise", dict.fromkeys(("CoreShowChannel", "QueueEntry", "QueueMember"), ()))
    by_name = {name: [event.headers for event in events if event.name == name] for name in ("CoreShowChannel", "QueueEntry", "QueueMember")}
    translator = Translator("hq")
    snapshot = translator.snapshot(by_name["CoreShowChannel"], by_name["QueueEntry"], by_name["QueueMember"], NOW)
    assert snapshot == SwitchSnapshot(
        "hq",
        (
            LiveLeg(CALL, CALL, "PJSIP/trunk", up=True, number="+380671234567"),
            LiveLeg(CALL, FIRST, "PJSIP/1001", up=True, number="1001", connected="+380671234567"),
            LiveLeg("hq:1700000040.7", "hq:1700000040.7", "PJSIP/trunk", up=True),
        ),
        NOW,
        (("hq:1700000040.7", "promo"),),
    )
    called = {"Queue": "promo", "Interface": "Local/1001@from-queue/n", "Uniqueid": "1", "Linkedid": "1"}
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
