"""The outbox of webhooks, on every store: kept once, lent to one at a time, in the order of each key."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import (
    Backlog,
    CallRecord,
    Customer,
    Cuts,
    Delivery,
    DeliveryState,
    Identifier,
    IdentifierKind,
    Subject,
)
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.base import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def delivery(event_id: str, key: str = "touch:t-1", webhook: str = "mailer") -> Delivery:
    """Return something to tell."""
    return Delivery(webhook, event_id, "touch.answered", key, NOW, b'{"id":"' + event_id.encode() + b'"}', ("t-1", "c-1"))


async def lent(store: Store, now: datetime = NOW, webhook: str = "mailer", limit: int = 10) -> Sequence[Delivery]:
    """Return what is lent now, until a minute later."""
    return await store.lend_deliveries(webhook, now, now + timedelta(minutes=1), limit)


def done(one: Delivery) -> Delivery:
    """Return a delivery that was taken."""
    return replace(one, state=DeliveryState.DELIVERED, attempts=one.attempts + 1, due_at=None, ended_at=NOW, status=204, error="")


def failed(one: Delivery, again_at: datetime) -> Delivery:
    """Return a delivery that is to be tried again."""
    return replace(one, attempts=one.attempts + 1, due_at=again_at, status=503, error="503 Service Unavailable")


def dead(one: Delivery) -> Delivery:
    """Return a delivery that is given up."""
    return replace(one, state=DeliveryState.DEAD, attempts=one.attempts + 1, due_at=None, ended_at=NOW, status=400, error="400 Bad Request")


async def test_an_announcement_is_kept_once_for_each_webhook(store: Store) -> None:
    """Told again, whoever tells it, it changes nothing; everything of it comes back as it was."""
    first, other = delivery("e-1"), delivery("e-1", webhook="crm")
    assert await store.put_deliveries([first, other]) == 2
    assert await store.put_deliveries([replace(first, body=b"other"), delivery("e-2", "touch:\0odd\\")]) == 1
    kept = await store.get_deliveries("mailer")
    assert [(each.event_id, each.key, each.body) for each in kept] == [
        ("e-2", "touch:\0odd\\", b'{"id":"e-2"}'),
        ("e-1", "touch:t-1", b'{"id":"e-1"}'),
    ]
    assert replace(kept[1], delivery_id=0) == first
    assert [each.webhook for each in await store.get_deliveries("crm")] == ["crm"]


async def test_of_a_key_nothing_but_the_oldest_is_lent(store: Store) -> None:
    """A later event of a matter waits until the earlier one was taken, whatever others do meanwhile."""
    await store.put_deliveries([delivery("a-1", "a"), delivery("b-1", "b"), delivery("a-2", "a"), delivery("a-3", "a")])
    first = await lent(store)
    assert [each.event_id for each in first] == ["a-1", "b-1"]
    assert await lent(store) == []
    assert await store.end_delivery(first[0], done(first[0]))
    second = await lent(store)
    assert [each.event_id for each in second] == ["a-2"]
    assert await store.end_delivery(second[0], failed(second[0], LATER))
    assert await lent(store) == []
    (third,) = [each for each in await lent(store, LATER) if each.key == "a"]
    assert (third.event_id, third.attempts, third.status, third.error) == ("a-2", 1, 503, "503 Service Unavailable")


async def test_what_is_given_up_lets_the_next_pass_and_can_be_replayed(store: Store) -> None:
    """A receiver that refuses one event for good goes on hearing of the others."""
    await store.put_deliveries([delivery("a-1", "a"), delivery("a-2", "a")])
    (first,) = await lent(store)
    assert await store.end_delivery(first, dead(first))
    (second,) = await lent(store)
    assert second.event_id == "a-2"
    assert [each.event_id for each in await store.get_deliveries(state=DeliveryState.DEAD)] == ["a-1"]
    assert await store.replay_deliveries(None, "crm", NOW) == 0
    assert await store.replay_deliveries(None, "mailer", NOW) == 1
    (again,) = await lent(store)
    assert (again.event_id, again.attempts) == ("a-1", 0)


async def test_what_was_taken_is_replayed_only_when_it_is_named(store: Store) -> None:
    """Somebody may need an event once more; a replay of all that was given up repeats nothing that was taken."""
    await store.put_deliveries([delivery("a-1")])
    (first,) = await lent(store)
    assert await store.end_delivery(first, done(first))
    assert await store.replay_deliveries(None, None, NOW) == 0
    assert await store.replay_deliveries([first.delivery_id, 12345], None, NOW) == 1
    assert [each.event_id for each in await lent(store)] == ["a-1"]


async def test_a_loan_falls_back_and_then_belongs_to_the_next(store: Store) -> None:
    """The node that died tells nothing more; one that was only slow cannot end what somebody else has by now."""
    await store.put_deliveries([delivery("a-1")])
    (slow,) = await lent(store)
    assert await store.next_delivery_at("mailer") == LATER
    (quick,) = await lent(store, LATER)
    assert quick.delivery_id == slow.delivery_id
    assert not await store.end_delivery(slow, dead(slow))
    assert await store.end_delivery(quick, done(quick))
    assert await store.next_delivery_at("mailer") is None


async def test_nodes_that_lend_at_once_get_different_deliveries(store: Store) -> None:
    """However many ask, each delivery is tried by one."""
    await store.put_deliveries([delivery(f"e-{number}", f"key {number}") for number in range(40)])
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(lent(store, limit=10), name=f"node {number}") for number in range(4)]
    ids = [each.event_id for task in asked for each in task.result()]
    assert len(ids) == len(set(ids)) == 40


async def test_the_outbox_survives_a_restart(store: Store, store_url: str) -> None:
    """What waits, waits for the next process too."""
    await store.put_deliveries([delivery("a-1"), delivery("a-2")])
    (first,) = await lent(store)
    await store.end_delivery(first, failed(first, LATER))
    await store.close()
    again = open_store(store_url)
    await again.open()
    try:
        assert await lent(again) == []
        (found,) = await lent(again, LATER)
        assert (found.event_id, found.attempts) == ("a-1", 1)
    finally:
        await again.close()


async def test_the_backlog_is_counted_by_webhook_and_state(store: Store) -> None:
    """What waits and what was given up is seen at a glance, with how old it is."""
    await store.put_deliveries(
        [delivery("a-1", "a"), replace(delivery("a-2", "b"), at=NOW - timedelta(hours=1)), delivery("x", webhook="crm")]
    )
    (first, *_) = await lent(store)
    await store.end_delivery(first, dead(first))
    assert await store.backlogs() == [
        Backlog("crm", DeliveryState.WAITING, 1, NOW),
        Backlog("mailer", DeliveryState.DEAD, 1, NOW),
        Backlog("mailer", DeliveryState.WAITING, 1, NOW - timedelta(hours=1)),
    ]


async def test_what_was_told_is_kept_for_a_while_and_what_waits_until_it_is_told(store: Store) -> None:
    """Retention takes what has ended; what an outage holds up is never too old."""
    await store.put_deliveries([delivery("a-1", "a"), delivery("b-1", "b"), delivery("c-1", "c")])
    first, second, _ = await lent(store)
    await store.end_delivery(first, done(first))
    await store.end_delivery(second, dead(second))
    cuts = Cuts(deliveries=NOW + timedelta(days=14))
    assert (await store.count_expired(cuts)).deliveries == 2
    assert (await store.purge(cuts, 100)).deliveries == 2
    assert [each.event_id for each in await store.get_deliveries()] == ["c-1"]
    assert (await store.purge(cuts, 100)).deliveries == 0


async def test_whoever_is_erased_is_told_of_to_nobody(store: Store) -> None:
    """By the customer, by a record of his, or by his number anywhere in a body: told or not, it goes; others stay."""
    phone = Identifier(IdentifierKind.PHONE, "+380671234567")
    await store.put_customers([Customer("c-1", "Olena", None, {}, (phone,))])
    await store.record_calls([CallRecord("asterisk:1.1", customer_id="c-1", received_at=NOW)])
    await store.put_deliveries(
        [
            replace(delivery("by customer", "1"), about=("c-1",), body=b'{"customer_id":"c-1"}'),
            replace(delivery("by call", "2"), about=("asterisk:1.1",), body=b"{}"),
            replace(delivery("by number", "3"), about=(), body=b'{"data":{"caller":"+380671234567"}}'),
            replace(delivery("of another", "4"), about=("c-11", "asterisk:1.11"), body=b'{"caller":"+3806712345678"}'),
        ]
    )
    found = await store.find_erasable(Subject((phone,)))
    assert found.deliveries == 3
    assert (await store.erase(Subject((phone,)), None)).deliveries == 3
    assert [each.event_id for each in await store.get_deliveries()] == ["of another"]


async def test_deliveries_are_read_page_by_page(store: Store) -> None:
    """A long list is read from its newest end."""
    await store.put_deliveries([delivery(f"e-{number}") for number in range(5)])
    page = await store.get_deliveries(limit=2)
    assert [each.event_id for each in page] == ["e-4", "e-3"]
    assert [each.event_id for each in await store.get_deliveries(before=page[-1].delivery_id, limit=2)] == ["e-2", "e-1"]
