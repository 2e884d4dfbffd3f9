"""A bot's messages, asked of a server that keeps them as Telegram does: until a later one is asked for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ctiroute.connectors.telegram.updates import TelegramUpdates
from ctiroute.connectors.webhook.files import read_mapping
from ctiroute.settings import TelegramSettings
from tests.integration.connectors.hooks import payload
from tests.integration.connectors.keeping import NOW, asked, house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from tests.integration.connectors.keeping import House

TOKEN = "7001:AAbbCCddEEffGGhhII"
CHAT = "512377120"


class BotApi:
    """getUpdates of a Bot API server, on a socket of its own."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.offsets: list[int | None] = []
        self.answers: list[web.Response] = []  # given first, in place of updates
        self.silent = False
        self.more = asyncio.Event()
        self.port = 0

    def sends(self, *updates: dict[str, Any]) -> None:
        """Let somebody write to the bot."""
        self.waiting += updates
        self.more.set()

    async def get_updates(self, request: web.Request) -> web.Response:
        """Answer as the documentation says: what is before the offset is forgotten."""
        if request.match_info["token"] != f"bot{TOKEN}":
            return web.json_response({"ok": False, "error_code": 401, "description": "Unauthorized"}, status=401)
        if self.answers:
            return self.answers.pop(0)
        if self.silent:
            await asyncio.Event().wait()
        body = await request.json()
        self.offsets.append(body.get("offset"))
        self.waiting = [one for one in self.waiting if one["update_id"] >= body.get("offset", 0)]
        if not self.waiting:
            self.more.clear()
            try:
                async with asyncio.timeout(body["timeout"]):
                    await self.more.wait()
            except TimeoutError:
                pass
        return web.json_response({"ok": True, "result": self.waiting[: body["limit"]]})


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApi]:
    """Start a server."""
    api = BotApi()
    app = web.Application()
    app.router.add_post("/{token}/getUpdates", api.get_updates)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.port = runner.addresses[0][1]
    try:
        yield api
    finally:
        await runner.cleanup()


def bot(api: BotApi, at: House, token: str = TOKEN, long_s: int = 1, late_s: float = 5.0) -> TelegramUpdates:
    """Return a connector to this server."""
    settings = TelegramSettings("bot", token, "telegram", f"http://127.0.0.1:{api.port}")
    return TelegramUpdates(settings, read_mapping("telegram"), at, at.metrics, lambda: NOW, "UA", long_s=long_s, late_s=late_s)


async def texts(at: House) -> list[str]:
    """Return the kinds of what is kept of the chat, oldest first."""
    kept = await at.find("bot", CHAT)
    return [event.kind for event in reversed(kept.events)] if kept is not None else []


async def test_messages_are_kept_as_they_come(tmp_path: Path) -> None:
    """Those that waited, and those that come while it is asked; each is confirmed by asking for the next."""
    async with bot_api() as api, house(tmp_path) as at:
        api.sends(payload("telegram-text"))
        async with asked(bot(api, at), at) as asking:
            await at.until(lambda: 881203448 in api.offsets)
            api.sends(payload("telegram-contact"), payload("telegram-button"))
            await at.until(lambda: 881203450 in api.offsets)
            await at.until(lambda: asking.state.up)
        assert await texts(at) == ["message", "note", "choice"]
        assert at.counted("bot", "taken") == 3


async def test_a_restart_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """What was kept and not confirmed comes again, and is known."""
    async with bot_api() as api, house(tmp_path) as at:
        api.sends(payload("telegram-text"))
        async with asked(bot(api, at), at):
            await at.until(lambda: at.counted("bot", "taken") == 1)
        api.waiting = [payload("telegram-text"), payload("telegram-contact")]  # as if the confirmation had not arrived
        async with asked(bot(api, at), at):
            await at.until(lambda: at.counted("bot", "taken") == 3)
        assert await texts(at) == ["message", "note"]


