"""Every store keeps callback orders, gives each to one node at a time, and takes no change that comes too late."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.model import (
    AttemptOutcome,
    CallbackClaim,
    CallbackFilter,
    CallbackOrder,
    CallbackState,
    Customer,
    Cuts,
    Identifier,
    IdentifierKind,
    Medium,
    Purged,
    Subject,
)
from ctiroute.model import callback_life as life
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
LEASE = timedelta(seconds=120)
DAY = timedelta(days=1)
PHONE = "+380671234567"


def order(number: int = 1, **changes: object) -> CallbackOrder:
    """Return an order that is due, each number with a phone of its own."""
    made = CallbackOrder(
        callback_id=f"cb{number:03}", phone=f"+38067{number:07}", due_at=NOW, until=NOW + DAY, ordered_at=NOW, asked_at=NOW, queue="promo"
    )
    return replace(made, **changes)  # type: ignore[arg-type] # by name


def claim(node: str = "one", *, at: datetime = NOW, at_once: int = 100, not_at: frozenset[str] = frozenset()) -> CallbackClaim:
    """Return what a node asks for."""
    return CallbackClaim(node, at, at + LEASE, at_once, not_at)


@pytest.fixture
async def second(store: Store, store_url: str) -> AsyncIterator[Store]:
    """Give a second node's own connection to the same store."""
    opened = open_store(store_url)
    await opened.open()
    yield opened
    await opened.close()


async def test_an_order_comes_back_as_it_was(store: Store) -> None:
    """To the last field, whatever is in it; an unknown one is None."""
    given = order(
        source="site\0", external_id="Олена", ordered_by="'; DROP", matter="\u202e", customer_id="c-1", note="nul\0 😀",
        identifier=Identifier(IdentifierKind.EMAIL, "a@b.example"), medium=Medium.WEB, owner="olena", touch_id="t", interaction_id="i",
        call_id="asterisk:1.2",
    )  # fmt: skip
    assert await store.put_callback(given) == given
    assert await store.get_callback(given.callback_id) == given
    assert await store.get_callback("cb999") is None


async def test_ordered_twice_is_one_order(store: Store) -> None:
    """By the source's own key also after it is closed; by phone and matter while it is open."""
    first = order(1, source="site", external_id="x")
    await store.put_callback(first)
    assert await store.put_callback(order(2, source="site", external_id="x")) == first
    assert await store.put_callback(order(3, phone=first.phone)) == first
    other = order(4, phone=first.phone, matter="insurance")
    assert await store.put_callback(other) == other, "another matter is another order"
    cancelled = life.cancel(first, NOW)
    assert await store.save_callback(cancelled)
    assert await store.put_callback(order(5, source="site", external_id="x")) == cancelled
    again = order(6, phone=first.phone)
    assert await store.put_callback(again) == again


async def test_ordered_from_two_nodes_at_once_is_one_order(store: Store, second: Store) -> None:
    """Both are told of the same one."""
    kept = await asyncio.gather(
        *((store, second)[number % 2].put_callback(order(number, phone=PHONE, matter="same")) for number in range(8))
    )
    assert len({each.callback_id for each in kept}) == 1
    assert len(await store.find_callbacks(CallbackFilter(phone=PHONE))) == 1


async def test_only_what_is_due_is_given_out(store: Store) -> None:
    """The longest due first; nothing when nothing is; the store says when to ask again."""
    assert await store.next_callback_at() is None
    later = NOW + timedelta(minutes=5)
    await store.put_callback(order(1, due_at=later))
    await store.put_callback(order(2, due_at=NOW - timedelta(seconds=1)))
    await store.put_callback(order(3))
    got = await store.claim_callback(claim())
    assert got is not None
    assert (got.callback_id, got.state, got.node, got.lease_until, got.fence, got.revision) == (
        "cb002", CallbackState.CLAIMED, "one", NOW + LEASE, 1, 2,
    )  # fmt: skip
    assert await store.get_callback("cb002") == got
    third = await store.claim_callback(claim())
    assert third is not None
    assert third.callback_id == "cb003"
    assert await store.claim_callback(claim()) is None
    assert await store.next_callback_at() == NOW + LEASE
    for each in (got, third):
        assert await store.save_callback(life.cancel(each, NOW))
    assert await store.next_callback_at() == later


async def test_two_who_claim_at_once_get_different_orders(store: Store, second: Store) -> None:
    """Twenty orders, forty claims from two nodes: each order is given out once."""
    for number in range(20):
        await store.put_callback(order(number))
    claims = (node.claim_callback(claim(name)) for _ in range(20) for node, name in ((store, "one"), (second, "two")))
    given = [each for each in await asyncio.gather(*claims) if each is not None]
    assert len(given) == 20
    assert len({each.callback_id for each in given}) == 20


async def test_at_once_counts_over_all_nodes(store: Store, second: Store) -> None:
    """Two nodes together never have more in hand than allowed; one that is over makes room."""
    for number in range(6):
        await store.put_callback(order(number))
    claims = (node.claim_callback(claim(name, at_once=2)) for _ in range(3) for node, name in ((store, "one"), (second, "two")))
    given = [each for each in await asyncio.gather(*claims) if each is not None]
    assert len(given) == 2
    assert await store.save_callback(life.cancel(given[0], NOW))
    assert await store.claim_callback(claim(at_once=2)) is not None
    assert await store.claim_callback(claim(at_once=2)) is None


