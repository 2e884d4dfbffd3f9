"""What every store must do. Runs once for each scheme of conftest."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast

import pytest

from ctiroute.errors import StoreConflict, StoreUnavailable
from ctiroute.model import (
    ApiKey,
    CallerFacts,
    CallerQuery,
    CallRecord,
    Campaign,
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    MissedCall,
    OfferTerms,
    Operator,
    Outcome,
    PastCall,
    Receipt,
    Role,
    Scope,
    Status,
    Touch,
    TouchStatus,
    WrapUp,
)
from ctiroute.store import open_store
from ctiroute.store.copying import Kind, key_of
from ctiroute.store.touch_columns import TouchColumns
from ctiroute.store.touch_rows import to_json, touch_row

if TYPE_CHECKING:
    from ctiroute.store.base import Store
    from ctiroute.store.copying import Key
    from ctiroute.store.touch_rows import TouchRow

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
SECOND_PHONE = Identifier(IdentifierKind.PHONE, "+380509876543")
EMAIL = Identifier(IdentifierKind.EMAIL, "olena@example.com")
OLENA = Customer("K1", "Олена Коваль", "uk", {"segment": "vip", "city": "Львів"}, (PHONE, EMAIL))

HOSTILE = (
    "'; DROP TABLE touches; --",
    '" OR "1"="1',
    "%_\\?1 :name @x $y",
    "\u202eNOITCARTXE",  # right to left
    "nul\0in the middle",
    "Ω≈ç√ 😀 \ufffd",
    "line\nbreak\r\n\ttab",
    "",
)


def query(identifier: Identifier = PHONE, **changes: object) -> CallerQuery:
    """Return a question that looks back three days for touches, seven for calls, thirty for closed interactions."""
    values: dict[str, object] = {
        "touches_since": NOW - timedelta(days=3),
        "calls_since": NOW - timedelta(days=7),
        "interactions_since": NOW - timedelta(days=30),
    }
    return CallerQuery(identifier, **(values | changes))  # type: ignore[arg-type] # built from names


def touch(touch_id: str = "T1", identifier: Identifier = PHONE, ago: timedelta = timedelta(minutes=12), **changes: object) -> Touch:
    """Return a touch sent some time ago."""
    values: dict[str, object] = {
        "touch_id": touch_id,
        "campaign": "autumn-sms",
        "campaign_title": "Autumn",
        "medium": Medium.SMS,
        "identifier": identifier,
        "sent_at": NOW - ago,
        "status": TouchStatus.DELIVERED,
        "offer": OfferTerms("Autumn instalments", "0 % until 30 November", "24 months", {"amount": "1000"}),
        "delivered_at": NOW - ago + timedelta(seconds=2),
        "customer_id": None,
    }
    return Touch(**(values | changes))  # type: ignore[arg-type] # built from names


def interaction(
    interaction_id: str = "I1", customer_id: str | None = "K1", ago: timedelta = timedelta(hours=1), **changes: object
) -> Interaction:
    """Return an open interaction updated some time ago."""
    values: dict[str, object] = {
        "interaction_id": interaction_id,
        "customer_id": customer_id,
        "medium": Medium.WEB,
        "topic": "credit-application",
        "title": "Application for credit",
        "status": InteractionStatus.OPEN,
        "opened_at": NOW - ago,
        "updated_at": NOW - ago,
        "form": {"amount": "50000", "income": ""},
    }
    return Interaction(**(values | changes))  # type: ignore[arg-type] # built from names


def missed(number: int, operator_id: str = "olha") -> MissedCall:
    """Return a missed call, later for a greater number."""
    return MissedCall(f"p{number}", operator_id, f"pbx:{number}", "+380 67", "Олена", "Calls back", NOW + timedelta(seconds=number), 14.5)


# --- life


async def test_a_new_store_is_at_the_newest_schema_and_opens_again_with_its_data(store_url: str) -> None:
    """Opening makes the schema; opening again keeps everything."""
    first = open_store(store_url)
    await first.open()
    version = await first.schema_version()
    await first.put_touches([touch()])
    await first.close()
    second = open_store(store_url)
    await second.open()
    assert version >= 1
    assert await second.schema_version() == version
    assert (await second.find_caller(query())).touches == (touch(),)
    await second.close()


async def test_check_passes_on_a_store_that_works_and_fails_on_a_closed_one(store: Store) -> None:
    """`check` tells the truth; closing twice is harmless."""
    await store.check()
    await store.check()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.check()
    with pytest.raises(StoreUnavailable):
        await store.find_caller(query())
    with pytest.raises(StoreUnavailable):
        await store.put_touches([touch()])


# --- call path


async def test_a_stranger_is_no_facts(store: Store) -> None:
    """Nobody knows the number: empty facts, not an error."""
    await store.put_customers([OLENA])
    assert await store.find_caller(query(SECOND_PHONE)) == CallerFacts()


async def test_a_customer_is_found_with_everything_under_any_identifier(store: Store) -> None:
    """Touches to the e-mail and an open interaction come up when the phone calls, and every field comes back as it went in."""
    by_sms, by_mail = touch("T1"), touch("T2", EMAIL, timedelta(hours=2), campaign="mail", campaign_title="By mail", medium=Medium.EMAIL)
    application = interaction(
        owner="olha", events=(InteractionEvent(NOW, "form", "step 2"), InteractionEvent(NOW - timedelta(1), "form", "step 1"))
    )
    await store.put_customers([OLENA])
    await store.put_touches([by_mail, by_sms])
    await store.put_interactions([application])
    expected = CallerFacts((OLENA,), (by_sms, by_mail), (application,), ())
    assert await store.find_caller(query(PHONE)) == expected
    assert await store.find_caller(query(EMAIL)) == expected


async def test_touches_to_a_bare_number_are_found(store: Store) -> None:
    """A number that was only ever sent an SMS has touches and no customer."""
    await store.put_touches([touch()])
    assert await store.find_caller(query()) == CallerFacts(touches=(touch(),))


async def test_touches_before_the_window_are_left_out_and_its_edge_is_in(store: Store) -> None:
    """The window is closed at its old end, to the microsecond."""
    since = NOW - timedelta(minutes=15)
    on_edge = touch("edge", sent_at=since)
    await store.put_touches([on_edge, touch("older", sent_at=since - timedelta(microseconds=1))])
    assert (await store.find_caller(query(touches_since=since))).touches == (on_edge,)


async def test_each_kind_is_cut_to_the_limit_newest_first(store: Store) -> None:
    """A number with a great many of everything gives the newest few of each."""
    await store.put_customers([OLENA])
    await store.put_touches([touch(f"T{n}", (PHONE, EMAIL)[n % 2], timedelta(minutes=n)) for n in range(60)])
    await store.put_interactions([interaction(f"I{n}", ago=timedelta(hours=n)) for n in range(60)])
    await store.record_calls([CallRecord(f"c{n}", caller_phone=PHONE.value, received_at=NOW - timedelta(minutes=n)) for n in range(60)])
    facts = await store.find_caller(query(limit=7))
    assert [found.touch_id for found in facts.touches] == [f"T{n}" for n in range(7)]
    assert [found.interaction_id for found in facts.interactions] == [f"I{n}" for n in range(7)]
    assert [found.call_id for found in facts.calls] == [f"c{n}" for n in range(7)]


async def test_open_interactions_are_never_cut_by_time_and_closed_ones_are(store: Store) -> None:
    """A year-old open request is found; a closed one only inside the window; newest first over both."""
    closed = {"status": InteractionStatus.CLOSED, "outcome": "done"}
    await store.put_customers([OLENA])
    await store.put_interactions(
        [
            interaction("old-open", ago=timedelta(days=365)),
            interaction("waiting", ago=timedelta(days=200), status=InteractionStatus.WAITING),
            interaction("old-closed", ago=timedelta(days=31), **closed),
            interaction("new-closed", ago=timedelta(days=2), **closed),
        ]
    )
    assert [found.interaction_id for found in (await store.find_caller(query())).interactions] == ["new-closed", "waiting", "old-open"]
    few = await store.find_caller(query(limit=2))
    assert [found.interaction_id for found in few.interactions] == ["waiting", "old-open"], "open ones go before closed ones"


async def test_an_interaction_without_a_customer_is_found_by_its_identifier(store: Store) -> None:
    """A form of an unknown visitor who left a phone is found by that phone, also when it later belongs to a customer."""
    bare = interaction("bare", None, identifier=EMAIL)
    await store.put_interactions([bare])
    assert await store.find_caller(query(EMAIL)) == CallerFacts(interactions=(bare,))
    assert await store.find_caller(query(PHONE)) == CallerFacts()
    await store.put_customers([OLENA])
    assert (await store.find_caller(query(PHONE))).interactions == (bare,)


async def test_an_interaction_with_customer_and_identifier_comes_once(store: Store) -> None:
    """Both ways lead to it, and it is one."""
    both = interaction("both", identifier=PHONE)
    await store.put_customers([OLENA])
    await store.put_interactions([both])
    assert (await store.find_caller(query())).interactions == (both,)


async def test_only_the_last_few_events_of_an_interaction_come(store: Store) -> None:
    """The newest events, in order, and no more than a few."""
    events = tuple(InteractionEvent(NOW - timedelta(minutes=n), "message", f"m{n}") for n in range(40))
    await store.put_customers([OLENA])
    await store.put_interactions([interaction(events=events)])
    (found,) = (await store.find_caller(query())).interactions
    assert 3 <= len(found.events) <= 10
    assert found.events == events[: len(found.events)]


async def test_a_shared_number_gives_all_its_customers_last_contact_first(store: Store) -> None:
    """Several candidates are a normal answer."""
    people = [Customer(key, key, None, {}, (PHONE,)) for key in ("A", "B", "C")]
    await store.put_customers(people)
    assert {found.customer_id for found in (await store.find_caller(query())).customers} == {"A", "B", "C"}
    await store.put_interactions([interaction("of C", "C", timedelta(hours=3)), interaction("of B", "B", timedelta(hours=5))])
    facts = await store.find_caller(query())
    assert [found.customer_id for found in facts.customers] == ["C", "B", "A"]
    assert {found.interaction_id for found in facts.interactions} == {"of C", "of B"}


async def test_earlier_calls_come_newest_first_within_their_window(store: Store) -> None:
    """Calls are found by the caller's phone, known or not, ended or going on."""
    await store.record_calls(
        [
            CallRecord(
                "x:1",
                caller_phone=PHONE.value,
                received_at=NOW - timedelta(days=2),
                outcome=Outcome.ANSWERED,
                rule="r",
                queue="q",
                operator_id="olha",
            ),
            CallRecord("x:2", caller_phone=PHONE.value, received_at=NOW - timedelta(hours=1)),
            CallRecord("x:3", caller_phone=PHONE.value, received_at=NOW - timedelta(days=8)),
            CallRecord("x:4", caller_phone=SECOND_PHONE.value, received_at=NOW),
        ]
    )
    assert (await store.find_caller(query())).calls == (
        PastCall("x:2", NOW - timedelta(hours=1), None),
        PastCall("x:1", NOW - timedelta(days=2), Outcome.ANSWERED, "r", "q", "olha"),
    )


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_kept_as_text_and_matches_nothing_else(store: Store, text: str) -> None:
    """What looks like SQL, or breaks naive code, is stored and found as it is; as a key it finds only itself."""
    strange = Identifier(IdentifierKind.ACCOUNT, text)
    customer = Customer(f"id {text}", text, text, {f"key {text}": text}, (PHONE, strange))
    sent = touch(f"touch {text}", strange, campaign=f"c {text}", campaign_title=text, offer=OfferTerms(text, text, text, {text: text}))
    wrote = interaction(f"i {text}", f"id {text}", title=text, form={text: text}, events=(InteractionEvent(NOW, text, text),))
    await store.put_customers([customer, Customer("other", "Other", None, {}, (SECOND_PHONE,))])
    await store.put_touches([sent])
    await store.put_interactions([wrote])
    await store.record_calls([CallRecord(f"c {text}", caller_raw=text, dialed=text)])
    assert await store.find_caller(query(strange)) == CallerFacts((customer,), (sent,), (wrote,))
    call = await store.get_call(f"c {text}")
    assert call == CallRecord(f"c {text}", caller_raw=text, dialed=text)
    assert await store.find_caller(query(Identifier(IdentifierKind.PHONE, text))) == CallerFacts()
    assert (await store.find_caller(query(SECOND_PHONE))).customers[0].customer_id == "other"


