"""A whole service with a mailbox and a bot in its settings: they are asked, and calls do not mind when they are silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctiroute.settings import ConnectorsSettings, MailboxSettings, TelegramSettings
from tests.integration.connectors.hooks import payload
from tests.integration.connectors.imap_server import PASSWORD, USER, mail_server
from tests.integration.connectors.keeping import WAIT_S
from tests.integration.connectors.test_imap import mail
from tests.integration.connectors.test_telegram import CHAT, TOKEN, bot_api
from tests.unit.app.office import office

if TYPE_CHECKING:
    from pathlib import Path

    from ctiroute.model import Interaction
    from tests.unit.app.office import Office


async def kept(room: Office, source: str, external_id: str) -> Interaction:
    """Return a conversation as soon as it is there."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found = await room.service.store.find_interaction(source, external_id)
            if found is not None:
                return found
            await asyncio.sleep(0.01)  # it comes over a socket and through a thread: nobody tells us


async def test_mailbox_and_bot_are_asked(tmp_path: Path) -> None:
    """What they tell is kept under the names of the settings."""
    async with bot_api() as api, mail_server() as server:
        api.sends(payload("telegram-text"))
        server.gets(mail(1))
        media = ConnectorsSettings(
            imap=(MailboxSettings("support", "127.0.0.1", USER, PASSWORD, server.port, tls=False),),
            telegram=(TelegramSettings("bot", TOKEN, api=f"http://127.0.0.1:{api.port}"),),
        )
        async with office(tmp_path / "data", connectors=media) as room:
            assert (await kept(room, "bot", CHAT)).title == "Telegram chat"
            assert (await kept(room, "support", "<m1@example.com>")).title == "Autumn instalments"


async def test_a_silent_source_is_a_warning_and_costs_no_call(tmp_path: Path) -> None:
    """The service is ready, says what is not heard and why, decides as ever, and stops at once."""
    media = ConnectorsSettings(
        imap=(MailboxSettings("support", "127.0.0.1", USER, PASSWORD, 9, tls=False),),
        telegram=(TelegramSettings("bot", TOKEN, api="http://127.0.0.1:9"),),
    )
    async with office(tmp_path / "data", connectors=media) as room:
        async with asyncio.timeout(WAIT_S):
            while True:
                if all("cannot be reached" in why for why in room.service.media.health().values()):
                    break
                await asyncio.sleep(0.01)  # two sources find it out by themselves
        status, ready = await room.ready()
        assert (status, set(ready["warnings"])) == (200, {"connector support", "connector bot"})
        assert TOKEN not in str(ready)
        assert (await room.route("lab:1")).trace is not None
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < WAIT_S
