"""Runs a coroutine on the fastest loop there is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

try:
    import uvloop
except ImportError:  # not on this platform: asyncio's own loop does
    _new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_loop = uvloop.new_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run to the end and return the result."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(coroutine)
