"""The queue of one screen: in order, bounded, and cut off at the bound."""

from __future__ import annotations

import asyncio
from collections import UserDict
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from ctiroute.model import Customer
from ctiroute.web.limits import WebLimits
from ctiroute.web.screens import Screen, encode
from ctiroute.web.wire import Pong

LIMITS = WebLimits(queue_bytes=100, queue_messages=4)


class Cut:
    """A connection that can be cut, and counts it."""

    def __init__(self) -> None:
        self.times = 0

    def cut(self) -> None:
        """Cut it."""
        self.times += 1


async def test_messages_come_out_in_order_and_the_close_after_them() -> None:
    """A screen that is asked to close still gets what was queued before."""
    screen = Screen("olena", b"", LIMITS, Cut().cut)
    assert screen.offer(b"1")
    assert screen.offer(b"2")
    screen.close(4401, "signed out")
    screen.close(1012, "restart")
    assert [await screen.next() for _ in range(3)] == [b"1", b"2", None]
    assert screen.closing == (4401, "signed out")


@pytest.mark.parametrize("messages", [[b"x"] * 5, [b"x" * 40] * 3, [b"x", b"x" * 101]], ids=["many", "large", "one too large"])
async def test_a_screen_at_its_bound_is_cut_once(messages: list[bytes]) -> None:
    """The message that does not fit ends the connection; what was waiting is dropped, later messages are nobody's."""
    cut = Cut()
    screen = Screen("olena", b"", LIMITS, cut.cut)
    assert [screen.offer(message) for message in messages] == [True] * (len(messages) - 1) + [False]
    assert screen.offer(b"later")
    assert cut.times == 1
    assert await screen.next() is None


async def test_an_idle_screen_takes_a_message_of_any_size() -> None:
    """What one message weighs says nothing about the browser."""
    cut = Cut()
    screen = Screen("olena", b"", LIMITS, cut.cut)
    assert screen.offer(b"x" * 1000)
    assert await screen.next() == b"x" * 1000
    assert cut.times == 0


async def test_room_comes_back_as_messages_are_sent() -> None:
    """The bound is on what waits, not on what was ever sent."""
    cut = Cut()
    screen = Screen("olena", b"", LIMITS, cut.cut)
    for _ in range(50):
        assert screen.offer(b"x" * 90)
        assert await screen.next() == b"x" * 90
    assert cut.times == 0


async def test_the_writer_sleeps_until_there_is_something() -> None:
    """Waiting ends with a message, and with the wish to close."""
    screen = Screen("olena", b"", LIMITS, Cut().cut)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(screen.next(), name="next")
        await asyncio.sleep(0)
        assert not waiting.done()
        screen.offer(b"1")
        assert await waiting == b"1"
        waiting = tasks.create_task(screen.next(), name="next")
        await asyncio.sleep(0)
        screen.close(1000, "")
        assert await waiting is None


def test_any_mapping_is_an_object_on_the_wire() -> None:
    """Attributes may stand in a read-only view; what has no place on the wire is a bug and says so."""
    pong = Pong(datetime(2026, 3, 2, tzinfo=UTC))
    assert encode(pong) == b'{"server_time":"2026-03-02T00:00:00Z","type":"pong","v":1}'
    for attributes in (MappingProxyType({"city": "Lviv"}), UserDict({"city": "Lviv"})):
        assert b'"attributes":{"city":"Lviv"}' in encode(Customer("c1", "Olena", attributes=attributes))  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        encode(object())  # type: ignore[arg-type]
