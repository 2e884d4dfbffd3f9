"""Vendors post to a whole running service over real sockets: what is kept, what is refused, and what makes them try again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerQuery, Identifier, IdentifierKind, InteractionStatus, Medium, TouchStatus
from ctiroute.store.importing import ImportOptions, import_touches
from tests.integration.connectors.hooks import SECRET, payload, signed, vendor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.connectors.hooks import Vendor

CHAT = "512377120"
MULTIPART = "multipart/form-data; boundary=abc123"


def mail(at: Vendor, **changed: str) -> dict[str, str]:
    """Return the fields of a mail as Mailgun posts and signs them, now."""
    timestamp, token = str(int(at.room.clock().timestamp())), "8bbc1a2f0c5e"
    signature = hmac.new(SECRET.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    fields = {
        "from": "Iryna Melnyk <Iryna@example.com>",
        "recipient": "help@bank.example",
        "subject": "Autumn instalments",
        "stripped-text": "Is the offer still open?",
        "Message-Id": "<m1@example.com>",
    }
    return {**fields, "timestamp": timestamp, "token": token, "signature": signature, **changed}


async def test_a_message_is_kept_when_it_is_answered(tmp_path: Path) -> None:
    """The vendor's 200 means that the store has it."""
    async with vendor(tmp_path) as at:
        assert await at.telegram(payload("telegram-text")) == (200, {"taken": 1, "repeated": 0, "refused": 0})
        kept = await at.kept("telegram", CHAT)
        assert kept is not None
        assert (kept.medium, kept.status, kept.events[0].text[:13]) == (Medium.TELEGRAM, InteractionStatus.OPEN, "Доброго дня! ")
        assert await at.counted("telegram") == {"taken": 1}


async def test_a_message_told_twice_changes_nothing(tmp_path: Path) -> None:
    """Vendors send again what they had no answer to."""
    async with vendor(tmp_path) as at:
        await at.telegram(payload("telegram-text"))
        assert (await at.telegram(payload("telegram-text")))[1] == {"taken": 0, "repeated": 1, "refused": 0}
        kept = await at.kept("telegram", CHAT)
        assert kept is not None
        assert len(kept.events) == 1


async def test_messages_out_of_order_leave_the_same(tmp_path: Path) -> None:
    """The later message stays on top, whichever came first."""
    async with vendor(tmp_path) as at:
        await at.telegram(payload("telegram-contact"))
        await at.telegram(payload("telegram-text"))
        kept = await at.kept("telegram", CHAT)
        assert kept is not None
        assert [event.kind for event in kept.events] == ["note", "message"]


