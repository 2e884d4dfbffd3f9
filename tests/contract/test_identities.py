"""Who is who: links and their claims, merges and splits, what people confirm and deny, and what takes that back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import StoreConflict
from ctiroute.model import (
    IMPORTED,
    CallerFacts,
    CallerQuery,
    CallRecord,
    ChangeKind,
    Claim,
    Confirm,
    Customer,
    Deny,
    Identifier,
    IdentityChange,
    Intake,
    Interaction,
    InteractionStatus,
    Medium,
    Merge,
    OfferTerms,
    Split,
    Subject,
    Touch,
    TouchStatus,
    Undo,
)
from ctiroute.store import open_store
from ctiroute.store.copying import copy_store

if TYPE_CHECKING:
    from pathlib import Path

    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=365)
PHONE = Identifier("phone", "+380671234567")
MOBILE = Identifier("phone", "+380509876543")
EMAIL = Identifier("email", "olena@example.com")
VISITOR = Identifier("visitor", "v-77")
CARD = Identifier("loyalty-card", "4711")
OLENA = Customer("K1", "Olena", "uk", {"segment": "vip"}, (PHONE, EMAIL))
PETRO = Customer("K2", "Petro", None, {}, (MOBILE, CARD))
CHAT = Claim("chat", None, NOW)
VERIFIED = Claim("portal", NOW - timedelta(days=3), NOW)


async def found(store: Store, identifier: Identifier = PHONE) -> CallerFacts:
    """Return what a contact by this identifier would find."""
    return await store.find_caller(CallerQuery(identifier, LONG_AGO, LONG_AGO, LONG_AGO))


async def names(store: Store, identifier: Identifier) -> list[str]:
    """Return whose an identifier is found to be."""
    return sorted(each.customer_id for each in (await found(store, identifier)).customers)


def touch(touch_id: str, identifier: Identifier, customer_id: str | None = None, ago: int = 1) -> Touch:
    """Return a touch of some hours ago."""
    sent_at = NOW - timedelta(hours=ago)
    return Touch(touch_id, "autumn", "autumn", Medium.SMS, identifier, sent_at, TouchStatus.SENT, OfferTerms("x"), customer_id=customer_id)


def interaction(interaction_id: str, customer_id: str | None, identifier: Identifier | None = None, ago: int = 1) -> Interaction:
    """Return an open interaction of some hours ago."""
    at = NOW - timedelta(hours=ago)
    open_ = InteractionStatus.OPEN
    return Interaction(interaction_id, customer_id, Medium.CHAT, "credit", "Credit", open_, at, at, identifier=identifier)


# --- links


async def test_any_identifier_leads_to_what_was_made_to_any_other(store: Store) -> None:
    """A call brings the touches and the interactions of the customer's e-mail, visitor id and card, in one look-up."""
    whole = replace(OLENA, identifiers=(PHONE, EMAIL, VISITOR, CARD))
    await store.put_customers([whole, replace(PETRO, identifiers=(MOBILE,))])
    touches = (touch("T1", EMAIL, ago=1), touch("T2", CARD, ago=2), touch("T3", PHONE, ago=3))
    talks = (interaction("I1", None, VISITOR, ago=1), interaction("I2", "K1", ago=2), interaction("I3", None, EMAIL, ago=3))
    await store.put_touches([*touches, touch("other", MOBILE)])
    await store.put_interactions([*talks, interaction("other", None, MOBILE)])
    for identifier in whole.identifiers:
        assert await found(store, identifier) == CallerFacts((whole,), touches, talks)


async def test_identifiers_that_come_together_are_one_new_customers(store: Store) -> None:
    """A web form with a phone and an e-mail makes a customer of whom nothing else is known; telling it again changes nothing."""
    (made,) = await store.link_identifiers([VISITOR, PHONE], None, CHAT, name="Olena from the site")
    assert (await found(store, PHONE)).customers == (Customer(made, "Olena from the site", None, {}, (VISITOR, PHONE)),)
    assert await store.link_identifiers([VISITOR, PHONE], None, CHAT) == (made,)
    assert await store.link_identifiers([PHONE, EMAIL], None, CHAT) == (made,)
    assert (await found(store, EMAIL)).customers[0].identifiers == (VISITOR, PHONE, EMAIL)


