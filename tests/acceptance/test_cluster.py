"""Two nodes on one store, behind a balancer: what callers and operators notice when one of them goes. Real Asterisk, SIPp, PostgreSQL.

The truth about what rang is Asterisk's own (its manager events, heard by the test itself); the truth about what was seen is the
operators' screens.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import signal
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from ctiroute.model import Identifier, IdentifierKind, Medium, OfferTerms, Operator, Touch, TouchStatus
from ctiroute.web.passwords import hash_password
from tests.real.asterisk import RealAsterisk
from tests.real.cluster import Cluster
from tests.real.operators import OperatorScreen
from tests.real.screen import sign_in
from tests.real.service import PASSWORD
from tests.real.sipp import CrowdOfCallers, CrowdOfPhones

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

    from tests.real.ami import Ami

ROOT = Path(__file__).parents[2]
OFFICE = "+380445550000"
CALLERS = tuple(f"+38067{number:07}" for number in range(1, 201))
PHONES = 40
RING_S, TALK_S = 0.7, 4.0  # longer together than a browser is away, so that each pop can be seen
RATE = 100  # calls/s
SERVED_S = 90.0  # until the last of them has talked; alone it takes 27 s
ROUTED = 0.5  # of the callers, at least. It is all of them, but on a machine with other work a node may decide without knowing who calls
TABS = 10  # of each operator, where a whole floor is meant
WHOLE_S, MOST_WHOLE_S = 2.0, RING_S  # from a pop to what it tells: of all of them, and of nine of ten while the phone still rings
BACK_S = 5.0  # a browser's way to another node, with a snapshot there

pytestmark = pytest.mark.usefixtures("real_parts")


@pytest.fixture
async def switch() -> AsyncIterator[RealAsterisk]:
    """Run an Asterisk with a queue of many phones, which ring, answer by themselves, talk and hang up."""
    async with RealAsterisk(crowd=PHONES) as asterisk, CrowdOfPhones(asterisk, ring_s=RING_S, talk_s=TALK_S):
        yield asterisk


@pytest.fixture
async def cluster(switch: RealAsterisk, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Run two nodes that answer it, with an operator for each phone, and callers who were all sent an offer."""
    async with Cluster(tmp_path, switch, queue="crowd") as nodes:
        await switch.set_agi(nodes=nodes.agi_list)
        password = await asyncio.to_thread(hash_password, PASSWORD)
        for phone in switch.crowd:
            operator = Operator(operator_of(phone), f"Operator {phone}", (f"PJSIP/{phone}",), phone)
            await nodes.store.put_operator(operator, password if phone == switch.crowd[0] else None)
        await nodes.store.put_touches([offer_to(number) for number in CALLERS])
        yield nodes


def operator_of(phone: str) -> str:
    """Return the operator who has this phone."""
    return f"op{phone}"


def offer_to(number: str) -> Touch:
    """Return an SMS offer of ten minutes ago."""
    sent_at = datetime.now(UTC) - timedelta(minutes=10)
    terms = OfferTerms("Autumn instalments", "Pay in 24 parts.", "0 % for 24 months")
    identifier = Identifier(IdentifierKind.PHONE, number)
    return Touch(f"T{number}", "autumn-sms", "Autumn SMS", Medium.SMS, identifier, sent_at, TouchStatus.DELIVERED, terms)


async def screen_of(cluster: Cluster, operator_id: str) -> OperatorScreen:
    """Return a screen with a session of its own, as a sign-in leaves it; checking passwords for a whole floor would take long."""
    token = secrets.token_urlsafe(32)
    await cluster.store.put_session(hashlib.sha256(token.encode()).digest(), operator_id, datetime.now(UTC) + timedelta(hours=1))
    return OperatorScreen(cluster.url, operator_id, {"ctiroute": token})


async def all_connected(screens: list[OperatorScreen], timeout_s: float) -> None:
    """Wait until each screen has its snapshot."""
    async with asyncio.timeout(timeout_s):
        await asyncio.gather(*(screen.connected.wait() for screen in screens))


@contextlib.asynccontextmanager
async def hearing(switch: RealAsterisk) -> AsyncIterator[Ami]:
    """Hear only what these tests count: thirty thousand events of 200 calls would come too late to act on."""
    async with switch.ami() as ami:
        for wanted in ("Event: AgentCalled", "Application: AGI", "Variable: CTI_WAY"):
            await ami.act("Filter", Operation="Add", Filter=wanted)
        yield ami


def asked(ami: Ami) -> int:
    """Return how many calls have asked a node for the first time."""
    return len({heard["Linkedid"] for heard in ami.events if heard["Event"] == "Newexten" and heard["Application"] == "AGI"})


