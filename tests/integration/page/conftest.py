"""The operator page in Chromium, one browser for all tests, a fresh profile for each."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp import web

from tests.integration.page.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def built_page() -> None:
    """Build the page when its inputs changed: one of the processes that run these tests does, the others wait for it."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hatch_build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hatch_build)
    with (Path(tempfile.gettempdir()) / f"ctiroute-page-{hashlib.sha256(bytes(ROOT)).hexdigest()[:16]}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        hatch_build.build(ROOT)
        hatch_build.install_packages(ROOT / "frontend", hatch_build.find_node())  # axe, where the page itself came built


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(built_page: None) -> AsyncIterator[Browser]:
    """One Chromium for all tests of the page."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 -- slow to import, and only needed here

    executable = shutil.which("chromium")
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    """Start a service on a free port."""
    stage = Stage()
    runner = web.AppRunner(stage.application(), shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    stage.url = f"http://{host}:{port}/"
    yield stage
    await stage.cut()
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser, stage: Stage) -> AsyncIterator[BrowserContext]:
    """Make a fresh browser profile, 420 px wide as the page is meant to stand. Any script error or CSP violation fails the test."""
    context = await chromium.new_context(viewport={"width": 420, "height": 900}, locale="en-GB")
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
    yield context
    await context.close()
    assert faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, stage: Stage) -> Page:
    """Open a tab that is not at the page yet: `await page.goto(stage.url)`."""
    page = await context.new_page()
    page.set_default_timeout(8000)
    return page
