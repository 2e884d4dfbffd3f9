"""Erasure, as every store must do it: a person is forgotten over every identifier, and nobody else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import (
    CallerFacts,
    CallerQuery,
    CallRecord,
    Customer,
    Erasure,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Kept,
    Medium,
    MissedCall,
    OfferTerms,
    Outcome,
    Status,
    Subject,
    Touch,
    TouchStatus,
    WrapUp,
)

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=4000)

PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
MOBILE = Identifier(IdentifierKind.PHONE, "+380509876543")
EMAIL = Identifier(IdentifierKind.EMAIL, "olena@example.com")
FORMER = Identifier(IdentifierKind.PHONE, "+380630000001")
STRANGER = Identifier(IdentifierKind.PHONE, "+380930000002")
OLENA = Customer("K1", "Олена Коваль", "uk", {"city": "Львів"}, (PHONE, EMAIL))
PETRO = Customer("K2", "Петро", "uk", {}, (MOBILE,))


def touch(touch_id: str, identifier: Identifier = PHONE, customer_id: str | None = None) -> Touch:
    """Return a touch of an hour ago."""
    at = NOW - timedelta(hours=1)
    return Touch(touch_id, "autumn", "", Medium.SMS, identifier, at, TouchStatus.SENT, OfferTerms("t"), customer_id=customer_id)


def interaction(name: str, customer_id: str | None = None, identifier: Identifier | None = None) -> Interaction:
    """Return an open interaction with a form and an event."""
    return Interaction(
        name,
        customer_id,
        Medium.WEB,
        "credit",
        "Credit",
        InteractionStatus.OPEN,
        NOW,
        NOW,
        form={"name": "Олена"},
        events=(InteractionEvent(NOW, "message", "I am Олена"),),
        identifier=identifier,
    )


def call(
    call_id: str, phone: Identifier | None = PHONE, customer_id: str | None = None, *, raw: str = "", dialed: str = "+380440"
) -> CallRecord:
    """Return a whole record of a call that was routed and answered."""
    return CallRecord(
        call_id=call_id,
        pbx="x",
        caller_phone=phone.value if phone else None,
        caller_raw=raw or (phone.value if phone else "anonymous"),
        dialed=dialed,
        received_at=NOW,
        status=Status.ROUTED,
        rule="autumn",
        queue="promo",
        customer_id=customer_id,
        touch_id="T1",
        interaction_id="I1",
        operator_id="olha",
        decision_ms=2.5,
        outcome=Outcome.ANSWERED,
        answered_at=NOW,
        ended_at=NOW,
        snapshot=b'{"name": "Olena"}',
    )


def anonymous(record: CallRecord, *, dialed: str | None = "+380440") -> CallRecord:
    """Return what stays of a call: when it came, where it went, how it ended."""
    return CallRecord(
        call_id=record.call_id,
        pbx=record.pbx,
        dialed=dialed,
        received_at=record.received_at,
        status=record.status,
        rule=record.rule,
        queue=record.queue,
        operator_id=record.operator_id,
        decision_ms=record.decision_ms,
        outcome=record.outcome,
        answered_at=record.answered_at,
        ended_at=record.ended_at,
    )


async def facts(store: Store, identifier: Identifier) -> CallerFacts:
    """Return all that a look-up finds, however old."""
    return await store.find_caller(CallerQuery(identifier, LONG_AGO, LONG_AGO, LONG_AGO))


async def erase(store: Store, subject: Subject) -> Erasure:
    """Erase, having seen that the preview says the same."""
    preview = await store.find_erasable(subject)
    done = await store.erase(subject, NOW)
    assert done == preview
    return done


async def test_a_person_is_forgotten_over_every_identifier(store: Store) -> None:
    """Asked for by the phone: touches, interactions, notes, missed calls and the customer go; of calls it stays that there was one."""
    mine, by_name, other = call("x:1"), call("x:2", FORMER, "K1"), call("x:3", MOBILE, "K2")
    await store.put_customers([OLENA, PETRO])
    await store.put_touches([touch("T1"), touch("T2", EMAIL), touch("T3", FORMER, "K1"), touch("T4", MOBILE)])
    await store.put_interactions([interaction("I1", "K1"), interaction("I2", None, EMAIL), interaction("I3", "K2", MOBILE)])
    await store.record_calls([mine, by_name, other])
    for record in (mine, other):
        await store.record_missed(MissedCall(f"p {record.call_id}", "olha", record.call_id, "067 123", "Олена", "Calls back", NOW, 9.5))
        await store.put_wrap_up(WrapUp(record.call_id, "olha", "Олена will call again", NOW, "later"))

    done = await erase(store, Subject((PHONE,)))
    assert done == Erasure(
        customer_ids=("K1",),
        identifiers=(PHONE, EMAIL),
        customers=1,
        touches=3,
        interactions=2,
        calls=2,
        missed_calls=1,
        wrap_ups=1,
    )
    for identifier in (PHONE, EMAIL, FORMER):
        assert await facts(store, identifier) == CallerFacts()
    assert await store.get_call("x:1") == anonymous(mine)
    assert await store.get_call("x:2") == anonymous(by_name)
    found = {missed.pop_id: missed for missed in await store.missed_since("olha", LONG_AGO)}
    assert found["p x:1"] == MissedCall("p x:1", "olha", "x:1", "", "", "", NOW, 9.5)

    assert await store.get_call("x:3") == other
    assert found["p x:3"].caller_name == "Олена"
    petro = await facts(store, MOBILE)
    assert (petro.customers, len(petro.touches), len(petro.interactions), len(petro.calls)) == ((PETRO,), 1, 1, 1)

    assert (await erase(store, Subject((PHONE,)))).total == 0, "nothing is left to erase"


@pytest.mark.parametrize("subject", [Subject((EMAIL,)), Subject(customer_ids=("K1",))])
async def test_any_identifier_or_the_customer_leads_to_all_of_it(store: Store, subject: Subject) -> None:
    """By e-mail or by the company's own key, the phone's calls are forgotten too."""
    await store.put_customers([OLENA])
    await store.put_touches([touch("T1")])
    await store.record_calls([call("x:1")])
    done = await erase(store, subject)
    assert (done.customers, done.touches, done.calls) == (1, 1, 1)
    assert await facts(store, PHONE) == CallerFacts()


async def test_a_number_of_nobody_we_know_is_forgotten_too(store: Store) -> None:
    """Touches and calls of a bare number, and what names a customer who never was imported."""
    await store.put_touches([touch("T1"), touch("T2", customer_id="never imported")])
    await store.put_interactions([interaction("I1", None, PHONE)])
    await store.record_calls([call("x:1")])
    done = await erase(store, Subject((PHONE,)))
    assert done == Erasure(identifiers=(PHONE,), touches=2, interactions=1, calls=1)
    assert await facts(store, PHONE) == CallerFacts()


async def test_a_customer_we_only_know_by_name_is_forgotten(store: Store) -> None:
    """Sources may name customers before, or after, they are customers here."""
    await store.put_touches([touch("T1", customer_id="K9")])
    await store.put_interactions([interaction("I1", "K9")])
    await store.record_calls([call("x:1", None, "K9")])
    done = await erase(store, Subject(customer_ids=("K9",)))
    assert (done.customers, done.touches, done.interactions, done.calls) == (0, 1, 1, 1)
    assert (await facts(store, PHONE)).touches == ()


async def test_a_person_nobody_has_heard_of_is_nothing_to_do(store: Store) -> None:
    """No fault: whoever asks learns that there was nothing."""
    await store.put_customers([OLENA])
    assert (await erase(store, Subject((STRANGER,)))).total == 0
    assert (await erase(store, Subject(customer_ids=("K9",)))).total == 0
    assert (await facts(store, PHONE)).customers == (OLENA,)


async def test_a_shared_number_alone_names_nobody(store: Store) -> None:
    """Several customers have it: nothing is done, and the report says among whom to choose."""
    await store.put_customers([OLENA, Customer("K2", "Петро", "uk", {}, (PHONE,))])
    await store.put_touches([touch("T1")])
    assert await erase(store, Subject((PHONE,))) == Erasure(candidates=("K1", "K2"))
    assert len((await facts(store, PHONE)).customers) == 2
    assert len((await facts(store, PHONE)).touches) == 1
    assert await store.erasures_after(0) == []


async def test_who_shares_a_number_keeps_theirs(store: Store) -> None:
    """One of two is erased: what names the other, or nobody, stays, and the report says why; what was known at a call is forgotten."""
    petro = Customer("K2", "Петро", "uk", {}, (PHONE, MOBILE))
    his, nobodys, from_his_own = call("x:2", PHONE, "K2"), call("x:3", PHONE), call("x:4", MOBILE)
    await store.put_customers([OLENA, petro])
    await store.put_touches([touch("hers", PHONE, "K1"), touch("his", PHONE, "K2"), touch("nobody's", PHONE), touch("mail", EMAIL)])
    await store.put_interactions([interaction("hers", "K1", PHONE), interaction("his", "K2", PHONE), interaction("bare", None, PHONE)])
    await store.record_calls([call("x:1", PHONE, "K1"), his, nobodys, from_his_own])
    done = await erase(store, Subject(customer_ids=("K1",)))
    assert done == Erasure(
        customer_ids=("K1",),
        identifiers=(EMAIL,),
        customers=1,
        touches=2,
        interactions=1,
        calls=1,
        snapshots=3,
        kept=(
            Kept("calls", 1, "they name another customer"),
            Kept("calls", 1, "they name no customer, and the identifier is also somebody else's"),
            Kept("interactions", 1, "they name another customer"),
            Kept("interactions", 1, "they name no customer, and the identifier is also somebody else's"),
            Kept("touches", 1, "they name another customer"),
            Kept("touches", 1, "they name no customer, and the identifier is also somebody else's"),
            Kept("identifiers", 1, "phone +380671234567 is also that of customer K2"),
        ),
    )
    left = await facts(store, PHONE)
    assert left.customers == (petro,)
    assert {one.touch_id for one in left.touches} == {"his", "nobody's"}
    assert {one.interaction_id for one in left.interactions} == {"his", "bare"}
    assert {one.call_id for one in left.calls} == {"x:2", "x:3", "x:4"}
    for record in (his, nobodys, from_his_own):
        kept = await store.get_call(record.call_id)
        assert kept is not None
        assert (kept.caller_phone, kept.customer_id, kept.snapshot) == (record.caller_phone, record.customer_id, None)


async def test_both_who_share_a_number_can_be_forgotten_together(store: Store) -> None:
    """Once all of them are named, the number is nobody else's."""
    await store.put_customers([OLENA, Customer("K2", "Петро", "uk", {}, (PHONE,))])
    await store.put_touches([touch("T1")])
    done = await erase(store, Subject(customer_ids=("K1", "K2")))
    assert (done.customers, done.touches, done.kept) == (2, 1, ())
    assert await facts(store, PHONE) == CallerFacts()


