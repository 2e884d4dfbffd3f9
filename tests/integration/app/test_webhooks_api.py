"""Webhooks out and reports over HTTP, by the examples of the OpenAPI document and beyond them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from ctiroute.connectors.announce import courier
from ctiroute.model import (
    AttributedBy,
    Attribution,
    Campaign,
    Delivery,
    DeliveryState,
    Identifier,
    IdentifierKind,
    Medium,
    OfferTerms,
    Outcome,
    Scope,
    Touch,
    TouchStatus,
)
from ctiroute.settings import WebhookSettings
from ctiroute.web.api.keys import new_key
from ctiroute.web.api.openapi import document
from tests.integration.web.test_api import resolved, validator
from tests.real.receiver import receiving
from tests.unit.app.office import office

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.app.office import Office

SECRET = "0123456789abcdef"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the outbox looked into often."""
    monkeypatch.setattr(courier, "LOOK_S", 0.02)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


async def key_for(room: Office, *scopes: Scope) -> dict[str, str]:
    """Return the header of a key with these scopes."""
    key, token, digest = new_key("a program", scopes, now(), None)
    await room.service.store.put_api_key(key, digest)
    return {"Authorization": f"Bearer {token}"}


async def ask(room: Office, method: str, path: str, headers: dict[str, str], body: object = None) -> tuple[int, Any]:
    """Return the status and the body of an answer, which the document describes."""
    operation = next(
        operations[method]
        for name, operations in document()["paths"].items()
        if _fits(name, path.partition("?")[0]) and method in operations
    )
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, f"{room.url}{path}", headers=headers, json=body) as answer,
    ):
        text = await answer.text()
        described = resolved(document(), operation["responses"][str(answer.status)])
        if answer.content_type == "text/csv":
            return answer.status, text
        got = json.loads(text)
        validator(document(), described["content"][answer.content_type]["schema"]).validate(got)
        return answer.status, got


def _fits(name: str, path: str) -> bool:
    parts, said = name.split("/"), path.split("/")
    return len(parts) == len(said) and all(part.startswith("{") or part == word for part, word in zip(parts, said, strict=True))


async def test_the_outbox_is_seen_and_replayed(tmp_path: Path) -> None:
    """What was given up is listed with its reason, told anew when asked, and a test event goes the same way."""
    async with receiving(REFUSED) as receiver:
        hook = WebhookSettings("mailer", receiver.url, ("touch.*",), SECRET)
        async with office(tmp_path, clock=now, webhooks=(hook,)) as room:
            key = await key_for(room, Scope.WEBHOOKS)
            await room.service.store.put_deliveries([Delivery("mailer", "e-1", "touch.answered", "touch:1", now(), b'{"id":"e-1"}')])
            await receiver.got(requests=1)
            status, listed = await ask(room, "get", "/api/v1/webhooks/deliveries?state=dead&webhook=mailer&limit=1", key)
            while not listed["deliveries"]:
                status, listed = await ask(room, "get", "/api/v1/webhooks/deliveries?state=dead&webhook=mailer&limit=1", key)
            assert (status, listed["deliveries"][0]["event_id"], listed["deliveries"][0]["error"]) == (200, "e-1", "400 Bad Request")
            assert SECRET not in json.dumps(listed)
            status, webhooks = await ask(room, "get", "/api/v1/webhooks", key)
            assert [(each["name"], each["dead"], each["events"]) for each in webhooks["webhooks"]] == [("mailer", 1, ["touch.*"])]
            assert receiver.url not in json.dumps(webhooks)
            assert await ask(room, "post", "/api/v1/webhooks/deliveries/replay", key, {"webhook": "mailer"}) == (200, {"replayed": 1})
            await receiver.got(taken=1)
            status, sent = await ask(room, "post", "/api/v1/webhooks/mailer/test", key)
            assert status == 202
            await receiver.got(taken=2)
        assert [each.event_id for each in receiver.taken] == ["e-1", sent["event_id"]]


