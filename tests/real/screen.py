"""An operator at a screen: the page as a person uses it, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.real.service import PASSWORD

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SOON_MS = 5_000.0  # in which Chromium must show what the wire has said
FIRST_MS = 30_000.0  # in which it must have loaded a page: it may be its first, on a machine that starts several at once


class Site(Protocol):
    """Whatever has screens: one service, or a cluster behind its balancer."""

    @property
    def url(self) -> str:
        """Address of the screens."""


async def sign_in(browser: Browser, service: Site, operator_id: str) -> Page:
    """Open the page as a person does, and sign in."""
    context = await browser.new_context(viewport={"width": 420, "height": 860}, locale="en-GB", color_scheme="light")
    page = await context.new_page()
    page.set_default_timeout(SOON_MS)
    page.set_default_navigation_timeout(FIRST_MS)
    await page.goto(service.url)
    await page.locator("input[name=operator]").fill(operator_id)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("input[name=password]").press("Enter")
    await page.get_by_test_id("empty").wait_for()
    return page


async def says(page: Page, test_id: str, words: str) -> None:
    """Wait until an element holds these words."""
    await page.get_by_test_id(test_id).filter(has_text=words).first.wait_for()


async def in_state(page: Page, state: str) -> None:
    """Wait until the pop is in a state."""
    await page.locator(f"[data-testid=pop][data-state={state}]").first.wait_for()


async def write_note(page: Page, note: str) -> None:
    """Type a note and wait until the page says that it is kept."""
    await page.get_by_test_id("pop-note").fill(note)
    await page.locator("[data-testid=note-state][data-saved=false]").wait_for()
    await page.locator("[data-testid=note-state][data-saved=true]").wait_for()
