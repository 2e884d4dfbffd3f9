"""Background work is held, named, logged when it breaks, and ended at the stop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ctiroute.app.tasks import Tasks

if TYPE_CHECKING:
    import pytest


async def test_one_that_breaks_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """A broken task is logged by its name, the others go on, and the stop waits until they have cleaned up."""
    tasks, cleaned = Tasks(), list[str]()

    async def breaks() -> None:
        raise ValueError("no luck")

    async def holds() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("done")

    with caplog.at_level(logging.ERROR):
        broken, held = tasks.start(breaks(), "the breaker"), tasks.start(holds(), "the holder")
        await asyncio.wait([broken])
        await asyncio.sleep(0)
    assert "the breaker broke" in caplog.text
    assert "no luck" in caplog.text
    assert not held.done()
    await tasks.cancel()
    assert (held.cancelled(), cleaned) == (True, ["done"])
    await tasks.cancel()
    assert "the holder" not in caplog.text
