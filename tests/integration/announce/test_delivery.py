"""Webhooks to a real receiver, out of a real outbox: exactly once as it sees it, in order, whatever it does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app.tasks import Tasks
from ctiroute.connectors.announce import courier as couriers
from ctiroute.connectors.announce.courier import Courier
from ctiroute.connectors.announce.metrics import AnnounceMetrics
from ctiroute.connectors.announce.outbox import Outbox
from ctiroute.connectors.announce.sending import MAX_WAIT_S
from ctiroute.connectors.announce.signature import verify
from ctiroute.model import Announcement, DeliveryState
from ctiroute.settings import WebhookSettings
from ctiroute.store import open_store
from tests.real.receiver import OK, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ctiroute.store.base import Store
    from tests.real.receiver import Receiver

SECRET = "0123456789abcdef-of-a-test"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DRAIN_S = 5.0
UNWELL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nsorry"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pauses take milliseconds: their length is the business of unit tests."""
    monkeypatch.setattr(couriers, "FIRST_S", 0.02)
    monkeypatch.setattr(couriers, "LAST_S", 0.05)
    monkeypatch.setattr(couriers, "LOOK_S", 0.02)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an open, empty store."""
    opened = open_store(f"sqlite://{tmp_path / 'ctiroute.db'}")
    await opened.open()
    yield opened
    await opened.close()


def webhook(receiver: Receiver, **fields: object) -> WebhookSettings:
    """Return the settings of a webhook that leads to a receiver."""
    return replace(WebhookSettings("mailer", receiver.url, secret=SECRET, timeout_s=2.0), **fields)  # type: ignore[arg-type] # by name


def announcement(number: int, key: str = "touch:t-1") -> Announcement:
    """Return something to tell."""
    return Announcement("touch.answered", f"e-{number}", key, AT, {"number": number, "text": "“Осінь” <b>=1+1</b>"}, ("t-1",))


@asynccontextmanager
async def delivering(store: Store, *settings: WebhookSettings, nodes: int = 1) -> AsyncIterator[Outbox]:
    """Deliver while the block runs; give what announces."""
    outbox, metrics = Outbox(store, settings), AnnounceMetrics(CollectorRegistry())
    tasks, started = Tasks(), []
    for each in settings:
        for node in range(nodes):
            rng = Random(node)  # noqa: S311 - the same each time
            courier = Courier(each, store, outbox.news[each.name], metrics, lambda: datetime.now(UTC), rng)
            started.append(courier)
            tasks.start(courier.run(), f"courier {node}", lasting=True)
    try:
        yield outbox
    finally:
        await asyncio.gather(*(courier.drain(DRAIN_S) for courier in started))  # as the service ends
        await tasks.cancel()
        assert not tasks.broken


async def settled(store: Store, **states: int) -> None:
    """Wait until so many deliveries stand so."""
    async with asyncio.timeout(10):
        while True:
            counted = {state: len(await store.get_deliveries(state=DeliveryState(state), limit=500)) for state in states}
            if counted == states:
                return
            await asyncio.sleep(0.01)  # the store tells nobody of its changes


async def test_a_receiver_that_fails_twice_hears_of_an_event_once(store: Store) -> None:
    """It said no twice and then yes: as it counts by event id, exactly once; each attempt is signed for its own time."""
    async with receiving(UNWELL, UNWELL) as receiver, delivering(store, webhook(receiver)) as outbox:
        await outbox.announce(announcement(1))
        await receiver.got(requests=3, taken=1)
        await settled(store, delivered=1, waiting=0, dead=0)
    assert [each.event_id for each in receiver.taken] == ["e-1"]
    assert {each.body for each in receiver.requests} == {receiver.taken[0].body}
    assert [each.headers["ctiroute-attempt"] for each in receiver.requests] == ["1", "2", "3"]
    assert receiver.taken[0].document == {
        "id": "e-1",
        "type": "touch.answered",
        "at": "2026-03-01T12:00:00Z",
        "key": "touch:t-1",
        "data": {"number": 1, "text": "“Осінь” <b>=1+1</b>"},
    }
    for each in receiver.requests:
        assert verify(SECRET, each.headers["ctiroute-signature"], each.body, datetime.now(UTC).timestamp())
        assert not verify(SECRET, each.headers["ctiroute-signature"], each.body + b" ", datetime.now(UTC).timestamp())
        assert (each.headers["ctiroute-event"], each.headers["ctiroute-event-id"]) == ("touch.answered", "e-1")
        assert SECRET not in str(each.headers)


async def test_a_restart_in_between_loses_and_repeats_nothing(store: Store) -> None:
    """What was announced stands in the store, with how often it was tried."""
    async with receiving(*[UNWELL] * 1000) as receiver:
        async with delivering(store, webhook(receiver)) as outbox:
            await outbox.announce(announcement(1))
            await receiver.got(requests=2)
            await settled(store, waiting=1)
        receiver.answers.clear()
        async with delivering(store, webhook(receiver)) as outbox:
            await outbox.announce(announcement(1), announcement(2))
            await receiver.got(taken=2)
            await settled(store, delivered=2)
    assert [each.event_id for each in receiver.taken] == ["e-1", "e-2"]


async def test_several_nodes_tell_each_event_once_and_in_the_order_of_its_key(store: Store) -> None:
    """A hundred events of ten matters, three nodes, a receiver that fails now and then."""
    rng = Random(7)  # noqa: S311 - the same each time
    answers = [UNWELL if rng.random() < 0.1 else OK for _ in range(120)]
    async with receiving(*answers) as receiver, delivering(store, webhook(receiver), nodes=3) as outbox:
        for number in range(100):
            await outbox.announce(announcement(number, f"touch:{number % 10}"))
        await receiver.got(taken=100, timeout_s=30)
        await settled(store, waiting=0, dead=0, delivered=100)
    numbers = [each.document["data"]["number"] for each in receiver.taken]
    assert sorted(numbers) == list(range(100))
    for key in range(10):
        assert [number for number in numbers if number % 10 == key] == list(range(key, 100, 10))


async def test_each_webhook_hears_of_what_it_asked_for(store: Store) -> None:
    """Patterns choose; one receiver that is away holds nobody else up."""
    async with receiving() as one, receiving(*[UNWELL] * 1000) as away:
        settings = (
            replace(webhook(one), name="one", events=("call.*",)),
            replace(webhook(away), name="away"),
        )
        async with delivering(store, *settings) as outbox:
            await outbox.announce(
                announcement(1), replace(announcement(2), kind="call.ended"), replace(announcement(3), kind="callback.placed")
            )
            await one.got(taken=1)
            await away.got(requests=2)
    assert [each.event_id for each in one.taken] == ["e-2"]


async def test_what_is_refused_for_good_is_given_up_at_once_and_can_be_replayed(store: Store) -> None:
    """A body that is wrong in the receiver's eyes holds up nothing behind it; when the receiver was mended, it is told anew."""
    said = b"no such touch\x1b[2J \xff\r\n at all"
    refusal = b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said)
    async with receiving(refusal) as receiver, delivering(store, webhook(receiver)) as outbox:
        await outbox.announce(announcement(1), announcement(2))
        await settled(store, dead=1, delivered=1)
        (dead,) = await store.get_deliveries(state=DeliveryState.DEAD)
        assert (dead.event_id, dead.attempts, dead.status) == ("e-1", 1, 422)
        assert dead.error.startswith("422 Unprocessable Content: no such touch [2J")
        assert dead.error.isprintable()
        await store.replay_deliveries([dead.delivery_id], None, datetime.now(UTC))
        await receiver.got(taken=2)
    assert [each.event_id for each in receiver.taken] == ["e-2", "e-1"]


