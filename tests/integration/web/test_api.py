"""Touches and receipts over HTTP: a real server, a real store, real keys."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import zlib
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from ctiroute.model import CallerQuery, Identifier, IdentifierKind, Scope, Touch, TouchStatus
from ctiroute.web.api.keys import FAILURES, new_key
from ctiroute.web.limits import WebLimits
from tests.integration.web.house import T0, WAIT_S, house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from tests.integration.web.house import House

PHONE = "+380671234567"
CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
ADDRESS = "/api/v1/campaigns/autumn-sms/touches"
ROW = {"phone": PHONE, "sent_at": "2026-03-02T08:50:00Z", "external_id": "m-1", "title": "Autumn", "amount": 1000}


async def key_of(here: House, *scopes: Scope, expires_at: datetime | None = None) -> dict[str, str]:
    """Return the header of a new key."""
    key, token, secret_hash = new_key("gateway", scopes, here.clock.now, expires_at)
    await here.store.put_api_key(key, secret_hash)
    return {"Authorization": f"Bearer {token}"}


async def touches(here: House, number: str = PHONE) -> tuple[Touch, ...]:
    """Return what a call from this number would find."""
    since = T0 - timedelta(days=365)
    return (await here.store.find_caller(CallerQuery(Identifier(IdentifierKind.PHONE, number), since, since, since))).touches


async def sent(client: aiohttp.ClientSession, address: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """Post a body; returns status and answer."""
    async with client.post(address, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def test_touches_come_in_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """CSV and NDJSON alike, packed or not; the campaign is that of the address, columns nobody knows become fields."""
    async with house(tmp_path) as here:
        client, key = here.browser(), await key_of(here, Scope.TOUCHES)
        line = json.dumps(ROW).encode() + b"\n"
        taken = {"read": 1, "added": 1, "updated": 0, "rejected": 0, "rejects": []}
        assert await sent(client, ADDRESS, line, {**NDJSON, **key}) == (200, taken)
        packed = {**NDJSON, **key, "Content-Encoding": "gzip"}
        assert await sent(client, ADDRESS, gzip.compress(line), packed) == (200, {**taken, "added": 0, "updated": 1})
        rows = "MSISDN;Sent;id;title;amount\n".replace("MSISDN", "phone") + "067 123 45 67;02.03.2026 10:50;m-1;Осінь;1000\n"
        status, answer = await sent(client, f"{ADDRESS}?timezone=Europe/Kyiv", rows.encode("cp1251"), {**CSV, **key})
        assert (status, answer["updated"]) == (200, 1)
        (touch,) = await touches(here)
        assert (touch.touch_id, touch.campaign, touch.offer.title) == ("autumn-sms:m-1", "autumn-sms", "Осінь")
        assert (touch.sent_at, touch.offer.fields) == (datetime(2026, 3, 2, 8, 50, tzinfo=UTC), {"amount": "1000"})


async def test_bad_rows_are_told_and_over_the_limit_nothing_is_kept(tmp_path: Path) -> None:
    """With line, column and reason; a row of another campaign is a bad one."""
    async with house(tmp_path) as here:
        client, headers = here.browser(), {**NDJSON, **await key_of(here, Scope.TOUCHES)}
        lines = [ROW, {**ROW, "phone": "12"}, {**ROW, "campaign": "other"}, [1], {**ROW, "title": {"en": "x"}}]
        body = "\n".join(map(json.dumps, lines)).encode()
        status, problem = await sent(client, f"{ADDRESS}?max_rejects=3", body, headers)
        assert (status, problem["type"]) == (422, "urn:ctiroute:problem:refused")
        assert problem["rejects"][:2] == [
            {"line": 2, "column": "phone", "reason": "is not a possible phone number"},
            {"line": 3, "column": "campaign", "reason": "is not autumn-sms"},
        ]
        assert await touches(here) == ()
        status, answer = await sent(client, ADDRESS, body, headers)
        assert (status, answer["added"], answer["rejected"], len(answer["rejects"])) == (200, 1, 4, 4)


async def test_receipts_move_a_touch_forward_and_never_back(tmp_path: Path) -> None:
    """By either name, one or many at a time; unknown ones and bad lines are told, and the others count."""
    async with house(tmp_path) as here:
        client = here.browser()
        both = await key_of(here, Scope.TOUCHES, Scope.RECEIPTS)
        await sent(client, ADDRESS, json.dumps(ROW).encode(), {**NDJSON, **both})
        one = {"status": "read", "at": "2026-03-02T10:55:00+02:00"}
        async with client.patch("/api/v1/touches/autumn-sms:m-1", json=one, headers=both) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        async with client.patch("/api/v1/touches/nobody", json=one, headers=both) as answer:
            assert answer.status == 404
        lines: list[Any] = [
            {"campaign": "autumn-sms", "external_id": "m-1", "status": "delivered", "at": "2026-03-02T08:50:03Z"},
            {"touch_id": "autumn-sms:m-2", "status": "failed", "at": "2026-03-02T08:50:03Z"},
            {"touch_id": "autumn-sms:m-1", "status": "sent", "at": "2026-03-02T08:50:03Z"},
            {"touch_id": "autumn-sms:m-1", "status": "read", "at": "2026-03-02T08:50:03"},
            {"external_id": "m-1", "status": "read", "at": "2026-03-02T08:50:03Z"},
            "x" * 40_000,
            {"touch_id": "autumn-sms:m-1", "status": "failed", "at": "2026-03-02T08:59:00Z"},
        ]
        status, told = await sent(client, "/api/v1/touches/receipts", "\n".join(map(json.dumps, lines)).encode(), {**NDJSON, **both})
        assert (status, told["read"], told["applied"], told["unknown"], told["rejected"]) == (200, 7, 2, 1, 4)
        assert [reject["line"] for reject in told["rejects"]] == [2, 3, 4, 5, 6]
        (touch,) = await touches(here)
        assert touch.status is TouchStatus.READ
        assert touch.delivered_at == datetime(2026, 3, 2, 8, 50, 3, tzinfo=UTC)
        assert touch.read_at == datetime(2026, 3, 2, 8, 55, tzinfo=UTC)


async def test_lines_that_come_to_nothing_keep_no_call_waiting(tmp_path: Path) -> None:
    """Two million empty lines cost the loop, in which calls are decided, a moment at a time."""
    async with house(tmp_path) as here:
        client, headers = here.browser(), {**NDJSON, **await key_of(here, Scope.RECEIPTS)}
        loop = asyncio.get_running_loop()
        longest, beaten = 0.0, loop.time()

        async def beat() -> None:
            nonlocal longest, beaten
            while True:
                await asyncio.sleep(0)
                longest, beaten = max(longest, loop.time() - beaten), loop.time()

        beating = loop.create_task(beat(), name="beat")
        status, told = await sent(client, "/api/v1/touches/receipts", b"\n" * 2_000_000, headers)
        beating.cancel()
        assert (status, told["read"]) == (200, 0)
        assert longest < 0.2


async def test_a_key_opens_its_scopes_while_it_is_in_force(tmp_path: Path) -> None:
    """None, wrong, revoked and expired look alike from outside; a cookie is no key; the last use is kept."""
    async with house(tmp_path) as here:
        await here.add("olena")
        operator, client = await here.signed_in("olena"), here.browser()
        good = await key_of(here, Scope.RECEIPTS, expires_at=here.clock.now + timedelta(days=1))
        token = good["Authorization"]
        swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
        refused = []
        for who, headers in (
            (client, {}),
            (operator, here.headers),
            (client, {"Authorization": "Bearer nonsense"}),
            (client, {"Authorization": swapped}),
            (client, {"Authorization": token.replace("Bearer ctk_", "Bearer ctk_00")}),
            (client, {"Authorization": f"Bearer ctk_000000000000_{token[-43:]}"}),
        ):
            refused.append(await sent(who, "/api/v1/touches/receipts", b"", {**NDJSON, **headers}))
        assert {status for status, _ in refused} == {401}
        assert all(problem == refused[0][1] for _, problem in refused)
        assert (await sent(client, "/api/v1/touches/receipts", b"", {**NDJSON, **good}))[0] == 200
        assert (await sent(client, ADDRESS, b"", {**NDJSON, **good}))[1]["type"] == "urn:ctiroute:problem:scope"
        (kept,) = await here.store.get_api_keys()
        assert kept.last_used_at == here.clock.now
        here.clock.move(86_400)
        assert (await sent(client, "/api/v1/touches/receipts", b"", {**NDJSON, **good}))[0] == 401
        fresh = await key_of(here, Scope.RECEIPTS)
        (newest,) = [each for each in await here.store.get_api_keys() if each.expires_at is None]
        assert (await sent(client, "/api/v1/touches/receipts", b"", {**NDJSON, **fresh}))[0] == 200
        await here.store.revoke_api_key(newest.key_id, here.clock.now)
        assert (await sent(client, "/api/v1/touches/receipts", b"", {**NDJSON, **fresh}))[0] == 401


async def test_wrong_keys_are_throttled_by_address(tmp_path: Path) -> None:
    """After so many failures not even the right key is looked at, until a while has passed."""
    async with house(tmp_path) as here:
        client, good = here.browser(), await key_of(here, Scope.RECEIPTS)
        for _ in range(FAILURES):
            assert (await sent(client, "/api/v1/touches/receipts", b"", NDJSON))[0] == 401
        async with client.post("/api/v1/touches/receipts", data=b"", headers={**NDJSON, **good}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
        here.clock.move(10)
        assert (await sent(client, "/api/v1/touches/receipts", b"", {**NDJSON, **good}))[0] == 200


@pytest.mark.parametrize(
    ("address", "body", "headers", "status"),
    [
        (ADDRESS, b"{}", {"Content-Type": "application/json"}, 415),
        (ADDRESS, gzip.compress(b"{}\n", mtime=0), NDJSON, 415),
        (ADDRESS, b"no gzip", {**NDJSON, "Content-Encoding": "gzip"}, 400),
        (ADDRESS, gzip.compress(b"a" * 3_000_000), {**CSV, "Content-Encoding": "gzip"}, 413),
        (ADDRESS, zlib.compress(b"a" * 3_000_000), {**CSV, "Content-Encoding": "deflate"}, 413),
        (ADDRESS, b"a" * 3_000_000, CSV, 413),
        (ADDRESS, b"phone,sent_at\n" + b"x" * 1_500_000, CSV, 422),
        (ADDRESS, b"phone,sent_at\n" + b"+380671234567,2026-03-01 10:00\n" * 1001, CSV, 422),
        (ADDRESS, b"", CSV, 422),
        (ADDRESS, b"phone\n1\n", CSV, 422),
        (f"{ADDRESS}?timezone=Mars/Base", b"", CSV, 400),
        (f"{ADDRESS}?max_rejects=many", b"", CSV, 400),
        (f"{ADDRESS}?medium=pigeon", b"", CSV, 400),
        ("/api/v1/touches/receipts", b"x", {"Content-Type": "application/json"}, 415),
        ("/api/v1/touches/receipts", b"{}\n" * 1001, NDJSON, 413),
    ],
)
async def test_what_is_no_such_body_or_too_much_of_it_is_refused(
    tmp_path: Path, address: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """With a problem document; nothing is kept, and nothing is unpacked beyond the bound."""
    async with house(tmp_path, limits=WebLimits(import_bytes=2_000_000, import_rows=1000)) as here:
        client, key = here.browser(), await key_of(here, Scope.TOUCHES, Scope.RECEIPTS)
        got, problem = await sent(client, address, body, {**headers, **key})
        assert (got, problem["status"]) == (status, status), problem
        assert await touches(here) == ()


@asynccontextmanager
async def half_sent(here: House, key: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """Begin to send touches, and stop in the middle; gives where the answer will come."""
    reader, writer = await here.raw()
    lines = (
        f"POST {ADDRESS} HTTP/1.1",
        "Host: x",
        "Content-Type: text/csv",
        "Content-Length: 100",
        f"Authorization: {key['Authorization']}",
    )
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\nphone")
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_body_that_stops_is_given_up(tmp_path: Path) -> None:
    """With 408, after the time that may lie between two pieces."""
    async with house(tmp_path, limits=WebLimits(import_idle_s=0.2)) as here, half_sent(here, await key_of(here, Scope.TOUCHES)) as answer:
        async with asyncio.timeout(WAIT_S):
            assert (await answer.readline()).startswith(b"HTTP/1.1 408 ")


async def test_who_comes_while_others_send_is_asked_to_come_again(tmp_path: Path) -> None:
    """And is served once they are done or gone."""
    async with house(tmp_path, limits=WebLimits(import_idle_s=60, imports=1)) as here:
        key, client = await key_of(here, Scope.TOUCHES), here.browser()
        async with asyncio.timeout(WAIT_S):
            async with half_sent(here, key) as first, half_sent(here, key) as second:  # whichever is later is told to come again
                refused = [asyncio.get_running_loop().create_task(reader.readline()) for reader in (first, second)]
                (told,), waits = await asyncio.wait(refused, return_when=asyncio.FIRST_COMPLETED)
                assert (await told).startswith(b"HTTP/1.1 503 ")
                assert (await sent(client, ADDRESS, b"phone\n", {**CSV, **key}))[0] == 503
                for task in waits:
                    task.cancel()
            while (got := await sent(client, ADDRESS, b"phone\n", {**CSV, **key}))[0] != 422:
                assert got[0] == 503


async def test_changes_leave_a_line_in_the_log_without_the_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Which key did what, and how much of it."""
    async with house(tmp_path) as here:
        key = await key_of(here, Scope.TOUCHES)
        with caplog.at_level(logging.INFO, "ctiroute.web.api"):
            await sent(here.browser(), ADDRESS, json.dumps(ROW).encode(), {**NDJSON, **key})
        (kept,) = await here.store.get_api_keys()
        assert f"audit: API key {kept.key_id} (gateway) sent touches of autumn-sms: 1 read, 1 added, 0 rejected" in caplog.messages
        assert key["Authorization"][-20:] not in caplog.text