async def test_a_named_customer_settles_whose_shared_number_it_is(store: Store) -> None:
    """Number and customer together: the other one who has the number is left alone."""
    await store.put_customers([OLENA, Customer("K2", "Петро", "uk", {}, (PHONE,))])
    done = await erase(store, Subject((PHONE,), ("K1",)))
    assert (done.customers, done.candidates) == (1, ())
    assert [customer.customer_id for customer in (await facts(store, PHONE)).customers] == ["K2"]


async def test_what_names_another_customer_stays_with_the_number(store: Store) -> None:
    """The number was somebody else's once: their touch is theirs, and is reported."""
    await store.put_customers([OLENA, PETRO])
    await store.put_touches([touch("his", PHONE, "K2")])
    done = await erase(store, Subject((PHONE,)))
    assert (done.touches, done.kept) == (0, (Kept("touches", 1, "they name another customer"),))
    assert [one.touch_id for one in (await facts(store, PHONE)).touches] == ["his"]


async def test_the_number_is_forgotten_where_it_is_not_a_key(store: Store) -> None:
    """In a call to them, and in a trial, whatever way it was written there."""
    await store.put_customers([OLENA])
    out, trial, near = call("x:1", MOBILE, dialed=PHONE.value), call("x:2", None, raw="067 123-45-67"), call("x:3", None, raw="101")
    await store.record_calls([out, trial, near])
    await store.record_missed(MissedCall("p1", "olha", "x:9", "+380 67 123 45 67", "Олена", "Calls back", NOW, 9.5))
    await store.record_missed(MissedCall("p2", "olha", "x:8", "101", "Security", "Calls back", NOW, 9.5))
    done = await erase(store, Subject((PHONE,)))
    assert (done.calls, done.missed_calls) == (2, 1)
    assert await store.get_call("x:1") == anonymous(out, dialed=None)
    assert await store.get_call("x:2") == anonymous(trial)
    assert await store.get_call("x:3") == near
    assert {missed.caller_name for missed in await store.missed_since("olha", LONG_AGO)} == {"", "Security"}