async def test_a_wrong_token_is_refused_before_the_body_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Strangers cannot tell us anything, and the log says why, once, without what they sent."""
    async with vendor(tmp_path) as at:
        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                assert (await at.telegram(payload("telegram-text"), "guess"))[0] == 401
            assert (await at.post("telegram", payload("telegram-text")))[0] == 401
        assert await at.kept("telegram", CHAT) is None
        said = [record.getMessage() for record in caplog.records if "connector telegram" in record.getMessage()]
        assert said == ["connector telegram: a message was refused: the token is wrong"]
        assert (await at.counted("telegram"))["unsigned"] == 6


async def test_a_hook_without_a_secret_takes_nothing(tmp_path: Path) -> None:
    """A forgotten secret must not become an open door."""
    async with vendor(tmp_path) as at:
        body = json.dumps(payload("viber-text")).encode()
        forged = hmac.new(b"", body, hashlib.sha256).hexdigest()
        assert (await at.post("viber", body, {"X-Viber-Content-Signature": forged}))[0] == 401


async def test_a_signature_over_the_body_is_checked(tmp_path: Path) -> None:
    """One byte changed, and it is refused; a batch brings both conversations."""
    async with vendor(tmp_path) as at:
        body = json.dumps(payload("whatsapp-text")).encode()
        status, _ = await at.post("whatsapp", body.replace(b"card", b"cash"), {"X-Hub-Signature-256": f"sha256={signed(body)}"})
        assert status == 401
        status, answer = await at.post("whatsapp", body, {"X-Hub-Signature-256": f"sha256={signed(body)}"})
        assert (status, answer["taken"]) == (200, 2)
        kept = await at.kept("whatsapp", "106540352242922:380671234567")
        assert kept is not None
        assert kept.identifier is not None
        assert kept.identifier.value == "+380671234567"


async def test_the_question_at_set_up_is_answered(tmp_path: Path) -> None:
    """With what the vendor sent, when it knows the word; what could be markup is not sent back."""
    async with vendor(tmp_path) as at:
        asked = {"hub.mode": "subscribe", "hub.verify_token": "set-up-word", "hub.challenge": "1158201444"}
        for changed, status in (({}, 200), ({"hub.verify_token": "x"}, 403), ({"hub.challenge": "<script>"}, 403)):
            async with at.client.get("/hooks/whatsapp", params={**asked, **changed}) as answer:
                assert answer.status == status
                if status == 200:
                    assert (await answer.text(), answer.content_type) == ("1158201444", "text/plain")
        async with at.client.get("/hooks/telegram") as answer:
            assert answer.status == 405


async def test_an_old_request_is_refused_and_a_replayed_one_not_taken_again(tmp_path: Path) -> None:
    """The signed time holds for five minutes; within them the same request is known again, and changes nothing."""
    async with vendor(tmp_path) as at:
        body = json.dumps(payload("chatwoot-message")).encode()
        sent_at = str(int(at.room.clock().timestamp()))
        signature = hmac.new(SECRET.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Chatwoot-Signature": f"sha256={signature}", "X-Chatwoot-Timestamp": sent_at}
        assert (await at.post("chatwoot", body, headers))[1]["taken"] == 1
        assert await at.post("chatwoot", body, headers) == (200, {"taken": 0, "repeated": 1, "refused": 0})
        at.room.clock.move(minutes=6)  # type: ignore[attr-defined]
        assert (await at.post("chatwoot", body, headers))[0] == 401
        later = {**headers, "X-Chatwoot-Timestamp": str(int(sent_at) + 360)}
        assert (await at.post("chatwoot", body, later))[0] == 401  # the time is a part of what is signed
        assert await at.counted("chatwoot") == {"taken": 1, "replayed": 1, "unsigned": 2}


async def test_a_used_nonce_carries_no_other_message(tmp_path: Path) -> None:
    """Where the signature does not cover the body, its nonce may be used for one body alone."""
    async with vendor(tmp_path) as at:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await at.post("mailgun", urlencode(mail(at)).encode(), form))[1]["taken"] == 1
        forged = mail(at, **{"Message-Id": "<m2@example.com>", "stripped-text": "Close my account"})
        assert (await at.post("mailgun", urlencode(forged).encode(), form))[0] == 401
        assert await at.kept("mailgun", "<m2@example.com>") is None


async def test_a_mail_with_attachments_is_read_and_they_are_not_kept(tmp_path: Path) -> None:
    """Mailgun sends those as a multipart form, of which some megabytes are no text."""
    async with vendor(tmp_path) as at:
        form = aiohttp.FormData()
        for name, value in mail(at).items():
            form.add_field(name, value)
        form.add_field("attachment-1", io.BytesIO(b"%PDF" + bytes(3_000_000)), filename="contract.pdf", content_type="application/pdf")
        async with at.client.post("/hooks/mailgun", data=form) as answer:
            assert (answer.status, await answer.json()) == (200, {"taken": 1, "repeated": 0, "refused": 0})
        kept = await at.kept("mailgun", "<m1@example.com>")
        assert kept is not None
        assert (kept.title, kept.events[0].text) == ("Autumn instalments", "Is the offer still open?")


async def test_receipts_reach_their_touch(tmp_path: Path) -> None:
    """By campaign and the id the gateway knows; one of no touch is counted, and answered so that it does not come again."""
    async with vendor(tmp_path) as at:
        touch = {"phone": "+380671234567", "sent_at": "2026-11-20T09:50:00Z", "external_id": "m-1"}
        file = tmp_path / "touches.ndjson"
        file.write_text(json.dumps(touch), encoding="utf-8")
        await import_touches(file, at.room.service.store, "UA", at.room.clock(), ImportOptions(campaign="autumn-sms", json=True))
        receipt = {"message_id": "m-1", "status": "DELIVRD", "done_at": "2026-11-20 09:50:07"}
        status, answer = await at.post("receipts", receipt, token=SECRET, campaign="autumn-sms")
        assert (status, answer) == (200, {"taken": 1, "repeated": 0, "refused": 0})
        status, answer = await at.post("receipts", {**receipt, "message_id": "m-9"}, token=SECRET, campaign="autumn-sms")
        assert (status, answer["refused"]) == (200, 1)
        async with at.client.post("/hooks/receipts", data=receipt, params={"token": SECRET, "campaign": "autumn-sms"}) as form:
            assert form.status == 200
        now = at.room.clock()
        query = CallerQuery(Identifier(IdentifierKind.PHONE, "+380671234567"), now - timedelta(hours=1), now, now)
        kept = next(one for one in (await at.room.service.store.find_caller(query)).touches if one.touch_id == "autumn-sms:m-1")
        assert (kept.status, kept.delivered_at) == (TouchStatus.DELIVERED, datetime(2026, 11, 20, 9, 50, 7, tzinfo=UTC))


async def test_what_is_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Ten megabytes are announced, and not a byte of them is waited for; a body that does not say its size is cut at the bound."""
    async with vendor(tmp_path) as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.room.service.web.port)
        head = f"POST /hooks/telegram HTTP/1.1\r\nHost: x\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\nContent-Length: 10485760\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(2):
            assert b"413" in await reader.readline()
        writer.close()

        async def pieces() -> object:
            for _ in range(64):
                yield bytes(64 * 1024)

        status, _ = await _post_raw(at, pieces())
        assert status == 413
        assert (await at.counted("telegram"))["too_large"] == 2


