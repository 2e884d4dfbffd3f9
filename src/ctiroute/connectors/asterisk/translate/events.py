"""Asterisk's events -> CallEvents: the only place that knows the manager interface's words. Does no I/O, keeps no calls.

What it remembers is small and bounded: which device stands behind a queue member (Asterisk tells it in the members' own events,
not when their phone rings), and which waiting channels were just answered (so that the phones that lost are not "missed").
Facts are of Asterisk 13 to 22: apps/app_queue.c, main/manager_channels.c, main/stasis_bridges.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctiroute.connectors.asterisk.translate.words import count, seconds, text
from ctiroute.model import (
    AttendedTransferred,
    BlindTransferred,
    CallEvent,
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
from ctiroute.model.phone import is_withheld

if TYPE_CHECKING:
    from datetime import datetime

Headers = Mapping[str, str]

_LEG = ("Uniqueid", "Linkedid")
_DIAL = ("DestUniqueid", "DestLinkedid")
_MEMBER = ("Queue", "Interface")

# Every event that is used, with the headers it always has. A block without them was cut (see protocol.ami).
WANTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Newchannel": ("Channel", *_LEG),
        "Hangup": _LEG,
        "Hold": _LEG,
        "Unhold": _LEG,
        "DialBegin": _DIAL,
        "DialEnd": (*_DIAL, "DialStatus"),
        "BlindTransfer": ("TransfererUniqueid", "TransfererLinkedid", "Result"),
        "AttendedTransfer": (
            "OrigTransfererUniqueid",
            "OrigTransfererLinkedid",
            "SecondTransfererUniqueid",
            "SecondTransfererLinkedid",
            "Result",
        ),
        "QueueCallerJoin": ("Queue", *_LEG),
        "QueueCallerAbandon": ("Queue", *_LEG),
        "AgentCalled": (*_MEMBER, *_LEG),
        "AgentConnect": (*_MEMBER, *_LEG),
        "AgentRingNoAnswer": (*_MEMBER, *_LEG),
        "AgentComplete": _MEMBER,  # without a word of the call when its channels were quicker to go (app_queue.c: send_agent_complete)
        "QueueMemberAdded": _MEMBER,
        "QueueMemberStatus": _MEMBER,
        "QueueMemberRemoved": _MEMBER,
    }
)

_SERIAL = re.compile(r"-[0-9a-f]{8}(?:;[12])?$", re.ASCII)
MAX_MEMBERS = 20_000  # interfaces remembered; the largest sites have a few thousand
MAX_ANSWERED = 4_096  # waiting channels remembered as answered; forgotten when they hang up or dial again


def interface_of(channel: str) -> str:
    """Return a channel's name without the serial that makes it unique: "PJSIP/1001-0000001a" -> "PJSIP/1001".

    A Local channel loses its half's mark, too: "Local/1001@from-queue-00000003;1" -> "Local/1001@from-queue".
    """
    return _SERIAL.sub("", text(channel))


class Translator:
    """Turns the blocks of one Asterisk into CallEvents. `pbx` is its name in the configuration."""

    __slots__ = ("_answered", "_devices", "_kinds", "_pbx")

    def __init__(self, pbx: str) -> None:
        self._pbx = pbx
        self._devices: dict[str, str] = {}  # interface -> state interface, where they differ
        self._answered: dict[str, None] = {}  # Uniqueid of channels whose last dial was answered, oldest first
        self._kinds: Mapping[str, Callable[[Headers, datetime], CallEvent | None]] = {
            "Newchannel": self._newchannel,
            "Hangup": self._hangup,
            "Hold": self._hold,
            "Unhold": self._unhold,
            "DialBegin": self._dial_begin,
            "DialEnd": self._dial_end,
            "BlindTransfer": self._blind_transfer,
            "AttendedTransfer": self._attended_transfer,
            "QueueCallerJoin": self._queue_caller_join,
            "QueueCallerAbandon": self._queue_caller_abandon,
            "AgentCalled": self._agent_called,
            "AgentConnect": self._agent_connect,
            "AgentRingNoAnswer": self._agent_ring_no_answer,
            "AgentComplete": self._agent_complete,
            "QueueMemberAdded": self._member_told,
            "QueueMemberStatus": self._member_told,
            "QueueMemberRemoved": self._member_removed,
        }

    def event(self, name: str, headers: Headers, now: datetime) -> CallEvent | None:
        """Return what an event means for calls, or None when it means nothing to us. `now`: aware, UTC."""
        kind = self._kinds.get(name)
        return None if kind is None else kind(headers, now)

    def snapshot(
        self, channels: Iterable[Headers], entries: Iterable[Headers], members: Iterable[Headers], now: datetime
    ) -> SwitchSnapshot:
        """Return the whole truth from CoreShowChannel events and QueueStatus's QueueEntry and QueueMember events."""
        for headers in members:
            # QueueMember calls the interface Location and the member Name, unlike all other events (app_queue.c).
            self._remember(headers.get("Location", ""), headers.get("StateInterface", ""))
        legs = tuple(self._live_leg(headers) for headers in channels if headers.get("Uniqueid") and headers.get("Linkedid"))
        calls = {leg.leg_id: leg.call_id for leg in legs}
        waiting: list[tuple[str, str]] = []
        for headers in entries:
            if headers.get("Uniqueid") and headers.get("Queue"):
                leg = self._id(headers["Uniqueid"])  # an entry has no Linkedid; a caller's own channel began the call
                waiting.append((calls.get(leg, leg), text(headers["Queue"])))
        return SwitchSnapshot(self._pbx, legs, now, tuple(waiting))

    # --- channels
    def _newchannel(self, headers: Headers, now: datetime) -> CallEvent:
        return LegStarted(
            call_id=self._id(headers["Linkedid"]),
            leg_id=self._id(headers["Uniqueid"]),
            interface=interface_of(headers["Channel"]),
            number=_number(headers.get("CallerIDNum", "")),
            dialed=text(headers.get("Exten", "")),
            at=now,
        )

    def _hangup(self, headers: Headers, now: datetime) -> CallEvent:
        self._answered.pop(headers["Uniqueid"], None)
        return LegEnded(self._id(headers["Linkedid"]), self._id(headers["Uniqueid"]), now, count(headers, "Cause"))

    def _hold(self, headers: Headers, now: datetime) -> CallEvent:
        return LegHeld(self._id(headers["Linkedid"]), self._id(headers["Uniqueid"]), held=True, at=now)

    def _unhold(self, headers: Headers, now: datetime) -> CallEvent:
        return LegHeld(self._id(headers["Linkedid"]), self._id(headers["Uniqueid"]), held=False, at=now)

    # --- dialling, by Dial() or by a queue
    def _dial_begin(self, headers: Headers, now: datetime) -> CallEvent:
        waiting = headers.get("Uniqueid", "")  # absent when nobody waits: an originated call
        self._answered.pop(waiting, None)
        return OfferStarted(
            call_id=self._dialled_call(headers),
            leg_id=self._id(headers["DestUniqueid"]),
            member=self._device(headers),
            at=now,
            from_leg_id=self._id(waiting) if waiting else "",
        )

    def _dial_end(self, headers: Headers, now: datetime) -> CallEvent | None:
        call, leg, member = self._dialled_call(headers), self._id(headers["DestUniqueid"]), self._device(headers)
        waiting, status = headers.get("Uniqueid", ""), headers["DialStatus"]
        if status == "ANSWER":
            if waiting:
                if len(self._answered) >= MAX_ANSWERED:
                    del self._answered[next(iter(self._answered))]
                self._answered[waiting] = None
            return OfferAnswered(call, leg, member, now)
        # The winner's ANSWER comes before the losers' CANCEL (app_queue.c: wait_for_answer, app_dial.c: publish_dial_end_event);
        # a CANCEL without one means that the caller gave up.
        return OfferMissed(call, leg, member, now, elsewhere=status == "CANCEL" and waiting in self._answered)

    # --- transfers
    def _blind_transfer(self, headers: Headers, now: datetime) -> CallEvent | None:
        if headers["Result"] != "Success":
            return None
        return BlindTransferred(
            self._id(headers["TransfererLinkedid"]),
            self._id(headers["TransfererUniqueid"]),
            text(headers.get("Extension", "")),
            now,
        )

    def _attended_transfer(self, headers: Headers, now: datetime) -> CallEvent | None:
        if headers["Result"] != "Success":
            return None
        # "Orig" is the transferer's older channel, "Second" the younger (main/stasis_bridges.c): the customer's, the colleague's.
        target = headers.get("TransferTargetUniqueid", "")
        return AttendedTransferred(
            call_id=self._id(headers["OrigTransfererLinkedid"]),
            leg_id=self._id(headers["OrigTransfererUniqueid"]),
            second_call_id=self._id(headers["SecondTransfererLinkedid"]),
            second_leg_id=self._id(headers["SecondTransfererUniqueid"]),
            target_leg_id=self._id(target) if target else "",
            at=now,
        )

    # --- queues
    def _queue_caller_join(self, headers: Headers, now: datetime) -> CallEvent:
        return QueueJoined(self._id(headers["Linkedid"]), text(headers["Queue"]), now, count(headers, "Position"))

    def _queue_caller_abandon(self, headers: Headers, now: datetime) -> CallEvent:
        waited = seconds(headers, "HoldTime") or 0.0
        return QueueAbandoned(self._id(headers["Linkedid"]), text(headers["Queue"]), now, waited)

    def _agent_called(self, headers: Headers, now: datetime) -> CallEvent:
        return OfferStarted(
            call_id=self._id(headers["Linkedid"]),
            leg_id=self._dialled_leg(headers),
            member=self._member(headers),
            at=now,
            queue=text(headers["Queue"]),
            from_leg_id=self._id(headers["Uniqueid"]),
        )

    def _agent_connect(self, headers: Headers, now: datetime) -> CallEvent:
        return OfferAnswered(
            call_id=self._id(headers["Linkedid"]),
            leg_id=self._dialled_leg(headers),
            member=self._member(headers),
            at=now,
            queue=text(headers["Queue"]),
            waited_s=seconds(headers, "HoldTime"),
            rang_s=seconds(headers, "RingTime"),
        )

    def _agent_ring_no_answer(self, headers: Headers, now: datetime) -> CallEvent:
        # Milliseconds here, seconds in AgentConnect, whatever the documentation says (app_queue.c: rna).
        rang_ms = seconds(headers, "RingTime")
        return OfferMissed(
            call_id=self._id(headers["Linkedid"]),
            leg_id=self._dialled_leg(headers),
            member=self._member(headers),
            at=now,
            queue=text(headers["Queue"]),
            rang_s=None if rang_ms is None else rang_ms / 1000,
        )

    def _agent_complete(self, headers: Headers, now: datetime) -> CallEvent | None:
        call = headers.get("Linkedid") or headers.get("DestLinkedid")
        if not call:
            return None  # the ends of its legs tell the same
        return OfferCompleted(
            call_id=self._id(call),
            leg_id=self._dialled_leg(headers),
            member=self._member(headers),
            at=now,
            queue=text(headers["Queue"]),
            talked_s=seconds(headers, "TalkTime"),
            reason=text(headers.get("Reason", "")),
        )

    def _member_told(self, headers: Headers, _now: datetime) -> None:
        self._remember(headers["Interface"], headers.get("StateInterface", ""))

    def _member_removed(self, headers: Headers, _now: datetime) -> None:
        self._devices.pop(text(headers["Interface"]), None)

    # --- pieces
    def _id(self, unique: str) -> str:
        return f"{self._pbx}:{text(unique)}"

    def _dialled_call(self, headers: Headers) -> str:
        return self._id(headers.get("Linkedid") or headers["DestLinkedid"])

    def _dialled_leg(self, headers: Headers) -> str:
        leg = headers.get("DestUniqueid", "")
        return self._id(leg) if leg else ""

    def _device(self, headers: Headers) -> Member:
        return Member(interface_of(headers.get("DestChannel", "")))

    def _member(self, headers: Headers) -> Member:
        interface = text(headers["Interface"])
        return Member(interface, text(headers.get("MemberName", "")), self._devices.get(interface, ""))

    def _remember(self, interface: str, device: str) -> None:
        interface, device = text(interface), text(device)
        if interface and device and (interface in self._devices or len(self._devices) < MAX_MEMBERS):
            self._devices[interface] = device

    def _live_leg(self, headers: Headers) -> LiveLeg:
        return LiveLeg(
            call_id=self._id(headers["Linkedid"]),
            leg_id=self._id(headers["Uniqueid"]),
            interface=interface_of(headers.get("Channel", "")),
            up=headers.get("ChannelStateDesc") == "Up",
            number=_number(headers.get("CallerIDNum", "")),
            connected=_number(headers.get("ConnectedLineNum", "")),
        )


def _number(value: str) -> str:
    number = text(value)
    return "" if is_withheld(number) else number