async def test_one_identifier_alone_makes_nobody(store: Store) -> None:
    """There is nothing to link, and a stranger stays one."""
    assert await store.link_identifiers([PHONE], None, CHAT) == ()
    assert await found(store) == CallerFacts()


async def test_what_a_source_tells_is_added_to_whom_the_company_knows(store: Store) -> None:
    """The chat's visitor id leads to the customer of the phone; the link says who told it, and whether that was verified."""
    await store.put_customers([OLENA, PETRO])
    assert await store.link_identifiers([PHONE, VISITOR], None, VERIFIED) == ("K1",)
    facts = await found(store, VISITOR)
    assert facts.customers == (replace(OLENA, identifiers=(PHONE, EMAIL, VISITOR)),)
    assert facts.claims == {"K1": (VERIFIED,)}
    assert (await found(store, PHONE)).claims == {"K1": (IMPORTED, VERIFIED)}
    assert (await found(store, MOBILE)).claims == {}


async def test_a_key_of_the_company_makes_its_customer_and_takes_from_nobody(store: Store) -> None:
    """The source knows its customer: that one is linked too, whoever had the number before, and both are candidates."""
    await store.put_customers([OLENA])
    assert await store.link_identifiers([PHONE], "K9", CHAT, name="Iryna") == ("K9", "K1")
    facts = await found(store)
    assert sorted((each.customer_id, each.name) for each in facts.customers) == [("K1", "Olena"), ("K9", "Iryna")]
    assert facts.claims == {"K9": (CHAT,)}


async def test_sources_that_contradict_each_other_leave_candidates(store: Store) -> None:
    """A phone of one customer and an e-mail of another come together: both are kept as candidates for both, and say who said so."""
    await store.put_customers([OLENA, replace(PETRO, identifiers=(MOBILE,))])
    assert await store.link_identifiers([EMAIL, MOBILE], None, CHAT) == ("K1", "K2")
    assert await names(store, EMAIL) == await names(store, MOBILE) == ["K1", "K2"]
    assert (await found(store, EMAIL)).claims == {"K1": (IMPORTED, CHAT), "K2": (CHAT,)}
    assert (await found(store, MOBILE)).claims == {"K1": (CHAT,), "K2": (IMPORTED, CHAT)}
    assert await names(store, PHONE) == ["K1"]


async def test_of_several_whom_all_identifiers_share_only_that_one_is_linked(store: Store) -> None:
    """The office number is everybody's, the e-mail is Olena's: who writes with both is Olena."""
    await store.put_customers([replace(OLENA, identifiers=(PHONE, EMAIL)), replace(PETRO, identifiers=(PHONE,))])
    assert await store.link_identifiers([PHONE, EMAIL, VISITOR], None, CHAT) == ("K1",)
    assert await names(store, VISITOR) == ["K1"]


async def test_an_import_replaces_what_its_source_said_and_nothing_else(store: Store) -> None:
    """The nightly file drops an e-mail and brings a mobile; what the portal verified stays, also what the file never knew."""
    await store.put_customers([OLENA])
    await store.link_identifiers([PHONE, EMAIL, VISITOR], None, VERIFIED)
    assert await store.put_customers([replace(OLENA, name="Olena K.", identifiers=(MOBILE, PHONE))]) == 0
    facts = await found(store)
    assert facts.customers == (Customer("K1", "Olena K.", "uk", {"segment": "vip"}, (MOBILE, PHONE, EMAIL, VISITOR)),)
    assert (await found(store, EMAIL)).claims == {"K1": (VERIFIED,)}
    assert (await found(store, PHONE)).claims == {"K1": (IMPORTED, VERIFIED)}
    assert await store.put_customers([replace(OLENA, identifiers=())]) == 0
    assert (await found(store)).claims == {"K1": (VERIFIED,)}
    assert await names(store, MOBILE) == []


