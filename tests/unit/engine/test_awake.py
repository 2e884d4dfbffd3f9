"""The clock by which others are judged: our own absence does not count."""

from __future__ import annotations

import asyncio
import time

import pytest

from ctiroute.engine.awake import BEAT_S, LAST_BEATS, MOST_S, AwakeClock
from tests.unit.engine.virtual_time import run


def test_while_the_loop_turns_it_goes_like_any_clock() -> None:
    """Seconds are seconds, whether it is asked often, seldom, or after a long time."""

    async def scenario() -> None:
        clock = AwakeClock()
        began = clock.time()
        for wait_s in (0.01, 0.3, LAST_BEATS * BEAT_S - 0.5, 600.0, 0.2):
            before = clock.time()
            await asyncio.sleep(wait_s)
            assert clock.time() - before == pytest.approx(wait_s, abs=2e-3)
        assert clock.time() > began + 600
        clock.close()

    run(scenario())


async def test_a_program_that_was_kept_from_running_has_not_waited() -> None:
    """After a stall of half a second it has moved by a tenth at most, asked at once or later."""
    clock = AwakeClock()
    before = clock.time()
    time.sleep(0.5)  # noqa: ASYNC251 - the stall
    assert clock.time() - before <= MOST_S + 0.01
    await asyncio.sleep(BEAT_S)  # real time is what is measured
    assert clock.time() - before < 0.35
    clock.close()
    clock.close()
