"""Each shipped mapping on payloads made to its vendor's published schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.connectors.webhook.files import read_mapping, ready_names
from ctiroute.connectors.webhook.mapping import Unsigned, bring, place_of
from ctiroute.connectors.webhook.mapping.bodies import read_body
from ctiroute.model import Identifier, InteractionStatus, Medium, TouchStatus
from tests.unit.connectors.webhook.mappings import HOW, NOW

if TYPE_CHECKING:
    from ctiroute.connectors.webhook.mapping import Brought
    from ctiroute.model import Intake

PAYLOADS = Path(__file__).parents[3] / "data" / "hooks"
PHONE = Identifier("phone", "+380671234567")
AT = datetime(2025, 11, 22, 8, 30, tzinfo=UTC)


def payload(name: str) -> Any:
    """Return a recorded payload."""
    return json.loads((PAYLOADS / f"{name}.json").read_bytes())


def read(mapping: str, message: object, **query: str) -> Brought:
    """Return what a shipped mapping makes of a message."""
    return bring(read_mapping(mapping), mapping, place_of(message, {}, query), HOW)


def one(mapping: str, message: object) -> Intake:
    """Return the only thing it tells."""
    brought = read(mapping, message)
    assert (brought.refused, brought.notes) == ((), ())
    (intake,) = brought.intakes
    return intake


def text_of(intake: Intake) -> str:
    """Return what is shown of it."""
    assert intake.event is not None
    return intake.event.text


def test_all_that_are_promised_are_there() -> None:
    """And each says who may send."""
    promised = {"telegram", "whatsapp", "viber", "chatwoot", "zammad", "sms-receipts", "web-form", "mailgun", "mail"}
    assert set(ready_names()) == promised
    unsigned = {name for name in promised if isinstance(read_mapping(name).signature, Unsigned)}
    assert unsigned == {"mail"}  # which nobody can post to by accident: it is for mailboxes


def test_every_payload_leaves_something() -> None:
    """No file of the corpus lies there unused."""
    for file in PAYLOADS.iterdir():
        mapping = next(
            name for name in (*sorted(ready_names(), key=len, reverse=True), "sms-receipts") if file.stem.startswith(name.removesuffix("s"))
        )
        kind = "application/json" if file.suffix == ".json" else "application/x-www-form-urlencoded"
        body = read_body(file.read_bytes(), kind, read_mapping(mapping).bodies)
        assert read(mapping, body, campaign="autumn-sms"), file.name


def test_telegram() -> None:
    """Text, a number that is the sender's own, a button; groups and other bots are left alone."""
    said = one("telegram", payload("telegram-text"))
    assert (said.external_id, said.event_id, said.at, said.medium, said.language) == ("512377120", "1365", AT, Medium.TELEGRAM, "uk")
    assert (said.identifiers, said.verified, said.name) == ((Identifier("telegram", "512377120"),), True, "Олена Коваль")
    shared = one("telegram", payload("telegram-contact"))
    assert (shared.identifiers, shared.verified) == ((Identifier("telegram", "512377120"), PHONE), True)
    assert text_of(one("telegram", payload("telegram-button"))) == "call-me-back"
    foreign = payload("telegram-contact")
    foreign["message"]["contact"]["user_id"] = 1
    assert not one("telegram", foreign).verified
    group, photo = payload("telegram-text"), payload("telegram-text")
    group["message"]["chat"] = {"id": -1001, "type": "supergroup"}
    assert not read("telegram", group).kinds
    del photo["message"]["text"]
    assert text_of(one("telegram", {**photo, "message": {**photo["message"], "photo": [{"file_id": "x"}]}})) == "(sent without text)"


def test_whatsapp() -> None:
    """Each message of a batch with the name that belongs to it; a receipt by the touch's id; reactions are no messages."""
    first, second = read("whatsapp", payload("whatsapp-text")).intakes
    assert (first.external_id, first.identifiers, first.name, first.verified) == (
        "106540352242922:380671234567",
        (PHONE,),
        "Iryna Melnyk",
        True,
    )
    assert (second.name, text_of(second), second.event_id[:6]) == ("Taras", "My passport", "wamid.")
    (receipt,) = read("whatsapp", payload("whatsapp-status")).receipts
    assert (receipt.touch_id, receipt.status) == ("autumn-wa:m-17", TouchStatus.READ)
    reaction = payload("whatsapp-text")
    value = reaction["entry"][0]["changes"][0]["value"]
    value["messages"] = [{"from": "380671234567", "id": "wamid.x", "timestamp": "1", "type": "reaction", "reaction": {"emoji": "x"}}]
    assert not read("whatsapp", reaction).kinds
    value["messages"][0] |= {
        "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "Call me"}},
    }
    assert text_of(read("whatsapp", reaction).intakes[0]) == "Call me"