async def test_files_of_two_sources_keep_to_their_own(store: Store) -> None:
    """The shop's file and the bank's each replace only what they said; the identifiers are those of both."""
    shop, bank = Claim("shop", None, NOW), Claim("bank", NOW, NOW)
    await store.put_customers([replace(OLENA, identifiers=(PHONE, EMAIL))], shop)
    await store.put_customers([replace(OLENA, identifiers=(PHONE, CARD))], bank)
    assert (await found(store)).customers[0].identifiers == (PHONE, CARD, EMAIL)
    assert (await found(store)).claims == {"K1": (shop, bank)}
    await store.put_customers([replace(OLENA, identifiers=(MOBILE,))], shop)
    assert (await found(store, MOBILE)).customers[0].identifiers == (MOBILE, PHONE, CARD)
    assert (await found(store, PHONE)).claims == {"K1": (bank,)}
    assert await names(store, EMAIL) == []


async def test_a_number_of_very_many_is_nobodys(store: Store) -> None:
    """What came with the number of an agency with a hundred customers is linked to none of them."""
    await store.put_customers([Customer(f"A{n}", "x", identifiers=(PHONE,)) for n in range(100)])
    assert await store.link_identifiers([PHONE, VISITOR], None, CHAT) == ()
    assert await names(store, VISITOR) == []


async def test_a_hostile_source_cannot_grow_a_customer_without_bound(store: Store) -> None:
    """A form that is sent ten thousand times with other numbers fills what a customer may hold, and no more."""
    await store.put_customers([OLENA])
    for n in range(8):
        await store.link_identifiers([PHONE, *(Identifier("visitor", f"{n} {m}") for m in range(15))], None, CHAT)
    (customer,) = (await found(store)).customers
    assert len(customer.identifiers) == 64
    for n in range(20):
        await store.link_identifiers([PHONE], "K1", Claim(f"source {n}", None, NOW))
    claims = (await found(store)).claims["K1"]
    assert (len(claims), claims[0]) == (8, IMPORTED)


@pytest.mark.parametrize("text", ["'; DROP TABLE customers; --", "\0 nul \ufdd0", "long " * 40, "\u202e rtl", "a,b;c|d", '"}],['])
async def test_hostile_text_is_linked_merged_and_undone_as_text(store: Store, text: str) -> None:
    """Ids, names and values of any text come back as they were, through every change and its undoing."""
    mine, theirs = Identifier("visitor", text), Identifier("account", text)
    await store.put_customers(
        [Customer(f"a{text}", text, None, {text: text}, (PHONE, mine)), Customer(f"b{text}", text, None, {}, (MOBILE,))]
    )
    await store.link_identifiers([mine, theirs], None, Claim(text, NOW, NOW, text))
    assert (await found(store, theirs)).claims == {f"a{text}": (Claim(text, NOW, NOW, text),)}
    before = [await found(store, each) for each in (mine, theirs, PHONE, MOBILE)]
    merge = await store.change_identity(Merge(f"a{text}", f"b{text}"), NOW, text, text)
    assert [each.customer_id for each in (await found(store, MOBILE)).customers] == [f"a{text}"]
    split = await store.change_identity(Split(f"a{text}", (theirs,), f"c{text}", text), NOW, text, text)
    deny = await store.change_identity(Deny(mine, f"a{text}"), NOW, text, text)
    assert await names(store, mine) == []
    for change in (deny, split, merge):
        await store.change_identity(Undo(change.change_id), NOW, text)
    assert [await found(store, each) for each in (mine, theirs, PHONE, MOBILE)] == before


async def test_text_that_no_encoding_holds_is_refused_whole(store: Store) -> None:
    """A lone surrogate in a link keeps nothing of it."""
    with pytest.raises(StoreConflict):
        await store.link_identifiers([PHONE, Identifier("visitor", "\udcff")], None, CHAT)
    assert await found(store) == CallerFacts()


