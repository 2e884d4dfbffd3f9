"""Asterisk's words to ours and back: what a call asks, and which variables say the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.connectors.asterisk.translate.routing import failed, to_route_request, to_variables
from ctiroute.errors import AgiError
from ctiroute.model import (
    Caller,
    Decision,
    Destination,
    Medium,
    RouteRequest,
    Status,
    ToDefault,
    ToExtension,
    ToMenu,
    ToOperator,
    ToQueue,
    Trace,
)
from ctiroute.protocol.agi_command import set_variables
from ctiroute.protocol.agi_environment import AgiEnvironment, EnvironmentParser

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CALL = "asterisk:1700000000.1"


def environment(*args: str, **values: str) -> AgiEnvironment:
    """Return the recorded environment with some values changed."""
    env = EnvironmentParser().feed((Path(__file__).parents[2] / "data" / "agi" / "asterisk-22.10.1-pjsip.agi").read_bytes())
    assert env is not None
    changed = {**env.values, **{f"agi_{name}": value for name, value in values.items()}}
    return AgiEnvironment(changed, args or env.args)


def ask(*args: str, **values: str) -> RouteRequest:
    """Translate the environment with some values changed."""
    return to_route_request(environment(*args, **values), "asterisk", "UA", NOW)


def decision(destination: Destination, **changes: Any) -> Decision:
    """Return a decision for this destination."""
    return replace(Decision(Status.ROUTED, destination, Trace(lambda: ())), **changes)


def test_a_call_is_a_question() -> None:
    """Every word of the environment that matters is in the request, cleaned and parsed."""
    assert ask("1700000000.0", "promo", "\x07x") == RouteRequest(
        call_id="asterisk:1700000000.0",
        medium=Medium.VOICE,
        caller=Caller("+380671234567", "+380671234567", "Olena", withheld=False),
        dialed="0800",
        received_at=NOW,
        pbx="asterisk",
        language="en",
        leg_id="1700000000.1",
        args=("promo", "x"),
    )


@pytest.mark.parametrize(
    ("args", "attestation"),
    [
        (("attest=A",), "A"),
        (("promo", "attest=C"), "C"),
        (("attest=B", "attest=B"), "B"),
        ((), None),
        (("attest=",), None),
        (("attest=a",), None),
        (("attest=AB",), None),
        (("xattest=A",), None),
        (("attest=A", "attest=C"), None),
        (("attest=A", "attest=x"), None),
    ],
)
def test_what_the_network_vouches_for_is_passed_on(args: tuple[str, ...], attestation: str | None) -> None:
    """One clear word of the dialplan; anything else vouches for nothing."""
    assert ask("1700000000.0", *args).attestation == attestation


@pytest.mark.parametrize("linkedid", ["", "${CHANNEL(linkedid)}", "a b", "x" * 200, "a,CTI_STATUS=routed"])
def test_without_a_linkedid_the_channel_stands_for_the_call(linkedid: str) -> None:
    """A missing or impossible argument falls back to the caller's own channel."""
    assert ask(linkedid).call_id == CALL


def test_a_channel_without_an_id_is_hostile() -> None:
    """Nothing can be told about a call that has no id at all."""
    with pytest.raises(AgiError) as error:
        ask("a b", uniqueid="x y")
    assert error.value.hostile


@pytest.mark.parametrize(
    ("number", "presentation", "phone", "raw", "withheld"),
    [
        ("0671234567", "0", "+380671234567", "0671234567", False),
        ("380671234567", "1", "+380671234567", "380671234567", False),
        ("+380671234567", "32", None, "+380671234567", True),
        ("+380671234567", "67", None, "+380671234567", True),
        ("+380671234567", "", "+380671234567", "+380671234567", False),
        ("+380671234567", "²", "+380671234567", "+380671234567", False),
        ("unknown", "67", None, "", True),
        ("Anonymous", "0", None, "Anonymous", True),
        ("", "0", None, "", True),
        ("'; DROP TABLE calls; --", "0", None, "'; DROP TABLE calls; --", False),
        ("${SHELL(reboot)}", "0", None, "${SHELL(reboot)}", False),
        ("\u202e0671234567", "0", "+380671234567", "0671234567", False),
        ("٠٦٧١٢٣٤٥٦٧", "0", None, "٠٦٧١٢٣٤٥٦٧", False),
    ],
)
def test_a_caller_is_a_claim(number: str, presentation: str, phone: str | None, raw: str, withheld: bool) -> None:
    """Only what is surely a number, and may be shown, is a key; the rest is kept as text."""
    caller = ask(callerid=number, callingpres=presentation).caller
    assert (caller.phone, caller.raw, caller.withheld) == (phone, raw, withheld)
    assert caller.country == ("UA" if phone else None)