async def test_a_place_where_nobody_is_free_is_passed_over(store: Store) -> None:
    """Orders of another queue do not wait for it."""
    await store.put_callback(order(1, due_at=NOW - DAY))
    await store.put_callback(order(2, queue="credit"))
    await store.put_callback(order(3, queue=None, owner="olena"))
    got = await store.claim_callback(claim(not_at=frozenset({"queue:promo", "operator:olena"})))
    assert got is not None
    assert got.callback_id == "cb002"
    assert await store.claim_callback(claim(not_at=frozenset({"queue:promo", "operator:olena"}))) is None


async def test_the_order_of_a_node_that_crashed_is_taken_over_when_its_lease_ends(store: Store, second: Store) -> None:
    """Not before. The new node sees how far the old one got, and what the old one says later is not taken."""
    await store.put_callback(order())
    claimed = await store.claim_callback(claim("crashed"))
    assert claimed is not None
    ringing = life.ring(claimed, "asterisk:cb001x1", NOW, NOW + LEASE)
    assert await store.save_callback(ringing)
    almost = NOW + LEASE - timedelta(microseconds=1)
    assert await second.claim_callback(claim("heir", at=almost)) is None
    over = NOW + LEASE
    taken = await second.claim_callback(claim("heir", at=over, at_once=0, not_at=frozenset({"queue:promo"})))
    assert taken is not None, "whatever the limits are: nothing new is placed by it"
    assert (taken.state, taken.node, taken.fence) == (CallbackState.RINGING, "heir", 2)
    assert await second.claim_callback(claim("third", at=over)) is None
    assert not await store.save_callback(life.talk(ringing, over + LEASE)), "the crashed node wakes up, too late"
    again_at = over + timedelta(minutes=15)
    assert await second.save_callback(life.recover(taken, over, again_at))
    kept = await store.get_callback("cb001")
    assert kept is not None
    assert (kept.state, kept.due_at, kept.attempts[0].outcome) == (CallbackState.ORDERED, again_at, AttemptOutcome.UNCERTAIN)


async def test_of_two_changes_of_one_revision_one_is_taken(store: Store, second: Store) -> None:
    """Cancelled here and claimed there: whoever is second is told."""
    await store.put_callback(order())
    seen = await store.get_callback("cb001")
    assert seen is not None
    claimed = await second.claim_callback(claim())
    assert claimed is not None
    assert not await store.save_callback(life.cancel(seen, NOW))
    assert await second.save_callback(life.ring(claimed, "asterisk:x", NOW, NOW + LEASE))
    assert not await second.save_callback(order(77)), "an order that was never put cannot be saved"


async def test_orders_are_listed_page_by_page(store: Store) -> None:
    """The latest first; by phone, by customer, open or closed."""
    for number in range(5):
        await store.put_callback(order(number, customer_id=f"c-{number % 2}", matter=f"{number}", phone=PHONE))
    closed = life.cancel(order(3, customer_id="c-1", matter="3", phone=PHONE), NOW)
    assert await store.save_callback(closed)

    async def ids(**wanted: object) -> list[str]:
        return [each.callback_id for each in await store.find_callbacks(CallbackFilter(**wanted))]  # type: ignore[arg-type] # by name

    assert await ids(limit=2) == ["cb004", "cb003"]
    assert await ids(limit=2, before="cb003") == ["cb002", "cb001"]
    assert await ids(customer_id="c-1") == ["cb003", "cb001"]
    assert await ids(is_open=True, customer_id="c-1") == ["cb001"]
    assert await ids(is_open=False) == ["cb003"]
    assert await ids(phone="+380990000000") == []


async def test_closed_orders_are_purged_when_they_are_old(store: Store) -> None:
    """Open ones never, however old."""
    for number in range(3):
        await store.put_callback(order(number))
    assert await store.save_callback(life.cancel(order(0), NOW - DAY))
    assert await store.save_callback(life.cancel(order(1), NOW + DAY))
    assert (await store.count_expired(Cuts(callbacks=NOW))).callbacks == 1
    assert await store.purge(Cuts(callbacks=NOW), 100) == Purged(callbacks=1)
    assert [each.callback_id for each in await store.find_callbacks(CallbackFilter())] == ["cb002", "cb001"]


async def test_who_asked_to_be_forgotten_is_not_rung(store: Store) -> None:
    """Orders of the customer, of his phone and of his other identifiers go, open or closed; other people's stay."""
    mail = Identifier(IdentifierKind.EMAIL, "a@b.example")
    his, wife = Identifier(IdentifierKind.PHONE, PHONE), Identifier(IdentifierKind.PHONE, "+380679999999")
    await store.put_customers([Customer("c-1", "Iryna", identifiers=(his, mail, wife)), Customer("c-2", "Petro", identifiers=(wife,))])
    orders: tuple[dict[str, Any], ...] = (
        {"phone": PHONE},
        {"phone": "+380501111111", "identifier": mail},
        {"customer_id": "c-1"},
        {"phone": PHONE, "matter": "other", "customer_id": "c-2"},
        {"phone": wife.value},
        {"phone": "+380502222222"},
    )
    for number, changes in enumerate(orders):
        await store.put_callback(order(number, **changes))
    subject = Subject(customer_ids=("c-1",))
    assert (await store.find_erasable(subject)).callbacks == 3
    assert (await store.erase(subject, None)).callbacks == 3
    assert [each.callback_id for each in await store.find_callbacks(CallbackFilter())] == ["cb005", "cb004", "cb003"]
