"""Browsers that are slow, silent, too fast or hostile: they go, the others notice nothing."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.settings.model import WebSettings
from ctiroute.web.limits import WebLimits
from ctiroute.web.live import POLICY
from tests.integration.web.house import WAIT_S, closed, house, pop_of, receive, ring

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

TOO_BIG = 1009  # RFC 6455 7.4.1


async def test_a_slow_browser_is_cut_off_and_the_others_miss_nothing(tmp_path: Path) -> None:
    """A tab that reads nothing is closed at its queue's bound; the same operator's other tab gets every message in order."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        healthy = await here.tab(client)
        await receive(healthy)
        reader, writer = await here.raw_tab(client, receive_buffer=4096)
        await here.floor.until(lambda: here.server.screens.connected("olena") == 2)
        revision = 0
        while here.server.screens.connected("olena") == 2:
            revision += 1
            assert revision < 5000, "the slow browser was never cut off"
            here.server.screens.push("olena", ring("olena", "p1", revision=revision, script="x" * 8000))
            assert (await receive(healthy))["pop"]["offer"]["revision"] == revision
        assert here.metric("ctiroute_web_closes_total", reason="slow") == 1
        assert here.floor.presence == [("came", "olena")]
        async with asyncio.timeout(WAIT_S):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):  # what was in flight, then the end
                await reader.readexactly(2**26)
        writer.close()


async def test_a_half_open_browser_is_noticed(tmp_path: Path) -> None:
    """A browser whose network is gone answers no ping: presence goes off after the heartbeat and half of it again."""
    async with house(tmp_path, limits=WebLimits(heartbeat_s=0.1)) as here:
        await here.add("olena")
        _reader, writer = await here.raw_tab(await here.signed_in("olena"))
        await here.floor.until(lambda: here.floor.presence == [("came", "olena"), ("left", "olena")])
        writer.close()


def test_the_heartbeat_keeps_its_promise() -> None:
    """With the bounds as shipped a dead browser is noticed within 30 s."""
    assert WebLimits().heartbeat_s * 1.5 < 30


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "42",
        '"ack"',
        "{}",
        '{"type": "snapshot"}',
        '{"type": "ack"}',
        '{"type": "ack", "pop_id": "p1", "revision": "1", "stage": "seen"}',
        '{"type": "ack", "pop_id": "p1", "revision": 1, "stage": "eaten"}',
        '{"type": "ack", "pop_id": "p1", "revision": 1, "stage": "seen", "operator_id": "taras"}',
        '{"type": "note", "pop_id": "p1", "text": null}',
        json.dumps({"type": "note", "pop_id": "p1", "text": "x" * 4001}),
        json.dumps({"type": "note", "pop_id": "x" * 401, "text": ""}),
        "[" * 5000,
    ],
    ids=lambda text: text[:30],
)
async def test_what_is_no_message_is_refused_and_the_screen_stays(tmp_path: Path, text: str) -> None:
    """One bad message costs an error, not the connection."""
    async with house(tmp_path) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        await tab.send_str(text)
        answer = await receive(tab)
        assert (answer["type"], answer["code"]) == ("error", "bad-message")
        assert here.floor.heard == []
        await tab.send_json({"type": "ping"})
        assert (await receive(tab))["type"] == "pong"


async def test_bad_messages_in_a_row_close_the_screen(tmp_path: Path) -> None:
    """Who sends nothing but nonsense is closed, after an error for each."""
    async with house(tmp_path) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        for _ in range(5):
            await tab.send_bytes(b"\xff\xfe")
        assert [(await receive(tab))["code"] for _ in range(5)] == ["bad-message"] * 5
        assert await closed(tab) == POLICY
        assert here.metric("ctiroute_web_refused_messages_total", code="bad-message") == 5


async def test_a_good_message_forgives_the_bad_ones_before(tmp_path: Path) -> None:
    """An old page that sends something unknown now and then stays connected."""
    async with house(tmp_path) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        for _ in range(3):
            for _ in range(4):
                await tab.send_str("{}")
                assert (await receive(tab))["code"] == "bad-message"
            await tab.send_json({"type": "ping"})
            assert (await receive(tab))["type"] == "pong"


async def test_a_browser_that_talks_too_fast_is_told_and_then_closed(tmp_path: Path) -> None:
    """Sixty messages a minute are heard, the next is refused; a second later one more is heard."""
    async with house(tmp_path) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)

        async def ping() -> str:
            await tab.send_json({"type": "ping"})
            answer = await receive(tab)
            return str(answer.get("code", answer["type"]))

        assert {await ping() for _ in range(60)} == {"pong"}
        assert await ping() == "too-fast"
        here.clock.move(1)
        assert await ping() == "pong"
        assert [await ping() for _ in range(5)] == ["too-fast"] * 5
        assert await closed(tab) == POLICY


async def test_a_message_over_the_bound_closes_the_screen(tmp_path: Path) -> None:
    """More than 16 KiB in one message is never even parsed."""
    async with house(tmp_path) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        await tab.send_json({"type": "note", "pop_id": "p1", "text": "x" * 17_000})
        assert await closed(tab) == TOO_BIG
        assert here.floor.heard == []