def test_names_are_text_without_tricks() -> None:
    """Control and direction characters go, length is bounded, a missing name is none."""
    assert ask(calleridname="Ole\u202ena\x1b[31m").caller.name == "Olena[31m"
    assert len(ask(calleridname="я" * 500).caller.name) == 80
    assert ask(calleridname="unknown").caller.name == ""


@pytest.mark.parametrize(
    ("dnid", "extension", "dialed"),
    [("0800300000", "s", "+380800300000"), ("unknown", "1001", "1001"), ("", "s", "s"), ("+442071838750", "x", "+442071838750")],
)
def test_the_dialled_number_is_the_trunks_or_the_extension(dnid: str, extension: str, dialed: str) -> None:
    """The number the trunk was asked for counts; the extension stands in for it."""
    assert ask(dnid=dnid, extension=extension).dialed == dialed


@pytest.mark.parametrize(
    ("destination", "values"),
    [
        (ToQueue("promo", 10), {"CTI_ACTION": "queue", "CTI_QUEUE": "promo", "CTI_PRIORITY": "10"}),
        (ToOperator("PJSIP/1001"), {"CTI_ACTION": "operator", "CTI_OPERATOR": "PJSIP/1001", "CTI_OPERATOR_TIMEOUT": "20"}),
        (
            ToOperator("Local/1001@from-queue/n", "op", 15, "promo", -1),
            {
                "CTI_ACTION": "operator",
                "CTI_OPERATOR": "Local/1001@from-queue/n",
                "CTI_OPERATOR_TIMEOUT": "15",
                "CTI_QUEUE": "promo",
                "CTI_PRIORITY": "-1",
            },
        ),
        (ToMenu("credit"), {"CTI_ACTION": "menu", "CTI_MENU": "credit"}),
        (ToMenu("credit", ("a", "b-c")), {"CTI_ACTION": "menu", "CTI_MENU": "credit", "CTI_MENU_ORDER": "a&b-c"}),
        (ToExtension("600"), {"CTI_ACTION": "extension", "CTI_EXTENSION": "600"}),
        (ToDefault(), {"CTI_ACTION": "default"}),
    ],
)
def test_a_destination_is_its_variables(destination: Destination, values: dict[str, str]) -> None:
    """Each kind of destination has its own variables, the call's id goes with it, and the status is last."""
    variables = to_variables(decision(destination), CALL)
    assert variables == values | {"CTI_CALL_ID": CALL, "CTI_STATUS": "routed"}
    assert list(variables)[-1] == "CTI_STATUS"


def test_what_a_rule_adds_goes_along() -> None:
    """Language, announcement, rule and own variables are set before the status; what does not fit is left out and told."""
    dropped: list[str] = []
    full = decision(
        ToMenu("main"),
        status=Status.DEFAULT,
        language="uk",
        announce="custom/hello",
        rule="осінь",
        variables={"OFFER": "autumn-2026", "TEXT": "a, b", "b=c": "1"},
    )
    assert to_variables(full, CALL, dropped.append) == {
        "CTI_ACTION": "menu",
        "CTI_MENU": "main",
        "CTI_LANGUAGE": "uk",
        "CTI_ANNOUNCE": "custom/hello",
        "CTI_X_OFFER": "autumn-2026",
        "CTI_CALL_ID": CALL,
        "CTI_STATUS": "default",
    }
    assert dropped == ["CTI_RULE", "CTI_X_TEXT", "CTI_X_b=c"]


@pytest.mark.parametrize(
    "destination",
    [ToQueue("a b"), ToQueue(""), ToOperator("PJSIP/1001&x,y"), ToOperator("PJSIP/1", queue="a|b"), ToMenu("${X}"), ToExtension("1\n2")],
)
def test_half_a_destination_is_none(destination: Destination) -> None:
    """When the destination cannot be said, the call takes the default way and the status tells that something is wrong."""
    dropped: list[str] = []
    assert to_variables(decision(destination, language="uk"), CALL, dropped.append) == failed(CALL)
    assert dropped == ["CTI_ACTION"]


@given(
    queue=st.text(max_size=140),
    rule=st.text(max_size=140),
    variables=st.dictionaries(st.text(max_size=70), st.text(max_size=140), max_size=4),
)
def test_whatever_a_rule_says_can_be_sent(queue: str, rule: str, variables: dict[str, str]) -> None:
    """The encoder never meets a value it has to refuse."""
    commands = set_variables(to_variables(decision(ToQueue(queue), rule=rule, variables=variables), CALL))
    assert b"CTI_STATUS=" in commands[-1]