async def until_asked(ami: Ami, count: int) -> None:
    """Wait until so many calls have asked a node."""
    until = time.monotonic() + 20
    while asked(ami) < count:
        assert time.monotonic() < until, f"only {asked(ami)} calls have come"
        await asyncio.sleep(0.01)  # events are counted again until it is so


def ways(ami: Ami) -> dict[str, list[str]]:
    """Return by call which ways it took."""
    taken: dict[str, list[str]] = {}
    for heard in ami.events:
        if heard["Event"] == "VarSet" and heard["Variable"] == "CTI_WAY" and heard["Value"]:
            taken.setdefault(heard["Linkedid"], []).append(heard["Value"])
    return taken


async def until_served(switch: RealAsterisk, crowd: CrowdOfCallers) -> None:
    """Wait until each caller has talked, or is in the default menu; then let those hang up, and see that nothing is left."""
    until = time.monotonic() + SERVED_S
    while True:
        channels = await switch.channels()
        if all(channel.context == "main-ivr" for channel in channels):
            break
        assert time.monotonic() < until, f"still there: {channels}"
        await asyncio.sleep(0.1)  # asked again until it is so
    await switch.cli("channel request hangup all")
    await switch.no_channels()
    await crowd.all_in("hung up on", 10)


def nobody_is_lost(ami: Ami) -> None:
    """Assert that each caller took one way, and nearly each the one to the offer's operators."""
    taken = ways(ami)
    assert len(taken) == len(CALLERS)
    assert {way for ways_of_one in taken.values() for way in ways_of_one} <= {"queue", "menu", "default"}
    assert all(len(ways_of_one) == 1 for ways_of_one in taken.values())
    assert sum(way == ["queue"] for way in taken.values()) >= ROUTED * len(CALLERS)


def rings(ami: Ami) -> set[tuple[str, str]]:
    """Return (call id, operator) of every phone that rang."""
    return {
        (f"pbx:{heard['Linkedid']}", operator_of(heard["Interface"].removeprefix("PJSIP/")))
        for heard in ami.events
        if heard["Event"] == "AgentCalled"
    }


