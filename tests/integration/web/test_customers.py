"""Who is who over HTTP: a real server, a real store, real keys."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from ctiroute.model import (
    CallRecord,
    Claim,
    Customer,
    Identifier,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    Scope,
    Touch,
    TouchStatus,
)
from ctiroute.web.api import openapi_customers
from tests.integration.web.house import T0, house
from tests.integration.web.test_api import key_of, resolved, validator
from tests.integration.web.test_interactions import asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from tests.integration.web.house import House

PHONE, MOBILE = Identifier("phone", "+380671234567"), Identifier("phone", "+380509876543")
EMAIL, CARD = Identifier("email", "olena@example.com"), Identifier("loyalty-card", "4711")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[House]:
    """Give a running server that knows two customers with a history."""
    async with house(tmp_path) as running:
        await running.store.put_customers(
            [Customer("C-1", "Olena", "uk", {}, (PHONE, EMAIL, CARD)), Customer("C-2", "Petro", None, {}, (MOBILE,))]
        )
        hour = timedelta(hours=1)
        terms = OfferTerms("Autumn", "Come in")
        await running.store.put_touches([Touch("T1", "autumn", "Autumn", Medium.SMS, EMAIL, T0 - hour, TouchStatus.SENT, terms)])
        at = T0 - 2 * hour
        talk = Interaction("I1", None, Medium.CHAT, "credit", "Credit", InteractionStatus.OPEN, at, at, identifier=MOBILE)
        await running.store.put_interactions([talk])
        await running.store.record_calls([CallRecord("x:1", caller_phone=PHONE.value, received_at=T0 - 3 * hour, customer_id="C-1")])
        yield running


@pytest.fixture
async def client(here: House) -> aiohttp.ClientSession:
    """Give a program with the scopes of customers."""
    program = here.browser()
    program.headers.update(await key_of(here, Scope.CUSTOMERS_READ, Scope.CUSTOMERS_WRITE))
    return program


async def context(client: aiohttp.ClientSession, **query: str) -> Any:
    """Return what is known of whoever has an identifier."""
    status, found = await asked(client, "GET", "/api/v1/context", params=query)
    assert status == 200, found
    return found


async def post(client: aiohttp.ClientSession, what: str, **body: Any) -> tuple[int, Any]:
    """Change who is who."""
    return await asked(client, "POST", f"/api/v1/customers/{what}", json=body)


@pytest.mark.parametrize("query", [{"phone": "067 123 45 67"}, {"email": "Olena@Example.com"}, {"kind": "loyalty-card", "value": "4711"}])
async def test_any_medium_has_the_context_of_a_call(client: aiohttp.ClientSession, query: dict[str, str]) -> None:
    """By phone, e-mail or a kind of the company's own: the same customer with the same history, in one line of time."""
    found = await context(client, **query)
    assert (found["identity"], [each["name"] for each in found["customers"]]) == ("known", ["Olena"])
    (candidate,) = found["candidates"]
    assert candidate["customer_id"] == "C-1"
    assert 0.8 <= candidate["confidence"] < 0.9
    assert candidate["claims"] == [{"source": "import", "verified_at": None, "seen_at": None, "by": ""}]
    assert [each["touch_id"] for each in found["touches"]] == ["T1"]
    assert [each["what"] for each in found["timeline"]] == ["touch", "call"]


async def test_somebody_nobody_knows_has_an_empty_context(client: aiohttp.ClientSession) -> None:
    """200 with nothing in it: not to know is an answer."""
    found = await context(client, phone="+380630000001")
    assert found["identity"] == "unknown"
    assert [found[each] for each in ("customers", "candidates", "touches", "interactions", "calls", "timeline")] == [[]] * 6


async def test_candidates_come_with_confidence_and_evidence(here: House, client: aiohttp.ClientSession) -> None:
    """A portal verified that the number is Petro's now: he is the likelier, and Olena is still there."""
    await here.store.link_identifiers([PHONE], "C-2", Claim("portal", T0, T0))
    found = await context(client, phone=PHONE.value)
    assert found["identity"] == "ambiguous"
    assert [(each["customer_id"], each["claims"][0]["source"]) for each in found["candidates"]] == [("C-2", "portal"), ("C-1", "import")]
    assert found["candidates"][0]["confidence"] > found["candidates"][1]["confidence"] > 0
    assert [each["customer_id"] for each in found["customers"]] == ["C-2", "C-1"]


async def test_a_merge_is_done_told_audited_and_undone(client: aiohttp.ClientSession) -> None:
    """Both are one by every identifier; the card says who was merged; undone, everything is as before."""
    before = [await context(client, phone=each.value) for each in (PHONE, MOBILE)]
    status, change = await post(client, "merge", into="C-1", other="C-2", why="the same person")
    assert (status, change["kind"], change["by"], change["why"]) == (200, "merge", "gateway", "the same person")
    merged = await context(client, phone=MOBILE.value)
    assert [each["what"] for each in merged["timeline"]] == ["touch", "interaction", "call"]
    assert merged["customers"][0]["customer_id"] == "C-1"
    _, card = await asked(client, "GET", "/api/v1/customers", params={"customer_id": "C-2"})
    assert (card["customer"]["customer_id"], card["merged"]) == ("C-1", ["C-2"])
    status, undone = await post(client, "undo", change_id=change["change_id"])
    assert (status, undone["undone_by"]) == (200, "gateway")
    assert [await context(client, phone=each.value) for each in (PHONE, MOBILE)] == before
    _, audit = await asked(client, "GET", "/api/v1/customers/changes", params={"customer_id": "C-2"})
    assert audit["changes"] == [undone]
    assert await post(client, "undo", change_id=change["change_id"]) == (
        409,
        {
            "type": "urn:ctiroute:problem:cannot-be-done",
            "title": "Conflict",
            "status": 409,
            "detail": f"As things stand it cannot be done: change {change['change_id']} was undone already.",
        },
    )