async def test_a_wrong_question_is_answered_as_such(tmp_path: Path) -> None:
    """Unknown names, states, pages and bodies; a key without the scope."""
    async with office(tmp_path, clock=now) as room:
        key, other = await key_for(room, Scope.WEBHOOKS, Scope.REPORTS), await key_for(room, Scope.TOUCHES)
        for path, status in (
            ("/api/v1/webhooks/deliveries?state=lost", 400),
            ("/api/v1/webhooks/deliveries?before=x", 400),
            ("/api/v1/webhooks/deliveries?limit=0", 400),
            ("/api/v1/campaigns/nosuch/report", 404),
            ("/api/v1/campaigns/x/report?since=yesterday", 400),
            ("/api/v1/campaigns/x/report?window_hours=-1", 400),
            ("/api/v1/campaigns/x/report?since=0001-01-01T00:00:00%2B14:00", 400),
        ):
            assert (await ask(room, "get", path, key))[0] == status, path
            assert (await ask(room, "get", path, other))[0] == 403
        assert (await ask(room, "post", "/api/v1/webhooks/mailer/test", key))[0] == 404
        wrong: list[object] = [{"delivery_ids": []}, {"ids": [1]}, {"delivery_ids": ["x"]}]
        for body in wrong:
            assert (await ask(room, "post", "/api/v1/webhooks/deliveries/replay", key, body))[0] == 422
        assert await ask(room, "post", "/api/v1/webhooks/deliveries/replay", key, {"delivery_ids": [2**70, -1]}) == (200, {"replayed": 0})


async def test_a_report_as_json_and_as_a_table_without_formulas(tmp_path: Path) -> None:
    """Titles and codes come from outside: what a spreadsheet would execute is put in as text."""
    async with office(tmp_path, clock=now) as room:
        key, store = await key_for(room, Scope.REPORTS), room.service.store
        sent = now() - timedelta(hours=3)
        phone = Identifier(IdentifierKind.PHONE, "+380671234567")
        evil = '=HYPERLINK("http://x","y")'
        await store.put_campaigns([Campaign("=evil", evil, Medium.SMS)])
        await store.put_touches([Touch("=evil:1", "=evil", evil, Medium.SMS, phone, sent, TouchStatus.DELIVERED, OfferTerms())])
        did = Attribution("c:1", AttributedBy.DECISION, sent + timedelta(minutes=5), sent + timedelta(minutes=9), touch_id="=evil:1")
        done = replace(
            did, campaign="=evil", touched_at=sent, answered_at=sent + timedelta(minutes=6), outcome=Outcome.ANSWERED, code="@sum"
        )
        await store.put_attributions([done])
        status, report = await ask(room, "get", "/api/v1/campaigns/=evil/report?window_hours=0.5", key)
        assert status == 200
        assert (report["sent"], report["calls"], report["answered"], report["codes"]) == (1, 1, 1, {"@sum": 1})
        assert report["hours"] == [{"hour": 0, "calls": 1, "answered": 1}]
        assert report["touches"] == {"delivered": 1}
        status, none = await ask(room, "get", "/api/v1/campaigns/=evil/report?window_hours=0.01", key)
        assert none["calls"] == 0
        status, table = await ask(room, "get", "/api/v1/campaigns/=evil/report?format=csv", key)
        cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
        assert f"'{evil}" in cells
        assert "'@sum" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


async def test_what_was_given_up_is_worth_a_look(tmp_path: Path) -> None:
    """/health/ready names it, and calls are served all the same."""
    async with receiving(REFUSED) as receiver:
        hook = WebhookSettings("mailer", receiver.url, ("*",), SECRET)
        async with office(tmp_path, clock=now, webhooks=(hook,)) as room:
            await room.service.store.put_deliveries([Delivery("mailer", "e-1", "test", "1", now(), b"{}")])
            await receiver.got(requests=1)
            while not await room.service.store.get_deliveries(state=DeliveryState.DEAD):
                pass
            await room.service.loop.count()
            warnings = room.service.warnings()
            assert "400 Bad Request" in warnings["webhook mailer"] or "given up: 1" in warnings["webhook mailer"]
            assert room.metric("ctiroute_webhook_deliveries", webhook="mailer", state="dead") == 1
            assert room.metric("ctiroute_webhook_attempts_total", webhook="mailer", result="given_up") == 1
