"""Conversations with the desk, written down.

A line with `>` is what the switch (or an operator) says; the lines with `<` after it are all that the desk wants done.

    3s > ring 1/2 PJSIP/1001 in sales for 1/1
       < show ann ringing
    9s > answer 1/2 PJSIP/1001
       < update ann talking
       < record 1 answered by ann

`1` is a call, `1/2` is leg 2 in call 1; a leg with the call's own number is the caller's. Ann, Ben and Cat sit at 1001 to 1003.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.desk import ClosePop, Desk, ForgetCall, RecordCall, RecordMissed, ShowPop, UpdatePop
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
    Operator,
    PopState,
    QueueAbandoned,
    QueueJoined,
    SwitchLost,
    SwitchSnapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctiroute.desk import Command
    from ctiroute.model import CallEvent, Offer

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = Operator("ann", "Ann Lee", ("PJSIP/1001",), extension="1001", member_name="Ann")
BEN = Operator("ben", "Ben Moe", ("PJSIP/1002",), extension="1002")
CAT = Operator("cat", "Cat Roy", ("SIP/cat",), extension="1003")
_LINE = re.compile(r"(?:(?P<second>[0-9.]+)s\s+)?(?P<way>[<>])\s*(?P<text>.+)")


class Conversation:
    """One desk, and the clock of the story told to it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.now = START

    def __call__(self, story: str) -> None:
        """Say each `>` line and compare what comes back with the `<` lines after it."""
        said: list[str] = []
        wanted: list[str] = []
        got: list[str] = []
        for line in [*(line for line in story.splitlines() if line.strip()), "> end"]:
            found = _LINE.fullmatch(line.strip())
            assert found, f"not a line of a conversation: {line!r}"
            if found["way"] == "<":
                wanted.append(found["text"])
                continue
            assert got == wanted, f"after {said[-1:]}"
            if found["second"]:
                self.now = START + timedelta(seconds=float(found["second"]))
            said.append(line.strip())
            wanted, got = [], [] if found["text"] == "end" else [told(command) for command in self.say(found["text"])]

    def say(self, text: str) -> list[Command]:
        """Say one thing and return what the desk wants done."""
        verb, _, rest = text.partition(" ")
        match verb:
            case "know":
                self.desk.know(f"p:{rest}", self.now)
                return []
            case "note":
                operator_id, _, note = rest.partition(" ")
                return self.desk.write_note(self._newest(operator_id).pop_id, operator_id, note, self.now)
            case "refresh":
                return self.desk.refresh(f"p:{rest}")
            case "expire":
                return self.desk.expire(self.now)
        return self.desk.handle(event_of(text, self.now))

    def _newest(self, operator_id: str) -> Offer:
        pops = [pop.offer for call in self.desk._register for pop in call.pops if pop.offer.operator_id == operator_id]
        return max(pops, key=lambda offer: offer.offered_at)

    def screen(self, operator_id: str) -> list[str]:
        """Return what stands on an operator's screen, newest first."""
        return [shown(offer) for offer in self.desk.visible(operator_id)]


def _ids(text: str) -> tuple[str, str]:
    call, _, leg = text.partition("/")
    return f"p:{call}", f"p:{leg}" if leg else ""


def event_of(text: str, at: datetime) -> CallEvent:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of event
    """Read one `>` line."""
    verb, target, *words = text.split()
    named = dict(zip(words[-2::-2], words[::-2], strict=False))
    phone = words[0] if words and words[0] not in {"in", "for", "rang", "waited", "cause"} else ""
    member = Member(phone) if phone else None
    call_id, leg_id = _ids(target)
    queue = named.get("in")
    rang = float(named["rang"]) if "rang" in named else None
    match verb:
        case "leg":
            return LegStarted(call_id, leg_id, phone, "", "", at)
        case "gone":
            return LegEnded(call_id, leg_id, at, int(named.get("cause", 0)))
        case "wait":
            return QueueJoined(call_id, queue or "", at)
        case "abandon":
            return QueueAbandoned(call_id, queue or "", at)
        case "ring":
            return OfferStarted(call_id, leg_id, Member(phone), at, queue, _ids(named["for"])[1] if "for" in named else "")
        case "answer":
            return OfferAnswered(call_id, leg_id, member, at, queue, float(named["waited"]) if "waited" in named else None, rang)
        case "miss" | "lose":
            return OfferMissed(call_id, leg_id, member, at, queue, rang, elsewhere=verb == "lose")
        case "done":
            return OfferCompleted(call_id, leg_id, None, at, queue, reason=phone)
        case "left":
            return OfferCompleted(call_id, "", member, at, queue)
        case "hold" | "unhold":
            return LegHeld(call_id, leg_id, verb == "hold", at)
        case "blind":
            return BlindTransferred(call_id, leg_id, phone, at)
        case "attended":  # attended 1/2 9/9 13: leg 2 of call 1 and leg 9 of call 9 were joined, leg 13 gets the customer
            second_call, second_leg = _ids(words[0])
            return AttendedTransferred(call_id, leg_id, second_call, second_leg, f"p:{words[1]}", at)
        case "lost":
            return SwitchLost(target, at)
        case "snapshot":  # snapshot p 1/1=PJSIP/trunk 1/2=PJSIP/1001! 1@sales: the ! is up, the @ waits in a queue
            legs = [word.partition("=") for word in words if "=" in word]
            waiting = tuple((f"p:{call}", name) for call, _, name in (word.partition("@") for word in words if "=" not in word))
            live = tuple(LiveLeg(*_ids(ids), phone.rstrip("!"), phone.endswith("!")) for ids, _, phone in legs)
            return SwitchSnapshot(target, live, at, waiting)
    raise AssertionError(f"nobody says {verb!r}")


def shown(offer: Offer) -> str:
    """Return an offer in the words of a `<` line."""
    words = [offer.operator_id, "elsewhere" if offer.elsewhere else offer.state.value]
    if offer.about_call_id != offer.call_id:
        words.append(f"about {offer.about_call_id.removeprefix('p:')}")
    if offer.transferred_from:
        words.append(f"from {offer.transferred_from}")
    if offer.note and offer.note.text:
        words.append(f"{offer.note.operator_name}: {offer.note.text}")
    return " ".join(words)


def told(command: Command) -> str:
    """Return a command in the words of a `<` line."""
    match command:
        case ShowPop(offer):
            return f"show {shown(offer)}"
        case UpdatePop(offer):
            return f"update {shown(offer)}"
        case ClosePop(offer):
            assert offer.state in {PopState.ENDED, PopState.MISSED}
            return f"close {shown(offer)}"
        case RecordMissed(offer, rang_s):
            return f"missed {offer.operator_id} {rang_s:g}s"
        case ForgetCall(call_id):
            return f"forget {call_id.removeprefix('p:')}"
        case RecordCall(record):
            words = [f"record {record.call_id.removeprefix('p:')}"]
            words += ["ended"] if record.ended_at else []
            words += [record.outcome.value] if record.outcome else []
            words += [f"by {record.operator_id}"] if record.operator_id else []
            return " ".join(words)


@pytest.fixture
def talk() -> Conversation:
    """Return a conversation with a desk of three operators, none of them connected."""
    return Conversation(Desk([ANN, BEN, CAT]))


@pytest.fixture
def talk_with() -> Callable[[Desk], Conversation]:
    """Return what makes a conversation with another desk."""
    return Conversation