async def test_running_nodes_are_told(store: Store) -> None:
    """A marker names what is to be forgotten, in order, once; without a time there is none, and none for what was not done."""
    await store.put_customers([OLENA])
    await store.record_calls([call("x:1")])
    await store.erase(Subject((PHONE,)), None)
    assert await store.erasures_after(0) == []
    await store.put_customers([OLENA])
    await store.record_calls([call("x:1")])
    await store.erase(Subject((PHONE,)), NOW)
    await store.erase(Subject(customer_ids=("K9",)), NOW)
    first, second = await store.erasures_after(0)
    assert first.subject == Subject((PHONE, EMAIL), ("K1",), ("x:1",), NOW)
    assert second.subject.customer_ids == ("K9",)
    assert await store.erasures_after(first.erasure_id) == [second]


async def test_a_node_repeats_an_erasure_without_taking_anybody_else(store: Store) -> None:
    """What a node wrote in between goes as well; who has the number by then is somebody else, and is left alone."""
    await store.put_customers([OLENA])
    await store.record_calls([call("x:1")])
    await store.erase(Subject((PHONE,)), NOW)
    (marker,) = await store.erasures_after(0)
    long_ago = replace(call("x:3"), received_at=LONG_AGO)
    await store.record_calls([CallRecord("x:1", customer_id="K7", caller_raw="067"), long_ago])
    await store.put_wrap_up(WrapUp("x:1", "olha", "Олена again", NOW))
    await store.put_customers([Customer("K7", "Нова", "uk", {}, (PHONE,))])
    done = await store.erase(marker.subject, None)
    assert (done.customers, done.touches, done.calls, done.wrap_ups) == (0, 0, 1, 1)
    assert await store.get_call("x:1") == anonymous(call("x:1"))
    assert await store.get_call("x:3") == long_ago
    assert [customer.customer_id for customer in (await facts(store, PHONE)).customers] == ["K7"]


