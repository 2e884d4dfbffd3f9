"""The published schema, and that real messages fit it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from ctiroute.model import (
    Caller,
    CallerContext,
    Customer,
    Identity,
    Interaction,
    InteractionStatus,
    Medium,
    MissedCall,
    Offer,
    Operator,
    PopState,
    ReasonChip,
    RouteRequest,
    RuleTrace,
    ScreenPop,
    SourceReport,
    Verdict,
)
from ctiroute.web.schema import schema, text
from ctiroute.web.screens import encode
from ctiroute.web.wire import (
    BrowserMessage,
    CallbackPromised,
    ErrorMessage,
    ExtensionMessage,
    FormAnswer,
    Pong,
    PopMessage,
    ServerMessage,
    Snapshot,
    SwitchMessage,
    SwitchState,
)

PUBLISHED = Path(__file__).parents[3] / "docs" / "reference" / "websocket.schema.json"
PAGE = PUBLISHED.with_name("websocket.md")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _pop() -> ScreenPop:
    offer = Offer("p1", 1, PopState.RINGING, "pbx:1", "pbx:1", "olena", "pbx:2", "PJSIP/1001", "promo", NOW)
    request = RouteRequest("pbx:1", Medium.VOICE, Caller("+380671234567", "+380671234567"), "+380441112233", NOW)
    context = CallerContext(request, Identity.of((Customer("c1", "Iryna", attributes={"city": "Lviv"}),)), gathered_at=NOW)
    rule = RuleTrace("autumn", matched=True, verdicts=(Verdict("touch", "sms", "sms, 12m ago", matched=True),))
    return ScreenPop(
        offer,
        context,
        "+380 67 123 45 67",
        "Calls back",
        ReasonChip.CAMPAIGN,
        "Greet",
        "# Script",
        (("City", "Lviv"),),
        "",
        "autumn",
        (rule,),
        (SourceReport("store", "ok", 1.5),),
        "t1",
        None,
        20,
    )


MESSAGES: list[ServerMessage] = [
    Snapshot(
        Operator("olena", "Olena"),
        (_pop(),),
        (MissedCall("p0", "olena", "pbx:0", "+380 67", "", "Missed", NOW, 18.0),),
        (SwitchState("pbx", up=True, since=NOW),),
        NOW,
    ),
    PopMessage("pop.update", _pop(), NOW),
    SwitchMessage(SwitchState("pbx", up=False, since=NOW)),
    ExtensionMessage("Taras"),
    ErrorMessage("not-yours", "There is no such pop on this screen."),
    CallbackPromised("p1", "cb1", NOW, NOW),
    FormAnswer("p1", Interaction("i1", None, Medium.WEB, "form", "", InteractionStatus.OPEN, NOW, NOW, form={"city": ""}), saved=False),
    Pong(NOW),
]


def test_the_published_schema_is_up_to_date() -> None:
    """Mend it with `python -m ctiroute.web.schema docs/reference/websocket.schema.json`."""
    assert PUBLISHED.read_text(encoding="utf-8") == text()


def test_every_message_has_an_example_here() -> None:
    """A new message of the server is tried against the schema, too."""
    assert {type(message) for message in MESSAGES} == set(get_args(ServerMessage))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_what_the_server_sends_fits_the_schema_and_leaves_nothing_out(message: ServerMessage) -> None:
    """Every property is there, so a page needs no defaults of its own."""
    document = json.loads(encode(message))
    jsonschema.Draft202012Validator(schema()).validate(document)
    del document["v"]
    assert not jsonschema.Draft202012Validator(schema()).is_valid(document)


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"type": "ack", "pop_id": "p1", "revision": 1, "stage": "seen"}, True),
        ({"type": "ping"}, True),
        ({"type": "wrong", "pop_id": "p1", "customer_id": "C-1"}, True),
        ({"type": "wrong", "pop_id": "p1"}, False),
        ({"type": "form", "pop_id": "p1", "interaction_id": "i1", "revision": 3, "fields": {"city": "Lviv"}}, True),
        ({"type": "form", "pop_id": "p1", "interaction_id": "i1", "revision": 3, "fields": {}}, False),
        ({"type": "ack", "pop_id": "p1", "revision": 1, "stage": "eaten"}, False),
        ({"type": "ping", "extra": 1}, False),
        ({"type": "note", "pop_id": "p1", "text": "x" * 4001}, False),
    ],
)
def test_what_a_browser_may_send_is_in_the_schema(document: dict[str, Any], valid: bool) -> None:
    """The schema refuses what the server refuses."""
    assert jsonschema.Draft202012Validator(schema()).is_valid(document) is valid


def test_the_page_about_the_websocket_names_every_message() -> None:
    """A message without a heading in the reference is not documented."""
    page = PAGE.read_text(encoding="utf-8")
    types = {tag for kind in get_args(ServerMessage) for tag in schema()["$defs"][kind.__name__]["properties"]["type"]["enum"]}
    types |= {kind.__struct_config__.tag for kind in get_args(BrowserMessage)}
    assert {tag for tag in types if f"### `{tag}`" not in page} == set()


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
def test_the_examples_of_that_page_are_real(example: str) -> None:
    """Every JSON block of the reference fits the schema."""
    jsonschema.Draft202012Validator(schema()).validate(json.loads(example))
