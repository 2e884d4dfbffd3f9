"""The websocket as a browser meets it: snapshot, pushes in order, answers, presence, and an end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.model import Role
from ctiroute.web.limits import WebLimits
from ctiroute.web.live import CHANGED, FAILED, RESTART, SIGNED_OUT
from ctiroute.web.wire import SwitchMessage, SwitchState
from tests.integration.web.house import T0, WAIT_S, closed, house, pop_of, receive, ring

if TYPE_CHECKING:
    from pathlib import Path

QUICK = WebLimits(recheck_s=0.02, directory_s=0)


async def test_the_first_message_is_the_snapshot(tmp_path: Path) -> None:
    """A browser that connects mid-ring reads the ringing pop at once."""
    async with house(tmp_path) as here:
        operator = await here.add("olena", extension="1001")
        here.floor.pops["olena"] = [pop_of("olena", "p1", revision=3)]
        tab = await here.tab(await here.signed_in("olena"))
        first = await receive(tab)
        assert (first["type"], first["v"]) == ("snapshot", 1)
        assert first["operator"]["extension"] == operator.extension
        assert [(pop["offer"]["pop_id"], pop["offer"]["revision"]) for pop in first["pops"]] == [("p1", 3)]


async def test_pushes_arrive_in_order_behind_the_snapshot(tmp_path: Path) -> None:
    """What is pushed while the snapshot is being taken waits behind it, and nothing is left out."""
    async with house(tmp_path) as here:
        await here.add("olena")
        here.floor.snapshots_open.clear()
        tab = await here.tab(await here.signed_in("olena"))
        async with asyncio.timeout(WAIT_S):
            await here.floor.asked.wait()
        for revision in (1, 2):
            assert here.server.screens.push("olena", ring("olena", "p1", revision=revision)) == 1
        here.floor.snapshots_open.set()
        here.server.screens.push("olena", ring("olena", "p1", revision=3))
        assert (await receive(tab))["type"] == "snapshot"
        assert [(await receive(tab))["pop"]["offer"]["revision"] for _ in range(3)] == [1, 2, 3]


async def test_a_push_reaches_every_tab_of_its_operator_and_nobody_else(tmp_path: Path) -> None:
    """Two tabs in two browsers show the pop; a colleague's screen gets only what is for everybody."""
    async with house(tmp_path) as here:
        await here.add("olena")
        await here.add("taras")
        tabs = [await here.tab(await here.signed_in("olena")) for _ in range(2)]
        colleague = await here.tab(await here.signed_in("taras"))
        for tab in (*tabs, colleague):
            assert (await receive(tab))["type"] == "snapshot"
        assert here.server.screens.push("olena", ring("olena", "p1")) == 2
        assert here.server.screens.broadcast(SwitchMessage(SwitchState("pbx", up=False, since=T0.astimezone(UTC)))) == 3
        for tab in tabs:
            assert [(await receive(tab))["type"] for _ in range(2)] == ["pop", "switch"]
        assert (await receive(colleague))["type"] == "switch"


async def test_a_push_to_nobody_is_counted(tmp_path: Path) -> None:
    """An operator whose phone rings while no browser is connected shows in the metrics."""
    async with house(tmp_path) as here:
        assert here.server.screens.push("olena", ring("olena", "p1")) == 0
        assert here.metric("ctiroute_web_undelivered_total", type="pop") == 1


async def test_presence_is_the_first_and_the_last_tab(tmp_path: Path) -> None:
    """An operator comes with his first tab and leaves with his last, whatever happens in between."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        first, second = await here.tab(client), await here.tab(client)
        for tab in (first, second):
            await receive(tab)
        assert here.metric("ctiroute_web_browsers") == 2
        await first.close()
        await here.floor.until(lambda: here.server.screens.connected("olena") == 1)
        assert here.floor.presence == [("came", "olena")]
        await second.close()
        await here.floor.until(lambda: len(here.floor.presence) == 2)
        assert here.floor.presence == [("came", "olena"), ("left", "olena")]
        assert here.metric("ctiroute_web_browsers") == 0


async def test_acks_and_notes_reach_the_floor_in_the_operators_own_name(tmp_path: Path) -> None:
    """Whose message it is follows from the session; a message cannot say otherwise."""
    async with house(tmp_path) as here:
        await here.add("olena")
        here.floor.pops["olena"] = [pop_of("olena", "p1")]
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        await tab.send_json({"type": "ack", "pop_id": "p1", "revision": 1, "stage": "seen"})
        await tab.send_json({"type": "note", "pop_id": "p1", "text": "asks for 12 months"})
        await tab.send_json({"type": "choose", "pop_id": "p1", "customer_id": "c7"})
        await tab.send_json({"type": "ping"})
        answer = await receive(tab)
        assert (answer["type"], answer["server_time"]) == ("pong", "2026-03-02T09:00:00Z")
        assert here.floor.heard == [
            ("olena", "ack", "p1", "seen"),
            ("olena", "note", "p1", "asks for 12 months"),
            ("olena", "choose", "p1", "c7"),
        ]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    "message",
    [
        {"type": "note", "pop_id": "theirs", "text": "mine now"},
        {"type": "choose", "pop_id": "theirs", "customer_id": "c1"},
    ],
    ids=lambda message: message["type"],
)
async def test_nobody_writes_to_a_pop_of_somebody_else(tmp_path: Path, role: Role, message: dict[str, str]) -> None:
    """No role may note or choose on another operator's pop; the refusal says so."""
    async with house(tmp_path) as here:
        await here.add("taras", role=role)
        here.floor.pops["olena"] = [pop_of("olena", "theirs")]
        tab = await here.tab(await here.signed_in("taras"))
        await receive(tab)
        await tab.send_json(message)
        answer = await receive(tab)
        assert (answer["type"], answer["code"]) == ("error", "not-yours")
        assert [entry[0] for entry in here.floor.heard] == ["taras"]


