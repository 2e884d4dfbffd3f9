"""Who gets the calls of a phone that two operators share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.desk import ClaimChange, ClaimPolicy, Claims, Desk
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
