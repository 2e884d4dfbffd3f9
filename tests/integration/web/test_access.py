"""Signing in and out over HTTP, as the page does it and as strangers try it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.model import Operator
from ctiroute.settings.model import WebSettings
from ctiroute.web.limits import WebLimits
from tests.integration.web.house import PASSWORD, WAIT_S, house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.web.house import House

SESSION = "/api/v1/session"
TICKET = "/api/v1/session/ticket"


async def _sign_in(here: House, operator: str, password: str = PASSWORD, **headers: str) -> tuple[int, dict[str, Any], str]:
    body = {"operator": operator, "password": password}
    async with here.browser().post(SESSION, json=body, headers={**here.headers, **headers}) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers.get("Set-Cookie", "")


async def test_a_right_password_opens_a_session(tmp_path: Path) -> None:
    """The name is taken in any case; the cookie is out of scripts' and other sites' reach; the page learns who it is."""
    async with house(tmp_path) as here:
        await here.add("olena", extension="1001")
        status, body, cookie = await _sign_in(here, " Olena ")
        assert (status, body["operator"]["operator_id"], body["operator"]["extension"]) == (200, "olena", "1001")
        assert {part.strip() for part in cookie.split(";")[1:]} == {"HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"}
        client = here.clients[-1]
        async with client.get(SESSION) as answer:
            assert (answer.status, await answer.json()) == (200, body)
            assert answer.headers["Cache-Control"] == "no-store"


async def test_behind_tls_the_cookie_is_secure_and_the_origin_https(tmp_path: Path) -> None:
    """With secure_cookie the browser ties the cookie to this host, and a page loaded without TLS has no rights."""
    async with house(tmp_path, settings=WebSettings(port=0, secure_cookie=True)) as here:
        await here.add("olena")
        status, _, _ = await _sign_in(here, "olena")
        assert status == 403
        status, _, cookie = await _sign_in(here, "olena", Origin=here.url.replace("http:", "https:"))
        assert status == 200
        assert cookie.startswith("__Host-ctiroute=")
        assert "; Secure" in cookie


async def test_unknown_wrong_and_without_a_password_look_the_same(tmp_path: Path) -> None:
    """Nothing in the answer tells whether there is such an operator."""
    async with house(tmp_path) as here:
        await here.add("olena")
        await here.store.put_operator(Operator("taras", "Taras"), None)
        answers = [await _sign_in(here, name, "wrong") for name in ("olena", "taras", "nobody", "a\x00b", "'; DROP TABLE operators; --")]
        assert answers == [answers[0]] * len(answers)
        assert answers[0][0] == 401
        assert answers[0][1]["type"] == "urn:ctiroute:problem:sign-in-refused"
        assert answers[0][2] == ""


async def test_guessing_is_slowed_down_for_the_user(tmp_path: Path) -> None:
    """After five wrong guesses even the right password waits; the answer says how long; another operator is not hindered."""
    async with house(tmp_path) as here:
        await here.add("olena")
        await here.add("taras")
        assert [(await _sign_in(here, "olena", "wrong"))[0] for _ in range(5)] == [401] * 5
        body = {"operator": "olena", "password": PASSWORD}
        async with here.browser().post(SESSION, json=body, headers=here.headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
        assert (await _sign_in(here, "taras"))[0] == 200
        here.clock.move(30)
        assert (await _sign_in(here, "olena"))[0] == 200
        assert here.metric("ctiroute_web_sign_ins_total", way="password", result="throttled") == 1


async def test_an_address_behind_a_trusted_proxy_is_its_own(tmp_path: Path) -> None:
    """The proxy's word about the client's address is believed only when the proxy is listed."""
    async with house(tmp_path, settings=WebSettings(port=0, trusted_proxies=("127.0.0.0/8",))) as here:
        for number in range(50):
            assert (await _sign_in(here, f"nobody{number}", "x", **{"X-Forwarded-For": "203.0.113.9"}))[0] == 401
        assert (await _sign_in(here, "nobody", "x", **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}))[0] == 429
        assert (await _sign_in(here, "nobody", "x", **{"X-Forwarded-For": "203.0.113.10"}))[0] == 401


async def test_signing_out_ends_the_session(tmp_path: Path) -> None:
    """The cookie is taken back and its token is worth nothing, even to somebody who kept a copy."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        token = next(iter(client.cookie_jar)).value
        async with client.delete(SESSION, headers=here.headers) as answer:
            assert answer.status == 204
        async with here.browser().get(SESSION, headers={"Cookie": f"ctiroute={token}"}) as answer:
            assert answer.status == 401
        async with client.delete(SESSION, headers=here.headers) as answer:
            assert answer.status == 204


