"""Every store keeps what operators found the reasons of calls to be, and the numbers that curves are learnt from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import (
    Campaign,
    ConfirmedReason,
    Customer,
    Cuts,
    Identifier,
    IdentifierKind,
    Interaction,
    InteractionStatus,
    Medium,
    OfferTerms,
    ReasonKind,
    ReasonTally,
    Touch,
    TouchStatus,
)
from ctiroute.reasons import Exposed
from ctiroute.store.reasons import Learnt

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 18, 12, 0, 7, 123456, tzinfo=UTC)
WEEK = "2026-11-16"
SAID = ConfirmedReason("pbx:1", "olena\0", NOW, ReasonKind.TOUCH, "t-1", '[0,[["touch","осінь\\u0000","sms",3]]]', 0, WEEK)


def phone(number: int) -> Identifier:
    """Return one of many phones."""
    return Identifier(IdentifierKind.PHONE, f"+38067000{number:04d}")


def touch(number: int, ago: timedelta, **changes: object) -> Touch:
    """Return something sent to a phone some time ago."""
    made = Touch(f"t-{number}", "autumn", "Autumn", Medium.SMS, phone(number), NOW - ago, TouchStatus.SENT, OfferTerms())
    return replace(made, **changes)  # type: ignore[arg-type] # by name


async def test_an_answer_comes_back_as_it_was_and_the_latest_counts(store: Store) -> None:
    """An operator may correct himself or a colleague; an answer from before, told late, changes nothing."""
    assert await store.confirmed_reason("pbx:1") is None
    await store.confirm_reason(SAID)
    assert await store.confirmed_reason("pbx:1") == SAID
    corrected = replace(SAID, operator_id="petro", noted_at=NOW + timedelta(seconds=1), kind=ReasonKind.NONE, about_id="", choice=-1)
    await store.confirm_reason(corrected)
    await store.confirm_reason(SAID)
    assert await store.confirmed_reason("pbx:1") == corrected


async def test_what_was_counted_stays_known_when_the_answer_changes(store: Store) -> None:
    """So that the next step of learning can take it back; then there is nothing left to count."""
    await store.confirm_reason(SAID)
    assert await store.reasons_to_count(10) == [SAID]
    assert await store.add_reasons(Learnt(None, NOW, {(WEEK, "x"): 1.0}, {SAID.call_id: 0}))
    assert await store.reasons_to_count(10) == []
    changed = replace(SAID, noted_at=NOW + timedelta(minutes=1), choice=-1)
    await store.confirm_reason(changed)
    assert await store.reasons_to_count(10) == [replace(changed, counted=0)]
    other = replace(changed, noted_at=NOW + timedelta(minutes=2), pattern='[0,[["touch","other","sms",3]]]', choice=0, period="2026-11-23")
    await store.confirm_reason(other)  # of another pattern nothing was counted, so nothing of it could be taken back
    kept = await store.confirmed_reason("pbx:1")
    assert kept is not None
    assert (kept.pattern, kept.period, kept.choice, kept.counted) == (SAID.pattern, WEEK, -1, 0)


async def test_an_answer_without_a_pattern_is_kept_but_not_counted(store: Store) -> None:
    """Nothing was known of that caller, so there is nothing to learn."""
    await store.confirm_reason(replace(SAID, pattern="", kind=ReasonKind.NONE, choice=-1))
    assert await store.reasons_to_count(10) == []


async def test_steps_of_learning_add_up_and_two_nodes_do_not_take_the_same(store: Store) -> None:
    """A step begins where the last one ended, or nothing of it is kept; periods that are over go."""
    assert await store.reasons_learnt_until() is None
    later = NOW + timedelta(minutes=5)
    assert await store.add_reasons(Learnt(None, NOW, {(WEEK, "a"): 2.0, ("2025-01-06", "a"): 1.0}))
    assert not await store.add_reasons(Learnt(None, NOW, {(WEEK, "a"): 2.0}))
    assert await store.reasons_learnt_until() == NOW
    assert await store.add_reasons(Learnt(NOW, later, {(WEEK, "a"): -0.5, (WEEK, "ж\0"): 1.0}, drop_before="2026-01-01"))
    assert await store.reasons_learnt_until() == later
    assert sorted(await store.reason_tallies(), key=lambda one: one.what) == [ReasonTally(WEEK, "a", 1.5), ReasonTally(WEEK, "ж\0", 1.0)]
    await store.put_reason_tallies([ReasonTally(WEEK, "a", 7.0)])
    assert ReasonTally(WEEK, "a", 7.0) in await store.reason_tallies()


async def test_exposure_counts_what_may_have_made_people_call(store: Store) -> None:
    """Touches but failed ones and conversations that are open, put together by time; a customer with several is one of the people."""
    await store.put_campaigns([Campaign("autumn", "Autumn", Medium.SMS)])
    await store.put_customers([Customer("c-1", "Олена", identifiers=(phone(1), phone(2)))])
    await store.put_touches(
        [
            touch(1, timedelta(seconds=7)),
            touch(2, timedelta(seconds=6)),
            touch(3, timedelta(days=3)),
            touch(4, timedelta(days=3, seconds=-30), medium=Medium.EMAIL),
            touch(5, timedelta(days=40)),
            touch(6, timedelta(seconds=5), status=TouchStatus.FAILED),
        ]
    )
    opened = NOW - timedelta(days=2)
    asked = Interaction("i-1", "c-1", Medium.WEB, "credit", "", InteractionStatus.WAITING, opened, opened)
    await store.put_interactions(
        [
            asked,
            replace(asked, interaction_id="i-2", customer_id="c-9", updated_at=opened + timedelta(minutes=20)),
            replace(asked, interaction_id="i-3", status=InteractionStatus.CLOSED),
        ]
    )
    exposure = await store.reason_exposure(NOW - timedelta(days=30), NOW - timedelta(hours=2))
    found = {(one.kind, one.key, one.medium, one.count, (NOW - one.at).days) for one in exposure.groups}
    assert found == {
        (ReasonKind.TOUCH, "autumn", "sms", 2, 0),
        (ReasonKind.TOUCH, "autumn", "sms", 1, 3),
        (ReasonKind.TOUCH, "autumn", "email", 1, 3),
        (ReasonKind.INTERACTION, "credit", "web", 1, 2),
        (ReasonKind.INTERACTION, "credit", "web", 1, 1),
    }
    recent = next(one for one in exposure.groups if one.count == 2)
    assert recent == Exposed(ReasonKind.TOUCH, "autumn", "sms", datetime(2026, 11, 18, 12, tzinfo=UTC), 2)
    assert exposure.people == 4  # c-1 by two phones and a conversation, c-9 by a conversation, two phones that are nobody's


async def test_answers_that_are_old_go(store: Store) -> None:
    """By when they were given."""
    await store.confirm_reason(SAID)
    await store.confirm_reason(replace(SAID, call_id="pbx:2", noted_at=NOW + timedelta(days=1)))
    cuts = Cuts(reasons=NOW + timedelta(hours=1))
    assert (await store.count_expired(cuts)).reasons == 1
    assert (await store.purge(cuts, 10)).reasons == 1
    assert await store.confirmed_reason("pbx:1") is None
    assert await store.confirmed_reason("pbx:2") is not None