async def test_what_sources_tell_of_conversations_links_whom_they_name(store: Store) -> None:
    """A form names visitor and phone, a chat visitor and e-mail: a call by the phone, or a mail, brings both of one customer."""

    def told(source: str, hours: int, *identifiers: Identifier, verified: bool = False) -> Intake:
        at = NOW - timedelta(hours=hours)
        return Intake(source, "c-1", at, Medium.WEB, "e-1", identifiers, verified=verified, name="Olena", title=source)

    form, chat = told("form", 2, VISITOR, PHONE), told("chat", 1, VISITOR, EMAIL, verified=True)
    for intakes in ([chat], [form], [form, chat]):
        await store.take_in(intakes, now=NOW)
    (customer,) = (await found(store)).customers
    assert (customer.name, sorted(customer.identifiers)) == ("Olena", sorted((VISITOR, PHONE, EMAIL)))
    for identifier in (PHONE, EMAIL, VISITOR):
        facts = await found(store, identifier)
        assert facts.customers == (customer,)
        assert [(each.title, each.customer_id) for each in facts.interactions] == [
            ("chat", customer.customer_id),
            ("form", customer.customer_id),
        ]
    assert (await found(store, EMAIL)).claims == {customer.customer_id: (Claim("chat", chat.at, chat.at),)}
    assert (await found(store, PHONE)).claims == {customer.customer_id: (Claim("form", None, form.at),)}


# --- what operators find out


async def test_a_confirmed_link_says_who_confirmed_it_and_when(store: Store) -> None:
    """Of two who share a number one is confirmed: the claim stands beside what the file said, and is in the audit."""
    await store.put_customers([OLENA, replace(PETRO, identifiers=(PHONE,))])
    change = await store.change_identity(Confirm(PHONE, "K2"), NOW, "olha")
    assert (await found(store)).claims == {"K2": (IMPORTED, Claim("operator", NOW, NOW, "olha"))}
    assert change == IdentityChange(change.change_id, ChangeKind.CONFIRM, "K2", "", (PHONE,), NOW, "olha")
    assert await store.identity_changes("K2", None, 10) == [change]
    await store.change_identity(Undo(change.change_id), NOW, "olha")
    assert (await found(store)).claims == {}


async def test_a_denied_link_stays_away_whatever_sources_say(store: Store) -> None:
    """The number is Petro's no more: neither the file nor the chat brings it back, a confirmation does."""
    await store.put_customers([OLENA, replace(PETRO, identifiers=(PHONE, MOBILE))])
    change = await store.change_identity(Deny(PHONE, "K2"), NOW, "olha", "answered by another person")
    assert await names(store, PHONE) == ["K1"]
    await store.put_customers([replace(PETRO, identifiers=(PHONE, MOBILE))])
    await store.put_customers([replace(PETRO, identifiers=(PHONE, MOBILE))], Claim("shop", NOW, NOW))
    await store.link_identifiers([PHONE, MOBILE], "K2", CHAT)
    assert await names(store, PHONE) == ["K1"]
    card = await store.get_card("K2")
    assert card is not None
    assert [(identifier, said.by) for identifier, said in card.denied] == [(PHONE, "olha")]
    await store.change_identity(Confirm(PHONE, "K2"), NOW, "olha")
    assert await names(store, PHONE) == ["K1", "K2"]
    with_denial = await store.change_identity(Deny(PHONE, "K2"), NOW, "olha")
    await store.change_identity(Undo(with_denial.change_id), NOW, "olha")
    assert await names(store, PHONE) == ["K1", "K2"]
    assert (await store.identity_changes("K2", None, 10))[-1] == change


async def test_undoing_a_denial_puts_the_identifier_where_it_stood(store: Store) -> None:
    """The primary phone is the first one again."""
    await store.put_customers([replace(OLENA, identifiers=(PHONE, EMAIL, CARD))])
    change = await store.change_identity(Deny(PHONE, "K1"), NOW, "olha")
    assert (await found(store, EMAIL)).customers[0].identifiers == (EMAIL, CARD)
    await store.change_identity(Undo(change.change_id), NOW, "olha")
    assert (await found(store, EMAIL)).customers[0].identifiers == (PHONE, EMAIL, CARD)


# --- forgetting and copying


