"""Rules on trial are asked about every call, act on none, and can break nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app import shadow as shadows
from ctiroute.app.shadow import MAX_WAITING, Overheard, Shadow, ShadowMetrics
from ctiroute.app.shadow_told import gathered
from ctiroute.engine.decide import decide
from ctiroute.model import TRIAL, Status
from ctiroute.store import open_store
from tests.unit.app.history import FIRST, context_of, plain_calls, rules
from tests.unit.app.test_replay import AFTER, BEFORE, by_hand_after, by_hand_before

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ctiroute.model import CallerContext, Decision, RouteRequest
    from ctiroute.store.base import Store

LIVE = rules(BEFORE)
CALLS = plain_calls(400)
WAIT_S = 10.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give an open store."""
    opened = open_store(f"sqlite://{tmp_path / 'ctiroute.db'}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of metrics."""
    return CollectorRegistry()


def on_trial(path: Path, store: Store, registry: CollectorRegistry) -> Shadow:
    """Return a shadow of the rules at a path."""
    return Shadow(
        path, store, ShadowMetrics(registry), "node", lambda: FIRST, lambda version: LIVE if version == LIVE.version else None, dict
    )


@asynccontextmanager
async def running(shadow: Shadow) -> AsyncIterator[None]:
    """Let a shadow run for the time of a block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(shadow.run(), name="shadow")
        try:
            yield
        finally:
            task.cancel()


async def until_asked(shadow: Shadow, calls: int) -> None:
    """Wait until so many calls were asked about."""
    async with asyncio.timeout(WAIT_S):
        while sum(shadow.findings().calls.values()) < calls:  # noqa: ASYNC110 - counts have no event
            await asyncio.sleep(0.005)


def decided() -> list[tuple[CallerContext, Decision]]:
    """Return calls as the live rules decide them."""
    contexts = [context_of(call) for call in CALLS]
    return [(context, decide(context.request, context, LIVE, context.request.received_at, {})) for context in contexts]


async def test_every_difference_is_counted_by_the_two_rules(tmp_path: Path, store: Store, registry: CollectorRegistry) -> None:
    """As a count by hand says; with a few calls of each, their numbers masked; told to the store, and in the metrics."""
    path = tmp_path / "next.yml"
    path.write_text(AFTER, encoding="utf-8")
    shadow = on_trial(path, store, registry)
    await shadow.read()
    async with running(shadow):
        for context, decision in decided():
            shadow.ask(context, decision)
        await until_asked(shadow, len(CALLS))
    moved = sum(by_hand_before(call) != by_hand_after(call) for call in CALLS)
    found = shadow.findings()
    assert found.calls["moved"] == moved
    assert sum(pair.kinds.get("moved", 0) for pair in found.pairs) == moved
    assert {("default", "vip"), ("again", "at-once")} <= {(pair.live, pair.candidate) for pair in found.pairs}
    assert all(0 < len(pair.samples) <= shadows.SAMPLES for pair in found.pairs)
    assert all("•••" in sample.caller for pair in found.pairs for sample, _, _ in pair.samples)
    assert registry.get_sample_value("ctiroute_shadow_calls_total", {"result": "moved"}) == moved
    assert registry.get_sample_value("ctiroute_shadow_good") == 1
    await shadow.tell()
    (trial,) = gathered(await store.get_shadow_reports())
    assert (trial.live, dict(trial.calls)) == (LIVE.version, found.calls)


async def test_a_candidate_with_a_mistake_costs_nothing(tmp_path: Path, store: Store, registry: CollectorRegistry) -> None:
    """It is said with its place; mended, it is asked; broken again, the good one stays."""
    path = tmp_path / "next.yml"
    path.write_text("rules: [{name: a, when: {tuoch: 1}, then: {queue: b}}]\ndefault: {}\n", encoding="utf-8")
    shadow = on_trial(path, store, registry)
    await shadow.read()
    assert "next.yml:1:" in shadow.fault
    assert registry.get_sample_value("ctiroute_shadow_good") == 0
    async with running(shadow):
        shadow.ask(*decided()[0])
        await until_asked(shadow, 1)
        assert shadow.findings().calls == {"unjudged": 1}
        path.write_text(AFTER, encoding="utf-8")
        await shadow.read()
        assert shadow.fault == ""
        path.write_text("rules: [", encoding="utf-8")
        await shadow.read()
        assert shadow.fault
        shadow.ask(*decided()[0])
        async with asyncio.timeout(WAIT_S):
            while not shadow.findings().candidate:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
    assert shadow.findings().candidate == rules(AFTER, str(path)).version


async def test_who_reads_while_another_does_hears_what_comes_of_it(tmp_path: Path, store: Store, registry: CollectorRegistry) -> None:
    """The files are looked at in the background, too."""
    path = tmp_path / "next.yml"
    path.write_text("rules: [", encoding="utf-8")
    shadow = on_trial(path, store, registry)
    await shadow.read()
    path.write_text(AFTER, encoding="utf-8")
    other = asyncio.get_running_loop().create_task(shadow.read(), name="another")
    await asyncio.sleep(0)  # it has begun
    await shadow.read()
    assert shadow.fault == ""
    await other


async def test_a_path_that_is_not_there_is_said(tmp_path: Path, store: Store, registry: CollectorRegistry) -> None:
    """And watched until it comes."""
    shadow = on_trial(tmp_path / "none", store, registry)
    await shadow.read()
    assert "none" in shadow.fault
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.yml").write_text(AFTER, encoding="utf-8")
    await shadow.read()
    assert shadow.fault == ""


async def test_too_many_calls_are_dropped_and_counted(tmp_path: Path, store: Store, registry: CollectorRegistry) -> None:
    """What waits is bounded; trials and failures are no calls."""
    shadow = on_trial(tmp_path / "next.yml", store, registry)
    context, decision = decided()[0]
    for _ in range(MAX_WAITING + 7):
        shadow.ask(context, decision)
    shadow.ask(replace(context, request=replace(context.request, args=(TRIAL,))), decision)
    shadow.ask(context, replace(decision, status=Status.ERROR))
    assert shadow.findings().calls == {"dropped": 7}


async def test_a_failure_while_asking_is_one_call(
    tmp_path: Path, store: Store, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The calls after it are asked about."""
    path = tmp_path / "next.yml"
    path.write_text(AFTER, encoding="utf-8")
    shadow = on_trial(path, store, registry)
    await shadow.read()
    calls = decided()
    monkeypatch.setattr(shadows, "difference", lambda *_: 1 / 0)
    async with running(shadow):
        shadow.ask(*calls[0])
        await until_asked(shadow, 1)
        monkeypatch.undo()
        shadow.ask(*calls[1])
        await until_asked(shadow, 2)
    assert shadow.findings().calls["failed"] == 1
    assert "could not be asked about" in caplog.text


async def test_the_real_ledger_hears_everything_first(tmp_path: Path, store: Store, registry: CollectorRegistry) -> None:
    """Whatever the shadow does."""
    heard: list[str] = []

    class Book:
        def decided(self, context: CallerContext, decision: Decision, took_ms: float) -> None:
            heard.append(f"decided {context.request.call_id} {decision.status} {took_ms}")

        def completed(self, context: CallerContext) -> None:
            heard.append(f"completed {context.request.call_id}")

        def abandoned(self, request: RouteRequest) -> None:
            heard.append(f"abandoned {request.call_id}")

    both = Overheard(Book(), on_trial(tmp_path / "none", store, registry))
    context, decision = decided()[0]
    both.decided(context, decision, 1.0)
    both.completed(context)
    both.abandoned(context.request)
    name = context.request.call_id
    assert heard == [f"decided {name} {decision.status} 1.0", f"completed {name}", f"abandoned {name}"]
