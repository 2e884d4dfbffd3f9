"""Candidates for a number, weighed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.engine.identify import identity_of
from ctiroute.model import IMPORTED, CallerFacts, Claim, Customer, IdentityKind, PastCall
from ctiroute.model.confidence import rank, reliability

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OLENA, PETRO, IRYNA = Customer("K1", "Olena"), Customer("K2", "Petro"), Customer("K3", "Iryna")
SAID, VERIFIED, CONFIRMED = Claim("form"), Claim("portal", NOW), Claim("operator", NOW, NOW, "olha")


def test_one_of_whom_only_the_companys_file_says_so_is_not_weighed() -> None:
    """Most calls: known, with nothing to compare."""
    identity = identity_of(CallerFacts((OLENA,)), NOW)
    assert (identity.kind, identity.customers, identity.candidates) == (IdentityKind.KNOWN, (OLENA,), ())


def test_the_confirmed_candidate_stands_first_and_both_stay_candidates() -> None:
    """An operator said it was Petro: he is likelier now, and who calls next from that number is still asked."""
    facts = CallerFacts((OLENA, PETRO), calls=(PastCall("x", NOW, None, customer_id="K1"),), claims={"K2": (IMPORTED, CONFIRMED)})
    identity = identity_of(facts, NOW)
    assert identity.kind is IdentityKind.AMBIGUOUS
    assert identity.customers == (PETRO, OLENA)
    first, second = identity.candidates
    assert (first.claims, second.claims) == ((CONFIRMED, IMPORTED), (IMPORTED,))
    assert (first.last_contact_at, second.last_contact_at) == (None, NOW)
    assert first.confidence == pytest.approx(99 / (1 + 99 + 8), abs=1e-4)
    assert second.confidence == pytest.approx(8 / (1 + 99 + 8), abs=1e-4)


def test_stronger_evidence_ranks_higher() -> None:
    """Said by a program, by the company's file, verified, verified and in the file: in this order."""
    ladder = [(SAID,), (IMPORTED,), (VERIFIED,), (IMPORTED, VERIFIED), (IMPORTED, VERIFIED, CONFIRMED)]
    trust = [reliability(claims) for claims in ladder]
    assert trust == sorted(set(trust))
    people = [Customer(f"K{n}", "") for n in range(len(ladder))]
    ranked = rank(people, dict(zip((each.customer_id for each in people), ladder, strict=True)), {}, NOW)
    assert [each.customer_id for each in ranked] == ["K4", "K3", "K2", "K1", "K0"]


def test_of_two_alike_the_later_contact_ranks_higher_and_fades() -> None:
    """Yesterday's customer is likelier than last month's; after years it makes no difference but in the order."""
    contacts = {"K1": NOW - timedelta(days=60), "K2": NOW - timedelta(days=1)}
    first, second, third = rank([OLENA, PETRO, IRYNA], {}, contacts, NOW)
    assert [first.customer_id, second.customer_id, third.customer_id] == ["K2", "K1", "K3"]
    assert first.confidence > second.confidence > third.confidence
    old, older = rank([OLENA, PETRO], {}, {each: at - timedelta(days=4000) for each, at in contacts.items()}, NOW)
    assert (old.customer_id, old.confidence) == ("K2", older.confidence)


_claims = st.builds(
    Claim,
    st.sampled_from(["import", "operator", "form", "chat"]),
    st.none() | st.just(NOW),
    st.none() | st.just(NOW),
    st.sampled_from(["", "olha"]),
)
_contacts = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given its timezone beside


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(st.lists(_claims, max_size=6, unique_by=lambda it: (it.source, it.by)), st.none() | _contacts),
        min_size=1,
    )
)
def test_confidences_are_chances_of_which_something_is_left(people: dict[str, tuple[list[Claim], datetime | None]]) -> None:
    """Whatever is claimed: each lies in 0..1, all together leave room for somebody else, nobody is lost, more evidence is never less."""
    customers = [Customer(name, "") for name in people]
    claims = {name: tuple(said) for name, (said, _) in people.items()}
    contacts = {name: at for name, (_, at) in people.items() if at is not None}
    ranked = rank(customers, claims, contacts, NOW)
    assert sorted(each.customer_id for each in ranked) == sorted(people)
    assert all(0 <= each.confidence < 1 for each in ranked)
    assert sum(each.confidence for each in ranked) < 1 + 1e-4 * len(ranked)  # each is rounded
    name = ranked[-1].customer_id
    more = rank(customers, claims | {name: (*ranked[-1].claims, CONFIRMED)}, contacts, NOW)
    assert next(each for each in more if each.customer_id == name).confidence >= ranked[-1].confidence
