"""What calls did for touches and interactions, on every store: noted with the call's end, settled whole, counted as they were."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from ctiroute.app.attributing import Attributor
from ctiroute.connectors.announce.outbox import Outbox
from ctiroute.model import (
    AttributedBy,
    Attribution,
    CallerQuery,
    CallRecord,
    Campaign,
    ConfirmedReason,
    Customer,
    Cuts,
    Delivery,
    EndedCall,
    Identifier,
    IdentifierKind,
    Intake,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    ReasonKind,
    Receipt,
    Status,
    Subject,
    Touch,
    TouchStatus,
    WrapUp,
)
from ctiroute.settings import ClosedLoopSettings, WebhookSettings
from ctiroute.store.attributions import SentTouch, Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.base import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")


def call(call_id: str = "asterisk:1.1", **fields: object) -> CallRecord:
    """Return a call that was answered and has ended."""
    whole = CallRecord(
        call_id,
        pbx="asterisk",
        caller_phone=PHONE.value,
        received_at=NOW - timedelta(minutes=5),
        status=Status.ROUTED,
        touch_id="autumn:m-1",
        operator_id="olena",
        outcome=Outcome.ANSWERED,
        answered_at=NOW - timedelta(minutes=4),
        ended_at=NOW - timedelta(minutes=1),
    )
    return replace(whole, **fields)  # type: ignore[arg-type] # built from names


def touch(touch_id: str = "autumn:m-1", campaign: str = "autumn", status: TouchStatus = TouchStatus.SENT, **fields: object) -> Touch:
    """Return a touch sent an hour ago."""
    whole = Touch(touch_id, campaign, "Autumn", Medium.SMS, PHONE, NOW - timedelta(hours=1), status, OfferTerms("Autumn"))
    return replace(whole, **fields)  # type: ignore[arg-type] # built from names


def attribution(call_id: str = "asterisk:1.1", **fields: object) -> Attribution:
    """Return what that call did."""
    whole = Attribution(
        call_id,
        AttributedBy.DECISION,
        NOW - timedelta(minutes=5),
        NOW - timedelta(minutes=1),
        touch_id="autumn:m-1",
        campaign="autumn",
        touched_at=NOW - timedelta(hours=1),
        answered_at=NOW - timedelta(minutes=4),
        outcome=Outcome.ANSWERED,
        operator_id="olena",
        skipped_menu=True,
    )
    return replace(whole, **fields)  # type: ignore[arg-type] # built from names


async def lent(store: Store, now: datetime = NOW) -> Sequence[EndedCall]:
    """Return what is lent now, until a minute later."""
    return await store.lend_ended_calls(now, now + timedelta(minutes=1), 10)


async def test_a_call_is_noted_when_it_has_ended_and_not_before(store: Store) -> None:
    """Records are written often; one that says that the call is over has it looked at, in the same transaction."""
    await store.record_calls([call(ended_at=None), call("asterisk:2.1", ended_at=None)])
    assert await store.next_ended_call_at() is None
    await store.record_calls([CallRecord("asterisk:1.1", ended_at=NOW - timedelta(minutes=1))])
    assert await store.next_ended_call_at() == NOW - timedelta(minutes=1)
    (found,) = await lent(store)
    assert (found.record, found.wrap_ups, found.attribution, found.lent_until) == (call(), (), None, LATER)
    assert await lent(store) == []


async def test_what_is_settled_rests_until_something_is_learnt(store: Store) -> None:
    """The same record again is no news; a note, another outcome, another operator is."""
    await store.record_calls([call()])
    (first,) = await lent(store)
    await store.settle(Settlement(first, attribution()))
    await store.record_calls([call()])
    assert await store.next_ended_call_at() is None
    await store.put_wrap_up(WrapUp("asterisk:1.1", "olena", "wants it", NOW, "sold"))
    (second,) = await lent(store)
    assert second.wrap_ups == (WrapUp("asterisk:1.1", "olena", "wants it", NOW, "sold"),)
    assert second.attribution == attribution()
    await store.settle(Settlement(second))
    await store.record_calls([call(operator_id="taras")])
    (third,) = await lent(store)
    assert third.record.operator_id == "taras"


async def test_a_loan_falls_back_and_what_is_learnt_meanwhile_is_not_lost(store: Store) -> None:
    """A node that died leaves its calls to others; a note that comes while a call is settled has it looked at again."""
    await store.record_calls([call()])
    (dead,) = await lent(store)
    (alive,) = await lent(store, LATER)
    assert alive.record == dead.record
    await store.put_wrap_up(WrapUp("asterisk:1.1", "olena", "late", NOW))
    await store.settle(Settlement(alive, attribution()))
    (again,) = await lent(store, LATER)
    assert [note.note for note in again.wrap_ups] == ["late"]
    await store.settle(Settlement(again, again_at=LATER + timedelta(minutes=5)))
    assert await lent(store, LATER + timedelta(minutes=4)) == []
    assert len(await lent(store, LATER + timedelta(minutes=5))) == 1


async def test_a_reason_that_is_found_after_the_call_has_it_looked_at_again(store: Store) -> None:
    """Also when another one is found later; that it has been learnt from is no news."""
    await store.record_calls([call()])
    (first,) = await lent(store)
    await store.settle(Settlement(first, attribution()))
    for second, about in enumerate(("winter:m-9", "autumn:m-1")):
        at = NOW + timedelta(seconds=second)
        await store.confirm_reason(ConfirmedReason("asterisk:1.1", "olena", at, ReasonKind.TOUCH, about))
        (again,) = await lent(store, LATER)
        assert again.attribution == attribution()
        await store.settle(Settlement(again))
    assert await store.next_ended_call_at() is None


async def test_a_note_on_a_call_of_no_record_is_let_go(store: Store) -> None:
    """There is nothing to attribute."""
    await store.put_wrap_up(WrapUp("asterisk:9.9", "olena", "?", NOW))
    assert await lent(store) == []
    assert await store.next_ended_call_at() is None


async def test_all_that_follows_is_kept_at_once_and_once(store: Store) -> None:
    """Touch, interaction, attribution and what is told change together; settling again changes nothing."""
    interaction = Interaction(
        "chat-1",
        None,
        Medium.CHAT,
        "loan",
        "Loan",
        InteractionStatus.OPEN,
        NOW - timedelta(days=1),
        NOW - timedelta(days=1),
        identifier=PHONE,
    )
    await store.put_touches([touch()])
    await store.put_interactions([interaction])
    await store.record_calls([call()])
    (found,) = await lent(store)
    happened = Intake("", "", NOW, Medium.VOICE, event_id="call:asterisk:1.1", event=InteractionEvent(NOW, "call", "answered"))
    told = Delivery("mailer", "call.ended:1", "call.ended", "call:asterisk:1.1", NOW, b"{}")
    receipt = Receipt("autumn:m-1", TouchStatus.ANSWERED, NOW)
    settlement = Settlement(found, attribution(), (receipt,), "chat-1", (happened,), (told,))
    await store.settle(settlement)
    await store.settle(settlement)
    facts = await store.find_caller(CallerQuery(PHONE, NOW - timedelta(days=2), NOW - timedelta(days=2), NOW - timedelta(days=2)))
    assert [one.status for one in facts.touches] == [TouchStatus.ANSWERED]
    (changed,) = facts.interactions
    assert changed.events == (InteractionEvent(NOW, "call", "answered"),)
    assert changed.status is InteractionStatus.OPEN
    assert changed.updated_at == NOW
    assert [one.event_id for one in await store.get_deliveries()] == ["call.ended:1"]
    assert await store.get_attribution("asterisk:1.1") == attribution()
    assert await store.next_ended_call_at() is None


async def test_an_older_revision_takes_back_nothing(store: Store) -> None:
    """Of two nodes that settle a call, the one that knew less may come last."""
    await store.put_attributions([attribution(revision=2, code="sold")])
    await store.put_attributions([attribution(revision=1)])
    kept = await store.get_attribution("asterisk:1.1")
    assert kept == attribution(revision=2, code="sold")


async def test_attributions_from_elsewhere_set_nothing_off(store: Store) -> None:
    """A copy of another store brings calls that were told of long ago."""
    await store.record_calls([call()])
    await store.put_attributions([attribution()])
    assert await store.next_ended_call_at() is None
    assert await store.get_deliveries() == []


async def test_nodes_that_attribute_at_once_tell_each_thing_once(store: Store) -> None:
    """Forty calls, three nodes, and loans that fall back while they are at it: one event each, one revision each."""
    hook = WebhookSettings("mailer", "http://127.0.0.1:9/", secret="0123456789abcdef")
    ended = [call(f"asterisk:{number}.1", touch_id=f"autumn:{number}") for number in range(40)]
    await store.put_touches([touch(f"autumn:{number}") for number in range(40)])
    await store.record_calls(ended)
    time = [NOW]
    nodes = [Attributor(store, Outbox(store, (hook,)), ClosedLoopSettings(), "en", CollectorRegistry(), lambda: time[0]) for _ in range(3)]
    for now in (NOW, LATER):  # the second time, half of the loans are still out
        time[0] = now
        async with asyncio.TaskGroup() as group:
            for number, node in enumerate(nodes):
                group.create_task(node.attribute_some(), name=f"node {number}")
        await store.record_calls([replace(each, operator_id="taras") for each in ended[:20]])
        await store.record_calls(ended[:20])
    while await store.next_ended_call_at() is not None:
        await nodes[0].attribute_some()
    told = [each.event_id for each in await store.get_deliveries(limit=500)]
    assert len(told) == len(set(told))
    assert sorted(each for each in told if each.startswith("touch.")) == sorted(f"touch.answered:autumn:{number}" for number in range(40))
    for each in ended:
        kept = await store.get_attribution(each.call_id)
        assert kept is not None
        assert (kept.by, kept.operator_id) == (AttributedBy.DECISION, "olena")
        assert {f"call.ended:{each.call_id}:{revision}" for revision in range(1, kept.revision + 1)} <= set(told)


async def test_a_touch_is_found_by_its_id(store: Store) -> None:
    """What an attribution needs of a touch is read without its text."""
    await store.put_touches([touch()])
    assert await store.sent_touch("autumn:m-1") == SentTouch("autumn:m-1", "autumn", NOW - timedelta(hours=1))
    assert await store.sent_touch("autumn:m-2") is None


@pytest.mark.parametrize("seed", range(3))
async def test_a_report_equals_what_counting_by_hand_gives(store: Store, seed: int) -> None:
    """Random touches and calls, counted by the database and in Python."""
    rng = Random(seed)  # noqa: S311 - the same numbers each time are wanted
    since, until, window = NOW - timedelta(days=7), NOW, timedelta(hours=24)
    touches = [
        touch(
            f"{campaign}:{number}",
            campaign,
            rng.choice(list(TouchStatus)),
            sent_at=NOW - timedelta(seconds=rng.randrange(10 * 86400)),
            identifier=Identifier(IdentifierKind.PHONE, f"+38067{number:07}"),
        )
        for campaign in ("autumn", "winter")
        for number in range(150)
    ]
    calls = [_random_call(rng, number, rng.choice(touches)) for number in range(300)]
    await store.put_campaigns([Campaign("autumn", "Autumn offer", Medium.SMS), Campaign("empty", "", Medium.SMS)])
    await store.put_touches(touches)
    await store.put_attributions(calls)
    report = await store.campaign_report("autumn", since, until, window)
    assert report is not None
    mine = [one for one in touches if one.campaign == "autumn" and since <= one.sent_at < until]
    assert report.touches == Counter(one.status for one in mine)
    assert report.sent == len(mine)
    counted = [
        one
        for one in calls
        if one.campaign == "autumn" and one.touched_at and since <= one.touched_at < until and one.received_at - one.touched_at <= window
    ]
    answered = [one for one in counted if one.answered_at is not None]
    assert (report.title, report.calls, report.answered) == ("Autumn offer", len(counted), len(answered))
    assert report.callers == len({one.touch_id for one in counted})
    assert report.skipped_menu == sum(one.skipped_menu for one in counted)
    assert report.outcomes == Counter("none" if one.outcome is None else one.outcome.value for one in counted)
    assert report.codes == Counter(one.code for one in counted if one.code)
    assert report.attributed_by == Counter(one.by for one in counted)
    assert report.talked_mean_s == pytest.approx(sum(one.talked_s for one in answered) / len(answered))
    waits = sorted(math.floor(one.waited_s) for one in answered)
    assert report.waited_p50_s == waits[math.ceil(0.5 * len(waits)) - 1]
    assert report.waited_p90_s == waits[math.ceil(0.9 * len(waits)) - 1]
    by_hour = Counter(_hour(one) for one in counted)
    assert {each.hour: each.calls for each in report.hours} == by_hour
    assert {each.hour: each.answered for each in report.hours if each.answered} == Counter(_hour(one) for one in answered)


async def test_a_report_of_nothing_is_all_noughts_and_of_an_unknown_campaign_none(store: Store) -> None:
    """A campaign that nobody called about is an answer; a misspelt one is not."""
    await store.put_campaigns([Campaign("empty", "Empty", Medium.SMS)])
    report = await store.campaign_report("empty", NOW - timedelta(days=1), NOW, timedelta(hours=1))
    assert report is not None
    assert (report.sent, report.calls, report.waited_p50_s, report.talked_mean_s, report.hours) == (0, 0, None, None, ())
    assert await store.campaign_report("emty", NOW - timedelta(days=1), NOW, timedelta(hours=1)) is None


async def test_whoever_is_erased_leaves_the_numbers_and_no_name(store: Store) -> None:
    """A report counts the call as before; whose it was is not kept, nor that anything is still to be done for it."""
    await store.put_customers([Customer("c-1", "Olena", None, {}, (PHONE,))])
    await store.put_touches([touch(customer_id="c-1")])
    await store.record_calls([call(customer_id="c-1"), call("asterisk:2.2", customer_id="c-1")])
    await store.put_attributions([attribution(customer_id="c-1"), attribution("asterisk:3.3", customer_id="c-1")])
    await store.erase(Subject((PHONE,)), None)
    for call_id in ("asterisk:1.1", "asterisk:3.3"):
        kept = await store.get_attribution(call_id)
        assert kept == attribution(call_id, touch_id=None)
    (waiting,) = await lent(store)
    assert (waiting.record.call_id, waiting.record.customer_id, waiting.record.touch_id) == ("asterisk:2.2", None, None)


async def test_what_a_node_was_attributing_during_an_erasure_goes_when_it_is_repeated(store: Store) -> None:
    """The node had read the call before, and settles it after: seconds later nothing of it names the person."""
    await store.put_customers([Customer("c-1", "Olena", None, {}, (PHONE,))])
    await store.record_calls([call(customer_id="c-1")])
    (found,) = await lent(store)
    await store.erase(Subject((PHONE,)), NOW)
    told = Delivery(
        "mailer", "call.ended:1", "call.ended", "call:asterisk:1.1", NOW, b'{"caller":"+380671234567"}', ("asterisk:1.1", "c-1")
    )
    await store.settle(Settlement(found, attribution(customer_id="c-1"), deliveries=(told,)))
    (marker,) = await store.erasures_after(0)
    await store.erase(marker.subject, None)
    assert await store.get_deliveries() == []
    assert await store.get_attribution("asterisk:1.1") == attribution(touch_id=None)


async def test_attributions_go_with_their_calls(store: Store) -> None:
    """What a call did is kept for as long as the call."""
    await store.put_attributions([attribution(), attribution("asterisk:2.2", received_at=NOW)])
    cuts = Cuts(attributions=NOW - timedelta(minutes=1))
    assert (await store.count_expired(cuts)).attributions == 1
    assert (await store.purge(cuts, 100)).attributions == 1
    assert await store.get_attribution("asterisk:1.1") is None
    assert await store.get_attribution("asterisk:2.2") is not None


def _random_call(rng: Random, number: int, about: Touch) -> Attribution:
    received_at = about.sent_at + timedelta(seconds=rng.randrange(-5, 48 * 3600), microseconds=rng.randrange(10**6))
    answered_at = received_at + timedelta(seconds=rng.uniform(0, 300)) if rng.random() < 0.7 else None
    return Attribution(
        f"asterisk:{number}",
        rng.choice([AttributedBy.DECISION, AttributedBy.WINDOW, AttributedBy.REASON]),
        received_at,
        (answered_at or received_at) + timedelta(seconds=rng.uniform(0, 600)),
        touch_id=about.touch_id,
        campaign=about.campaign,
        touched_at=about.sent_at,
        answered_at=answered_at,
        outcome=Outcome.ANSWERED if answered_at else rng.choice([Outcome.ABANDONED, None]),
        code=rng.choice(["", "sold", "refused"]) if answered_at else "",
        skipped_menu=rng.random() < 0.5,
    )


def _hour(one: Attribution) -> int:
    assert one.touched_at is not None
    return int(max(0.0, (one.received_at - one.touched_at).total_seconds()) // 3600)