async def test_a_repeated_erasure_leaves_who_is_a_customer_again(store: Store) -> None:
    """An import that brought the person back a moment later is the company's own word: whole, or not at all."""
    await store.put_customers([OLENA])
    await store.erase(Subject((PHONE,)), NOW)
    (marker,) = await store.erasures_after(0)
    await store.put_customers([OLENA])
    await store.erase(marker.subject, None)
    assert (await facts(store, PHONE)).customers == (OLENA,)
    assert (await facts(store, EMAIL)).customers == (OLENA,)


async def test_a_great_many_records_go_whole(store: Store) -> None:
    """More than fit one step."""
    await store.put_customers([OLENA, PETRO])
    await store.put_touches([touch(f"T{number}") for number in range(450)] + [touch("other", MOBILE)])
    await store.record_calls([call(f"x:{number}") for number in range(1203)])
    done = await erase(store, Subject((PHONE,)))
    assert (done.touches, done.calls) == (450, 1203)
    (marker,) = await store.erasures_after(0)
    assert len(marker.subject.call_ids) == 1000
    assert await facts(store, PHONE) == CallerFacts()
    assert len((await facts(store, MOBILE)).touches) == 1


@pytest.mark.parametrize("text", ["'; DROP TABLE touches; --", "nul\0in the middle", "%_\\?1", "\u202eNOITCARTXE", "😀"])
async def test_hostile_keys_are_erased_as_they_are(store: Store, text: str) -> None:
    """What looks like SQL is a key like any other, and takes nobody with it."""
    strange = Identifier(IdentifierKind.ACCOUNT, text)
    await store.put_customers([OLENA, Customer(text, text, None, {}, (strange,))])
    await store.put_touches([touch(text, strange)])
    done = await erase(store, Subject((strange,)))
    assert (done.customers, done.touches) == (1, 1)
    assert await facts(store, strange) == CallerFacts()
    assert (await facts(store, PHONE)).customers == (OLENA,)
