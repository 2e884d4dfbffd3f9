"""Retention as the service does it: when, how fast, and what it says."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app import retention
from ctiroute.app.retention import Purger, beyond_retention, cuts_of
from ctiroute.app.rule_files import read_rules
from ctiroute.errors import StoreUnavailable
from ctiroute.model import CallerQuery, CallRecord, Cuts, Identifier, IdentifierKind, Medium, OfferTerms, Purged, Touch, TouchStatus
from ctiroute.settings import RetentionSettings
from ctiroute.store.sqlite import SqliteStore
from tests.unit.app.office import T0, Clock, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DAY = timedelta(days=1)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")


class Broken(SqliteStore):
    """The real store, on a disk that is full for a while."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.full = True
        self.emptied = asyncio.Event()

    async def purge(self, cuts: Cuts, limit: int) -> Purged:
        """Fail once."""
        if self.full:
            self.full = False
            raise StoreUnavailable("the disk is full")
        purged = await super().purge(cuts, limit)
        if not purged.total:
            self.emptied.set()
        return purged


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Broken]:
    """Give an open, empty store."""
    opened = Broken(tmp_path / "ctiroute.db")
    await opened.open()
    yield opened
    await opened.close()


def touch(number: int, days: int) -> Touch:
    """Return a touch sent so many days ago."""
    return Touch(f"T{number}", "autumn", "", Medium.SMS, PHONE, T0 - days * DAY, TouchStatus.SENT, OfferTerms())


def test_cuts_are_the_settings_before_now() -> None:
    """Days back from now; what is kept for ever has none; erasures are told for an hour."""
    names = ("touches", "interactions", "calls", "snapshots", "missed_calls", "callbacks", "proposals")
    kept = {f"{name}_days": days for days, name in enumerate(names, 1)}
    cuts = cuts_of(RetentionSettings(**kept, wrap_ups_days=None), T0)
    assert {name: getattr(cuts, name) for name in names} == {name: T0 - days * DAY for days, name in enumerate(names, 1)}
    assert (cuts.wrap_ups, cuts.reasons, cuts.erasures) == (None, T0 - 3 * DAY, T0 - timedelta(hours=1))


async def test_a_purge_removes_all_that_is_old_and_counts_it(
    store: Broken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In steps, with a line in the log and the counts in the metrics."""
    monkeypatch.setattr(retention, "REST_S", 0)
    monkeypatch.setattr(retention, "BITE", 10)
    store.full = False
    await store.put_touches([touch(number, 100) for number in range(35)] + [touch(99, 1)])
    await store.record_calls([CallRecord("x:1", caller_phone=PHONE.value, received_at=T0 - 40 * DAY, snapshot=b"{}")])
    registry = CollectorRegistry()
    purger = Purger(store, RetentionSettings(touches_days=90), registry, Clock())
    with caplog.at_level(logging.INFO):
        assert await purger.purge() == Purged(touches=35, snapshots=1)
    assert "removed what is old: 35 touches, 1 snapshots" in caplog.text
    assert registry.get_sample_value("ctiroute_purged_records_total", {"kind": "touches"}) == 35
    assert registry.get_sample_value("ctiroute_purge_timestamp_seconds") == T0.timestamp()
    facts = await store.find_caller(CallerQuery(PHONE, T0 - 999 * DAY, T0 - 999 * DAY, T0 - 999 * DAY))
    assert [found.touch_id for found in facts.touches] == ["T99"]
    assert len(facts.calls) == 1


async def test_a_purge_that_breaks_off_is_tried_again(
    store: Broken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk is a line in the log and a count; the next hour removes what was left."""
    for name in ("FIRST_S", "EVERY_S", "REST_S"):
        monkeypatch.setattr(retention, name, 0)
    await store.put_touches([touch(1, 100)])
    registry = CollectorRegistry()
    purger = Purger(store, RetentionSettings(touches_days=90), registry, Clock())
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(purger.run(), name="purge")
        await store.emptied.wait()
        running.cancel()
    assert "the disk is full; next try in an hour" in caplog.text
    assert registry.get_sample_value("ctiroute_purge_failures_total") == 1
    assert registry.get_sample_value("ctiroute_purged_records_total", {"kind": "touches"}) == 1


RULES = """\
rules:
  - name: long-ago
    when: {touch: {within: 400d}}
    then: {queue: promo}
  - name: lately
    when: {any: [{touch: {within: 1d}}, {repeat: {within: 90d}}]}
    then: {queue: promo}
  - name: closed
    when: {interaction: {status: closed, within: 1000d}}
    then: {queue: promo}
default: {menu: main}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Write rules that look back further than the usual retention."""
    path = tmp_path / "rules.yml"
    path.write_text(RULES, encoding="utf-8")
    return path


def test_rules_that_look_back_further_than_is_kept_are_named(rules: Path) -> None:
    """Each with its place, what it asks for, and what to change; what is kept for ever is never too short."""
    ruleset = read_rules(rules)
    hint = "keep them for longer (retention.{}_days), or ask for less"
    assert [(fault.line, fault.message, fault.hint) for fault in beyond_retention(ruleset, RetentionSettings(calls_days=60))] == [
        (line, f"rule {rule} looks back {days} days for {kind}, which are kept for {kept}", hint.format(kind))
        for line, rule, days, kind, kept in (
            (2, "long-ago", 400, "touches", 365),
            (5, "lately", 90, "calls", 60),
            (8, "closed", 1000, "interactions", 730),
        )
    ]
    assert beyond_retention(ruleset, RetentionSettings(touches_days=400, interactions_days=None)) == []


async def test_the_service_says_so_at_the_start_and_when_rules_change(
    rules: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for each version of the rules."""
    async with office(tmp_path / "data", rules=rules) as running:
        assert caplog.text.count("rule long-ago looks back 400 days") == 1
        await running.service.rules.reload()
        assert caplog.text.count("rule long-ago looks back 400 days") == 1
        await asyncio.to_thread(rules.write_text, RULES.replace("400d", "500d"), encoding="utf-8")
        await running.service.rules.reload()
        assert caplog.text.count("rule long-ago looks back 500 days") == 1
