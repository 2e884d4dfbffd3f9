"""When a delivery is tried again, and when it is given up; what a receiver may ask for; who wants what."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.connectors.announce.courier import Courier
from ctiroute.connectors.announce.metrics import AnnounceMetrics
from ctiroute.connectors.announce.outbox import Outbox, body_of, wants
from ctiroute.connectors.announce.sending import MAX_WAIT_S, Answer, Verdict, wait_of
from ctiroute.model import Announcement, Delivery, DeliveryState
from ctiroute.settings import WebhookSettings
from ctiroute.store.sqlite.store import SqliteStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOOK = WebhookSettings("mailer", "https://mailer.example.com/", secret="0123456789abcdef")


@pytest.fixture
def courier(tmp_path: object) -> Courier:
    """Give one that delivers nothing here: only its judgement is asked."""
    store = SqliteStore(tmp_path)  # type: ignore[arg-type] # never opened
    return Courier(HOOK, store, asyncio.Event(), AnnounceMetrics(CollectorRegistry()), lambda: NOW, Random(1))  # noqa: S311 - the same each time


def delivery(attempts: int = 0) -> Delivery:
    """Return a delivery that was tried so often."""
    return Delivery("mailer", "e-1", "touch.answered", "touch:1", NOW, b"{}", attempts=attempts)


def test_pauses_double_up_to_an_hour(courier: Courier) -> None:
    """Each is a little shorter than that, so that many who failed together do not come back together."""
    for attempts in range(19):
        after = courier.after(delivery(attempts), Answer(Verdict.AWAY, 503, "503"))
        assert after.state is DeliveryState.WAITING
        assert after.due_at is not None
        whole = min(3600.0, 2.0 * 2**attempts)
        assert 0.75 * whole <= (after.due_at - NOW).total_seconds() <= whole
    pauses = {courier.after(delivery(5), Answer(Verdict.AWAY)).due_at for _ in range(10)}
    assert len(pauses) == 10


def test_attempts_end(courier: Courier) -> None:
    """The last one gives up, whatever the cause; a refusal does so at once."""
    assert courier.after(delivery(19), Answer(Verdict.AWAY, None, "no answer")).state is DeliveryState.DEAD
    assert courier.after(delivery(0), Answer(Verdict.REFUSED, 400, "400")).state is DeliveryState.DEAD
    done = courier.after(delivery(19), Answer(Verdict.TAKEN, 204))
    assert (done.state, done.ended_at, done.attempts, done.error) == (DeliveryState.DELIVERED, NOW, 20, "")


def test_a_receiver_is_left_alone_for_as_long_as_it_asks(courier: Courier) -> None:
    """In place of the pause there would be."""
    assert courier.after(delivery(3), Answer(Verdict.AWAY, 429, "429", 7.0)).due_at == NOW + timedelta(seconds=7)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("120", 120.0),
        ("0", 0.0),
        ("999999999", MAX_WAIT_S),
        ("99999999999999", None),
        ("-5", None),
        ("soon", None),
        ("١٢", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 9999 11:00:00 GMT", MAX_WAIT_S),
        ("Sun, 01 Mar 2026 12:00:30", None),
    ],
)
def test_retry_after_in_its_forms(header: str, seconds: float | None) -> None:
    """Seconds or a date, within bounds; what is neither says nothing."""
    assert wait_of(header, NOW) == seconds


@pytest.mark.parametrize(
    ("events", "kind", "wanted"),
    [
        (("*",), "test", True),
        (("callback.*",), "callback.placed", True),
        (("callback.*",), "call.ended", False),
        (("call.ended", "wrap_up"), "wrap_up", True),
        ((), "wrap_up", False),
    ],
)
def test_patterns_choose_events(events: tuple[str, ...], kind: str, *, wanted: bool) -> None:
    """A star stands for any part."""
    assert wants(replace(HOOK, events=events), kind) is wanted


def test_an_announcement_becomes_a_delivery_for_each_who_wants_it(tmp_path: object) -> None:
    """The same bytes for all; half of a character is replaced, not sent."""
    store = SqliteStore(tmp_path)  # type: ignore[arg-type] # never opened
    outbox = Outbox(store, (HOOK, replace(HOOK, name="crm", events=("call.*",)), replace(HOOK, name="all")))
    told = Announcement("touch.answered", "e-1", "touch:1", NOW, {"text": "\ud800 Олена"}, ("c-1",))
    one, other = outbox.deliveries_of([told])
    assert (one.webhook, other.webhook, one.about) == ("mailer", "all", ("c-1",))
    assert one.body == other.body
    assert json.loads(one.body)["data"] == {"text": "? Олена"}
    assert json.loads(body_of(replace(told, data={"at": NOW})))["data"] == {"at": "2026-03-01T12:00:00Z"}
