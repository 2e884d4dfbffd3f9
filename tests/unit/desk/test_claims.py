"""Who gets the calls of a phone that two operators share."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.desk import ClaimChange, ClaimPolicy, Claims, Desk
from ctiroute.desk.matching import phones_of
from ctiroute.model import Operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.desk.conftest import Conversation

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = Operator("day", "Day shift", ("PJSIP/1001",))
NIGHT = Operator("night", "Night shift", ("pjsip/1001",))
OTHER = Operator("other", "Elsewhere", extension="1002")


def ids(operators: tuple[Operator, ...]) -> list[str]:
    """Return the operators' ids."""
    return [operator.operator_id for operator in operators]


def test_nobody_connected_means_all() -> None:
    """While none of them has a browser open, each finds the call in his list."""
    assert ids(Claims().holders([DAY, NIGHT])) == ["day", "night"]
    assert Claims().holders([]) == ()


def test_one_connected_means_him() -> None:
    """The only one who is there gets the call."""
    claims = Claims(ClaimPolicy.REJECT)
    assert claims.came(NIGHT, AT) == []
    assert ids(claims.holders([DAY, NIGHT])) == ["night"]


def test_latest_takes_it_and_gives_it_back() -> None:
    """The later sign-in takes the phone, the loser is told, and has it again when the winner leaves."""
    claims = Claims(ClaimPolicy.LATEST)
    assert claims.came(DAY, AT) == []
    assert claims.came(OTHER, AT) == []
    assert claims.came(NIGHT, AT) == [ClaimChange("day", "night", AT)]
    assert claims.taken_by("day") == "night"
    assert ids(claims.holders([DAY, NIGHT])) == ["night"]
    assert claims.left("night", AT) == [ClaimChange("day", None, AT)]
    assert ids(claims.holders([DAY, NIGHT])) == ["day"]
    assert claims.left("nobody", AT) == []


def test_latest_coming_again_takes_it_back() -> None:
    """A loser who went and comes again is the latest."""
    claims = Claims(ClaimPolicy.LATEST)
    claims.came(DAY, AT)
    claims.came(NIGHT, AT)
    claims.left("day", AT)
    later = AT + timedelta(minutes=5)
    assert claims.came(DAY, later) == [ClaimChange("night", "day", later)]


@pytest.mark.parametrize(("policy", "holder"), [(ClaimPolicy.LATEST, "night"), (ClaimPolicy.REJECT, "day")])
def test_a_blink_of_the_network_changes_nothing(policy: ClaimPolicy, holder: str) -> None:
    """Browsers that come back within half a minute have their places again, in whatever order they come."""
    claims = Claims(policy)
    for operator in (DAY, NIGHT):
        claims.came(operator, AT)
    for operator in (DAY, NIGHT):
        claims.left(operator.operator_id, AT)
    for operator in (NIGHT, DAY):
        claims.came(operator, AT + timedelta(seconds=3))
    assert ids(claims.holders([DAY, NIGHT])) == [holder]
    claims.came(DAY, AT + timedelta(seconds=4))
    assert ids(claims.holders([DAY, NIGHT])) == [holder], "told twice"


def test_reject_keeps_it_with_the_first() -> None:
    """The newcomer is refused and told, and has it when the first leaves."""
    claims = Claims(ClaimPolicy.REJECT)
    claims.came(DAY, AT)
    assert claims.came(NIGHT, AT) == [ClaimChange("night", "day", AT)]
    assert ids(claims.holders([DAY, NIGHT])) == ["day"]
    assert claims.left("day", AT) == [ClaimChange("night", None, AT)]


def test_all_share_it() -> None:
    """Both have the phone, nobody is told anything."""
    claims = Claims(ClaimPolicy.ALL)
    assert claims.came(DAY, AT) + claims.came(NIGHT, AT) == []
    assert ids(claims.holders([DAY, NIGHT])) == ["day", "night"]