async def test_signing_out_closes_every_tab_of_that_browser(tmp_path: Path) -> None:
    """Both tabs close with the code that shows the sign-in; another browser of the same operator stays."""
    async with house(tmp_path) as here:
        await here.add("olena")
        client, other = await here.signed_in("olena"), await here.signed_in("olena")
        tabs = [await here.tab(client) for _ in range(2)]
        stays = await here.tab(other)
        await receive(stays)
        async with client.delete("/api/v1/session", headers=here.headers) as answer:
            assert answer.status == 204
        assert [await closed(tab) for tab in tabs] == [SIGNED_OUT, SIGNED_OUT]
        here.server.screens.push("olena", ring("olena", "p1"))
        assert (await receive(stays))["type"] == "pop"


async def test_a_session_that_expires_closes_its_screen(tmp_path: Path) -> None:
    """A screen left open over night does not outlive its session."""
    async with house(tmp_path, limits=QUICK) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        here.clock.move(13 * 3600)
        assert await closed(tab) == SIGNED_OUT


async def test_sessions_ended_elsewhere_close_their_screens(tmp_path: Path) -> None:
    """Another process on the same store may end all sessions of an operator."""
    async with house(tmp_path, limits=QUICK) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        await here.store.drop_sessions(operator_id="olena")
        assert await closed(tab) == SIGNED_OUT
        assert here.metric("ctiroute_web_closes_total", reason="session") == 1


async def test_a_store_that_is_away_signs_nobody_out(tmp_path: Path) -> None:
    """While sessions cannot be looked up the screens stay and get their pops; afterwards the ended ones close."""
    async with house(tmp_path, limits=QUICK) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        asked = 0
        find = here.store.get_session

        async def away(token_hash: bytes, now: datetime) -> str | None:
            nonlocal asked
            asked += 1
            raise StoreUnavailable("away")

        here.store.get_session = away  # type: ignore[method-assign]
        await here.floor.until(lambda: asked > 3)
        here.server.screens.push("olena", ring("olena", "p1"))
        assert (await receive(tab))["type"] == "pop"
        here.store.get_session = find  # type: ignore[method-assign]
        await here.store.drop_sessions(operator_id="olena")
        assert await closed(tab) == SIGNED_OUT


async def test_a_changed_role_closes_the_screen(tmp_path: Path) -> None:
    """An operator whose role was taken away comes back with what he may see now."""
    async with house(tmp_path, limits=QUICK) as here:
        await here.add("olena", role=Role.SUPERVISOR)
        client = await here.signed_in("olena")
        tab = await here.tab(client)
        assert (await receive(tab))["operator"]["role"] == "supervisor"
        await here.add("olena", role=Role.OPERATOR)
        assert await closed(tab) == CHANGED
        assert (await receive(await here.tab(client)))["operator"]["role"] == "operator"


async def test_a_restart_tells_the_browsers_to_come_back(tmp_path: Path) -> None:
    """Stopping closes each screen with the code for a restart, after what was queued; sessions survive in the store."""
    async with house(tmp_path) as here:
        await here.add("olena")
        tab = await here.tab(await here.signed_in("olena"))
        await receive(tab)
        here.server.screens.push("olena", ring("olena", "p1"))
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(here.server.stop(), name="stop")
            assert (await receive(tab))["type"] == "pop"
            assert await closed(tab) == RESTART
        assert stopping.done()
        assert here.floor.presence[-1] == ("left", "olena")


async def test_a_floor_that_cannot_answer_closes_the_screen(tmp_path: Path) -> None:
    """Without a snapshot a screen would lie by omission: the browser is told to come back."""
    async with house(tmp_path, limits=WebLimits(snapshot_s=0.01)) as here:
        await here.add("olena")
        here.floor.snapshots_open.clear()
        tab = await here.tab(await here.signed_in("olena"))
        assert await closed(tab) == FAILED
        await here.floor.until(lambda: here.floor.presence[-1:] == [("left", "olena")])


async def test_a_whole_floor_reconnects(tmp_path: Path) -> None:
    """Sixty browsers at once all have their snapshot; only a bounded number is taken at the same time."""
    limits = WebLimits()
    async with house(tmp_path, limits=limits) as here:
        names = [f"op{number}" for number in range(12)]
        for name in names:
            await here.add(name)
        clients = [await here.signed_in(name) for name in names]
        here.floor.snapshots_open.clear()
        tabs = [await here.tab(client) for client in clients for _ in range(5)]
        here.floor.snapshots_open.set()
        assert {(await receive(tab))["type"] for tab in tabs} == {"snapshot"}
        assert here.floor.most_taking == limits.snapshots


async def test_an_operator_has_a_bounded_number_of_tabs(tmp_path: Path) -> None:
    """A page that connects in a loop stops at the bound."""
    async with house(tmp_path, limits=WebLimits(tabs=2)) as here:
        await here.add("olena")
        client = await here.signed_in("olena")
        tabs = [await here.tab(client) for _ in range(2)]
        for tab in tabs:
            await receive(tab)
        async with client.get("/ws", headers={"Origin": here.url, "Connection": "Upgrade", "Upgrade": "websocket"}) as answer:
            assert answer.status == 429
            assert (await answer.json(content_type=None))["type"] == "urn:ctiroute:problem:too-many-tabs"
