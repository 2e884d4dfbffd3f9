"""Pages, health, metrics, headers and errors, and what reaches an HTTP port that is no HTTP."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.store.sqlite.store import SqliteStore
from ctiroute.web.limits import WebLimits
from tests.integration.web.house import WAIT_S, house

if TYPE_CHECKING:
    from pathlib import Path

HASHED = "app-ABCD2345.js"


async def test_every_answer_carries_the_security_headers(tmp_path: Path) -> None:
    """Pages, files, API, errors and health alike: no sniffing, no framing, no referrer, scripts of our own only."""
    async with house(tmp_path) as here:
        (here.static / "index.html").write_text("<!doctype html>")
        (here.static / HASHED).write_text("1")
        client = here.browser()
        for path in ("/", f"/static/{HASHED}", "/static/none.js", "/api/v1/session", "/metrics", "/health/live", "/nowhere", "/ws"):
            async with client.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                for directive in (
                    "default-src 'self'",
                    "frame-ancestors 'none'",
                    "base-uri 'none'",
                    "require-trusted-types-for 'script'",
                    "trusted-types lit-html",
                ):
                    assert directive in policy.split("; "), path
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["X-Frame-Options"] == "DENY"
                assert answer.headers["Server"] == "ctiroute"


async def test_the_page_is_asked_for_anew_and_its_files_are_kept(tmp_path: Path) -> None:
    """A new version is seen at once, and files whose name holds their hash are never asked for again."""
    async with house(tmp_path) as here:
        (here.static / "index.html").write_text("<!doctype html><title>ctiroute</title>")
        (here.static / HASHED).write_text("export {}")
        (here.static / "app-settings.js").write_text("export {}")
        client = here.browser()
        async with client.get("/") as answer:
            assert (answer.status, answer.content_type, answer.headers["Cache-Control"]) == (200, "text/html", "no-cache")
            assert "<title>ctiroute</title>" in await answer.text()
        async with client.get(f"/static/{HASHED}") as answer:
            assert (answer.status, answer.content_type) == (200, "text/javascript")
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            etag = answer.headers["ETag"]
        async with client.get(f"/static/{HASHED}", headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
        async with client.get("/static/app-settings.js") as answer:
            assert answer.headers["Cache-Control"] == "no-cache"


async def test_a_page_that_is_not_built_says_how(tmp_path: Path) -> None:
    """Somebody who cloned the repository and opened the page reads what to do."""
    async with house(tmp_path) as here, here.browser().get("/") as answer:
        assert answer.status == 503
        assert "python hatch_build.py" in await answer.text()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../house.py",
        "/static/..%2f..%2fctiroute.db",
        "/static/%2e%2e/ctiroute.db",
        "/static/..",
        "/static/.hidden",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/sub/file.js",
        "/static/a%00b.js",
        "/static/" + "a" * 300,
        "/static/",
    ],
)
async def test_no_file_outside_the_folder_is_served(tmp_path: Path, path: str) -> None:
    """Paths that climb, hide or lead elsewhere are not found."""
    async with house(tmp_path) as here:
        (here.static / ".hidden").write_text("secret")
        (here.static / "sub").mkdir()
        (here.static / "sub" / "file.js").write_text("secret")
        reader, writer = await here.raw()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()
        assert answer.split(b" ")[1] in {b"400", b"404"}
        assert b"secret" not in answer
        writer.close()


async def test_errors_are_problem_documents(tmp_path: Path) -> None:
    """Unknown addresses and methods are answered as RFC 9457 says, with the methods that are allowed."""
    async with house(tmp_path) as here:
        client = here.browser()
        async with client.get("/api/v1/nothing") as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json")
            problem = await answer.json(content_type=None)
            assert problem == {
                "type": "urn:ctiroute:problem:not-found",
                "title": "Not Found",
                "status": 404,
                "detail": "Nothing matches the given URI",
            }
        async with client.put("/api/v1/session") as answer:
            assert (answer.status, answer.content_type) == (405, "application/problem+json")
            assert set(answer.headers["Allow"].split(",")) >= {"GET", "POST", "DELETE"}
        async with client.get("/api/v1/session") as answer:
            assert (answer.status, (await answer.json(content_type=None))["type"]) == (401, "urn:ctiroute:problem:signed-out")


async def test_a_bug_is_logged_and_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is a 500 without a word of its cause; the log has all of it."""
    async with house(tmp_path) as here:

        def broken() -> Any:
            raise RuntimeError("secret detail")

        monkeypatch.setattr(here.floor, "health", broken)
        async with here.browser().get("/health/ready") as answer:
            assert (answer.status, answer.content_type) == (500, "application/problem+json")
            assert "secret detail" not in await answer.text()
        assert "secret detail" in caplog.text


