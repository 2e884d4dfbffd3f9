"""Which operators sit at a phone, however the switch names it."""

from __future__ import annotations

import pytest

from ctiroute.desk.matching import Directory, extension_in
from ctiroute.model import Member, Operator

ANN = Operator("ann", "Ann", ("PJSIP/1001",), extension="1001", member_name="Ann Lee")
BEN = Operator("ben", "Ben", ("SIP/ben",), extension="1002")
CAT = Operator("cat", "Cat", member_name="Cat Roy")
DAN = Operator("dan", "Dan", extension="1001")
FLOOR = Directory([ANN, BEN, CAT, DAN])


@pytest.mark.parametrize(
    ("member", "found"),
    [
        (Member("pjsip/1001"), [ANN]),
        (Member("Local/9@x/n", state_interface="SIP/BEN"), [BEN]),
        (Member("Local/9@x/n", name="cat roy"), [CAT]),
        (Member("Local/1001@from-queue/n"), [ANN, DAN]),
        (Member("IAX2/1002"), [BEN]),
        (Member("PJSIP/1002/sip:1002@192.0.2.7:5060"), [BEN]),
        (Member("Local/9@x/n", state_interface="Custom/1002"), [BEN]),
        (Member("Local/1002@from-queue/n", name="Ann Lee"), [ANN]),
        (Member("PJSIP/1001", name="Cat Roy"), [ANN]),
        (Member("PJSIP/7777"), []),
        (Member("", name="nobody"), []),
        (Member("1001"), []),
    ],
)
def test_order_of_matching(member: Member, found: list[Operator]) -> None:
    """The first of interface, state interface, member name and extension that finds anybody decides."""
    assert list(FLOOR.at(member)) == found


@pytest.mark.parametrize(
    ("interface", "extension"),
    [("Local/1001@from-queue/n", "1001"), ("PJSIP/1001;2", "1001"), ("", None), ("PJSIP", None), ("PJSIP/", None)],
)
def test_extension_in(interface: str, extension: str | None) -> None:
    """The extension is what follows the technology."""
    assert extension_in(interface) == extension