async def test_attempts_are_bounded(store: Store) -> None:
    """A receiver that never comes back leaves a list, not a queue for ever."""
    async with receiving(*[UNWELL] * 100) as receiver, delivering(store, webhook(receiver, attempts=3)) as outbox:
        await outbox.announce(announcement(1))
        await settled(store, dead=1, waiting=0)
    assert len(receiver.requests) == 3
    (dead,) = await store.get_deliveries()
    assert dead.error == "503 Service Unavailable: sorry"


async def hang(writer: asyncio.StreamWriter) -> None:
    """Say nothing, until the other side goes."""
    del writer
    await asyncio.Event().wait()


async def cut(writer: asyncio.StreamWriter) -> None:
    """Reset the connection in the middle of an answer."""
    writer.write(b"HTTP/1.1 200 O")
    await writer.drain()
    writer.transport.abort()


async def gush(writer: asyncio.StreamWriter) -> None:
    """Take the event, and answer with more than anybody can keep."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()


async def fail_at_length(writer: asyncio.StreamWriter) -> None:
    """Fail, and explain it without end."""
    writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 9999999999\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()


async def name_without_end(writer: asyncio.StreamWriter) -> None:
    """Answer with headers that do not end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + b"y" * 4000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("answer", [hang, cut, fail_at_length, name_without_end])
