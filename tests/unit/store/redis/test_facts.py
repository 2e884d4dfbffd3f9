"""What the copy keeps of an identifier: whole, comparable by age, and never half understood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.errors import StoreUnavailable
from ctiroute.model import (
    CallerFacts,
    CallerQuery,
    Customer,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    PastCall,
    Touch,
    TouchStatus,
)
from ctiroute.store.redis.facts import HEADER, answer, from_bytes, stamp, to_bytes

NOW = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)
PHONE = Identifier(IdentifierKind.PHONE, "+77010000001")
DAYS = timedelta(days=5)
QUERY = CallerQuery(PHONE, NOW - DAYS, NOW - DAYS, NOW - DAYS)
FACTS = CallerFacts(
    customers=(Customer("C-1", "Олена", "uk", {"segment": "vip"}, (PHONE,)), Customer("C-2", "Taras")),
    touches=(Touch("t1", "c", "C", Medium.SMS, PHONE, NOW, TouchStatus.READ, OfferTerms("T", "x", "0 %", {"a": "1"}), NOW, "C-1", NOW),),
    interactions=(
        Interaction(
            "i1", "C-2", Medium.CHAT, "credit", "Credit", InteractionStatus.OPEN, NOW, NOW, "olha", "", {"sum": ""},
            (InteractionEvent(NOW, "form", "began"),), PHONE,
        ),
    ),
    calls=(PastCall("x:1", NOW - timedelta(hours=1), Outcome.ANSWERED, "r", "q", "olha", "C-1"), PastCall("x:0", NOW - DAYS, None)),
)  # fmt: skip


def test_what_is_kept_is_what_was_known() -> None:
    """Every field of every kind of fact, to the microsecond."""
    kept = from_bytes(to_bytes(QUERY, FACTS, NOW))
    assert (kept.facts, kept.as_of, kept.limit) == (FACTS, NOW, 20)
    assert answer(kept, QUERY) == FACTS


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)), st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_values_tell_their_age_as_bytes(one: datetime, other: datetime) -> None:
    """The server compares them so, and knows nothing of what is behind."""
    one, other = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == HEADER - 1


@given(st.binary(max_size=200), st.integers(0, 300))
def test_nonsense_is_refused_and_breaks_nothing(noise: bytes, cut: int) -> None:
    """Whatever stands there: it can be read, or it is "cannot tell"."""
    good = to_bytes(QUERY, FACTS, NOW)
    for value in (noise, good[:cut] + noise, good[:HEADER] + noise):
        try:
            kept = from_bytes(value)
        except StoreUnavailable:
            continue
        assert kept.facts == FACTS or value != good


def test_a_field_of_a_later_version_is_passed_over() -> None:
    """Nodes are updated one after the other."""
    value = to_bytes(QUERY, FACTS, NOW)
    tree = msgspec.msgpack.decode(value[HEADER:])
    tree["later"] = 1
    tree["facts"]["customers"][0]["later"] = {"a": []}
    assert from_bytes(value[:HEADER] + msgspec.msgpack.encode(tree)).facts == FACTS


def test_another_version_of_the_format_is_not_read() -> None:
    """It may mean something else by the same bytes."""
    value = to_bytes(QUERY, FACTS, NOW)
    with pytest.raises(StoreUnavailable, match="version"):
        from_bytes(value[: HEADER - 1] + b"2" + value[HEADER:])


def test_who_was_in_touch_last_stands_first_as_far_as_is_asked() -> None:
    """Among customers who share a number, the order follows from what the query finds."""
    facts = replace(FACTS, touches=(replace(FACTS.touches[0], sent_at=NOW - timedelta(days=2)),), interactions=(), calls=FACTS.calls[:1])
    kept = from_bytes(to_bytes(QUERY, facts, NOW))
    assert [each.customer_id for each in answer(kept, QUERY).customers] == ["C-1", "C-2"]
    mine = replace(facts.touches[0], touch_id="t2", customer_id="C-2", sent_at=NOW - timedelta(days=3))
    kept = from_bytes(to_bytes(QUERY, replace(facts, touches=(*facts.touches, mine), calls=(), customers=FACTS.customers[::-1]), NOW))
    recent = replace(QUERY, touches_since=NOW - timedelta(days=2, hours=1))
    assert [each.customer_id for each in answer(kept, recent).customers] == ["C-1", "C-2"]
    assert answer(kept, replace(recent, limit=1)).customers == FACTS.customers[:1]
