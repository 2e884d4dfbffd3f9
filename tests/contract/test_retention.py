"""Retention, as every store must do it: what is old goes, a little at a time, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import (
    CallerQuery,
    CallRecord,
    Customer,
    Cuts,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    MissedCall,
    OfferTerms,
    Purged,
    Status,
    Subject,
    Touch,
    TouchStatus,
    WrapUp,
)

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OLD, NEW = timedelta(days=40), timedelta(days=2)
CUT = NOW - timedelta(days=30)
CUTS = Cuts(touches=CUT, interactions=CUT, calls=CUT, snapshots=CUT, missed_calls=CUT, wrap_ups=CUT, callbacks=CUT, erasures=CUT)
LONG_AGO = NOW - timedelta(days=4000)


def key(number: int) -> Identifier:
    """Return an identifier of its own for each number. Not a phone: that may be its own key, and then leaves nothing behind."""
    return Identifier(IdentifierKind.EMAIL, f"{number}@example.com")


def touch(number: int, ago: timedelta) -> Touch:
    """Return a touch to an address of its own."""
    return Touch(f"T{number}", "autumn", "", Medium.SMS, key(number), NOW - ago, TouchStatus.SENT, OfferTerms("t"))


def interaction(name: str, ago: timedelta, status: InteractionStatus = InteractionStatus.CLOSED) -> Interaction:
    """Return an interaction that names only an e-mail."""
    email = Identifier(IdentifierKind.EMAIL, f"{name}@example.com")
    return Interaction(name, None, Medium.WEB, "credit", "", status, NOW - ago, NOW - ago, identifier=email)


async def everything(store: Store, identifier: Identifier) -> tuple[int, int]:
    """Return how many touches and interactions a look-up finds, however old."""
    facts = await store.find_caller(CallerQuery(identifier, LONG_AGO, LONG_AGO, LONG_AGO))
    return len(facts.touches), len(facts.interactions)


async def purge_all(store: Store, cuts: Cuts = CUTS, limit: int = 500) -> Purged:
    """Purge until nothing is left, as the service does."""
    total = Purged()
    for _ in range(1000):
        gone = await store.purge(cuts, limit)
        if not gone.total:
            return total
        total += gone
    raise AssertionError("it never ends")


async def fill(store: Store) -> None:
    """Keep one old and one new of everything."""
    await store.put_touches([touch(1, OLD), touch(2, NEW)])
    await store.put_interactions([interaction("old", OLD), interaction("new", NEW), interaction("open", OLD, InteractionStatus.OPEN)])
    await store.record_calls(
        [
            CallRecord("x:1", caller_phone="+380670000001", received_at=NOW - OLD, snapshot=b"{}"),
            CallRecord("x:2", caller_phone="+380670000002", received_at=NOW - NEW, snapshot=b"{}"),
        ]
    )
    for number, ago in ((1, OLD), (2, NEW)):
        await store.record_missed(MissedCall(f"p{number}", "olha", f"x:{number}", "067", "Олена", "Calls back", NOW - ago, 14.5))
        await store.put_wrap_up(WrapUp(f"x:{number}", "olha", "will call again", NOW - ago))


async def test_what_is_old_goes_and_what_is_new_stays(store: Store) -> None:
    """One of each kind; an identifier nothing refers to any more goes with its touch."""
    await fill(store)
    expected = Purged(touches=1, interactions=1, calls=1, missed_calls=1, wrap_ups=1, identifiers=2)
    assert await store.count_expired(CUTS) == expected
    assert await purge_all(store) == expected
    assert await store.count_expired(CUTS) == Purged()
    assert await everything(store, key(1)) == (0, 0)
    assert await everything(store, key(2)) == (1, 0)
    assert await everything(store, Identifier(IdentifierKind.EMAIL, "old@example.com")) == (0, 0)
    assert await everything(store, Identifier(IdentifierKind.EMAIL, "new@example.com")) == (0, 1)
    assert await store.get_call("x:1") is None
    kept = await store.get_call("x:2")
    assert kept is not None
    assert kept.snapshot == b"{}"
    assert [missed.pop_id for missed in await store.missed_since("olha", LONG_AGO)] == ["p2"]


async def test_an_open_interaction_is_never_old(store: Store) -> None:
    """However long nothing happened in it."""
    await store.put_interactions(
        [interaction("open", timedelta(days=3000), InteractionStatus.OPEN), interaction("waits", OLD, InteractionStatus.WAITING)]
    )
    assert await purge_all(store) == Purged()
    assert await everything(store, Identifier(IdentifierKind.EMAIL, "open@example.com")) == (0, 1)
    assert await everything(store, Identifier(IdentifierKind.EMAIL, "waits@example.com")) == (0, 1)


async def test_what_has_no_cut_is_kept_for_ever(store: Store) -> None:
    """Cuts without times remove nothing."""
    await fill(store)
    assert await store.count_expired(Cuts()) == Purged()
    assert await purge_all(store, Cuts()) == Purged()
    assert await everything(store, key(1)) == (1, 0)


async def test_a_snapshot_goes_before_its_call(store: Store) -> None:
    """What was known of a caller is forgotten early; that they called, how it was decided and how it ended stay."""
    whole = CallRecord("x:1", "x", "+380670000001", "067", "+380", NOW - OLD, Status.ROUTED, "r", "q", "K1", snapshot=b"{}")
    await store.record_calls([whole])
    assert await purge_all(store, Cuts(snapshots=CUT)) == Purged(snapshots=1)
    kept = await store.get_call("x:1")
    assert kept is not None
    assert kept.snapshot is None
    assert (kept.caller_phone, kept.rule, kept.customer_id) == ("+380670000001", "r", "K1")


async def test_a_call_of_which_only_the_end_is_known_is_as_old_as_that(store: Store) -> None:
    """No record is kept for ever because it lacks its first half."""
    await store.record_calls([CallRecord("x:1", ended_at=NOW - OLD), CallRecord("x:2", answered_at=NOW - NEW)])
    assert await purge_all(store) == Purged(calls=1)
    assert await store.get_call("x:1") is None
    assert await store.get_call("x:2") is not None


async def test_the_edge_is_kept(store: Store) -> None:
    """What is exactly as old as may be stays, to the microsecond."""
    on_edge, older = touch(1, NOW - CUT), touch(2, NOW - CUT + timedelta(microseconds=1))
    await store.put_touches([on_edge, older])
    assert (await purge_all(store)).touches == 1
    assert await everything(store, key(1)) == (1, 0)


async def test_a_step_is_bounded_and_all_steps_remove_all(store: Store) -> None:
    """A great many old ones go a few at a time."""
    await store.put_touches([touch(number, OLD) for number in range(250)])
    first = await store.purge(CUTS, 20)
    assert 0 < first.touches <= 250
    assert first.total > 0
    rest = await purge_all(store, limit=20)
    assert first.touches + rest.touches == 250
    assert first.identifiers + rest.identifiers == 250


async def test_an_identifier_that_something_refers_to_is_kept(store: Store) -> None:
    """By a customer, a newer touch or an open interaction; it goes with the last of them."""
    of_customer, of_touch, of_interaction = key(1), key(2), key(3)
    await store.put_customers([Customer("K1", "Олена", None, {}, (of_customer,))])
    await store.put_touches([touch(number, OLD) for number in (1, 2, 3)])
    await store.put_touches([Touch("T9", "autumn", "", Medium.SMS, of_touch, NOW, TouchStatus.SENT, OfferTerms())])
    await store.put_interactions([Interaction("I", None, Medium.WEB, "c", "", InteractionStatus.OPEN, NOW, NOW, identifier=of_interaction)])
    assert await purge_all(store) == Purged(touches=3)
    assert (await store.find_caller(CallerQuery(of_customer, NOW, NOW, NOW))).customers[0].customer_id == "K1"
    assert await everything(store, of_touch) == (1, 0)
    assert await everything(store, of_interaction) == (0, 1)


async def test_a_key_that_a_customer_gave_up_is_not_kept_for_ever(store: Store) -> None:
    """Replaced in a customer, a touch or an interaction, and referred to by nothing else."""
    await store.put_customers([Customer("K1", "Олена", None, {}, (key(1), key(2)))])
    await store.put_touches([touch(3, NEW)])
    await store.put_interactions([interaction("i", NEW)])
    assert await purge_all(store) == Purged()
    await store.put_customers([Customer("K1", "Олена", None, {}, (key(2),))])
    moved = touch(3, NEW)
    await store.put_touches([Touch("T3", "autumn", "", Medium.SMS, key(4), moved.sent_at, TouchStatus.SENT, OfferTerms())])
    await store.put_interactions([Interaction("i", "K1", Medium.WEB, "c", "", InteractionStatus.OPEN, NOW, NOW)])
    assert await store.count_expired(CUTS) == Purged(identifiers=3)
    assert await purge_all(store) == Purged(identifiers=3)
    assert (await store.find_caller(CallerQuery(key(2), NOW, NOW, NOW))).customers[0].identifiers == (key(2),)


async def test_the_marker_of_an_erasure_goes_too(store: Store) -> None:
    """It names the very person who asked to be forgotten."""
    await store.erase(Subject((key(1),)), NOW - OLD)
    await store.erase(Subject((key(2),)), NOW)
    assert await purge_all(store) == Purged(erasures=1)
    (left,) = await store.erasures_after(0)
    assert left.subject.identifiers == (key(2),)