async def test_a_kind_of_the_companys_own_is_a_key_like_any_other(store: Store) -> None:
    """A loyalty card leads to its customer with all that was made to it; the same number as a card of another kind to nobody."""
    card = Identifier("loyalty-card_2", "4711 00")
    customer = Customer("K1", "Olena", None, {}, (PHONE, card))
    sent, wrote = touch("T1", card), interaction("I1", None, identifier=card)
    await store.put_customers([customer])
    await store.put_touches([sent])
    await store.put_interactions([wrote])
    for identifier in customer.identifiers:
        assert await store.find_caller(query(identifier)) == CallerFacts((customer,), (sent,), (wrote,))
    assert await store.find_caller(query(Identifier("card", "4711 00"))) == CallerFacts()


async def test_text_that_no_encoding_holds_is_a_conflict_to_write_and_nobody_to_find(store: Store) -> None:
    """A lone surrogate (bytes of a broken name) is refused, keeps nothing, and is no caller."""
    with pytest.raises(StoreConflict):
        await store.put_touches([touch("good"), touch("bad", customer_id="\udcff")])
    assert await store.find_caller(query()) == CallerFacts()
    assert await store.find_caller(query(Identifier(IdentifierKind.PHONE, "\udcff"))) == CallerFacts()


@pytest.mark.parametrize(
    "at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 10, 25, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=3))),
        datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
async def test_times_come_back_to_the_microsecond_in_utc(store: Store, at: datetime) -> None:
    """Before the epoch, around a change of clocks, with another offset, far ahead."""
    await store.put_touches([touch(sent_at=at, delivered_at=at)])
    (found,) = (await store.find_caller(query(touches_since=at))).touches
    assert (found.sent_at, found.delivered_at) == (at, at)
    assert found.sent_at.tzinfo is UTC


# --- outreach and customers


async def test_put_touches_counts_the_new_and_replaces_the_known(store: Store) -> None:
    """Telling the same again adds nothing; a touch may change its status, its time and even its number."""
    assert await store.put_touches([touch("T1"), touch("T2")]) == 2
    moved = touch("T2", SECOND_PHONE, status=TouchStatus.CLICKED)
    assert await store.put_touches([touch("T1"), moved, touch("T3"), touch("T3")]) == 1
    assert {found.touch_id for found in (await store.find_caller(query())).touches} == {"T1", "T3"}
    assert (await store.find_caller(query(SECOND_PHONE))).touches == (moved,)
    assert await store.put_touches([]) == 0


async def test_touches_put_at_once_are_written_in_the_order_of_the_calls(store: Store) -> None:
    """Of one that is in both, the later call's counts, however much longer the earlier one takes to be made ready."""
    many = [touch(f"T{number}", EMAIL, offer=OfferTerms("first")) for number in range(2000)]
    added = await asyncio.gather(store.put_touches(many), store.put_touches([touch("T1999", offer=OfferTerms("second"))]))
    assert tuple(added) == (2000, 0)
    assert [each.offer.title for each in (await store.find_caller(query())).touches] == ["second"]


async def test_a_campaign_known_from_its_touches_takes_its_title_later(store: Store) -> None:
    """Touches make unknown campaigns and leave known ones; `put_campaigns` replaces the title on all touches."""
    await store.put_touches([touch(campaign_title="first")])
    await store.put_touches([touch("T2", campaign_title="other")])
    assert {found.campaign_title for found in (await store.find_caller(query())).touches} == {"first"}
    await store.put_campaigns(Campaign(key, "Autumn 2026", Medium.SMS) for key in ("autumn-sms",))
    assert {found.campaign_title for found in (await store.find_caller(query())).touches} == {"Autumn 2026"}


async def test_putting_a_customer_again_replaces_all_of_him(store: Store) -> None:
    """Identifiers that are not named any more lead to nobody; a shared one stays the other's."""
    other = Customer("K2", "Other", None, {}, (EMAIL,))
    assert await store.put_customers([OLENA, other]) == 2
    changed = Customer("K1", "Olena", None, {}, (SECOND_PHONE,))
    assert await store.put_customers([changed]) == 0
    assert await store.find_caller(query(PHONE)) == CallerFacts()
    assert (await store.find_caller(query(SECOND_PHONE))).customers == (changed,)
    assert (await store.find_caller(query(EMAIL))).customers == (other,)


async def test_a_customer_named_twice_in_one_batch_is_as_named_last(store: Store) -> None:
    """Repeated rows and repeated identifiers are no error."""
    last = Customer("K1", "Last", None, {}, (EMAIL, PHONE))
    assert await store.put_customers([OLENA, Customer("K1", "Last", None, {}, (EMAIL, PHONE, EMAIL))]) == 1
    assert (await store.find_caller(query())).customers == (last,)


async def test_putting_an_interaction_again_replaces_it_with_its_events(store: Store) -> None:
    """Closed, with other events: the old ones are gone."""
    await store.put_customers([OLENA])
    await store.put_interactions([interaction(events=(InteractionEvent(NOW, "a", "1"), InteractionEvent(NOW, "b", "2")))])
    later = interaction(status=InteractionStatus.CLOSED, outcome="granted", events=(InteractionEvent(NOW, "c", "3"),), form={})
    await store.put_interactions([later])
    assert (await store.find_caller(query())).interactions == (later,)


# --- calls


async def test_a_call_lost_sight_of_keeps_what_was_known(store: Store) -> None:
    """A restart tells of a live call anew: it was received when it was, and an outcome that was known stays."""
    await store.record_calls([CallRecord("a:1", pbx="a", received_at=NOW, outcome=Outcome.DEFAULTED), CallRecord("a:2", received_at=NOW)])
    later = NOW + timedelta(minutes=5)
    await store.record_calls([CallRecord(f"a:{number}", received_at=later, outcome=Outcome.UNKNOWN, ended_at=later) for number in (1, 2)])
    first, second = await store.get_call("a:1"), await store.get_call("a:2")
    assert first is not None
    assert second is not None
    assert (first.received_at, first.outcome, first.ended_at) == (NOW, Outcome.DEFAULTED, later)
    assert second.outcome is Outcome.UNKNOWN


async def test_call_records_merge_and_none_leaves_what_is_stored(store: Store) -> None:
    """Pieces of a call come from several places in any order, some of them twice."""
    assert await store.get_call("x:1") is None
    start = CallRecord(
        "x:1", "x", PHONE.value, "0671234567", "+380441112233", NOW, Status.ROUTED, "autumn", "promo", decision_ms=3.25, snapshot=b"\0{}"
    )
    end = CallRecord(
        "x:1", outcome=Outcome.ANSWERED, operator_id="olha", answered_at=NOW, ended_at=NOW + timedelta(seconds=90), queue="other"
    )
    await store.record_calls([end, start, start])
    await store.record_calls([CallRecord("x:1")])
    assert await store.get_call("x:1") == CallRecord(
        "x:1", "x", PHONE.value, "0671234567", "+380441112233", NOW, Status.ROUTED, "autumn", "promo", None, None, None, "olha", 3.25,
        Outcome.ANSWERED, NOW, NOW + timedelta(seconds=90), b"\0{}",
    )  # fmt: skip


async def test_missed_calls_are_an_operators_own_bounded_and_told_once(store: Store) -> None:
    """At most 50, newest first, since a time; the same one twice is one."""
    for number in range(60):
        await store.record_missed(missed(number))
    await store.record_missed(missed(59))
    await store.record_missed(missed(100, "other"))
    assert await store.missed_since("olha", NOW) == [missed(number) for number in range(59, 9, -1)]
    assert await store.missed_since("olha", NOW + timedelta(seconds=58)) == [missed(59), missed(58)]
    assert await store.missed_since("nobody", NOW) == []


async def test_a_wrap_up_can_be_written_and_written_over(store: Store) -> None:
    """The note of one operator on one call is one note, for a call we may not even know."""
    await store.put_wrap_up(WrapUp("x:1", "olha", "will think", NOW))
    await store.put_wrap_up(WrapUp("x:1", "olha", "agreed", NOW, "sold"))


# --- operators and sessions


async def test_operators_come_sorted_and_keep_their_password_unless_given_a_new_one(store: Store) -> None:
    """Every field comes back; None keeps the stored hash."""
    olha = Operator("olha", "Ольга", ("PJSIP/1001", "Local/1001@x/n"), "1001", "Olha", "uk", Role.SUPERVISOR, "promo")
    await store.put_operator(olha, "hash-1")
    await store.put_operator(Operator("anna", "Anna"), None)
    assert await store.get_operators() == [Operator("anna", "Anna"), olha]
    assert await store.password_hash("olha") == "hash-1"
    assert await store.password_hash("anna") is None
    assert await store.password_hash("nobody") is None
    await store.put_operator(Operator("olha", "Olha"), None)
    assert await store.password_hash("olha") == "hash-1"
    await store.put_operator(Operator("olha", "Olha"), "hash-2")
    assert await store.password_hash("olha") == "hash-2"
    assert await store.get_operators() == [Operator("anna", "Anna"), Operator("olha", "Olha")]


async def test_a_session_lives_until_it_expires_or_is_dropped(store: Store) -> None:
    """Expiry is exclusive; one session or all of an operator can be ended; nobody else's are touched."""
    for operator_id in ("olha", "anna"):
        await store.put_operator(Operator(operator_id, operator_id), None)
    for token, operator_id in ((b"1" * 32, "olha"), (b"2" * 32, "olha"), (b"3" * 32, "olha"), (b"4" * 32, "anna")):
        await store.put_session(token, operator_id, NOW)
    just_before = NOW - timedelta(microseconds=1)
    assert await store.get_session(b"1" * 32, just_before) == "olha"
    assert await store.get_session(b"1" * 32, NOW) is None
    assert await store.get_session(b"9" * 32, just_before) is None
    await store.drop_sessions(token_hash=b"1" * 32)
    assert await store.get_session(b"1" * 32, just_before) is None
    assert await store.get_session(b"2" * 32, just_before) == "olha"
    await store.drop_sessions(operator_id="olha")
    assert await store.get_session(b"2" * 32, just_before) is None
    assert await store.get_session(b"4" * 32, just_before) == "anna"
    await store.drop_sessions()
    assert await store.get_session(b"4" * 32, just_before) == "anna"


async def test_a_session_of_nobody_is_a_conflict(store: Store) -> None:
    """A session belongs to an operator there is."""
    with pytest.raises(StoreConflict):
        await store.put_session(b"1" * 32, "nobody", NOW)


# --- several at once


async def test_many_writers_and_readers_at_once_lose_nothing(store: Store) -> None:
    """Batches, merges and look-ups run side by side; each look-up sees whole batches only."""
    seen: list[int] = []

    async def write(number: int) -> None:
        await store.put_touches([touch(f"T{number}-{n}") for n in range(5)])
        await store.record_calls([CallRecord("x:1", **{("rule", "queue", "dialed")[number % 3]: "set"})])  # type: ignore[arg-type] # names

    async def read() -> None:
        while len(seen) < 30:
            seen.append(len((await store.find_caller(query(limit=1000))).touches))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(read(), name="read")
        for number in range(20):
            group.create_task(write(number), name=f"write {number}")
    assert all(count % 5 == 0 for count in seen)
    assert len((await store.find_caller(query(limit=1000))).touches) == 100
    assert await store.get_call("x:1") == CallRecord("x:1", rule="set", queue="set", dialed="set")


async def test_two_open_stores_see_each_others_writes(store: Store, store_url: str) -> None:
    """An import in another process is seen by the next call."""
    other = open_store(store_url)
    await other.open()
    await asyncio.gather(store.put_touches([touch("T1")]), other.put_touches([touch("T2")]))
    for one in (store, other):
        assert {found.touch_id for found in (await one.find_caller(query())).touches} == {"T1", "T2"}
    await other.close()


# --- receipts


async def test_a_touch_put_again_loses_nothing_that_receipts_told(store: Store) -> None:
    """The same file imported after the carrier's receipts changes its words, and neither status nor times go back."""
    await store.put_touches([touch("T1", status=TouchStatus.SENT, delivered_at=None)])
    read_at = NOW - timedelta(minutes=1)
    assert await store.add_receipts([Receipt("T1", TouchStatus.READ, read_at), Receipt("T1", TouchStatus.DELIVERED, NOW)]) == frozenset()
    await store.put_touches([touch("T1", status=TouchStatus.SENT, delivered_at=None, offer=OfferTerms("new"))])
    (found,) = (await store.find_caller(query())).touches
    assert (found.status, found.delivered_at, found.read_at, found.clicked_at) == (TouchStatus.READ, NOW, read_at, None)
    assert found.offer == OfferTerms("new")


@pytest.mark.parametrize("backwards", [False, True])
async def test_receipts_come_to_the_same_in_any_order_and_any_number(store: Store, *, backwards: bool) -> None:
    """A status never goes back, a failure is taken back by a sign of arrival, of two times the earlier stays."""
    await store.put_touches(
        [touch("T1", status=TouchStatus.SENT, delivered_at=None), touch("T2", status=TouchStatus.SENT, delivered_at=None)]
    )
    at = [NOW - timedelta(minutes=9 - minute) for minute in range(9)]
    told = [
        Receipt("T1", TouchStatus.FAILED, at[0]),
        Receipt("T1", TouchStatus.DELIVERED, at[1]),
        Receipt("T1", TouchStatus.CLICKED, at[4]),
        Receipt("T1", TouchStatus.READ, at[3]),
        Receipt("T1", TouchStatus.DELIVERED, at[2]),
        Receipt("T1", TouchStatus.CLICKED, at[4]),
        Receipt("T2", TouchStatus.FAILED, at[5]),
        Receipt("nobody", TouchStatus.READ, at[6]),
    ]
    assert await store.add_receipts(told[::-1] if backwards else told) == frozenset({"nobody"})
    found = {each.touch_id: each for each in (await store.find_caller(query())).touches}
    assert (found["T1"].status, found["T1"].delivered_at, found["T1"].read_at, found["T1"].clicked_at) == (
        TouchStatus.CLICKED,
        at[1],
        at[3],
        at[4],
    )
    assert (found["T2"].status, found["T2"].delivered_at) == (TouchStatus.FAILED, None)


async def test_rows_and_touches_come_to_the_same(store: Store) -> None:
    """An import's plain rows are what the objects of the model are."""
    whole = touch("T1", customer_id="K1", read_at=NOW, clicked_at=NOW + timedelta(seconds=1))
    bare = touch("T2", EMAIL, offer=OfferTerms(), delivered_at=None)
    assert await store.put_touch_rows([touch_row(whole), touch_row(bare)]) == 2
    assert (await store.find_caller(query())).touches == (whole,)
    assert (await store.find_caller(query(EMAIL))).touches == (bare,)
    assert await store.put_touches([whole, bare]) == 0


_HOSTILE = (
    "",
    " ",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\\",
    "\\N",
    "\\.",
    "a\\",
    "\\t",
    "nul\0",
    "\ufdd0",
    "\ufdd00",
    "\1",
    "\n\1",
    "'; --",
    "Олена \u202e",
)
_MOMENTS = (0, 1, -1, 999_999, 1_793_534_400_000_000, 1_793_534_400_000_001, -62_135_596_800_000_000, 253_402_300_799_999_999)


def hostile_rows(count: int) -> list[TouchRow]:
    """Return touches with every odd text in every column that takes text, and times at all ends."""
    rows: list[TouchRow] = []
    for number in range(count):
        text, other = _HOSTILE[number % len(_HOSTILE)], _HOSTILE[(number + 1) % len(_HOSTILE)]
        at = _MOMENTS[number % len(_MOMENTS)]
        kind, value = ("phone", f"+38067{number:07d}") if number % 3 else ("visitor", f"v{text}")
        times = None if number % 2 else at, at, None
        fields = to_json({other: text})
        offer = text, other, text, fields
        rows.append((f"{text}{number}", kind, value, f"c{other}", "sms", at, "read", *times, other or None, *offer, ""))
    return rows


@pytest.mark.parametrize("count", [1, 60, 1200])
async def test_columns_are_kept_as_they_are(store: Store, count: int) -> None:
    """Few or many touches of an import, whatever their texts hold and whenever they were sent, come out as they went in; twice is once."""
    rows = hostile_rows(count)
    assert await store.put_touch_columns(TouchColumns.of(rows[: count // 2])) == count // 2
    assert await store.put_touch_columns(TouchColumns.of([*rows, rows[0]])) == count - count // 2
    found: dict[str, TouchRow] = {}
    after: Key = ()
    while page := [item for item in await store.export(Kind.TOUCHES, after, 100) if isinstance(item, tuple)]:
        found |= {item[0]: item for item in cast("list[TouchRow]", page)}
        after = key_of(page[-1])
    assert found == {row[0]: row for row in rows}
    assert await store.put_touch_columns(TouchColumns.of(rows)) == 0
    assert await store.put_touch_columns(TouchColumns.of([])) == 0


async def test_columns_of_touches_grow(store: Store) -> None:
    """A touch that comes again without what is known of how far it got keeps that, among others that are new."""
    first = touch_row(touch("T1", read_at=NOW, status=TouchStatus.READ))
    again = touch_row(touch("T1", read_at=None, delivered_at=None, status=TouchStatus.SENT))
    new = touch_row(touch("T0", EMAIL))
    await store.put_touch_columns(TouchColumns.of([first]))
    assert await store.put_touch_columns(TouchColumns.of([new, again, touch_row(touch("T2"))])) == 2
    (kept,) = [each for each in (await store.find_caller(query())).touches if each.touch_id == "T1"]
    assert touch_row(kept) == first


# --- API keys


async def test_an_api_key_is_kept_with_the_hash_of_its_secret(store: Store) -> None:
    """Its last use only goes forward, its first revocation stays; an id is given once."""
    key = ApiKey("abc", "sms gateway", frozenset({Scope.TOUCHES, Scope.RECEIPTS}), NOW, NOW + timedelta(days=1))
    await store.put_api_key(key, b"h" * 32)
    await store.put_api_key(ApiKey("abd", "", frozenset(), NOW), b"i" * 32)
    assert await store.get_api_key("abc") == (key, b"h" * 32)
    assert await store.get_api_key("ABC") is None
    with pytest.raises(StoreConflict):
        await store.put_api_key(key, b"other")
    await store.note_api_key_use("abc", NOW + timedelta(minutes=2))
    await store.note_api_key_use("abc", NOW + timedelta(minutes=1))
    assert await store.revoke_api_key("abc", NOW + timedelta(minutes=3))
    assert await store.revoke_api_key("abc", NOW + timedelta(minutes=4))
    assert not await store.revoke_api_key("nobody", NOW)
    first, second = await store.get_api_keys()
    assert (first.last_used_at, first.revoked_at, second.key_id) == (NOW + timedelta(minutes=2), NOW + timedelta(minutes=3), "abd")
