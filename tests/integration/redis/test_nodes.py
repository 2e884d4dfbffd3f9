"""Two nodes with one store and one Redis: each shows what the other knows, and neither needs Redis for a call or a pop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from ctiroute.demo.company import COLLEAGUE, STRANGER, YOU
from ctiroute.model import BlindTransferred, Status, ToQueue
from tests.real.ports import free_port
from tests.real.redis import until_true
from tests.unit.app.office import PBX, WAIT_S, Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.real.redis import RealRedis

CALL, LEG = f"{PBX}:1.1", f"{PBX}:1.1/2"


@dataclass
class Two:
    """Two nodes that hear the same Asterisk."""

    one: Office
    two: Office

    def arrives(self) -> None:
        """Let the caller's leg come up."""
        for node in (self.one, self.two):
            node.arrives(CALL)

    def rings(self, extension: str, leg: str = "2", queue: str | None = "promo") -> None:
        """Let a phone ring."""
        for node in (self.one, self.two):
            node.rings(CALL, extension, leg, queue)

    def answers(self, extension: str) -> None:
        """Let it be picked up."""
        for node in (self.one, self.two):
            node.answers(CALL, extension)


@asynccontextmanager
async def two_nodes(folder: Path, url: str) -> AsyncIterator[Two]:
    """Start both on one file, each in a folder of its own, and wait until they know of each other where they can."""
    for name in ("one", "two"):
        (folder / name).mkdir()
    store = f"sqlite://{folder / 'shared.db'}"
    async with office(folder / "one", store=store, redis=url) as one, office(folder / "two", store=store, redis=url) as two:
        yield Two(one, two)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def acquainted(both: Two) -> None:
    """Wait until each node hears the other."""
    await until(lambda: both.one.metric("ctiroute_nodes") == both.two.metric("ctiroute_nodes") == 2)
    await until(lambda: all(node.service.node.shared is not None and node.service.node.shared.listens for node in (both.one, both.two)))


async def test_the_node_that_did_not_decide_shows_what_was_decided(tmp_path: Path, redis: RealRedis) -> None:
    """Before the record is in the store: the rule, its words and why, on the screen of an operator who is connected elsewhere."""
    async with two_nodes(tmp_path, redis.url) as both:
        browser = await both.two.browser(YOU)
        both.arrives()
        decision = await both.one.route(CALL)
        both.rings("1001")
        full = await browser.until("pop.update", lambda it: it["pop"]["rule"] is not None)
        assert full["pop"]["rule"] == decision.rule
        assert full["pop"]["touch_id"] == decision.touch_id
        assert full["pop"]["rules"]


async def test_a_pop_that_is_shown_elsewhere_is_not_missing_here(tmp_path: Path, redis: RealRedis) -> None:
    """The alert on phones that ring without a screen stays silent."""
    async with two_nodes(tmp_path, redis.url) as both:
        browser = await both.two.browser(YOU)
        shared = both.one.service.node.shared
        assert shared is not None
        await until(lambda: shared.has(YOU))
        both.arrives()
        await both.one.route(CALL)
        both.rings("1001")
        both.rings("1002", leg="3")
        await browser.until("pop")
        assert both.two.metric("ctiroute_pops_total", stage="pushed") == 1
        assert both.one.metric("ctiroute_pops_total", stage="no_browser") == 1  # his colleague has no browser anywhere


async def test_a_note_goes_with_the_call_to_another_node(tmp_path: Path, redis: RealRedis) -> None:
    """What is typed before the transfer, and what is added after it."""
    async with two_nodes(tmp_path, redis.url) as both:
        olena, taras = await both.one.browser(YOU), await both.two.browser(COLLEAGUE)
        await acquainted(both)
        both.arrives()
        await both.one.route(CALL)
        both.rings("1001")
        both.answers("1001")
        pop_id = (await olena.until("pop"))["pop"]["offer"]["pop_id"]
        await olena.say("note", pop_id=pop_id, text="asks for January")
        await olena.all_so_far()
        for node in (both.one, both.two):
            node.hear(BlindTransferred(CALL, LEG, "1002", node.clock()))
        both.rings("1002", leg="3", queue=None)
        noted = await taras.until("pop.update", lambda it: bool(it["pop"]["offer"]["note"] and it["pop"]["offer"]["note"]["text"]))
        assert noted["pop"]["offer"]["note"]["text"] == "asks for January"
        await olena.say("note", pop_id=pop_id, text="asks for January, promised")
        await taras.until("pop.update", lambda it: it["pop"]["offer"]["note"]["text"].endswith("promised"))