async def test_who_is_erased_leaves_nothing_in_links_denials_and_audit(store: Store) -> None:
    """Whoever is one with her goes with her; the neighbour keeps what is his, and the audit names her nowhere."""
    iryna = Customer("K3", "Iryna", None, {}, (VISITOR,))
    await store.put_customers([OLENA, PETRO, iryna])
    await store.link_identifiers([PHONE, EMAIL], "K1", VERIFIED)
    await store.change_identity(Deny(PHONE, "K2"), NOW, "olha")
    await store.change_identity(Confirm(EMAIL, "K1"), NOW, "olha")
    await store.change_identity(Merge("K1", "K3"), NOW, "olha")
    other = await store.change_identity(Confirm(MOBILE, "K2"), NOW, "olha")
    done = await store.erase(Subject((PHONE,)), None)
    assert sorted(done.customer_ids) == ["K1", "K3"]
    assert sorted(done.identifiers) == sorted((PHONE, EMAIL, VISITOR))
    assert (done.customers, done.identity_changes) == (2, 3)
    assert await store.identity_changes(None, None, 10) == [other]
    card = await store.get_card("K2")
    assert card is not None
    assert card.denied == ()
    assert await store.get_card("K1") is await store.get_card("K3") is None
    await store.put_customers([replace(PETRO, identifiers=(PHONE,))])
    assert await names(store, PHONE) == ["K2"]


async def test_a_number_of_two_who_are_one_is_one_persons(store: Store) -> None:
    """It need not be said which of them is to be forgotten."""
    await store.put_customers([OLENA, replace(PETRO, identifiers=(PHONE, MOBILE))])
    await store.change_identity(Merge("K1", "K2"), NOW, "olha")
    found_ = await store.find_erasable(Subject((PHONE,)))
    assert (found_.candidates, sorted(found_.customer_ids)) == ((), ["K1", "K2"])
    assert found_.identifiers == (PHONE, EMAIL, MOBILE)


async def test_a_copy_of_the_store_knows_who_is_who(store: Store, tmp_path: Path) -> None:
    """Links, denials, merges and the audit come over, whatever can be undone can be undone there, and numbering goes on."""
    await lives(store)
    await store.link_identifiers([PHONE, VISITOR], "K1", VERIFIED)
    await store.change_identity(Deny(CARD, "K2"), NOW, "olha")
    merge = await store.change_identity(Merge("K1", "K2"), NOW, "olha")
    target = open_store(f"sqlite://{tmp_path / 'copy.db'}")
    await target.open()
    try:
        for _ in range(2):  # again, for what has changed
            compared = await copy_store(store, target, tmp_path / "copy.json", lambda _: None)
            assert all(each.source == each.target for each in compared)
        for identifier in (PHONE, EMAIL, MOBILE, CARD, VISITOR):
            assert await found(target, identifier) == await found(store, identifier)
        assert await target.get_card("K1") == await store.get_card("K1")
        assert await target.identity_changes(None, None, 10) == await store.identity_changes(None, None, 10)
        await target.change_identity(Undo(merge.change_id), NOW, "olha")
        assert await names(target, MOBILE) == ["K2"]
        assert (await target.change_identity(Confirm(PHONE, "K1"), NOW, "olha")).change_id > merge.change_id
    finally:
        await target.close()


# --- merges and splits


async def both(store: Store) -> list[CallerFacts]:
    """Return what all identifiers of the two customers lead to."""
    return [await found(store, each) for each in (PHONE, EMAIL, MOBILE, CARD)]


async def lives(store: Store) -> None:
    """Keep two customers with a history each."""
    await store.put_customers([OLENA, PETRO])
    await store.put_touches([touch("T1", EMAIL, "K1", ago=1), touch("T2", MOBILE, "K2", ago=2), touch("T3", CARD, ago=3)])
    await store.put_interactions(
        [interaction("I1", "K1", ago=1), interaction("I2", "K2", CARD, ago=2), interaction("I3", None, MOBILE, ago=3)]
    )
    await store.record_calls(
        [
            CallRecord("x:1", caller_phone=PHONE.value, received_at=NOW - timedelta(hours=5), customer_id="K1"),
            CallRecord("x:2", caller_phone=MOBILE.value, received_at=NOW - timedelta(hours=6), customer_id="K2"),
        ]
    )


