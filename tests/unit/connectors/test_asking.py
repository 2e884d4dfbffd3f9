"""A source that is asked for ever: waits, faults, what health says, the end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.connectors.asking import Asking, SourceRefused
from ctiroute.connectors.webhook.metrics import ConnectorMetrics
from ctiroute.errors import LinkError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Scripted:
    """Answers in the order of a script, then never again."""

    name = "scripted"

    def __init__(self, script: Sequence[Exception | float]) -> None:
        self._script = list(script)
        self.over = asyncio.Event()
        self.closed = 0

    async def ask(self) -> float:
        """Do what comes next."""
        if not self._script:
            self.over.set()
            await asyncio.Event().wait()
        done = self._script.pop(0)
        if isinstance(done, Exception):
            raise done
        return done

    async def close(self) -> None:
        """Count."""
        self.closed += 1


async def asked(script: Sequence[Exception | float], refused_s: float = 0.0) -> tuple[Asking, Scripted, CollectorRegistry]:
    """Ask until the script is over, then end it."""
    source, registry = Scripted(script), CollectorRegistry()
    rng = Random(1)  # noqa: S311 - spreads waits
    asking = Asking(source, ConnectorMetrics(registry), lambda: NOW, rng, first_s=0.001, longest_s=0.002, refused_s=refused_s)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(asking.run(), name="asking")
        await source.over.wait()
        task.cancel()
    return asking, source, registry


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SourceRefused("mend it"), "mend it"),
        (LinkError("is away"), "is away"),
        (StoreUnavailable("disk full"), "what came could not be kept, and is asked for again: disk full"),
        (TimeoutError(), "what came could not be kept in time, and is asked for again"),
        (KeyError("x"), "it broke: KeyError; the log has the details"),
    ],
)
async def test_a_fault_is_said_and_it_is_asked_again(error: Exception, said: str) -> None:
    """Whatever it is; the connection is let go of, so that the next try begins anew."""
    asking, source, registry = await asked([0.0, error])
    assert (asking.state.up, asking.state.detail) == (False, said)
    assert source.closed == 2  # after the fault, and at the end
    assert registry.get_sample_value("ctiroute_connector_up", {"connector": "scripted"}) == 0


async def test_a_source_that_is_back_is_heard() -> None:
    """Health forgets what was."""
    asking, _, registry = await asked([LinkError("is away"), 0.0])
    assert asking.state.up
    assert registry.get_sample_value("ctiroute_connector_up", {"connector": "scripted"}) == 1


async def test_who_is_refused_is_not_asked_soon() -> None:
    """Providers lock accounts that are tried too often."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asked([SourceRefused("wrong password"), 0.0], refused_s=60.0)