async def test_the_openapi_document_is_valid_and_its_examples_work(tmp_path: Path) -> None:
    """Every schema is one, every reference leads somewhere, and every example, sent as it stands, is answered as described."""
    async with house(tmp_path) as here:
        client, key = here.browser(), await key_of(here, Scope.TOUCHES, Scope.RECEIPTS)
        async with client.get("/api/openapi.json") as answer:
            document = json.loads(await answer.read())
        assert document["openapi"] == "3.1.0"
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        done = 0
        for path, methods in document["paths"].items():
            if "touches" not in path:  # the others are carried out where what they need is at hand
                continue
            for method, operation in methods.items():
                address = path
                for parameter in operation.get("parameters", []):
                    address = address.replace(f"{{{parameter['name']}}}", parameter.get("example", ""))
                for content_type, content in operation["requestBody"]["content"].items():
                    example = content["example"]
                    if isinstance(example, dict):
                        validator(document, content["schema"]).validate(example)
                        example = json.dumps(example)
                    headers = {"Content-Type": content_type, **key}
                    async with client.request(method, address, data=example.encode(), headers=headers) as answer:
                        described = resolved(document, operation["responses"][str(answer.status)])
                        assert answer.status < 300, await answer.text()
                        if "content" in described:
                            got = json.loads(await answer.read())
                            validator(document, described["content"][answer.content_type]["schema"]).validate(got)
                            assert got["rejected"] == 0
                            assert got.get("applied", got["read"]) == got["read"]
                    done += 1
                for status, response in operation["responses"].items():
                    assert resolved(document, response)["description"], status
        assert done == 4
        (touch,) = await touches(here)
        assert touch.status is TouchStatus.CLICKED
        async with client.post(ADDRESS, data=b"", headers=CSV) as answer:
            problem = {"$ref": "#/components/schemas/ProblemDocument"}
            validator(document, problem).validate(json.loads(await answer.read()))


def resolved(document: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return what a part of the document stands for."""
    while "$ref" in found:
        reference = found["$ref"]
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    return found


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return what tells whether a value is of a schema of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})