async def test_merged_customers_are_one_with_all_that_was_theirs_and_undone_are_as_before(store: Store) -> None:
    """Whatever leads to either brings the touches, interactions and calls of both, under one name; undoing it restores everything."""
    await lives(store)
    before = await both(store)
    change = await store.change_identity(Merge("K1", "K2"), NOW, "admin", "the same person, married")
    one = replace(OLENA, identifiers=(PHONE, EMAIL, MOBILE, CARD))
    for identifier in one.identifiers:
        facts = await found(store, identifier)
        assert facts.customers == (one,)
        assert [(each.touch_id, each.customer_id) for each in facts.touches] == [("T1", "K1"), ("T2", "K1"), ("T3", None)]
        assert [(each.interaction_id, each.customer_id) for each in facts.interactions] == [("I1", "K1"), ("I2", "K1"), ("I3", None)]
        assert [(call.call_id, call.customer_id) for call in facts.calls] == [("x:1", "K1"), ("x:2", "K1")]
    assert change == IdentityChange(change.change_id, ChangeKind.MERGE, "K1", "K2", (), NOW, "admin", "the same person, married")
    undone = await store.change_identity(Undo(change.change_id), NOW, "boss")
    assert await both(store) == before
    assert undone == replace(change, undone_at=NOW, undone_by="boss")
    assert await store.identity_changes(None, None, 10) == [undone]


async def test_imports_go_on_by_each_ones_own_key_and_merge_nobody_apart(store: Store) -> None:
    """The nightly file still holds both: new numbers are found, the two stay one, and undoing the merge leaves each with his own."""
    await lives(store)
    change = await store.change_identity(Merge("K1", "K2"), NOW, "admin")
    late = Identifier("phone", "+380630000001")
    await store.put_customers([OLENA, replace(PETRO, name="Petro P.", identifiers=(MOBILE, CARD, late))])
    assert await names(store, late) == ["K1"]
    await store.link_identifiers([late, VISITOR], None, CHAT)
    assert await names(store, VISITOR) == ["K1"]
    await store.change_identity(Undo(change.change_id), NOW, "admin")
    assert (await found(store, late)).customers[0].name == "Petro P."
    assert await names(store, PHONE) == ["K1"]


async def test_chains_of_merges_are_one_and_come_apart_in_order(store: Store) -> None:
    """Who was part of somebody who becomes part of another is part of that one; the earlier merge cannot be undone before the later."""
    third = Customer("K3", "Iryna", None, {}, (VISITOR,))
    await store.put_customers([OLENA, PETRO, third])
    first = await store.change_identity(Merge("K2", "K3"), NOW, "admin")
    second = await store.change_identity(Merge("K1", "K3"), NOW, "admin")
    assert second.other_id == "K2"
    for identifier in (PHONE, MOBILE, VISITOR):
        assert await names(store, identifier) == ["K1"]
    card = await store.get_card("K3")
    assert card is not None
    assert (card.customer.customer_id, card.merged) == ("K1", ("K2", "K3"))
    with pytest.raises(StoreConflict, match="undo that first"):
        await store.change_identity(Undo(first.change_id), NOW, "admin")
    await store.change_identity(Undo(second.change_id), NOW, "admin")
    assert await names(store, VISITOR) == ["K2"]
    await store.change_identity(Undo(first.change_id), NOW, "admin")
    assert await names(store, VISITOR) == ["K3"]
    with pytest.raises(StoreConflict, match="undone already"):
        await store.change_identity(Undo(first.change_id), NOW, "admin")


async def test_a_split_takes_along_what_was_made_to_its_identifiers_and_comes_back(store: Store) -> None:
    """Petro's card was his son's: the card, its touch and its conversation are the new customer's; undoing it restores everything."""
    await lives(store)
    await store.put_touches([touch("T4", CARD, "K2", ago=4)])
    await store.link_identifiers([CARD], "K2", VERIFIED)
    before = await both(store)
    change = await store.change_identity(Split("K2", (CARD,), "K7", "Son"), NOW, "admin")
    facts = await found(store, CARD)
    assert facts.customers == (Customer("K7", "Son", None, {}, (CARD,)),)
    assert facts.claims == {"K7": (IMPORTED, VERIFIED)}
    assert [(each.touch_id, each.customer_id) for each in facts.touches] == [("T3", None), ("T4", "K7")]
    assert [each.interaction_id for each in facts.interactions] == ["I2"]
    await store.put_customers([PETRO])  # the file still says that the card is his
    assert await names(store, CARD) == ["K7"]
    rest = await found(store, MOBILE)
    assert rest.customers == (replace(PETRO, identifiers=(MOBILE,)),)
    assert [each.interaction_id for each in rest.interactions] == ["I3"]
    await store.change_identity(Undo(change.change_id), NOW, "admin")
    assert await both(store) == before
    assert await store.get_card("K7") is None


