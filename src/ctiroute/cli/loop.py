"""Runs a coroutine, or work on the store, on the fastest loop there is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

try:
    import uvloop
except ImportError:  # not on this platform: asyncio's own loop does
    _new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_loop = uvloop.new_event_loop

from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from ctiroute.settings import Settings
    from ctiroute.store.base import Store

T = TypeVar("T")


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run to the end and return the result."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(coroutine)


def with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store of the settings, return the result of the work on it, and close it. Raises `StoreError`."""

    async def do() -> T:
        store = open_store(settings.store_url)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return run(do())