async def test_health_names_what_is_not_well(tmp_path: Path) -> None:
    """Ready is 200 when all is well; else 503 with each part and its cause. Live is about the process alone."""
    async with house(tmp_path) as here:
        client = here.browser()
        async with client.get("/health/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok", "faults": {}})
        here.floor.faults = {"asterisk pbx": "password refused"}
        async with client.get("/health/ready") as answer:
            assert answer.status == 503
            assert (await answer.json())["faults"] == {"asterisk pbx": "password refused"}
        async with client.get("/health/live") as answer:
            assert answer.status == 200


class _CountingStore(SqliteStore):
    """The real store, whose check can be made to hang or fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.checks = 0
        self.hang = False
        self.away = False

    async def check(self) -> None:
        self.checks += 1
        if self.hang:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable("the disk is full")
        await super().check()


async def test_a_store_that_is_away_or_hangs_is_a_named_fault(tmp_path: Path) -> None:
    """The probe itself is always answered, and asks the store at most once a second."""
    store = _CountingStore(tmp_path / "ctiroute.db")
    async with house(tmp_path, store=store, limits=WebLimits(store_check_s=0.05)) as here:
        client = here.browser()
        for _ in range(5):
            async with client.get("/health/ready") as answer:
                assert answer.status == 200
        assert store.checks == 1
        store.away = True
        here.clock.move(1)
        async with client.get("/health/ready") as answer:
            assert (answer.status, (await answer.json())["faults"]) == (503, {"store": "the disk is full"})
        store.hang = True
        here.clock.move(1)
        async with client.get("/health/ready") as answer:
            assert (answer.status, (await answer.json())["faults"]) == (503, {"store": "no answer within 0.05 s"})
        store.hang = store.away = False
        here.clock.move(1)
        async with client.get("/health/ready") as answer:
            assert answer.status == 200


async def test_metrics_are_served_and_bounded(tmp_path: Path) -> None:
    """Paths that strangers make up do not become time series."""
    async with house(tmp_path) as here:
        client = here.browser()
        for number in range(3):
            async with client.get(f"/made-up-{number}") as answer:
                assert answer.status == 404
        async with client.request("PROPFIND", "/coffee") as answer:
            assert answer.status == 404
        async with client.get("/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            text = await answer.text()
        assert "made-up" not in text
        assert "PROPFIND" not in text
        assert 'ctiroute_web_request_seconds_count{method="GET",route="none",status="404"} 3.0' in text


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
        b"agi_network: yes\nagi_request: agi://127.0.0.1/route\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"",
    ],
    ids=["tls", "agi", "smuggling", "long header", "zeros", "connect and close"],
)
async def test_what_is_not_http_is_answered_and_closed(tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A scanner gets at most a 400, leaves no traceback behind, and the next request is served."""
    caplog.set_level(logging.WARNING)
    async with house(tmp_path) as here:
        reader, writer = await here.raw()
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()
        assert answer == b"" or answer.split(b" ")[1] == b"400"
        writer.close()
        async with here.browser().get("/health/live") as alive:
            assert alive.status == 200
        assert "Traceback" not in caplog.text


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["silent", "half a head"])
async def test_a_connection_without_a_request_is_closed(tmp_path: Path, sent: bytes) -> None:
    """Nobody holds a connection without saying what he wants."""
    async with house(tmp_path, limits=WebLimits(idle_s=0.1)) as here:
        reader, writer = await here.raw()
        writer.write(sent)
        async with asyncio.timeout(WAIT_S):
            assert await reader.read() == b""
        writer.close()