async def test_without_redis_everything_is_as_on_one_node(tmp_path: Path) -> None:
    """Absent from the start: the same decision, the pop at once, its context from the store soon after."""
    async with two_nodes(tmp_path, f"redis://127.0.0.1:{free_port()}/0") as both:
        mine, elsewhere = await both.one.browser(YOU), await both.two.browser(COLLEAGUE)
        both.arrives()
        decision = await both.one.route(CALL)
        assert decision.status is Status.ROUTED
        both.rings("1001")
        assert (await mine.until("pop"))["pop"]["rule"] == decision.rule
        await both.one.kept(CALL)
        both.rings("1002", leg="3")
        await elsewhere.until("pop.update", lambda it: it["pop"]["rule"] == decision.rule)
        assert (await both.one.ready())[0] == 200


async def test_redis_killed_frozen_flushed_and_back(tmp_path: Path, own_redis: RealRedis) -> None:
    """Decisions stay the same and quick, pops arrive each time, and sharing heals by itself."""
    async with two_nodes(tmp_path, own_redis.url) as both:
        browser = await both.one.browser(YOU)
        await acquainted(both)

        async def call(number: int) -> None:
            call_id = f"{PBX}:{number}.1"
            both.one.arrives(call_id)
            known, stranger = await both.one.route(call_id), await both.one.route(f"{PBX}:{number}.2", STRANGER)
            assert isinstance(known.destination, ToQueue)
            assert known.destination.queue == "promo"
            assert not isinstance(stranger.destination, ToQueue) or stranger.destination.queue != "promo"
            both.one.rings(call_id, "1001")
            shown = await browser.until("pop", lambda it: it["pop"]["offer"]["call_id"] == call_id)
            assert shown["pop"]["rule"] == known.rule

        await call(1)
        await own_redis.ask("FLUSHALL")
        await call(2)
        own_redis.freeze()
        await call(3)
        await own_redis.kill()
        await call(4)
        await until(lambda: both.one.metric("ctiroute_redis_up") == 0)
        await call(5)
        await own_redis.start()
        await until(lambda: both.one.metric("ctiroute_redis_up") == 1)
        await call(6)
        await acquainted(both)
        await until_true(lambda: _found(both.two, f"{PBX}:5.1"))


async def test_a_browser_moves_to_another_node_while_the_store_is_away(tmp_path: Path, redis: RealRedis) -> None:
    """Signed in stays signed in, a stranger's cookie is worth nothing, and signing out counts at once."""
    async with two_nodes(tmp_path, redis.url) as both:
        client = await both.one.sign_in(YOU)
        await acquainted(both)
        await both.two.service.store.close()
        async with client.get(f"{both.two.url}/api/v1/session") as answer:
            assert answer.status == 200
            assert (await answer.json())["operator"]["operator_id"] == YOU
        headers = {"Origin": both.two.url}
        async with client.ws_connect(f"{both.two.url}/ws", headers=headers) as socket:
            assert (await socket.receive_json(timeout=WAIT_S))["type"] == "snapshot"
        forged = {cookie.key: "forged" for cookie in client.cookie_jar}
        async with aiohttp.ClientSession(cookies=forged) as stranger, stranger.get(f"{both.two.url}/api/v1/session") as answer:
            assert answer.status == 503  # nobody can tell
        async with client.delete(f"{both.one.url}/api/v1/session") as answer:
            assert answer.status == 204
        await until_true(lambda: _is_out(both.two, client))


async def _found(node: Office, call_id: str) -> bool:
    return await node.service.node.neighbours.find_call(call_id) is not None


async def _is_out(node: Office, client: aiohttp.ClientSession) -> bool:
    async with client.get(f"{node.url}/api/v1/session") as answer:
        return answer.status != 200
