"""Records are written behind the calls' backs, on a real embedded store."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app import recorder as recorder_module
from ctiroute.app.recorder import Recorder, merged
from ctiroute.model import CallRecord, MissedCall, Outcome, WrapUp
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from ctiroute.store.base import Store

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Return an open store of its own."""
    opened = open_store(f"sqlite://{tmp_path / 'ctiroute.db'}")
    await opened.open()
    yield opened
    await opened.close()


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[None]:
    """Run a recorder for the time of a block."""
    task = asyncio.get_running_loop().create_task(recorder.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_call_is_kept_with_its_snapshot_and_merged(store: Store) -> None:
    """What the engine knows and what the desk learns become one record."""
    recorder = Recorder(store, CollectorRegistry(), lambda call_id: b"{}" if call_id == "a:1" else None)
    async with running(recorder):
        recorder.record(CallRecord("a:1", pbx="a", caller_raw="067", received_at=NOW, queue="promo"), with_snapshot=True)
        recorder.record(CallRecord("a:1", outcome=Outcome.ANSWERED, operator_id="olena"))
        await asyncio.wait_for(recorder.written(), 5)
    kept = await store.get_call("a:1")
    assert kept is not None
    assert (kept.queue, kept.outcome, kept.operator_id, kept.snapshot) == ("promo", Outcome.ANSWERED, "olena", b"{}")


async def test_missed_calls_and_notes_are_kept(store: Store) -> None:
    """The lists of screens survive a restart."""
    recorder = Recorder(store, CollectorRegistry(), lambda _: None)
    recorder.missed(MissedCall("p1", "olena", "a:1", "+380 67", "", "", NOW, 18.0))
    recorder.note(WrapUp("a:1", "olena", "will call back", NOW))
    assert await recorder.flush(5)
    assert [call.pop_id for call in await store.missed_since("olena", NOW)] == ["p1"]


async def test_a_file_about_to_be_forgotten_is_worded_first(store: Store) -> None:
    """A short call keeps its context although the desk forgot it before the record was written."""
    files: dict[str, bytes] = {"a:1": b'{"kept":1}'}
    recorder = Recorder(store, CollectorRegistry(), files.get)
    recorder.record(CallRecord("a:1", pbx="a", received_at=NOW), with_snapshot=True)
    recorder.settle("a:1")
    files.clear()
    assert await recorder.flush(5)
    kept = await store.get_call("a:1")
    assert kept is not None
    assert kept.snapshot == b'{"kept":1}'


async def test_records_wait_for_a_store_that_is_away(store: Store, tmp_path: Path) -> None:
    """A store that is away costs patience, not records; they are written when it is back, newest values on top."""
    await store.close()
    recorder = Recorder(store, CollectorRegistry(), lambda _: None)
    recorder.record(CallRecord("a:1", pbx="a", received_at=NOW, queue="promo"))
    assert not await recorder.flush(0.05)
    assert "records wait" in recorder.fault
    recorder.record(CallRecord("a:1", queue="credit"))
    await store.open()
    assert await recorder.flush(5)
    assert not recorder.fault
    kept = await store.get_call("a:1")
    assert kept is not None
    assert (kept.pbx, kept.queue) == ("a", "credit")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the bound small enough to reach."""
    monkeypatch.setattr(recorder_module, "MAX_WAITING", 2)


async def test_an_overflow_gives_up_the_oldest_and_counts_it(few: None, store: Store) -> None:
    """Memory is bounded, and a loss is never silent."""
    registry = CollectorRegistry()
    recorder = Recorder(store, registry, lambda _: None)
    for number in range(3):
        recorder.record(CallRecord(f"a:{number}", pbx="a", received_at=NOW))
    assert registry.get_sample_value("ctiroute_records_lost_total") == 1
    assert await recorder.flush(5)
    assert await store.get_call("a:0") is None
    assert await store.get_call("a:2") is not None


def test_merging_keeps_what_the_newer_record_does_not_know() -> None:
    """None and empty texts say nothing."""
    older, newer = CallRecord("a:1", pbx="a", queue="promo", decision_ms=0.0), CallRecord("a:1", queue="credit")
    assert merged(older, newer) == CallRecord("a:1", pbx="a", queue="credit", decision_ms=0.0)


async def test_records_that_come_during_a_write_linger_together(store: Store) -> None:
    """However steadily records come, they are written by the handful, not one by one in the wake of the last write."""
    batches: list[int] = []
    recorder = Recorder(store, CollectorRegistry(), lambda _: None)
    write = store.record_calls

    async def record_calls(records: Sequence[CallRecord]) -> None:
        batches.append(len(records))
        recorder.record(CallRecord(f"a:{len(batches)}", pbx="a", received_at=NOW))
        recorder.record(CallRecord(f"b:{len(batches)}", pbx="b", received_at=NOW))
        await write(records)
        if len(batches) == 3:
            enough.set()

    enough = asyncio.Event()
    store.record_calls = record_calls  # type: ignore[method-assign]  # the real one, with ears
    recorder.record(CallRecord("a:0", pbx="a", received_at=NOW))
    began = asyncio.get_running_loop().time()
    async with running(recorder):
        await asyncio.wait_for(enough.wait(), 10)
    assert batches == [1, 2, 2]
    assert asyncio.get_running_loop().time() - began >= 2 * recorder_module.LINGER_S


async def test_nothing_to_flush_needs_no_store(store: Store) -> None:
    """A stop with nothing waiting does not wait for a store that is away."""
    await store.close()
    assert await asyncio.wait_for(Recorder(store, CollectorRegistry(), lambda _: None).flush(5), 1)


async def test_a_note_the_store_refuses_is_given_up_and_costs_no_other(store: Store) -> None:
    """What contradicts the store is dropped and counted; what stands behind it is written."""
    registry = CollectorRegistry()
    recorder = Recorder(store, registry, lambda _: None)
    recorder.missed(MissedCall("p0", "olena", "a:1", "", "", "", NOW, float("nan")))
    recorder.missed(MissedCall("p1", "olena", "a:1", "", "", "", NOW, 18.0))
    assert await recorder.flush(5)
    assert [call.pop_id for call in await store.missed_since("olena", NOW)] == ["p1"]
    assert registry.get_sample_value("ctiroute_records_lost_total") == 1