async def test_bytes_that_are_no_websocket_frame_end_the_connection(tmp_path: Path) -> None:
    """Garbage after the handshake is a protocol error; the operator is marked absent, the server lives."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        reader, writer = await here.raw_tab(client)
        writer.write(b"\x00\xff" * 500)
        async with asyncio.timeout(WAIT_S):
            while await reader.read(4096):
                pass
        writer.close()
        await here.floor.until(lambda: here.floor.presence[-1:] == [("left", "olena")])
        assert (await receive(await here.tab(client)))["type"] == "snapshot"


async def test_a_browser_that_says_goodbye_and_reads_no_more_is_let_go(tmp_path: Path) -> None:
    """A close frame from a peer with a full buffer does not hold the screen open."""
    async with house(tmp_path, limits=WebLimits(close_s=0.1, queue_bytes=2**30, queue_messages=10**6)) as here:
        await here.add("olena")
        _reader, writer = await here.raw_tab(await here.signed_in("olena"), receive_buffer=4096)
        await here.floor.until(lambda: here.server.screens.connected("olena") == 1)
        for revision in range(2000):
            here.server.screens.push("olena", ring("olena", "p1", revision=revision, script="x" * 8000))
        writer.write(b"\x88\x80\x00\x00\x00\x00")  # masked, empty close frame
        await here.floor.until(lambda: here.floor.presence[-1:] == [("left", "olena")])
        writer.close()


async def test_signing_out_ends_a_screen_that_reads_nothing(tmp_path: Path) -> None:
    """The closing handshake cannot get through to a stuck browser; its connection is cut instead."""
    async with house(tmp_path, limits=WebLimits(close_s=0.1, queue_bytes=2**30, queue_messages=10**6)) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        reader, writer = await here.raw_tab(client, receive_buffer=4096)
        await here.floor.until(lambda: here.server.screens.connected("olena") == 1)
        for revision in range(2000):
            here.server.screens.push("olena", ring("olena", "p1", revision=revision, script="x" * 8000))
        async with client.delete("/api/v1/session", headers=here.headers) as answer:
            assert answer.status == 204
        await here.floor.until(lambda: here.floor.presence[-1:] == [("left", "olena")])
        async with asyncio.timeout(WAIT_S):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(2**26)
        writer.close()


async def test_stopping_does_not_wait_for_a_screen_that_reads_nothing(tmp_path: Path) -> None:
    """A restart takes a moment, whoever is connected."""
    async with house(tmp_path, limits=WebLimits(close_s=0.1, queue_bytes=2**30, queue_messages=10**6)) as here:
        await here.add("olena")
        _reader, writer = await here.raw_tab(await here.signed_in("olena"), receive_buffer=4096)
        await here.floor.until(lambda: here.server.screens.connected("olena") == 1)
        for revision in range(2000):
            here.server.screens.push("olena", ring("olena", "p1", revision=revision, script="x" * 8000))
        async with asyncio.timeout(WAIT_S):
            await here.server.stop()
        assert here.floor.presence[-1:] == [("left", "olena")]
        writer.close()


class _StoreAway:
    """A way for the floor to fail as the store does."""

    async def __call__(self, *_args: Any) -> bool:
        raise StoreUnavailable("disk full")


class _Broken:
    """A way for the floor to fail as a bug does."""

    async def __call__(self, *_args: Any) -> bool:
        raise RuntimeError("a bug")


@pytest.mark.parametrize("failure", [_StoreAway(), _Broken()], ids=["store away", "bug"])
async def test_a_note_that_cannot_be_kept_is_answered_so(tmp_path: Path, failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told that the note was not kept, and the screen stays, however often it happens."""
    async with house(tmp_path) as here:
        await here.add("olena")
        here.floor.pops["olena"] = [pop_of("olena", "p1")]
        monkeypatch.setattr(here.floor, "note", failure)
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        for _ in range(8):
            await tab.send_json({"type": "note", "pop_id": "p1", "text": "kept?"})
            assert (await receive(tab))["code"] == "unavailable"


def _origins(url: str) -> list[tuple[str | None, int]]:
    port = url.rsplit(":", 1)[1]
    return [
        (url, 101),
        ("https://crm.example.com", 101),
        (None, 403),
        ("null", 403),
        ("", 403),
        (f"http://localhost:{port}", 403),
        (f"https://127.0.0.1:{port}", 403),
        (f"{url}.evil.example", 403),
        (f"http://evil.example#{url}", 403),
        (f"{url}/", 403),
        ("http://127.0.0.1", 403),
        ("https://crm.example.com.evil.example", 403),
        ("https://evil-crm.example.com", 403),
        ("http://crm.example.com", 403),
        ("https://crm.example.com:8443", 403),
        ("HTTPS://CRM.EXAMPLE.COM", 403),
    ]


async def test_only_listed_origins_get_a_websocket(tmp_path: Path) -> None:
    """The origin is compared whole; a valid session does not help a page of somebody else."""
    async with house(tmp_path, settings=WebSettings(port=0, origins=("https://crm.example.com",))) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        for origin, status in _origins(here.url):
            assert await _handshake(client, {} if origin is None else {"Origin": origin}) == status, origin


async def test_a_websocket_needs_a_session(tmp_path: Path) -> None:
    """Nobody is connected first and asked later: without a session the handshake itself is refused."""
    async with house(tmp_path) as here:
        assert await _handshake(here.browser(), {"Origin": here.url}) == 401
        assert await _handshake(here.browser(), {"Origin": here.url, "Cookie": "ctiroute=made-up"}) == 401
        assert here.floor.presence == []


async def _handshake(client: aiohttp.ClientSession, headers: dict[str, str]) -> int:
    key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    async with client.get("/ws", headers={"Connection": "Upgrade", "Upgrade": "websocket", **key, **headers}) as answer:
        return answer.status
