"""Interactions over HTTP: a real server, a real store, real keys."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.model import Announcement, CallRecord, Customer, Identifier, IdentifierKind, Scope
from ctiroute.settings.model import ContinueSettings
from ctiroute.web.api import openapi_interactions
from ctiroute.web.api.continuing import sign, verify
from tests.integration.web.house import T0, house
from tests.integration.web.test_api import key_of, resolved, validator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from tests.integration.web.house import House

ADDRESS = "/api/v1/interactions"
SECRET = "sixteen letters or more"
TOLD: dict[str, Any] = {
    "medium": "web",
    "source": "form",
    "external_id": "f-1",
    "event_id": "1",
    "at": "2026-03-02T08:50:00Z",
    "identifiers": [{"kind": "phone", "value": "067 123 45 67"}],
    "topic": "credit",
    "form": {"amount": "50000", "income": ""},
    "kind": "form",
    "text": "Step 1",
}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[House]:
    """Give a running server."""
    async with house(tmp_path, continue_link=ContinueSettings("https://x.example/f?c={token}", SECRET, 1.0)) as running:
        yield running


@pytest.fixture
async def client(here: House) -> aiohttp.ClientSession:
    """Give a program with every scope of interactions."""
    program = here.browser()
    program.headers.update(await key_of(here, Scope.INTERACTIONS_READ, Scope.INTERACTIONS_WRITE, Scope.CONTINUE))
    return program


async def asked(client: aiohttp.ClientSession, method: str, path: str, **body: Any) -> tuple[int, Any]:
    """Return status and body of an answer, which is JSON whatever was asked."""
    async with client.request(method, path, **body) as answer:
        assert answer.content_type in {"application/json", "application/problem+json"}
        assert (answer.content_type == "application/problem+json") is (answer.status >= 400)
        return answer.status, await answer.json(content_type=None)


async def made(client: aiohttp.ClientSession, **changes: Any) -> str:
    """Return the id of a new interaction."""
    status, taken = await asked(client, "POST", ADDRESS, json=TOLD | changes)
    assert status == 201, taken
    return str(taken["interaction_id"])


async def test_an_interaction_is_made_once_and_known_again(client: aiohttp.ClientSession) -> None:
    """201 the first time, 200 after that; what was told is there, phones in E.164, the revision as its ETag."""
    status, first = await asked(client, "POST", ADDRESS, json=TOLD)
    again = await asked(client, "POST", ADDRESS, json=TOLD)
    assert (status, first["result"]) == (201, "new")
    assert again == (200, first | {"result": "repeated"})
    async with client.get(f"{ADDRESS}/{first['interaction_id']}") as answer:
        assert answer.headers["ETag"] == '"1"'
        it = await answer.json()
    assert it["identifier"] == {"kind": "phone", "value": "+380671234567"}
    assert (it["form"], it["status"], it["events"][0]["text"]) == (TOLD["form"], "open", "Step 1")
    _, found = await asked(client, "GET", f"{ADDRESS}?source=form&external_id=f-1")
    assert found["interactions"] == [it]


async def test_of_two_who_changed_the_same_revision_one_is_shown_the_other_ones(client: aiohttp.ClientSession) -> None:
    """412 for a header, 409 for a body, both with what it is now; nothing of the second is kept; 428 for who saw nothing."""
    path = f"{ADDRESS}/{await made(client)}"
    status, changed = await asked(client, "PATCH", path, json={"form": {"income": "100"}}, headers={"If-Match": '"1"'})
    assert (status, changed["revision"], changed["form"]) == (200, 2, {"amount": "50000", "income": "100"})
    refused = {"form": {"income": "999"}, "title": "mine"}
    by_header = await asked(client, "PATCH", path, json=refused, headers={"If-Match": 'W/"1"'})
    by_body = await asked(client, "PATCH", path, json=refused | {"revision": 1})
    assert (by_header[0], by_body[0]) == (412, 409)
    assert by_header[1]["current"] == by_body[1]["current"] == changed
    assert (await asked(client, "PATCH", path, json=refused))[0] == 428
    assert (await asked(client, "GET", path))[1] == changed
    whatever = await asked(client, "PATCH", path, json={"owner": "olha"}, headers={"If-Match": "*"})
    assert (whatever[0], whatever[1]["owner"]) == (200, "olha")


async def test_many_who_change_one_revision_at_once_make_one_change(client: aiohttp.ClientSession) -> None:
    """Of twenty side by side exactly one is told that it did it."""
    path = f"{ADDRESS}/{await made(client)}"
    tries = (asked(client, "PATCH", path, json={"form": {"income": f"{n}"}, "revision": 1}) for n in range(20))
    statuses = [status for status, _ in await asyncio.gather(*tries)]
    assert sorted(statuses) == [200] + [409] * 19
    assert (await asked(client, "GET", path))[1]["revision"] == 2


async def test_what_happens_in_one_is_told_closed_and_listed(client: aiohttp.ClientSession) -> None:
    """Events in any order and again; closed with an outcome; reopened by later words; its status in words and as a prompt."""
    path = f"{ADDRESS}/{await made(client)}"
    event = {"event_id": "2", "text": "Hello", "at": "2026-03-02T08:55:00Z"}
    results = [(await asked(client, "POST", f"{path}/events", json=event))[1]["result"] for _ in range(2)]
    assert results == ["changed", "repeated"]
    status, closed = await asked(client, "POST", f"{path}/close", json={"outcome": "sold", "text": "Signed"})
    assert (status, closed["status"], closed["outcome"]) == (200, "closed", "sold")
    late = {"event_id": "0", "text": "Before all", "at": "2026-03-02T08:00:00Z"}
    await asked(client, "POST", f"{path}/events", json=late)
    _, stands = await asked(client, "GET", f"{path}/status")
    assert (stands["status"], stands["prompt"], stands["outcome"]) == ("closed", "ctiroute/status-closed", "sold")
    assert set(stands["words"]) == {"en", "uk"}
    _, listed = await asked(client, "GET", f"{path}/events?limit=9")
    assert [each["text"] for each in listed["events"]] == ["Signed", "Hello", "Step 1", "Before all"]
    await asked(client, "POST", f"{path}/events", json={"text": "One more thing", "at": "2026-03-02T09:00:30Z"})
    assert (await asked(client, "GET", f"{path}/status"))[1]["prompt"] == "ctiroute/status-open"


@pytest.mark.parametrize("as_lines", [True, False])
async def test_of_many_each_is_answered_for_itself(client: aiohttp.ClientSession, *, as_lines: bool) -> None:
    """Bad ones are refused with their reason and cost the others nothing."""
    many: list[Any] = [TOLD | {"external_id": f"f-{n % 60}", "event_id": f"{n}"} for n in range(120)]
    many[3] = {"medium": "smoke"}
    many[50] = TOLD | {"identifiers": [{"kind": "email", "value": "no address"}]}
    many[119] = many[118]
    if as_lines:
        body = {"data": "\n".join(json.dumps(each) for each in many), "headers": {"Content-Type": "application/x-ndjson"}}
    else:
        body = {"json": many}
    status, taken = await asked(client, "POST", f"{ADDRESS}/bulk", **body)
    assert (status, taken["taken"], taken["refused"]) == (200, 118, 2)
    results = [each["result"] for each in taken["results"]]
    assert results[3] == results[50] == "refused"
    assert results[119] == "repeated"
    assert results.count("new") == 60
    assert "'no address'" not in taken["results"][50]["reason"]
    assert [each["line"] for each in taken["results"]] == list(range(1, 121))


async def test_a_history_holds_all_media_in_one_line(here: House, client: aiohttp.ClientSession) -> None:
    """Of a customer with several identifiers, by any of them, the newest first."""
    his = (Identifier(IdentifierKind.PHONE, "+380671234567"), Identifier(IdentifierKind.TELEGRAM, "4242"))
    await here.store.put_customers([Customer("K1", "Ірина", identifiers=his)])
    await made(client)
    await made(client, medium="chat", source="chat", identifiers=[{"kind": "telegram", "value": "4242"}], at="2026-03-02T08:58:00Z")
    history: dict[str, Any] = {}
    for query in ("value=%2B380671234567", "kind=telegram&value=4242"):
        status, history = await asked(client, "GET", f"/api/v1/history?{query}")
        assert status == 200
        assert history["customer_ids"] == ["K1"]
        assert [(each["what"], each["medium"]) for each in history["entries"]] == [("interaction", "chat"), ("interaction", "web")]
    assert (await asked(client, "GET", f"{ADDRESS}?customer_id=K1"))[1]["interactions"][0]["medium"] == "chat"
    await here.store.record_calls([CallRecord("pbx:1", caller_phone="+380671234567", received_at=T0, customer_id="K1")])
    _, whole = await asked(client, "GET", "/api/v1/history?customer_id=K1")
    assert [each["what"] for each in whole["entries"]] == ["call", "interaction", "interaction"]
    assert whole["entries"][1:] == history["entries"]
    assert (await asked(client, "GET", "/api/v1/history?customer_id=K9"))[0] == 404
    assert (await asked(client, "GET", "/api/v1/history?customer_id=K1&value=x"))[0] == 400


class Listening:
    """Keeps what other systems would be told; `away`: its outbox cannot be written."""

    def __init__(self) -> None:
        self.told: list[Announcement] = []
        self.away = False

    async def announce(self, *announcements: Announcement) -> None:
        """Keep them."""
        if self.away:
            raise StoreUnavailable("the outbox is away")
        self.told += announcements


async def test_what_is_changed_here_is_told_to_other_systems(tmp_path: Path) -> None:
    """Changes, closes and links, each once for a revision; what a source told is not told back. An outbox that is away costs nothing."""
    listening = Listening()
    links = ContinueSettings("", SECRET, 1.0)
    async with house(tmp_path, continue_link=links, announcer=listening) as here:
        program = here.browser()
        program.headers.update(await key_of(here, *Scope))
        path = f"{ADDRESS}/{await made(program)}"
        await asked(program, "PATCH", path, json={"form": {"income": "1"}, "revision": 1})
        await asked(program, "PATCH", path, json={"form": {"income": "2"}, "revision": 1})
        await asked(program, "POST", f"{path}/continue-link")
        await asked(program, "POST", f"{path}/close", json={"outcome": "sold"})
        assert [told.kind for told in listening.told] == ["interaction.changed", "interaction.link", "interaction.closed"]
        assert len({told.event_id for told in listening.told}) == 3
        assert {told.key for told in listening.told} == {f"interaction:{path.rpartition('/')[2]}"}
        assert listening.told[1].data["identifier"] == {"kind": "phone", "value": "+380671234567"}
        json.dumps([dict(told.data) for told in listening.told])
        listening.away = True
        assert (await asked(program, "PATCH", path, json={"form": {"income": "3"}, "revision": 3}))[0] == 200
        assert (await asked(program, "POST", f"{path}/continue-link"))[0] == 200


async def test_a_link_opens_one_form_until_its_time(here: House, client: aiohttp.ClientSession) -> None:
    """Signed, so that nobody makes one; over after its hour; a program with the scope `continue` alone may use it."""
    interaction_id = await made(client)
    status, link = await asked(client, "POST", f"{ADDRESS}/{interaction_id}/continue-link")
    assert status == 200
    assert link["url"] == f"https://x.example/f?c={link['token']}"
    page = here.browser()
    page.headers.update(await key_of(here, Scope.CONTINUE))
    status, form = await asked(page, "GET", f"/api/v1/continue/{link['token']}")
    assert (status, form["interaction_id"], form["form"], form["revision"]) == (200, interaction_id, TOLD["form"], 1)
    assert (await asked(page, "GET", f"{ADDRESS}/{interaction_id}"))[0] == 403
    forged = link["token"][:-2] + ("AA" if not link["token"].endswith("AA") else "BB")
    for token in (
        forged,
        "x",
        "%00",
        "é",
        "A" * 3000,
        sign(interaction_id, T0, SECRET.encode()),
        sign("nobody", here.clock.now, b"other key"),
    ):
        assert (await asked(page, "GET", f"/api/v1/continue/{token}"))[0] == 404
    here.clock.move(3601)
    assert (await asked(page, "GET", f"/api/v1/continue/{link['token']}"))[0] == 404


def test_a_token_is_of_one_key_and_one_id() -> None:
    """Any other byte, another key, or a time that is over, and it opens nothing."""
    token = sign("i-1", T0, b"key")
    assert verify(token, T0.replace(hour=8), b"key") == ("i-1", T0)
    assert verify(token, T0, b"key") is None
    assert verify(token, T0.replace(hour=8), b"yek") is None
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert verify(changed, T0.replace(hour=8), b"key") in {None, ("i-1", T0)}  # the last character holds bits that say nothing


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'{"medium": "web", "unknown": 1}', 422),
        (b'{"medium": 5}', 422),
        (b'{"medium": "web", "form": {"a": 1}}', 422),
        (b'{"medium": "web", "form": {"": "x"}}', 422),
        (b'{"medium": "web", "text": "\\ud800"}', 400),
        (b'{"medium": "web", "at": "2026-03-02T08:50:00"}', 422),
        (b'{"medium": "web", "at": "0001-01-01T00:00:00+14:00"}', 422),
        (b'{"medium": "web", "at": "9999-12-31T23:59:59-14:00"}', 422),
        (b'{"medium": "web", "identifiers": [{"kind": "phone", "value": "anonymous"}]}', 422),
        (b'{"medium": "web", "source": "../../etc"}', 422),
        (b'{"medium": "web", "title": "' + b"x" * 201 + b'"}', 422),
        (b"[" * 100_000, 422),
        (b'{"medium": "web", "form": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, 422),
    ],
)
async def test_a_hostile_body_is_refused_in_words(client: aiohttp.ClientSession, body: bytes, status: int) -> None:
    """A problem document, never a 5xx; nothing is kept."""
    answer = await asked(client, "POST", ADDRESS, data=body, headers={"Content-Type": "application/json"})
    assert answer[0] == status, answer


async def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(client: aiohttp.ClientSession) -> None:
    """413, whether its length is said or not; likewise packed."""
    large = json.dumps(TOLD | {"text": "x" * 10_000_000}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    assert (await asked(client, "POST", ADDRESS, data=io.BytesIO(large), headers={"Content-Type": "application/json"}))[0] == 413
    assert (await asked(client, "POST", ADDRESS, data=pieces(), headers={"Content-Type": "application/json"}))[0] == 413
    lines = b"\n".join([json.dumps(TOLD).encode()] * 2001)
    assert (await asked(client, "POST", f"{ADDRESS}/bulk", data=lines, headers={"Content-Type": "application/x-ndjson"}))[0] == 413


async def test_markup_stays_text_and_odd_addresses_are_not_found(client: aiohttp.ClientSession) -> None:
    """Whatever is in a text comes back as it was; whatever is in an address ends in a problem document."""
    markup = "<script>alert(1)</script>=cmd|'/C calc'!A0 \u202e\0"
    interaction_id = await made(client, form={markup: markup}, title=markup, text=markup, event_id=markup, external_id=markup)
    _, it = await asked(client, "GET", f"{ADDRESS}/{interaction_id}")
    assert (it["title"], it["form"], it["events"][0]["text"], it["external_id"]) == (markup, {markup: markup}, markup, markup)
    for odd in ("%00", "%ff", "..%2f", "x" * 5000, "%F0%9F%98%80", "'--"):
        for path in (f"{ADDRESS}/{odd}", f"{ADDRESS}/{odd}/status", f"/api/v1/history?value={odd}", f"{ADDRESS}?customer_id={odd}"):
            assert (await asked(client, "GET", path))[0] < 500
    for limit in ("0", "201", "x", "-1", "9" * 30, "²"):
        assert (await asked(client, "GET", f"{ADDRESS}?customer_id=K1&limit={limit}"))[0] == 400


async def test_each_scope_opens_its_own_doors_only(here: House, client: aiohttp.ClientSession) -> None:
    """Without a key 401, with another scope 403, and nothing is done."""
    interaction_id = await made(client)
    doors = [
        ("POST", ADDRESS, Scope.INTERACTIONS_WRITE),
        ("POST", f"{ADDRESS}/bulk", Scope.INTERACTIONS_WRITE),
        ("PATCH", f"{ADDRESS}/{interaction_id}", Scope.INTERACTIONS_WRITE),
        ("POST", f"{ADDRESS}/{interaction_id}/events", Scope.INTERACTIONS_WRITE),
        ("POST", f"{ADDRESS}/{interaction_id}/close", Scope.INTERACTIONS_WRITE),
        ("POST", f"{ADDRESS}/{interaction_id}/continue-link", Scope.INTERACTIONS_WRITE),
        ("GET", f"{ADDRESS}/{interaction_id}", Scope.INTERACTIONS_READ),
        ("GET", f"{ADDRESS}/{interaction_id}/status", Scope.INTERACTIONS_READ),
        ("GET", f"{ADDRESS}/{interaction_id}/events", Scope.INTERACTIONS_READ),
        ("GET", f"{ADDRESS}?customer_id=K1", Scope.INTERACTIONS_READ),
        ("GET", "/api/v1/history?value=x", Scope.INTERACTIONS_READ),
        ("GET", "/api/v1/continue/x", Scope.CONTINUE),
    ]
    stranger, other = here.browser(), here.browser()
    for method, path, scope in doors:
        assert (await asked(stranger, method, path, json={}))[0] == 401
        other.headers.update(await key_of(here, *(each for each in Scope if each is not scope)))
        assert (await asked(other, method, path, json={}))[0] == 403
    assert (await asked(client, "GET", f"{ADDRESS}/{interaction_id}"))[1]["revision"] == 1


async def test_every_example_of_the_document_is_answered_as_described(client: aiohttp.ClientSession) -> None:
    """Sent as they stand, in the order of the document; the bodies of answers are what their schemas say."""
    async with client.get("/api/openapi.json") as answer:
        document = await answer.json()
    interaction_id = await made(client)
    token = (await asked(client, "POST", f"{ADDRESS}/{interaction_id}/continue-link"))[1]["token"]
    done = 0
    for path in openapi_interactions.paths():
        if path == "/api/v1/route":  # needs a whole service
            continue
        for method, operation in document["paths"][path].items():
            address = path.replace("{interaction_id}", interaction_id).replace("{token}", token)
            query = {
                each["name"]: each["example"] for each in operation.get("parameters", []) if each["in"] == "query" and "example" in each
            }
            for content_type, content in operation.get("requestBody", {"content": {"": {}}})["content"].items():
                if content_type and "example" not in content:
                    continue
                body = content.get("example")
                if isinstance(body, dict):
                    validator(document, content["schema"]).validate(body)
                    body = json.dumps(body)
                headers = {"Content-Type": content_type} if content_type else {}
                async with client.request(method, address, data=body, params=query, headers=headers) as answer:
                    got = await answer.json(content_type=None)
                    assert answer.status < 300, got
                    described = resolved(document, operation["responses"][str(answer.status)])
                validator(document, described["content"]["application/json"]["schema"]).validate(got)
                done += 1
    assert done == 12
