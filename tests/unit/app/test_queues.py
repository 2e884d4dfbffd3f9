"""Queues as they stand, from what switches tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ctiroute.app.queues import Queues
from ctiroute.model import Member, Operator, QueueState, SwitchLost
from ctiroute.model.queue import MemberGone, MemberTold, QueuesTold, WaitBegan, WaitEnded
from ctiroute.rules import Needs

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PROMO, MAIN = Needs(queues=frozenset({"promo"})), Needs(queues=frozenset({"promo", "main"}))
WHO = Needs(available=True)
IVAN = Operator("ivan", "Ivan", ("PJSIP/1001",))
OKSANA = Operator("oksana", "Oksana", ("pjsip/1002",))
TARAS = Operator("taras", "Taras", ("PJSIP/1003",), member_name="Taras T")
NOPHONE = Operator("nophone", "No Phone")


def member(interface: str, *, free: bool = True, queue: str = "promo", pbx: str = "hq", device: str = "", name: str = "") -> MemberTold:
    """Return what is told of a phone."""
    return MemberTold(pbx, queue, Member(interface, name, device), free, NOW)


class Hall:
    """Queues with a clock and operators of the test's own."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.now = NOW
        self.operators = {one.operator_id: one for one in (IVAN, OKSANA, TARAS, NOPHONE)}
        self.queues = Queues(lambda: self.operators, lambda: self.now)

    def told(self, *members: MemberTold, waiting: tuple[WaitBegan, ...] = (), pbx: str = "hq") -> None:
        """Tell the whole truth of a switch with the queues promo and main."""
        self.queues.heard(QueuesTold(pbx, ("promo", "main"), members, waiting, self.now))

    def promo(self) -> QueueState | None:
        """Return how promo stands."""
        return self.queues.live("hq", PROMO)[0].get("promo")

    def who(self) -> frozenset[str] | None:
        """Return who could be rung."""
        return self.queues.live("hq", WHO)[1]


@pytest.fixture
def hall() -> Hall:
    """Return queues nobody has told of."""
    return Hall()


def test_nothing_is_known_before_a_switch_has_told(hall: Hall) -> None:
    """No queue, nobody known to be available; what happens meanwhile is not counted from zero."""
    hall.queues.heard(WaitBegan("hq", "promo", "1.1", NOW))
    hall.queues.heard(member("PJSIP/1001"))
    assert hall.queues.live("hq", Needs(queues=frozenset({"promo"}), available=True)) == ({}, None)


def test_members_and_callers_are_counted(hall: Hall) -> None:
    """From the lists at first, then by each event; the first caller's wait grows."""
    hall.told(
        member("PJSIP/1001"), member("PJSIP/1002", free=False), waiting=(WaitBegan("hq", "promo", "1.1", NOW - timedelta(seconds=90)),)
    )
    assert hall.promo() == QueueState("promo", 2, 1, 1, 90.0, NOW)
    hall.queues.heard(member("PJSIP/1001", free=False))
    hall.queues.heard(WaitBegan("hq", "promo", "1.2", NOW))
    assert hall.promo() == QueueState("promo", 2, 0, 2, 90.0, NOW)
    hall.queues.heard(WaitEnded("hq", "promo", "1.1", NOW))
    hall.queues.heard(MemberGone("hq", "promo", "PJSIP/1002", NOW))
    hall.now += timedelta(seconds=5)
    hall.queues.heard(WaitEnded("hq", "promo", "unheard-of", NOW))
    assert hall.promo() == QueueState("promo", 1, 0, 1, 5.0, hall.now)


def test_only_what_is_asked_for_is_given(hall: Hall) -> None:
    """A queue nobody is in is known; one the switch does not have is not; each switch has its own."""
    hall.told(member("PJSIP/1001"))
    hall.told(pbx="branch")
    assert set(hall.queues.live("hq", MAIN)[0]) == {"promo", "main"}
    assert hall.queues.live("hq", Needs()) == ({}, None)
    assert hall.queues.live("hq", Needs(queues=frozenset({"gone"}))) == ({}, None)
    assert hall.queues.live("branch", PROMO)[0]["promo"].members == 0
    assert hall.queues.live("", PROMO) == ({}, None)


def test_a_request_from_no_switch_sees_the_only_one(hall: Hall) -> None:
    """A chat asks about queues, too."""
    hall.told(member("PJSIP/1001"))
    assert hall.queues.live("", PROMO)[0]["promo"].members == 1


def test_a_lost_switch_is_not_known(hall: Hall) -> None:
    """What was true before the link broke is no guess for now; the next lists are the truth."""
    hall.told(member("PJSIP/1001", free=False), waiting=(WaitBegan("hq", "promo", "1.1", NOW),))
    hall.queues.heard(SwitchLost("hq", NOW))
    assert (hall.promo(), hall.who()) == (None, None)
    hall.told(member("PJSIP/1001"))
    assert hall.promo() == QueueState("promo", 1, 1, 0, 0.0, NOW)
    assert "ivan" in (hall.who() or ())


def test_who_can_be_rung(hall: Hall) -> None:
    """By interface, by the device behind it, by the member's name; free in one queue is free; not in any queue is not known to be away."""
    hall.told(
        member("PJSIP/1001", free=False),
        member("Local/1002@from-queue/n", free=False, device="PJSIP/1002"),
        member("Local/1003@from-queue/n", free=False, name="Taras T"),
    )
    assert hall.who() == frozenset()
    hall.queues.heard(member("PJSIP/1001", queue="main"))
    assert hall.who() == frozenset({"ivan"})
    hall.queues.heard(MemberGone("hq", "promo", "Local/1002@from-queue/n", NOW))
    assert hall.who() == frozenset({"ivan", "oksana"})
    hall.operators = {"taras": TARAS}
    assert hall.who() == frozenset()


def test_told_twice_is_told_once(hall: Hall) -> None:
    """Events of the moment of connecting come again behind the lists."""
    hall.told(member("PJSIP/1001"), waiting=(WaitBegan("hq", "promo", "1.1", NOW - timedelta(seconds=30)),))
    hall.queues.heard(WaitBegan("hq", "promo", "1.1", NOW))
    hall.queues.heard(member("PJSIP/1001"))
    assert hall.promo() == QueueState("promo", 1, 1, 1, 30.0, NOW)
    assert hall.promo() is hall.promo()
