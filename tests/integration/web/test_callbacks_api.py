"""Callback orders over HTTP: a real server, a real store, the real book of orders, real keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from ctiroute.app.callback_orders import CallbackOrders
from ctiroute.model import CallbackClaim, Customer, Identifier, IdentifierKind, Scope
from ctiroute.settings import CallbackSettings
from ctiroute.store.sqlite.store import SqliteStore
from ctiroute.web.api import openapi_callbacks
from ctiroute.web.api.openapi import document
from tests.integration.web.house import T0, house
from tests.integration.web.test_api import key_of, resolved, validator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from tests.integration.web.house import House

ADDRESS = "/api/v1/callbacks"
PHONE = "+380671234567"
AT = "2026-03-02T14:30:00+02:00"  # T0 is 11:00 in Kyiv


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[House]:
    """Give a running server with a book of orders."""
    store = SqliteStore(tmp_path / "ctiroute.db")
    started: list[House] = []
    zone = ZoneInfo("Europe/Kyiv")
    orders = CallbackOrders(store, CallbackSettings(queue="general"), "UA", lambda: zone, lambda: started[0].clock.now)
    async with house(tmp_path, store=store, callbacks=orders) as running:
        started.append(running)
        yield running


@pytest.fixture
async def client(here: House) -> aiohttp.ClientSession:
    """Give a program with both scopes."""
    program = here.browser()
    program.headers.update(await key_of(here, Scope.CALLBACKS_READ, Scope.CALLBACKS_WRITE))
    return program


async def asked(client: aiohttp.ClientSession, method: str, path: str = "", **body: Any) -> tuple[int, Any]:
    """Return status and body of an answer."""
    async with client.request(method, ADDRESS + path, json=body or None) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_the_examples_of_the_document_work_and_answer_as_described(client: aiohttp.ClientSession) -> None:
    """Order, order again, look, list, move, cancel: each answer is of its schema."""
    whole = document()
    methods = {**whole["paths"][ADDRESS], **{f"{name} one": op for name, op in whole["paths"][f"{ADDRESS}/{{callback_id}}"].items()}}

    def check(operation: str, status: int, body: Any) -> None:
        described = resolved(whole, methods[operation]["responses"][str(status)])
        validator(whole, described["content"]["application/json"]["schema"]).validate(body)

    status, made = await asked(client, "POST", **openapi_callbacks.EXAMPLE)
    check("post", status, made)
    assert (status, made["state"], made["due_at"], made["matter"]) == (201, "ordered", "2026-03-02T12:30:00Z", "interaction:i-7")
    status, again = await asked(client, "POST", **openapi_callbacks.EXAMPLE)
    check("post", status, again)
    assert (status, again) == (200, made)
    one = f"/{made['callback_id']}"
    for operation, (status, body) in {
        "get one": await asked(client, "GET", one),
        "get": await asked(client, "GET", "?phone=067 123 45 67&open=true&limit=1"),
        "patch one": await asked(client, "PATCH", one, due_at="2026-03-03T10:00:00+02:00", note="later"),
        "delete one": await asked(client, "DELETE", one),
    }.items():
        assert status == 200, body
        check(operation, status, body)
    status, gone = await asked(client, "GET", one)
    assert (gone["state"], gone["due_at"], gone["note"]) == ("cancelled", "2026-03-03T08:00:00Z", "later")


async def test_a_time_in_the_customers_night_is_moved(here: House, client: aiohttp.ClientSession) -> None:
    """By the zone of his number; his own attribute goes before it."""
    _, kyiv = await asked(client, "POST", phone=PHONE, due_at="2026-03-02T23:00:00+02:00")
    assert (kyiv["asked_at"], kyiv["due_at"]) == ("2026-03-02T21:00:00Z", "2026-03-03T07:00:00Z")
    other = Identifier(IdentifierKind.PHONE, "+380501111111")
    await here.store.put_customers([Customer("c-1", "Iryna", attributes={"timezone": "America/New_York"}, identifiers=(other,))])
    _, new_york = await asked(client, "POST", phone=other.value, due_at="2026-03-02T23:00:00+02:00")
    assert (new_york["due_at"], new_york["customer_id"]) == ("2026-03-02T21:00:00Z", "c-1")
    _, early = await asked(client, "POST", phone=other.value, due_at="2026-03-02T12:00:00+02:00", matter="early")
    assert early["due_at"] == "2026-03-02T14:00:00Z"


async def test_a_customer_is_found_by_another_identifier(here: House, client: aiohttp.ClientSession) -> None:
    """His first phone is rung; where there is no telling who or where, it is refused in words."""
    mail = Identifier(IdentifierKind.EMAIL, "a@b.example")
    status, said = await asked(client, "POST", identifier={"kind": "email", "value": "A@b.example"})
    assert (status, "no customers" in said["detail"]) == (422, True)
    await here.store.put_customers([Customer("c-1", "Iryna", identifiers=(mail,))])
    status, said = await asked(client, "POST", identifier={"kind": "email", "value": "A@b.example"})
    assert (status, "no phone" in said["detail"]) == (422, True)
    phone = Identifier(IdentifierKind.PHONE, PHONE)
    await here.store.put_customers([Customer("c-1", "Iryna", identifiers=(mail, phone)), Customer("c-2", "Petro", identifiers=(phone,))])
    status, made = await asked(client, "POST", identifier={"kind": "email", "value": "A@b.example"})
    assert (status, made["phone"], made["customer_id"]) == (201, PHONE, "c-1")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 415, "application/json"),
        ({"phone": ""}, 422, "whom to ring"),
        ({"phone": "hello"}, 422, "no phone number"),
        ({"phone": PHONE, "due_at": "2026-03-02T14:30:00"}, 422, "due_at"),
        ({"phone": PHONE, "due_at": "2028-03-02T14:30:00Z"}, 422, "more than a year"),
        ({"phone": PHONE, "due_at": AT, "until": "2026-03-02T14:00:00+02:00"}, 422, "no time within its window"),
        ({"phone": PHONE, "due_at": "2026-03-02T21:00:00+02:00", "until": "2026-03-03T08:00:00+02:00"}, 422, "no time within"),
        ({"phone": PHONE, "queue": "a,b"}, 422, "queue"),
        ({"phone": PHONE, "operator": "nobody"}, 422, "no operator"),
        ({"phone": PHONE, "attempts": 99}, 422, "attempts"),
        ({"phone": PHONE, "surprise": 1}, 422, "surprise"),
        ({"phone": PHONE, "note": "x" * 4001}, 422, "note"),
        ({"identifier": {"kind": "No Kind", "value": "x"}}, 422, "kind"),
    ],
)
async def test_what_cannot_be_ordered_is_refused_in_words(
    client: aiohttp.ClientSession, body: dict[str, Any], status: int, word: str
) -> None:
    """With what is wrong, and nothing kept."""
    got, said = await asked(client, "POST", **body)
    assert (got, word in said["detail"]) == (status, True), said
    assert (await asked(client, "GET"))[1]["callbacks"] == []


async def test_what_rings_already_is_not_moved_nor_cancelled(here: House, client: aiohttp.ClientSession) -> None:
    """409 in words; an order that is not there is 404, whatever its id looks like."""
    _, made = await asked(client, "POST", phone=PHONE)
    here.clock.move(1)
    now = here.clock.now
    claimed = await here.store.claim_callback(CallbackClaim("n", now, now + timedelta(minutes=2), 5))
    assert claimed is not None
    one = f"/{made['callback_id']}"
    status, said = await asked(client, "PATCH", one, due_at=AT)
    assert (status, "claimed" in said["detail"]) == (409, True)
    status, said = await asked(client, "PATCH", one, due_at="9999-12-31T23:59:59Z")
    assert (status, "more than a year" in said["detail"]) == (409, True)
    assert (await asked(client, "DELETE", one))[0] == 200, "nothing has been sent to the switch yet"
    status, said = await asked(client, "DELETE", one)
    assert (status, "cancelled" in said["detail"]) == (409, True)
    for unknown in ("/0000000000", "/ÄÖ", "/'; DROP"):
        assert (await asked(client, "GET", unknown))[0] == 404


async def test_scopes(here: House) -> None:
    """Who may read may not order, and the other way round."""
    for scope, allowed in ((Scope.CALLBACKS_READ, {"GET"}), (Scope.CALLBACKS_WRITE, {"POST", "DELETE"})):
        program = here.browser()
        program.headers.update(await key_of(here, scope))
        for method, path, body in (("GET", "", {}), ("POST", "", {"phone": PHONE}), ("DELETE", "/0", {})):
            status, _ = await asked(program, method, path, **body)
            assert (status == 403) == (method not in allowed), (scope, method)
    assert here.clock.now == T0
