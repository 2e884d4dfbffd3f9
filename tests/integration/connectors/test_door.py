"""The door itself at its bounds: too many at once, bodies that come slowly, packed ones, and anything at all."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ctiroute.connectors.webhook.door import Door, DoorLimits, Hook
from ctiroute.connectors.webhook.mapping import load_mapping
from ctiroute.connectors.webhook.metrics import ConnectorMetrics
from ctiroute.connectors.webhook.ports import Tally
from ctiroute.store.importing import external_touch_id
from tests.integration.connectors.keeping import NOW, WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ctiroute.connectors.webhook.mapping import Brought

MAPPING = """\
about: Notes
body: [json, form]
signature: none
kinds:
  - name: note
    interaction: {id: deal, medium: {text: web}, from: {account: client}, message: {text: note}}
"""
NOTE = {"deal": 1, "client": "C-1", "note": "Hello"}


class Shelf:
    """Keeps in memory; waits when the test says so."""

    def __init__(self) -> None:
        self.brought: list[Brought] = []
        self.go = asyncio.Event()
        self.go.set()
        self.waiting = 0

    async def take(self, brought: Brought) -> Tally:
        """See `Taking`."""
        self.waiting += 1
        await self.go.wait()
        self.brought.append(brought)
        return Tally(taken=len(brought.intakes))


@asynccontextmanager
async def door(shelf: Shelf, limits: DoorLimits | None = None) -> AsyncIterator[str]:
    """Open a door on a free port, and return the address of its hook."""
    hook = Hook("crm", load_mapping(MAPPING, "crm.yml"))
    metrics = ConnectorMetrics(CollectorRegistry())
    app = web.Application()
    app.add_routes(Door([hook], shelf, metrics, lambda: NOW, "UA", external_touch_id, limits).routes())
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/crm"
    finally:
        await runner.cleanup()


async def test_too_many_at_once_are_asked_to_come_again() -> None:
    """Those in hand are finished; calls, which share the process, go first."""
    shelf = Shelf()
    shelf.go.clear()
    async with door(shelf, DoorLimits(at_once=3)) as address, aiohttp.ClientSession() as client:
        async with asyncio.TaskGroup() as tasks:
            first = [tasks.create_task(client.post(address, json={**NOTE, "deal": n}), name=f"post {n}") for n in range(3)]
            async with asyncio.timeout(WAIT_S):
                while shelf.waiting < 3:
                    await client.get(address)  # 405: the door goes on answering
            async with client.post(address, json=NOTE) as refused:
                assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
            shelf.go.set()
        assert [task.result().status for task in first] == [200] * 3
        async with client.post(address, json=NOTE) as answer:
            assert answer.status == 200


async def test_a_store_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    """The vendor is told to come again before it gives up by itself."""
    shelf = Shelf()
    shelf.go.clear()
    async with door(shelf, DoorLimits(take_s=0.1)) as address, aiohttp.ClientSession() as client, client.post(address, json=NOTE) as answer:
        assert answer.status == 503


async def test_a_body_that_comes_slowly_is_given_up() -> None:
    """A byte now and then does not hold a place."""
    shelf = Shelf()
    async with door(shelf, DoorLimits(idle_s=0.1)) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.split(":")[2].split("/")[0]))
        writer.write(b"POST /hooks/crm HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        async with asyncio.timeout(WAIT_S):
            assert b"408" in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert not shelf.brought


async def test_a_packed_body_is_measured_unpacked() -> None:
    """Some kilobytes that become ten megabytes are refused; an honest one is read."""
    shelf = Shelf()
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with door(shelf) as address, aiohttp.ClientSession(headers=packed) as client:
        async with client.post(address, data=gzip.compress(bytes(10 * 1024 * 1024))) as bomb:
            assert bomb.status == 413
        async with client.post(address, data=gzip.compress(json.dumps(NOTE).encode())) as honest:
            assert honest.status == 200
        async with client.post(address, data=b"no gzip at all") as broken:
            assert broken.status == 400
    assert len(shelf.brought) == 1


async def test_a_form_is_read_like_json() -> None:
    """In both of its codings."""
    shelf = Shelf()
    async with door(shelf) as address, aiohttp.ClientSession() as client:
        async with client.post(address, data={"deal": "1", "client": "C-1", "note": "Hello"}) as answer:
            assert answer.status == 200
        form = aiohttp.FormData({"deal": "1", "client": "C-1"})
        form.add_field("note", "Hello", content_type="text/plain")
        async with client.post(address, data=form) as answer:
            assert answer.status == 200
    told = [brought.intakes[0] for brought in shelf.brought]
    assert [(one.external_id, one.event.text if one.event else "") for one in told] == [("1", "Hello"), ("1", "Hello")]


KINDS = ("application/json", "multipart/form-data; boundary=b", "text/plain", "application/x-www-form-urlencoded")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=400),
    st.sampled_from(["application/json", "multipart/form-data; boundary=b", "text/plain", "application/x-www-form-urlencoded"]),
)
def test_whatever_is_posted_has_an_answer(body: bytes, kind: str) -> None:
    """Never a 500."""

    async def post() -> int:
        async with (
            door(Shelf()) as address,
            aiohttp.ClientSession() as client,
            client.post(address, data=body, headers={"Content-Type": kind}) as answer,
        ):
            return answer.status

    assert asyncio.run(post()) in {200, 400}


def test_a_secret_is_not_shown() -> None:
    """Not even in a traceback."""
    assert "s3cret" not in repr(Hook("crm", load_mapping(MAPPING, "crm.yml"), "s3cret", "s3cret"))