def test_viber() -> None:
    """Text, a card that may be anybody's, a receipt of what the bot sent; the rest of its events is left alone."""
    said = one("viber", payload("viber-text"))
    assert (said.identifiers, said.verified, said.event_id) == (
        (Identifier("viber", "t6yRz8qJw0bLx9Pz7uGfZA=="),),
        True,
        "4912661846655238145",
    )
    shared = one("viber", payload("viber-contact"))
    assert (shared.identifiers[1], shared.verified) == (PHONE, False)
    (receipt,) = read("viber", payload("viber-seen"), campaign="autumn").receipts
    assert (receipt.touch_id, receipt.status) == ("autumn:4912661846655238111", TouchStatus.READ)
    assert not read("viber", {"event": "webhook", "timestamp": 1457764197627, "message_token": 241256543215}).kinds


def test_chatwoot() -> None:
    """A customer's message is our move, an answer is his; resolved is closed; private notes stay inside."""
    said = one("chatwoot", payload("chatwoot-message"))
    assert (said.external_id, said.status, said.owner, said.customer_id) == ("567", InteractionStatus.OPEN, "olena", "C-1001")
    assert (said.identifiers[:2], text_of(said)) == ((PHONE, Identifier("email", "jane@example.com")), "My order has not come")
    answer = {**payload("chatwoot-message"), "message_type": "outgoing", "id": 2}
    assert one("chatwoot", answer).status is InteractionStatus.WAITING
    assert not read("chatwoot", {**answer, "private": True}).kinds
    closed = one("chatwoot", payload("chatwoot-resolved"))
    assert (closed.external_id, closed.status, closed.outcome) == ("567", InteractionStatus.CLOSED, "resolved")
    assert closed.at > said.at


def test_zammad() -> None:
    """The ticket's customer, owner and group; internal articles stay inside; a closed ticket is closed."""
    said = one("zammad", payload("zammad-article"))
    assert (said.external_id, said.event_id, said.medium, said.topic) == ("81", "104", Medium.EMAIL, "cards")
    assert (said.identifiers, said.name, said.owner) == ((Identifier("email", "iryna@example.com"), PHONE), "Iryna Melnyk", "olena")
    assert text_of(said) == "It has been two weeks.\nPlease call me."
    closed = payload("zammad-article")
    closed["ticket"]["state"] = "closed"
    assert (one("zammad", closed).status, one("zammad", closed).outcome) == (InteractionStatus.CLOSED, "closed")
    closed["article"]["internal"] = True
    assert not read("zammad", closed).kinds
    silent = one("zammad", payload("zammad-closed"))
    assert (silent.external_id, silent.status, text_of(silent)) == ("81", InteractionStatus.CLOSED, "Now closed")


def test_receipts_of_sms_gateways() -> None:
    """One, or a batch; in the words that gateways use; a word nobody knows is refused, not guessed."""
    (receipt,) = read("sms-receipts", payload("sms-receipt"), campaign="autumn-sms").receipts
    assert (receipt.touch_id, receipt.status, receipt.at) == ("autumn-sms:m-1", TouchStatus.DELIVERED, AT.replace(second=2))
    batch = read("sms-receipts", payload("sms-receipts-batch"), campaign="autumn-sms")
    assert [each.status for each in batch.receipts] == [TouchStatus.DELIVERED, TouchStatus.FAILED]
    twilio = read("sms-receipts", {"MessageSid": "SM1", "MessageStatus": "undelivered"}, campaign="c")
    assert (twilio.receipts[0].touch_id, twilio.receipts[0].status, twilio.receipts[0].at) == ("c:SM1", TouchStatus.FAILED, NOW)
    assert "no status of a touch" in read("sms-receipts", {"id": "1", "status": "thinking"}, campaign="c").refused[0]
    assert not read("sms-receipts", payload("sms-receipt")).kinds


def test_a_web_form() -> None:
    """Half-filled: what is empty stays to be filled, and it is the visitor's move; sent: ours."""
    half = one("web-form", payload("web-form-half"))
    assert (half.external_id, half.status, half.topic, half.medium) == (
        "s-81f2",
        InteractionStatus.WAITING,
        "credit-application",
        Medium.WEB,
    )
    assert half.form == {"name": "Iryna Melnyk", "phone": "067 123 45 67", "amount": "24000", "city": "Lviv", "income": ""}
    assert half.identifiers == (Identifier("visitor", "v-7Q2"), PHONE)
    sent = one("web-form", {**payload("web-form-half"), "done": True})
    assert (sent.status, text_of(sent)) == (InteractionStatus.OPEN, "Sent the form")


@pytest.mark.parametrize(
    ("changed", "thread"),
    [
        ({}, "<first@bank.example>"),
        ({"References": None}, "<first@bank.example>"),
        ({"References": None, "In-Reply-To": None}, "<abc123@example.com>"),
    ],
)
def test_mail_by_mailgun(changed: dict[str, str | None], thread: str) -> None:
    """Answers belong to the conversation they answer; the sender is not vouched for."""
    body = (PAYLOADS / "mailgun.form").read_bytes()
    fields = read_body(body, "application/x-www-form-urlencoded", ("form",))
    assert isinstance(fields, dict)
    said = one("mailgun", {**fields, **changed})
    assert (said.external_id, said.event_id, said.verified) == (thread, "<abc123@example.com>", False)
    assert (said.identifiers, said.name, text_of(said)) == (
        (Identifier("email", "iryna@example.com"),),
        "Iryna Melnyk",
        "Is the offer still open?",
    )