async def test_after_a_quiet_week_numbers_begin_anew(tmp_path: Path) -> None:
    """An update whose number is below the last one is no old one."""
    async with bot_api() as api, house(tmp_path) as at:
        api.sends(payload("telegram-text"))
        async with asked(bot(api, at), at):
            await at.until(lambda: api.offsets[-2:] == [881203448, None])
            api.sends({**payload("telegram-contact"), "update_id": 5})
            await at.until(lambda: at.counted("bot", "taken") == 2)
        assert await texts(at) == ["message", "note"]


async def test_nothing_is_confirmed_while_the_store_is_away(tmp_path: Path) -> None:
    """It is asked for again until it is kept."""
    async with bot_api() as api, house(tmp_path) as at:
        at.away = True
        api.sends(payload("telegram-text"))
        async with asked(bot(api, at), at) as asking:
            await at.until(lambda: at.taken >= 3)
            assert set(api.offsets) == {None}
            assert "could not be kept" in asking.state.detail
            at.away = False
            await at.until(lambda: 881203448 in api.offsets)
        assert await texts(at) == ["message"]


async def test_a_wrong_token_is_said_and_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Health names the remedy; the token stands in no log."""
    async with bot_api() as api, house(tmp_path) as at, asked(bot(api, at, "7001:wrong-token-of-a-bot"), at) as asking:
        await at.until(lambda: "BotFather" in asking.state.detail)
        assert not asking.state.up
        assert "wrong-token" not in caplog.text


async def test_a_webhook_that_takes_the_messages_is_said(tmp_path: Path) -> None:
    """Telegram gives a bot's messages to one alone."""
    async with bot_api() as api, house(tmp_path) as at:
        api.answers = [web.json_response({"ok": False, "error_code": 409, "description": "Conflict"}, status=409) for _ in range(3)]
        async with asked(bot(api, at), at) as asking:
            await at.until(lambda: "deleteWebhook" in asking.state.detail)
            await at.until(lambda: asking.state.up)


async def test_a_server_that_hangs_is_left_and_asked_again(tmp_path: Path) -> None:
    """It answers no more, and later it does."""
    async with bot_api() as api, house(tmp_path) as at:
        api.silent = True
        async with asked(bot(api, at, long_s=0, late_s=0.2), at) as asking:
            await at.until(lambda: "does not answer" in asking.state.detail)
            api.silent = False
            api.sends(payload("telegram-text"))
            await at.until(lambda: at.counted("bot", "taken") == 1)


async def test_nonsense_and_pauses_are_survived(tmp_path: Path) -> None:
    """No JSON, no object, an answer without an end, a request to wait: the connector goes on, and loses nothing."""
    async with bot_api() as api, house(tmp_path) as at:
        api.sends(payload("telegram-text"))
        api.answers = [
            web.Response(text="<html>502</html>", status=502),
            web.Response(body=b"[" * 50_000),
            web.Response(body=bytes(5 * 1024 * 1024)),
            web.json_response({"ok": True, "result": {"no": "list"}}),
            web.json_response({"ok": True, "result": [None, 5, {"update_id": "text"}, {"update_id": True}]}),
            web.json_response({"ok": False, "parameters": {"retry_after": 0.01}}, status=429),
            web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        ]
        async with asked(bot(api, at), at):
            await at.until(lambda: at.counted("bot", "taken") == 1)
        assert not api.answers
        assert await texts(at) == ["message"]


async def test_a_message_that_is_of_no_use_does_not_block_the_others(tmp_path: Path) -> None:
    """It is counted and confirmed."""
    async with bot_api() as api, house(tmp_path) as at:
        useless = {"update_id": 881203440, "message": {"message_id": 1, "chat": {"type": "private"}, "from": {"id": 5}}}
        api.sends({"update_id": 881203439, "poll": {}}, useless, payload("telegram-text"))
        async with asked(bot(api, at), at):
            await at.until(lambda: 881203448 in api.offsets)
        assert (at.counted("bot", "ignored"), at.counted("bot", "useless"), at.counted("bot", "taken")) == (1, 1, 1)


async def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    """The cause is in health, without the address, which holds the token."""
    async with house(tmp_path) as at:
        api = BotApi()
        api.port = 9
        async with asked(bot(api, at), at) as asking:
            await at.until(lambda: "cannot be reached" in asking.state.detail)
            assert TOKEN not in asking.state.detail