def each_pop_was_seen_once(ami: Ami, screens: list[OperatorScreen], *, but: str = "") -> None:
    """Assert that what rang was seen by whom it rang for, once, whole, and by nobody else. `but`: an operator without such a screen."""
    seen = {(pop.call_id, screen.operator_id) for screen in screens for pop in screen.pops.values()}
    assert seen == {(call_id, operator) for call_id, operator in rings(ami) if operator != but}
    for screen in screens:
        assert screen.at_once <= 1
        for pop in screen.pops.values():
            assert len(screen.of(pop.call_id)) == 1
            assert pop.announced <= 1  # 0: it stood in the snapshot
            assert pop.whole_at is not None
            assert "Autumn instalments" in pop.headline
    # A node that did not decide a call finds out what is known of it, while the pop stands there.
    empty_s = sorted(pop.whole_at - pop.first_at for screen in screens if not screen.darks for pop in screen.pops.values() if pop.whole_at)
    assert empty_s[-1] < WHOLE_S
    assert empty_s[len(empty_s) * 9 // 10] < MOST_WHOLE_S


async def test_node_is_killed_with_200_calls_in_flight(cluster: Cluster, switch: RealAsterisk, browser: Browser) -> None:
    """Kill -9 of one node: no caller is lost, every pop comes once, browsers are back within 5 s with what rings; then it comes back."""
    person, *others = (operator_of(phone) for phone in switch.crowd)
    async with AsyncExitStack() as stack, hearing(switch) as ami:
        page = await sign_in(browser, cluster, person)
        (first,) = [node for node in cluster.nodes if await node.metric("ctiroute_web_browsers")]  # the page's own
        screens = [await stack.enter_async_context(await screen_of(cluster, operator)) for operator in others]
        await all_connected(screens, 10)
        crowd = await stack.enter_async_context(CrowdOfCallers(switch, CALLERS, OFFICE, rate=RATE))
        await until_asked(ami, 120)
        first.signal(signal.SIGSTOP)  # so that calls are surely inside its AGI when it dies
        await until_asked(ami, len(CALLERS))
        inside = len([channel for channel in await switch.channels() if channel.application == "AGI"])
        assert not crowd.who("hung up on"), "all 200 calls are in flight"
        await first.kill()
        killed_at = time.monotonic()
        await page.locator("[data-testid=connection][data-state=lost]").wait_for(timeout=BACK_S * 1000)
        await page.locator("[data-testid=connection][data-state=open]").wait_for(timeout=BACK_S * 1000)
        await all_connected(screens, BACK_S)
        assert time.monotonic() - killed_at < BACK_S
        await page.locator("[data-testid=pop]").first.wait_for()
        await first.start()
        await until_served(switch, crowd)
    assert inside > 0, "the node died with calls in its AGI"
    nobody_is_lost(ami)
    assert any(screen.darks for screen in screens)
    each_pop_was_seen_once(ami, screens, but=person)


async def test_node_is_stopped_under_load(cluster: Cluster, switch: RealAsterisk) -> None:
    """SIGTERM: the calls in hand are finished, the other node takes the new ones, and no caller is sent the default way (F10)."""
    first, _ = cluster.nodes
    async with hearing(switch) as ami, CrowdOfCallers(switch, CALLERS, OFFICE, rate=RATE) as crowd:
        await until_asked(ami, 60)
        await first.stop()
        assert first.returncode == 0
        await crowd.all_in("answered", SERVED_S)
        await switch.cli("channel request hangup all")
        await switch.no_channels(20)
    nobody_is_lost(ami)
    assert not [heard for heard in ami.events if heard["Variable"] == "CTI_WAY" and heard["Value"] == "default"], "each had an answer"


async def test_hung_node_costs_callers_a_second_and_no_way(cluster: Cluster, switch: RealAsterisk) -> None:
    """SIGSTOP: who asks that node goes on to the other after a second, who comes later at once, and its browsers move (F7)."""
    first, second = cluster.nodes
    async with AsyncExitStack() as stack, hearing(switch) as ami:
        screens = [await stack.enter_async_context(await screen_of(cluster, operator_of(phone))) for phone in switch.crowd]
        await all_connected(screens, 10)
        first.signal(signal.SIGSTOP)
        for some in (CALLERS[:20], CALLERS[20:40]):
            async with CrowdOfCallers(switch, some, OFFICE, rate=RATE) as crowd:
                await crowd.all_in("answered", 10)
                await switch.cli("channel request hangup all")
                await switch.no_channels(20)
        async with asyncio.timeout(BACK_S):
            while await second.metric("ctiroute_web_browsers") < len(screens):  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.05)
    began = {heard["Linkedid"]: float(heard["Timestamp"]) for heard in reversed(ami.events) if heard["Application"] == "AGI"}
    took = {
        heard["Linkedid"]: float(heard["Timestamp"]) - began[heard["Linkedid"]]
        for heard in ami.events
        if heard["Variable"] == "CTI_WAY" and heard["Value"] == "queue"
    }
    assert len(took) == 40
    assert max(took.values()) < 3.1
    assert sum(seconds > 0.9 for seconds in took.values()) <= 20, "only those who came first"


async def test_a_whole_floor_comes_back(cluster: Cluster, switch: RealAsterisk) -> None:
    """Hundreds of browsers lose their node at once, and each has a snapshot of the other within 5 s (F19)."""
    first, second = cluster.nodes
    await second.kill()
    await cluster.balancer.seen(second.web_port, well=False)
    async with AsyncExitStack() as stack:
        screens = [
            await stack.enter_async_context(await screen_of(cluster, operator_of(phone))) for phone in switch.crowd for _ in range(TABS)
        ]
        await all_connected(screens, 30)
        await second.start()
        await cluster.balancer.seen(second.web_port, well=True)
        await first.kill()
        async with asyncio.timeout(BACK_S):
            await asyncio.gather(*(screen.lost.wait() for screen in screens))
        await all_connected(screens, BACK_S)
        dark_s = [dark.until - dark.since for screen in screens for dark in screen.darks if dark.until is not None]
        assert len(dark_s) == len(screens)
        assert max(dark_s) < BACK_S


async def test_trial_for_scripts_and_its_end() -> None:
    """`make cluster ARGS="--calls 2 --json"` tells where everything is and what became of each call; Ctrl-C ends all of it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.real.cluster", "--calls", "2", "--json", "--speed", "8"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        where, *calls = [json.loads(await process.stdout.readline()) for _ in range(3)]
    assert [(call["story"], call["status"], call["good"]) for call in calls] == [("campaign", "routed", True), ("form", "routed", True)]
    assert {call["node"] for call in calls} == {1, 2}
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    left = [path for node in where["nodes"] for path in (f"/proc/{node['pid']}", node["folder"]) if os.path.exists(path)]  # noqa: ASYNC240, PTH110
    assert left == []
    for url in (where["store"], where["redis"], where["screens"]):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
