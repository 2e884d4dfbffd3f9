"""The page at the real web room: its sign-in, its Origin and CSRF checks, its policy, its websocket. The floor alone is in memory."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.integration.page import scenes
from tests.integration.page.stage import STATIC
from tests.integration.web.house import house

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]


async def test_ticket_pop_and_acknowledgement(page: Page, tmp_path: Path) -> None:
    """A one-time link opens the screen, a pop that is pushed stands on it, and the floor hears that it was seen."""
    shutil.copytree(STATIC, tmp_path / "static")
    async with house(tmp_path) as home:
        await home.add("olena")
        await page.goto(f"{home.url}/#ticket={home.server.issue_ticket('olena')}")
        await expect(page.get_by_test_id("empty")).to_be_visible()
        pop = scenes.campaign_pop()
        home.server.screens.push("olena", scenes.message(pop))
        await expect(page.get_by_test_id("pop-why")).to_contain_text("Autumn instalments")
        await home.floor.until(lambda: ("olena", "ack", "pop-1", "seen") in home.floor.heard)
        await page.get_by_test_id("menu-button").click()
        await page.get_by_test_id("sign-out").click()
        await expect(page.get_by_test_id("sign-in")).to_be_visible()