@pytest.mark.parametrize(("policy", "seen"), [("latest", ["night"]), ("reject", ["day"]), ("all", ["day", "night"])])
def test_the_desk_rings_only_who_holds_the_phone(policy: str, seen: list[str], talk_with: Callable[[Desk], Conversation]) -> None:
    """Pops follow the claims; both who share a phone talk when it is picked up."""
    claims = Claims(ClaimPolicy(policy))
    claims.came(DAY, AT)
    claims.came(NIGHT, AT)
    talk = talk_with(Desk([DAY, NIGHT, OTHER], claims))
    talk.say("know 1")
    talk.say("ring 1/2 PJSIP/1001 in sales for 1/1")
    talk.say("answer 1/2 PJSIP/1001 in sales")
    assert [name for name in ("day", "night") if talk.screen(name) == [f"{name} talking"]] == seen


class Plainly:
    """The same, worked out for everybody whenever anybody moves."""

    def __init__(self, policy: ClaimPolicy) -> None:
        self.policy = policy
        self.places: dict[str, int] = {}
        self.connected: dict[str, Operator] = {}

    def came(self, operator: Operator) -> None:
        """Take a place, or the one from before."""
        self.places.setdefault(operator.operator_id, len(self.places))
        self.connected[operator.operator_id] = operator

    def taken(self) -> dict[str, str]:
        """Return who lost to whom."""
        if self.policy is ClaimPolicy.ALL:
            return {}
        latest_first = self.policy is ClaimPolicy.LATEST
        holders, losers = list[Operator](), dict[str, str]()
        for operator in sorted(self.connected.values(), key=lambda each: self.places[each.operator_id], reverse=latest_first):
            rival = next((holder for holder in holders if phones_of(operator) & phones_of(holder)), None)
            if rival is None:
                holders.append(operator)
            else:
                losers[operator.operator_id] = rival.operator_id
        return losers


OPERATORS = st.builds(
    lambda number, phones, extension: Operator(f"o{number}", "", tuple(f"PJSIP/{phone}" for phone in phones), extension=extension),
    st.integers(0, 5), st.lists(st.integers(0, 4), max_size=2), st.sampled_from(["", "1", "2"]),
)  # fmt: skip


@given(st.sampled_from(ClaimPolicy), st.lists(st.one_of(OPERATORS, st.integers(0, 5)), max_size=25))
def test_it_is_as_if_all_were_worked_out_anew(policy: ClaimPolicy, moves: list[Operator | int]) -> None:
    """Whoever comes, comes again with other phones, or goes (a number); and each change is told to whom it concerns, no other."""
    claims, plainly = Claims(policy), Plainly(policy)
    for move in moves:
        before = plainly.taken()
        if isinstance(move, Operator):
            plainly.came(move)
            told = claims.came(move, AT)
        else:
            plainly.connected.pop(f"o{move}", None)
            told = claims.left(f"o{move}", AT)
        after = plainly.taken()
        changed = {each: after.get(each) for each in plainly.connected if after.get(each) != before.get(each)}
        assert {each.operator_id: each.taken_by for each in told} == changed
        assert len(told) == len(changed)
        assert {each: claims.taken_by(each) for each in plainly.connected} == {each: after.get(each) for each in plainly.connected}


def test_who_comes_and_goes_costs_no_more_among_thousands() -> None:
    """A network that blinks has them all come again within a second, and calls wait for each."""

    def steps(operators: int) -> int:
        claims = Claims()
        for number in range(operators):
            claims.came(Operator(f"o{number}", "", (f"PJSIP/{number}",)), AT)
        taken = 0

        def count(*_: object) -> None:
            nonlocal taken
            taken += 1

        sys.setprofile(count)
        try:
            claims.left("o7", AT)
            claims.came(Operator("o7", "", ("PJSIP/7",)), AT)
        finally:
            sys.setprofile(None)
        return taken

    assert steps(2_000) == steps(10)