async def test_hostile_bodies_cost_an_answer_and_nothing_else(tmp_path: Path) -> None:
    """Not JSON, cut off, nested for ever, another kind of content, no object at all: refused or ignored, and the hook goes on."""
    async with vendor(tmp_path) as at:
        token = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        for body, status in (
            (b"", 400),
            (b"{", 400),
            (b"\xff\xfe\x00", 400),
            (b"[" * 100_000, 400),
            (b'{"a":' * 200 + b"1" + b"}" * 200, 400),
            (b'{"message": {"chat": {"type": "private", "id": null}, "from": null}}', 200),
            (b'{"message": [[[]]]}', 200),
            (b"[]", 200),
            (b"12", 200),
            (b'{"update_id": 1e400}', 400),
        ):
            assert (await at.post("telegram", body, token))[0] == status, body[:40]
        assert (await at.post("telegram", b"a=b", {**token, "Content-Type": "image/png"}))[0] == 400
        assert (await at.post("mailgun", b"--abc123\r\nnothing", {"Content-Type": MULTIPART}))[0] == 400
        assert (await at.telegram(payload("telegram-text")))[1]["taken"] == 1


async def test_headers_that_are_no_text_have_an_answer(tmp_path: Path) -> None:
    """Bytes in a token, a signature, a time or a boundary: refused like any other wrong one, never a 500."""
    async with vendor(tmp_path) as at:
        for hook, headers in (
            ("telegram", "X-Telegram-Bot-Api-Secret-Token: \xff\xfe"),
            ("whatsapp", "X-Hub-Signature-256: sha256=\xff"),
            ("chatwoot", "X-Chatwoot-Signature: sha256=00\r\nX-Chatwoot-Timestamp: \xff"),
            ("form", "Authorization: Bearer \xff"),
            ("mailgun", "Content-Type: multipart/form-data; boundary=\xff"),
            ("receipts?token=%FF", "Content-Type: \xff"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", at.room.service.web.port)
            writer.write(f"POST /hooks/{hook} HTTP/1.1\r\nHost: x\r\n{headers}\r\nContent-Length: 2\r\n\r\n{{}}".encode("latin-1"))
            async with asyncio.timeout(5):
                status = (await reader.readline()).split()[1]
            assert status in {b"400", b"401"}, hook
            writer.close()
            await writer.wait_closed()


async def test_markup_and_formulas_are_kept_as_text(tmp_path: Path) -> None:
    """What somebody writes is never more than text, and never longer than what a screen shows."""
    async with vendor(tmp_path) as at:
        update = payload("telegram-text")
        update["message"]["text"] = "=cmd|' /C calc'!A0\u202e <script>alert(1)</script>\x00" + "x" * 100_000
        update["message"]["from"]["first_name"] = "<b>\u0007Bold</b>\n\n"
        assert (await at.telegram(update))[0] == 200
        kept = await at.kept("telegram", CHAT)
        assert kept is not None
        assert kept.events[0].text.startswith("=cmd|' /C calc'!A0 <script>alert(1)</script>x")
        assert len(kept.events[0].text) == 4000


async def test_a_clock_ahead_does_not_hold_a_conversation_on_top(tmp_path: Path) -> None:
    """A time in the future, or one in wrong units, is that of the arrival."""
    async with vendor(tmp_path) as at:
        update = payload("telegram-text")
        for number, written in enumerate((at.room.clock().timestamp() + 86_400, -5, 10**17, "soon")):
            update["message"] |= {"date": written, "message_id": number}
            assert (await at.telegram(update))[1]["taken"] == 1
        kept = await at.kept("telegram", CHAT)
        assert kept is not None
        assert {event.at for event in kept.events} == {at.room.clock()}


async def test_a_store_that_is_away_makes_the_vendor_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 until it is back; then nothing is lost, and nothing is there twice."""
    async with vendor(tmp_path) as at:
        store = at.room.service.store
        with monkeypatch.context() as away:

            async def take_in(*_: object, **__: object) -> None:
                raise StoreUnavailable("the disk is full")

            away.setattr(store, "take_in", take_in)
            status, problem = await at.telegram(payload("telegram-text"))
            assert (status, problem["title"]) == (503, "Service Unavailable")
        assert (await at.telegram(payload("telegram-text")))[1]["taken"] == 1
        assert await at.counted("telegram") == {"away": 1, "taken": 1}


async def test_a_half_filled_form_goes_on(tmp_path: Path) -> None:
    """Each part is added to what was filled before; the visitor's phone is an identifier."""
    async with vendor(tmp_path) as at:
        bearer = {"Authorization": f"Bearer {SECRET}"}
        first = payload("web-form-half")
        assert (await at.post("form", first, bearer))[1]["taken"] == 1
        more = {
            **first,
            "event": "s-81f2-4",
            "at": "2025-11-22T08:31:00Z",
            "done": True,
            "fields": {"phone": "067 123 45 67", "income": "30000"},
        }
        assert (await at.post("form", more, bearer))[1]["taken"] == 1
        kept = await at.kept("form", "s-81f2")
        assert kept is not None
        assert (kept.form["city"], kept.form["income"], kept.status) == ("Lviv", "30000", InteractionStatus.OPEN)


async def test_an_unknown_hook_is_not_there(tmp_path: Path) -> None:
    """As a problem document, like every other error."""
    async with vendor(tmp_path) as at:
        status, problem = await at.post("crm", {})
        assert (status, problem["type"]) == (404, "urn:ctiroute:problem:not-found")


async def _post_raw(at: Vendor, data: object) -> tuple[int, str]:
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    async with at.client.post("/hooks/telegram", data=data, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_what_came_by_other_media_is_known_when_the_customer_calls(tmp_path: Path) -> None:
    """A form by visitor and phone, a chat by account, joined when he shares his number: one call sees both, and what was filled."""
    async with vendor(tmp_path) as at:
        bearer = {"Authorization": f"Bearer {SECRET}"}
        assert (await at.post("form", payload("web-form-half"), bearer))[0] == 200
        for name in ("telegram-text", "telegram-contact"):
            assert (await at.telegram(payload(name)))[0] == 200
        now = at.room.clock()
        query = CallerQuery(Identifier(IdentifierKind.PHONE, "+380671234567"), now - timedelta(days=400), now, now)
        facts = await at.room.service.store.find_caller(query)
        found = {interaction.medium: interaction for interaction in facts.interactions}
        assert set(found) == {Medium.WEB, Medium.TELEGRAM}
        assert found[Medium.WEB].form["city"] == "Lviv"