async def test_a_split_without_a_key_makes_one_up(store: Store) -> None:
    """The company has no key for the new customer yet."""
    await store.put_customers([PETRO])
    change = await store.change_identity(Split("K2", (CARD,)), NOW, "admin")
    assert await names(store, CARD) == [change.other_id]
    assert change.other_id.startswith("~")


async def test_splitting_a_customer_of_several_parts(store: Store) -> None:
    """Of two who are one, an identifier that both hold goes with the new customer from both."""
    await store.put_customers([OLENA, replace(PETRO, identifiers=(EMAIL, MOBILE))])
    await store.change_identity(Merge("K1", "K2"), NOW, "admin")
    change = await store.change_identity(Split("K1", (EMAIL,), "K7"), NOW, "admin")
    assert await names(store, EMAIL) == ["K7"]
    await store.change_identity(Undo(change.change_id), NOW, "admin")
    assert (await found(store, EMAIL)).customers == (replace(OLENA, identifiers=(PHONE, EMAIL, MOBILE)),)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Merge("K1", "K1"), "one already"),
        (Merge("K1", "nobody"), "there is no customer nobody"),
        (Merge("nobody", "K1"), "there is no customer nobody"),
        (Split("K1", (MOBILE,), "K7"), "is no identifier of customer K1"),
        (Split("K1", (PHONE,), "K2"), "there is a customer K2 already"),
        (Split("K1", (), "K7"), "which identifiers"),
        (Confirm(PHONE, "nobody"), "there is no customer nobody"),
        (Deny(PHONE, "nobody"), "there is no customer nobody"),
        (Undo(4711), "there is no change 4711"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    store: Store, order: Merge | Split | Confirm | Deny | Undo, why: str
) -> None:
    """The person who ordered it learns why, and nothing is in the audit."""
    await lives(store)
    before = await both(store)
    with pytest.raises(StoreConflict, match=why):
        await store.change_identity(order, NOW, "admin")
    assert await both(store) == before
    assert await store.identity_changes(None, None, 10) == []


async def test_the_audit_is_read_page_by_page(store: Store) -> None:
    """The latest first, of all or of one customer."""
    await store.put_customers([OLENA, PETRO])
    made = [await store.change_identity(Confirm(PHONE, "K1"), NOW + timedelta(days=n), "olha") for n in range(5)]
    other = await store.change_identity(Confirm(MOBILE, "K2"), NOW, "olha")
    assert await store.identity_changes(None, None, 2) == [other, made[4]]
    assert await store.identity_changes("K1", made[4].change_id, 3) == [made[3], made[2], made[1]]


async def test_the_card_of_a_customer_says_why_each_identifier_is_theirs(store: Store) -> None:
    """Each link with its claims, and of whom it was said."""
    await lives(store)
    await store.link_identifiers([PHONE], "K1", VERIFIED)
    await store.change_identity(Merge("K1", "K2"), NOW, "admin")
    card = await store.get_card("K2")
    assert card is not None
    assert [(each.identifier, each.customer_id, each.claims) for each in card.links] == [
        (PHONE, "K1", (IMPORTED, VERIFIED)),
        (EMAIL, "K1", (IMPORTED,)),
        (MOBILE, "K2", (IMPORTED,)),
        (CARD, "K2", (IMPORTED,)),
    ]
    assert card.customer == replace(OLENA, identifiers=(PHONE, EMAIL, MOBILE, CARD))
    assert await store.get_card("nobody") is None
