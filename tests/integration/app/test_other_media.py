"""POST /api/v1/route of a whole running service: chats and bots are answered as calls are."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp

from ctiroute.app.call_files import from_bytes
from ctiroute.model import (
    CallerQuery,
    Campaign,
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Scope,
    Touch,
    TouchStatus,
)
from ctiroute.web.api.keys import new_key
from tests.integration.web.test_api import validator
from tests.unit.app.office import Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
TELEGRAM = Identifier(IdentifierKind.TELEGRAM, "4242")
RULES = """
rules:
  - name: form-chats
    when: {medium: [chat, telegram], interaction: {topic: credit}}
    then:
      queue: chats
      priority: 5
      tags: [credit]
      announce: "ctiroute/status-{interaction.status}"
      pop: {headline: {en: "Writes about {interaction.title}"}, opening: {en: Ask for the income}}
  - name: calls
    when: {medium: voice}
    then: {queue: promo}
default: {menu: main}
"""


@asynccontextmanager
async def bot(tmp_path: Path) -> AsyncIterator[tuple[Office, aiohttp.ClientSession]]:
    """Start a service that knows one customer with an open form and a touch, and give a bot with a key."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yml").write_text(RULES, encoding="utf-8")
    async with office(tmp_path / "data", rules=folder) as room:
        store, now = room.service.store, room.clock()
        key, token, secret_hash = new_key("bot", (Scope.ROUTE,), now, None)
        await store.put_api_key(key, secret_hash)
        await store.put_campaigns([Campaign("autumn", "Autumn", Medium.SMS)])
        await store.put_customers([Customer("K1", "Ірина", identifiers=(PHONE, TELEGRAM))])
        terms = OfferTerms("Instalments", "", "", {})
        sent = now - timedelta(minutes=5)
        await store.put_touches([Touch("t1", "autumn", "Autumn", Medium.SMS, PHONE, sent, TouchStatus.SENT, terms)])
        at = now - timedelta(minutes=9)
        await store.put_interactions(
            [Interaction("I1", "K1", Medium.WEB, "credit", "the credit form", InteractionStatus.WAITING, at, at, form={"income": ""})]
        )
        async with aiohttp.ClientSession(room.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield room, client


async def ask(client: aiohttp.ClientSession, **body: Any) -> tuple[int, Any]:
    """Ask where somebody should go."""
    async with client.post("/api/v1/route", json=body) as answer:
        return answer.status, json.loads(await answer.read())


async def test_a_chat_gets_the_decision_and_the_context_of_a_call(tmp_path: Path) -> None:
    """By a messenger's id the phone's touches and the web's form are found; rules tell chats from calls; a record is kept."""
    async with bot(tmp_path) as (room, client):
        async with client.get("/api/openapi.json") as answer:
            document = await answer.json()
        who = {"kind": "telegram", "value": "4242"}
        status, got = await ask(client, medium="telegram", identifier=who, conversation="c-7", language="en")
        assert status == 200
        validator(document, {"$ref": "#/components/schemas/Routed"}).validate(got)
        assert (got["status"], got["rule"], got["interaction_id"]) == ("routed", "form-chats", "I1")
        assert got["destination"] == {"action": "queue", "queue": "chats", "priority": 5}
        assert (got["announce"], got["headline"], got["opening"]) == (
            "ctiroute/status-waiting",
            "Writes about the credit form",
            "Ask for the income",
        )
        assert "t1" in [touch["touch_id"] for touch in got["context"]["touches"]]
        assert {it["interaction_id"]: it["form"] for it in got["context"]["interactions"]}["I1"] == {"income": ""}
        await room.service._recorder.flush(5)
        record = await room.service.store.get_call("telegram:c-7")
        assert record is not None
        assert (record.rule, record.customer_id, record.caller_phone, record.queue) == ("form-chats", "K1", None, "chats")
        assert record.snapshot is not None
        file = from_bytes(record.snapshot)
        assert file is not None
        assert file.context.request.identifier == TELEGRAM


async def test_a_question_counts_as_nobodys_call(tmp_path: Path) -> None:
    """However often a bot asks about a number, the next call finds no earlier one of it; no pop is made."""
    async with bot(tmp_path) as (room, client):
        for _ in range(3):
            status, got = await ask(client, medium="chat", identifier={"kind": "phone", "value": "067 123 45 67"})
            assert (status, got["destination"]["queue"]) == (200, "chats")
        await room.service._recorder.flush(5)
        since = room.clock() - timedelta(days=1)
        facts = await room.service.store.find_caller(CallerQuery(PHONE, since, since, since))
        assert facts.calls == ()


async def test_who_is_known_by_nothing_takes_the_default(tmp_path: Path) -> None:
    """Also somebody new, and every medium; what is no question is refused in words."""
    async with bot(tmp_path) as (room, client):
        for medium in Medium:
            status, got = await ask(client, medium=medium.value)
            assert status == 200
            assert got["destination"]["action"] == ("queue" if medium is Medium.VOICE else "menu")
        status, got = await ask(client, medium="chat", identifier={"kind": "loyalty-card", "value": "1"}, name="\u202e<b>\0")
        assert (status, got["rule"], got["context"]["identity"]["kind"]) == (200, None, "unknown")
        for wrong in ({}, {"medium": "smoke"}, {"medium": "chat", "identifier": {"kind": "phone", "value": "anonymous"}}):
            assert (await ask(client, **wrong))[0] == 422
        await room.service._recorder.flush(5)
