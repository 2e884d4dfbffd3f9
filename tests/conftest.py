"""Fixtures shared by all tests: a real Asterisk, phones, callers and a browser.

What they stand on is got by tests/real/install.py. Where that is not possible, the tests that ask for these fixtures skip with the
remedy on a developer's machine, and fail in CI.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `tests.real`, however pytest was started

from tests.examples import examples
from tests.real import install
from tests.real.asterisk import RealAsterisk
from tests.real.sipp import Caller, PlainPhone
from tests.real.softphone import SoftPhone, phone, register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser

REAL_FIXTURES = {"real_parts", "asterisk", "asterisk_server", "phones", "callers", "plain_phones", "browser"}
# Chromium in a container as root, quiet: it must not talk to anybody but the page under test.
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_problem = pytest.StashKey[str]()

# No deadline for one example: on a machine that does other work besides, any example may take long. A test's own time limit holds.
hypothesis.settings.register_profile("ctiroute", deadline=None, max_examples=examples(100))
hypothesis.settings.load_profile("ctiroute")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs real servers, so that `-m "not real"` leaves it out."""
    for item in items:
        if REAL_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Get what is missing before the first test, so that no test's time limit pays for it."""
    if session.config.option.collectonly or not any(item.get_closest_marker("real") for item in session.items):
        return
    try:
        install.install()
    except install.Missing as missing:
        session.config.stash[_problem] = str(missing)


@pytest.fixture(scope="session")
def real_parts(pytestconfig: pytest.Config) -> None:
    """Skip, or in CI fail, where the real servers cannot be had."""
    if problem := pytestconfig.stash.get(_problem, ""):
        if install.in_ci():
            pytest.fail(problem, pytrace=False)
        pytest.skip(problem)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asterisk_server(real_parts: None) -> AsyncIterator[RealAsterisk]:
    """One Asterisk for the whole run. Tests ask for `asterisk`, which cleans up after each."""
    async with RealAsterisk() as server:
        yield server


@pytest_asyncio.fixture
async def asterisk(asterisk_server: RealAsterisk) -> AsyncIterator[RealAsterisk]:
    """Give the run's Asterisk without any channel, with its dialplan asking 127.0.0.1:`agi_port`; end all calls afterwards."""
    yield asterisk_server
    await asterisk_server.hang_up_all()
    await asterisk_server.set_agi()


@pytest_asyncio.fixture
async def phones(asterisk: RealAsterisk) -> AsyncIterator[Callable[[str], Awaitable[SoftPhone]]]:
    """Plug in, by extension, a phone that does what the test tells it."""
    async with contextlib.AsyncExitStack() as stack:

        async def plug_in(extension: str) -> SoftPhone:
            plugged = await stack.enter_async_context(phone(extension, asterisk.sip_port))
            await asterisk.registered(extension)
            return plugged

        yield plug_in
        await asterisk.hang_up_all()  # while the phones are still there to say goodbye


@pytest_asyncio.fixture
async def plain_phones(asterisk: RealAsterisk) -> AsyncIterator[Callable[[str, float], Awaitable[PlainPhone]]]:
    """Plug in, by extension, a SIPp that answers by itself after that many seconds."""
    async with contextlib.AsyncExitStack() as stack:

        async def plug_in(extension: str, answer_after_s: float) -> PlainPhone:
            plugged = await stack.enter_async_context(PlainPhone(answer_after_s=answer_after_s))
            await register(extension, asterisk.sip_port, plugged.port)
            await asterisk.registered(extension)
            return plugged

        yield plug_in
        await asterisk.hang_up_all()


@pytest_asyncio.fixture
async def callers(asterisk: RealAsterisk) -> AsyncIterator[Callable[..., Awaitable[Caller]]]:
    """Let SIPp call in: the caller's number, then the number dialled."""
    async with contextlib.AsyncExitStack() as stack:

        async def call_in(number: str, dialed: str, *, hold_s: float = 60.0, name: str = "") -> Caller:
            return await stack.enter_async_context(Caller(asterisk, number, dialed, hold_s=hold_s, name=name))

        yield call_in
        await asterisk.hang_up_all()


@pytest_asyncio.fixture
async def browser(real_parts: None) -> AsyncIterator[Browser]:
    """Start Debian's Chromium (0.6 s once it is in the page cache); it belongs to the test's own event loop."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - unit tests do without

    executable = shutil.which("chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGS))
        yield chromium
        await chromium.close()
