"""An order -> the Originate Asterisk is asked for; what it and the dialplan tell -> what became of the order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.asterisk.translate.callbacks import heard, originate
from ctiroute.model.callback import AttemptOutcome, CallbackHeard, CallbackPlacing, CallbackStage, FirstRung
from ctiroute.protocol.ami import encode_action

PLACING = CallbackPlacing(
    "cb1", 4, "+380671234567", FirstRung.OPERATOR, "Local/+380671234567@ctiroute-callback-out/n", "PJSIP/1001", "promo", 20, 40
)
TOLD = {"UserEvent": "CtirouteCallback", "Order": "cb1", "Fence": "4", "Side": "", "Status": "", "Channel": "PJSIP/1001-0000001a"}


def test_the_operator_first() -> None:
    """The near half goes on to the customer, when the far half's operator picked up; Asterisk waits longer than both phones ring."""
    headers, mark = originate(PLACING)
    assert (headers["Channel"], headers["Exten"], headers["Timeout"]) == ("Local/operator@ctiroute-callback/n", "customer", "45000")
    assert (headers["ChannelId"], headers["OtherChannelId"], mark, headers["Async"]) == ("cbcb1x4", "cbcb1x4b", "cbcb1x4", "true")
    assert dict(part.split("=", 1) for part in headers["Variable"].split(",")) == {
        "CTI_CB_ORDER": "cb1",
        "CTI_CB_FENCE": "4",
        "CTI_CB_PHONE": "+380671234567",
        "CTI_CB_QUEUE": "promo",
        "CTI_CB_OPERATOR": "PJSIP/1001",
        "CTI_CB_OPERATOR_S": "20",
        "CTI_CB_CUSTOMER": "Local/+380671234567@ctiroute-callback-out/n",
        "CTI_CB_CUSTOMER_S": "40",
    }


def test_the_customer_first() -> None:
    """The other way round."""
    headers, _ = originate(replace(PLACING, first=FirstRung.CUSTOMER))
    assert (headers["Channel"], headers["Exten"], headers["Timeout"]) == ("Local/customer@ctiroute-callback/n", "operator", "45000")


@given(st.sampled_from(["queue", "operator_interface", "customer_channel", "phone"]), st.text())
def test_no_value_sets_another_variable_or_header(name: str, value: str) -> None:
    """Whatever an order holds: the Originate has its headers and variables and no others, or is not made."""
    try:
        headers, mark = originate(replace(PLACING, **{name: value}))  # type: ignore[arg-type] # by name
    except ValueError:
        return
    lines = encode_action("Originate", headers, mark).decode().split("\r\n")
    assert len(lines) == len(headers) + 4
    assert [part.partition("=")[0] for part in headers["Variable"].split(",")] == [
        part.partition("=")[0] for part in originate(PLACING)[0]["Variable"].split(",")
    ]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Stage": "answered", "Side": "customer"}, (CallbackStage.ANSWERED, FirstRung.CUSTOMER, None)),
        ({"Stage": "failed", "Side": "customer", "Status": "BUSY"}, (CallbackStage.FAILED, FirstRung.CUSTOMER, AttemptOutcome.BUSY)),
        (
            {"Stage": "failed", "Side": "customer", "Status": "NOANSWER"},
            (CallbackStage.FAILED, FirstRung.CUSTOMER, AttemptOutcome.NO_ANSWER),
        ),
        ({"Stage": "failed", "Side": "customer", "Status": ""}, (CallbackStage.FAILED, FirstRung.CUSTOMER, AttemptOutcome.UNREACHABLE)),
        ({"Stage": "failed", "Side": "operator", "Status": "BUSY"}, (CallbackStage.FAILED, FirstRung.OPERATOR, AttemptOutcome.NO_OPERATOR)),
        ({"Stage": "over"}, (CallbackStage.OVER, None, None)),
    ],
)
def test_what_the_dialplan_tells(headers: dict[str, str], expected: tuple[CallbackStage, FirstRung | None, AttemptOutcome | None]) -> None:
    """Each stage, with the phone that was picked up."""
    assert heard("UserEvent", TOLD | headers) == CallbackHeard("cb1", 4, *expected, interface="PJSIP/1001")


@pytest.mark.parametrize(
    "headers",
    [
        {"UserEvent": "SomethingElse", "Stage": "over"},
        {"Stage": "invented"},
        {"Stage": "over", "Side": "nobody"},
        {"Stage": "over", "Order": "../x"},
        {"Stage": "over", "Order": ""},
        {"Stage": "over", "Fence": "x"},
        {"Stage": "over", "Fence": "9" * 50},
        {"Stage": "over", "Fence": "４"},  # noqa: RUF001 - a digit that is none of ours
    ],
)
def test_what_is_not_ours_or_makes_no_sense_is_left_out(headers: dict[str, str]) -> None:
    """User events are anybody's."""
    assert heard("UserEvent", TOLD | headers) is None


def test_the_end_of_an_originate_is_known_by_its_action_id() -> None:
    """A failure tells of the order and fence in it; a success tells nothing that the dialplan does not."""
    failed = {"ActionID": "ctiroute-00ff-cbcb1x4", "Response": "Failure", "Reason": "0"}
    assert heard("OriginateResponse", failed) == CallbackHeard("cb1", 4, CallbackStage.NOT_PLACED)
    assert heard("OriginateResponse", failed | {"Response": "Success"}) is None
    for other in ("lab-7", "ctiroute-00ff-12", "x-cbcb1x4-more", ""):
        assert heard("OriginateResponse", failed | {"ActionID": other}) is None


@given(st.dictionaries(st.sampled_from([*TOLD, "Stage", "ActionID", "Response"]), st.text(max_size=20)))
def test_no_block_is_a_surprise(headers: dict[str, str]) -> None:
    """Any values in any headers are understood or left out."""
    heard("UserEvent", {"UserEvent": "CtirouteCallback", **headers})
    heard("OriginateResponse", {"ActionID": "", "Response": "", **headers})