async def test_the_store_keeps_no_token(tmp_path: Path) -> None:
    """A copy of the database opens no session."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        token = next(iter(client.cookie_jar)).value
        await here.store.close()
        kept = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.glob("ctiroute.db*")))
        assert token.encode() not in kept
        assert b"olena" in kept
        await here.store.open()


async def test_a_session_survives_a_restart_and_ends_by_its_age(tmp_path: Path) -> None:
    """Nobody signs in again because the service was restarted, and everybody does after twelve hours."""
    async with house(tmp_path) as here:
        await here.add("olena")
        token = next(iter((await here.signed_in("olena")).cookie_jar)).value
    async with house(tmp_path) as here:
        headers = {"Cookie": f"ctiroute={token}"}
        async with here.browser().get(SESSION, headers=headers) as answer:
            assert answer.status == 200
        here.clock.move(12 * 3600 + 1)
        async with here.browser().get(SESSION, headers=headers) as answer:
            assert answer.status == 401


async def test_signing_in_again_ends_the_session_before(tmp_path: Path) -> None:
    """Two operators in turn at one browser leave no session of the first behind."""
    async with house(tmp_path) as here:
        await here.add("olena")
        await here.add("taras")
        client = await here.signed_in("olena")
        token = next(iter(client.cookie_jar)).value
        async with client.post(SESSION, json={"operator": "taras", "password": PASSWORD}, headers=here.headers) as answer:
            assert answer.status == 200
        async with here.browser().get(SESSION, headers={"Cookie": f"ctiroute={token}"}) as answer:
            assert answer.status == 401


async def test_a_ticket_signs_in_once(tmp_path: Path) -> None:
    """A link from the terminal works one time, for half a minute, and only for an operator there is."""
    async with house(tmp_path) as here:
        await here.add("olena")

        async def redeem(ticket: str) -> int:
            async with here.browser().post(TICKET, json={"ticket": ticket}, headers=here.headers) as answer:
                return answer.status

        ticket = here.server.issue_ticket("olena")
        assert [await redeem(ticket), await redeem(ticket), await redeem("made-up")] == [200, 401, 401]
        late = here.server.issue_ticket("olena")
        here.clock.move(30)
        assert await redeem(late) == 401
        longer = here.server.issue_ticket("olena", 60)
        here.clock.move(59)
        assert await redeem(longer) == 200
        assert await redeem(here.server.issue_ticket("nobody")) == 401


CHANGES = [("POST", SESSION), ("DELETE", SESSION), ("POST", TICKET)]


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_changes_need_origin_and_header(tmp_path: Path, method: str, path: str) -> None:
    """A form of another site, a page on another port, a request without an origin: each is refused before the body is read."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        good = here.headers
        bad: list[dict[str, str]] = [
            {},
            {"Origin": here.url},
            {"X-Ctiroute": "1"},
            {**good, "X-Ctiroute": "0"},
            {**good, "Origin": "null"},
            {**good, "Origin": "https://evil.example"},
            {**good, "Origin": here.url + "0"},
        ]
        for headers in bad:
            async with client.request(method, path, data="not even JSON", headers=headers) as answer:
                assert answer.status == 403, headers
        async with client.get(SESSION) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"", 400),
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"operator": "olena"}', 400),
        ("application/json", b'{"operator": "", "password": ""}', 400),
        ("application/json", b'{"operator": "olena", "password": 7}', 400),
        ("application/json", b'{"operator": "olena", "password": "x", "role": "admin"}', 400),
        ("application/json", b'{"operator": "\xff", "password": "x"}', 400),
        ("application/json", b'{"operator": "olena", "password": "' + b"x" * 1025 + b'"}', 400),
        ("application/json", b" " * 20_000, 413),
        ("application/x-www-form-urlencoded", b"operator=olena&password=x", 415),
        ("text/plain", b"{}", 415),
    ],
)
async def test_bodies_that_do_not_fit_are_refused(tmp_path: Path, content_type: str, body: bytes, status: int) -> None:
    """Every refusal is a problem document that repeats nothing of the body."""
    async with house(tmp_path) as here:
        headers = {**here.headers, "Content-Type": content_type}
        async with here.browser().post(SESSION, data=body, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
            problem = await answer.json(content_type=None)
            assert problem["status"] == status
            assert "olena" not in str(problem)


async def test_a_body_that_never_comes_is_given_up(tmp_path: Path) -> None:
    """A client that announces a body and sends none is answered and let go."""
    async with house(tmp_path, limits=WebLimits(body_s=0.05)) as here:
        reader, writer = await here.raw()
        writer.write(
            f"POST {SESSION} HTTP/1.1\r\nHost: 127.0.0.1:{here.server.port}\r\nOrigin: {here.url}\r\nX-Ctiroute: 1\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
        async with asyncio.timeout(WAIT_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_without_the_store_sign_in_says_later(tmp_path: Path) -> None:
    """A store that is away is our fault, not the operator's: 503 with the time to come back."""
    async with house(tmp_path) as here:
        await here.add("olena")
        await here.store.close()
        status, body, _ = await _sign_in(here, "olena")
        assert (status, body["type"]) == (503, "urn:ctiroute:problem:store-unavailable")
        await here.store.open()


async def test_nothing_secret_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither passwords, nor tickets, nor tokens, nor what was typed as a name (which may be a password) reach the log."""
    caplog.set_level(logging.DEBUG)
    async with house(tmp_path) as here:
        await here.add("olena")
        ticket = here.server.issue_ticket("olena")
        async with here.browser().post(TICKET, json={"ticket": ticket}, headers=here.headers) as answer:
            cookie = answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
        await _sign_in(here, "olena")
        await _sign_in(here, "hunter2-as-name", "hunter2")
        assert "signed in" in caplog.text
        assert "was refused" in caplog.text
        for secret in (ticket, cookie, PASSWORD, "hunter2"):
            assert secret not in caplog.text