async def test_a_split_and_a_denial(client: aiohttp.ClientSession) -> None:
    """The card is another person's, and the e-mail is not Olena's any more."""
    status, change = await post(client, "split", customer_id="C-1", identifiers=[{"kind": "loyalty-card", "value": "4711"}], name="Son")
    assert status == 200
    found = await context(client, kind="loyalty-card", value="4711")
    assert [(each["customer_id"], each["name"]) for each in found["customers"]] == [(change["other_id"], "Son")]
    status, _ = await post(client, "deny", identifier={"kind": "email", "value": "olena@example.com"}, customer_id="C-1")
    assert (status, (await context(client, email="olena@example.com"))["identity"]) == (200, "unknown")
    status, _ = await post(client, "confirm", identifier={"kind": "email", "value": "olena@example.com"}, customer_id="C-1")
    (candidate,) = (await context(client, email="olena@example.com"))["candidates"]
    assert (status, candidate["claims"][0]["source"], candidate["claims"][0]["by"]) == (200, "operator", "gateway")


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("GET", "/api/v1/context", None, 400),
        ("GET", "/api/v1/context?phone=%2B380671234567&email=a@b", None, 400),
        ("GET", "/api/v1/context?phone=anonymous", None, 422),
        ("GET", "/api/v1/context?kind=Viber&value=1", None, 422),
        ("GET", "/api/v1/context?value=%00&kind=visitor", None, 422),
        ("GET", "/api/v1/context?kind=visitor&value=%ED%B3%BF", None, 200),
        ("GET", "/api/v1/context?kind=visitor&value=" + "x" * 201, None, 400),
        ("GET", "/api/v1/context?phone=%2B380671234567&limit=0", None, 400),
        ("GET", "/api/v1/customers", None, 400),
        ("GET", "/api/v1/customers?customer_id=nobody", None, 404),
        ("GET", "/api/v1/customers?customer_id=%00", None, 404),
        ("GET", "/api/v1/customers/changes?before=x", None, 400),
        ("POST", "/api/v1/customers/merge", {"into": "C-1"}, 422),
        ("POST", "/api/v1/customers/merge", {"into": "C-1", "other": "nobody"}, 409),
        ("POST", "/api/v1/customers/merge", {"into": "C-1", "other": "C-1"}, 409),
        ("POST", "/api/v1/customers/split", {"customer_id": "C-1", "identifiers": []}, 422),
        ("POST", "/api/v1/customers/split", {"customer_id": "C-1", "identifiers": [{"kind": "phone", "value": "12"}]}, 422),
        ("POST", "/api/v1/customers/deny", {"customer_id": "C-1", "identifier": {"kind": "x\n", "value": "1"}}, 422),
        ("POST", "/api/v1/customers/undo", {"change_id": 0}, 422),
        ("POST", "/api/v1/customers/undo", {"change_id": 4711}, 409),
    ],
)
async def test_what_is_not_right_is_refused_and_changes_nothing(
    client: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any] | None, wanted: int
) -> None:
    """Every refusal is a problem document that says why."""
    async with client.request(method, URL(path, encoded=True), json=body) as answer:
        assert answer.status == wanted, await answer.text()
    _, audit = await asked(client, "GET", "/api/v1/customers/changes")
    assert audit["changes"] == []


async def test_only_a_key_with_the_scope_may(here: House) -> None:
    """Reading needs one scope, changing the other."""
    program = here.browser()
    program.headers.update(await key_of(here, Scope.CUSTOMERS_READ))
    assert (await asked(program, "GET", "/api/v1/context", params={"phone": PHONE.value}))[0] == 200
    assert (await post(program, "merge", into="C-1", other="C-2"))[0] == 403
    other = here.browser()
    other.headers.update(await key_of(here, Scope.CUSTOMERS_WRITE))
    assert (await asked(other, "GET", "/api/v1/context", params={"phone": PHONE.value}))[0] == 403
    assert (await asked(here.browser(), "GET", "/api/v1/context", params={"phone": PHONE.value}))[0] == 401


async def test_the_examples_of_the_openapi_document_work(client: aiohttp.ClientSession) -> None:
    """Every example, sent as it stands, is answered as described."""
    _, document = await asked(client, "GET", "/api/openapi.json")
    for path in openapi_customers.paths():  # a merge is undone by its example before the split: changes have their numbers in this order
        for method, operation in document["paths"][path].items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            params = {each["name"]: each["example"] for each in operation.get("parameters", []) if "example" in each}
            if body is not None:
                validator(document, body["schema"]).validate(body["example"])
            data = None if body is None else json.dumps(body["example"])
            headers = {"Content-Type": "application/json"}
            async with client.request(method, path, params=params, data=data, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                described = resolved(document, operation["responses"]["200"])
                validator(document, described["content"]["application/json"]["schema"]).validate(await answer.json())
