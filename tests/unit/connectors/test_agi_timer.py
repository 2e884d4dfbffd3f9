"""One timer for many equal waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctiroute.connectors.asterisk.agi_timer import FifoTimer

if TYPE_CHECKING:
    import pytest


async def test_each_fires_once_at_its_time_and_in_order() -> None:
    """Items fire in the order they came, not before their time; what was let go does not fire."""
    loop = asyncio.get_running_loop()
    fired: list[tuple[str, float]] = []
    done = asyncio.Event()

    def fire(item: str) -> None:
        fired.append((item, loop.time()))
        if item == "c":
            done.set()

    timer = FifoTimer[str](loop, 0.05, fire)
    began = loop.time()
    timer.add("a", began)
    timer.add("gone", began)
    await asyncio.sleep(0.02)  # real time is what is measured
    timer.add("b", loop.time())
    timer.add("c", loop.time())
    timer.discard("gone")
    timer.discard("never there")
    async with asyncio.timeout(2):
        await done.wait()
    assert [item for item, _ in fired] == ["a", "b", "c"]
    assert fired[0][1] - began >= 0.045
    assert fired[1][1] - began >= 0.065
    timer.close()


async def test_firing_one_may_end_another() -> None:
    """An item that another one's firing lets go does not fire."""
    fired: list[str] = []
    done = asyncio.Event()

    def fire(item: str) -> None:
        fired.append(item)
        timer.discard("b")
        done.set()

    timer = FifoTimer[str](asyncio.get_running_loop(), 0.01, fire)
    now = asyncio.get_running_loop().time()
    timer.add("a", now)
    timer.add("b", now)
    async with asyncio.timeout(2):
        await done.wait()
    assert fired == ["a"]
    timer.close()
    timer.close()


async def test_one_that_breaks_costs_no_other_its_deadline(caplog: pytest.LogCaptureFixture) -> None:
    """What befalls one session is logged; the others fire in their time, later ones, too."""
    fired: list[str] = []
    done = asyncio.Event()

    def fire(item: str) -> None:
        if item == "a":
            raise RuntimeError("bug")
        fired.append(item)
        if item == "c":
            done.set()

    loop = asyncio.get_running_loop()
    timer = FifoTimer[str](loop, 0.01, fire)
    now = loop.time()
    timer.add("a", now)
    timer.add("b", now)
    timer.add("c", now + 0.02)
    async with asyncio.timeout(2):
        await done.wait()
    assert fired == ["b", "c"]
    assert "could not be carried out" in caplog.text
    timer.close()