async def test_a_receiver_that_misbehaves_is_bounded_and_asked_again(store: Store, answer: object) -> None:
    """It hangs, breaks off, or answers gigabytes: an attempt ends in its time, and the next one is made."""
    async with (
        receiving(answer) as receiver,  # type: ignore[arg-type] # a callable answer
        delivering(store, webhook(receiver, timeout_s=0.5)) as outbox,
    ):
        began = asyncio.get_running_loop().time()
        await outbox.announce(announcement(1))
        await receiver.got(taken=1)
        assert asyncio.get_running_loop().time() - began < 5
        await settled(store, delivered=1)
    assert [each.event_id for each in receiver.taken] == ["e-1"]


async def test_whoever_takes_an_event_and_talks_on_is_not_listened_to(store: Store) -> None:
    """A yes is a yes with its status line; the gigabytes after it are left unread."""
    async with receiving(gush) as receiver, delivering(store, webhook(receiver)) as outbox:
        await outbox.announce(announcement(1))
        await settled(store, delivered=1)
        assert len(receiver.requests) == 1


async def test_a_redirection_is_not_followed(store: Store) -> None:
    """A receiver that was taken over cannot send us to an address inside the company's network."""
    async with receiving() as inside:
        moved = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n".encode()
        async with receiving(moved, moved) as receiver, delivering(store, webhook(receiver, attempts=2)) as outbox:
            await outbox.announce(announcement(1))
            await settled(store, dead=1)
        assert inside.requests == []
    (dead,) = await store.get_deliveries()
    assert "redirections are not followed" in dead.error


async def test_retry_after_is_heeded_within_bounds(store: Store) -> None:
    """A receiver under load is left alone for as long as it asks, an hour at most."""
    busy = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 99999\r\nContent-Length: 0\r\n\r\n"
    async with receiving(busy) as receiver, delivering(store, webhook(receiver)) as outbox:
        await outbox.announce(announcement(1), announcement(2, "touch:other"))
        await receiver.got(requests=1)
        async with asyncio.timeout(10):
            while not (tried := [each for each in await store.get_deliveries() if each.status == 429]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # the store tells nobody of its changes
    assert tried[0].due_at is not None
    assert timedelta(seconds=MAX_WAIT_S - 60) < tried[0].due_at - datetime.now(UTC) <= timedelta(seconds=MAX_WAIT_S)


async def garbage(writer: asyncio.StreamWriter) -> None:
    """Answer in another language."""
    writer.write(b"220 smtp.example.com ESMTP\r\n")
    await writer.drain()


async def test_neither_secret_nor_token_is_told_to_anybody(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A url may hold a token behind the host: whatever goes wrong, it stands in no list and no log."""
    caplog.set_level("DEBUG", "ctiroute")
    async with receiving(garbage, cut, UNWELL) as receiver:
        closed = WebhookSettings("closed", "http://127.0.0.1:9/token-in-the-path", secret=SECRET, attempts=2)
        odd = webhook(receiver, name="odd", url=f"{receiver.url}?token=token-in-the-query", attempts=3)
        async with delivering(store, closed, odd) as outbox:
            await outbox.announce(announcement(1))
            await settled(store, dead=2)
    said = caplog.text + str([each.error for each in await store.get_deliveries()])
    assert "not HTTP" in said
    assert "Cannot connect" in said
    assert "token-in" not in said
    assert SECRET not in said
