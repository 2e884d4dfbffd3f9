"""Learning why people call, step by step, from what a store holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app.call_files import CallFile, to_bytes
from ctiroute.app.reason_learning import LAG, learn, learn_some
from ctiroute.app.reasons import ReasonKeeper
from ctiroute.model import (
    UNKNOWN,
    Caller,
    CallerContext,
    CallRecord,
    Identifier,
    IdentifierKind,
    Medium,
    OfferTerms,
    RouteRequest,
    Status,
    Touch,
    TouchStatus,
)
from ctiroute.reasons import PRIORS
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
PHONE = "+380671234567"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Open a store with a touch of ten days ago."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    await store.put_touches([touch(NOW - timedelta(days=10))])
    yield store
    await store.close()


def touch(sent_at: datetime) -> Touch:
    """Return a touch to the caller."""
    identifier = Identifier(IdentifierKind.PHONE, PHONE)
    return Touch("t1", "autumn-sms", "", Medium.SMS, identifier, sent_at, TouchStatus.SENT, OfferTerms())


def call(at: datetime, *touches: Touch) -> CallRecord:
    """Return a call as it is kept."""
    request = RouteRequest(f"main:{at:%s}", Medium.VOICE, Caller(PHONE, PHONE), "+380441234567", at)
    snapshot = to_bytes(CallFile(CallerContext(request, UNKNOWN, touches, gathered_at=at), status=Status.ROUTED))
    return CallRecord(request.call_id, "main", PHONE, received_at=at, status=Status.ROUTED, snapshot=snapshot)


async def test_where_nobody_has_called_there_is_nothing_to_learn(store: SqliteStore) -> None:
    """Touches that were sent while nobody counted the answers say nothing of how they are answered, and are not looked through."""
    assert await learn(store, NOW) == 0
    assert await store.reasons_learnt_until() is None
    assert await store.reason_tallies() == []


async def test_the_past_is_learnt_from_a_day_at_a_time_beginning_with_the_first_call(store: SqliteStore) -> None:
    """Each step is one scan of the store, so that whoever takes them may rest in between."""
    first = NOW - timedelta(days=2, hours=3)
    sent = touch(NOW - timedelta(days=10))
    await store.record_calls([call(first, sent), call(NOW - timedelta(hours=1), sent)])
    steps = []
    while not (step := await learn_some(store, NOW)).is_last:
        steps.append((step.calls, await store.reasons_learnt_until()))
    assert steps == [(1, first + timedelta(days=1)), (0, first + timedelta(days=2))]
    assert step.calls == 1
    assert await store.reasons_learnt_until() == NOW - LAG
    assert (await learn_some(store, NOW)).calls == 0, "what was counted is not counted again"


async def test_a_keeper_says_whether_there_is_more_and_ranks_by_what_it_has(store: SqliteStore) -> None:
    """Curves are used as soon as the first day is learnt; until then those that are usual."""
    await store.record_calls([call(NOW - timedelta(days=1, hours=12), touch(NOW - timedelta(days=10)))])
    keeper = ReasonKeeper(store, lambda: NOW, CollectorRegistry())
    assert keeper.curves is PRIORS
    assert not await keeper.refresh()
    assert keeper.curves.calls == pytest.approx(1, rel=0.1)
    assert await keeper.refresh()
