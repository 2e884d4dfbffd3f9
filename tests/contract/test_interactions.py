"""Taking in what sources tell, and changing an interaction, on every store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from ctiroute.model import (
    CallerQuery,
    Customer,
    Cuts,
    Identifier,
    IdentifierKind,
    Intake,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    Subject,
)
from ctiroute.store.folding import MAX_EVENTS, MAX_KEPT

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PHONE = Identifier(IdentifierKind.PHONE, "+380671234567")
TELEGRAM = Identifier(IdentifierKind.TELEGRAM, "4242")


def told(ago_s: float = 0, text: str = "Good day", event_id: str = "", **changes: object) -> Intake:
    """Return one message of a conversation, some seconds old."""
    at = NOW - timedelta(seconds=ago_s)
    values: dict[str, object] = {
        "source": "chat",
        "external_id": "c1",
        "event_id": event_id or f"m{ago_s}",
        "at": at,
        "medium": Medium.CHAT,
        "identifiers": (PHONE,),
        "event": InteractionEvent(at, "message", text) if text else None,
    }
    return Intake(**(values | changes))  # type: ignore[arg-type] # built from names


async def take(store: Store, *intakes: Intake) -> Interaction:
    """Take messages of one conversation in, and return what became of it."""
    taken = await store.take_in(intakes, now=NOW)
    found = await store.get_interaction(taken[-1].interaction_id)
    assert found is not None
    return found


async def found_by(store: Store, identifier: Identifier) -> tuple[Interaction, ...]:
    """Return the interactions a call from an identifier brings up."""
    query = CallerQuery(identifier, NOW - timedelta(days=1), NOW - timedelta(days=1), NOW - timedelta(days=1))
    return (await store.find_caller(query)).interactions


async def test_the_first_message_makes_an_interaction_that_a_call_brings_up(store: Store) -> None:
    """Everything told is there, with the source's own names and revision 1."""
    intake = told(5, topic="credit", title="Credit", form={"amount": "100"}, flags=("urgent",))
    taken = await store.take_in([intake], now=NOW)
    assert [(each.new, each.repeated, each.revision) for each in taken] == [(True, False, 1)]
    kept = await store.get_interaction(taken[0].interaction_id)
    assert kept is not None
    assert kept == await store.find_interaction("chat", "c1")
    assert await found_by(store, PHONE) == (kept,)
    assert (kept.source, kept.external_id, kept.revision, kept.flags) == ("chat", "c1", 1, ("urgent",))
    assert (kept.topic, kept.title, kept.form, kept.status) == ("credit", "Credit", {"amount": "100"}, InteractionStatus.OPEN)
    assert kept.events == (intake.event,)
    assert kept.identifier == PHONE


async def test_what_is_told_again_changes_nothing(store: Store) -> None:
    """By its name, and without one by its time and content; also within one batch."""
    named, nameless = told(9), replace(told(8), event_id="")
    before = await take(store, named, nameless)
    again = await store.take_in([nameless, named, named], now=NOW + timedelta(hours=1))
    assert [each.repeated for each in again] == [True, True, True]
    assert await store.get_interaction(before.interaction_id) == before
    assert len(await store.interaction_events(before.interaction_id, 50)) == 2


@pytest.mark.parametrize("seed", range(6))
async def test_the_order_of_arrival_does_not_matter(store: Store, seed: int) -> None:
    """Whatever the order, the batches and the repetitions, the same interaction comes out."""
    story = [
        told(90, "Hello", title="A", identifiers=(TELEGRAM, PHONE)),
        told(80, "", form={"amount": "1", "city": ""}, medium=Medium.WEB),
        told(70, "I need more", form={"amount": "2"}, owner="olha"),
        told(60, "", status=InteractionStatus.CLOSED, outcome="sold"),
        told(60, "", event_id="tie", status=InteractionStatus.WAITING, title="B"),
        told(50, "Still there?", form={"city": "Lviv"}),
        told(40, "", status=InteractionStatus.CLOSED, outcome="sold twice", flags=("late",)),
        told(30, "", title="C", topic="credit", owner="petro"),
    ]
    expected = await take(store, *story)
    rng = Random(seed)  # noqa: S311 - an order, no secret
    shuffled = [replace(one, external_id="c2") for one in (*story, *rng.sample(story, 3))]
    rng.shuffle(shuffled)
    at = rng.randrange(1, len(shuffled))
    await store.take_in(shuffled[:at], now=NOW)
    other = await take(store, *shuffled[at:])
    same = {"interaction_id": "", "external_id": "", "revision": 1}
    assert replace(other, **same) == replace(expected, **same)  # type: ignore[arg-type] # built from names
    assert expected.status is InteractionStatus.CLOSED
    assert expected.outcome == "sold twice"
    assert await store.interaction_events(other.interaction_id, 50) == await store.interaction_events(expected.interaction_id, 50)


async def test_a_closed_one_reopens_only_by_words_later_than_the_close(store: Store) -> None:
    """A message that comes late but was written before the close leaves it closed; its outcome is back when it is closed again."""
    closed = await take(store, told(50), told(40, "", status=InteractionStatus.CLOSED, outcome="sold"))
    late = await take(store, told(45, "written before"))
    noted = await take(store, told(35, "", event=InteractionEvent(NOW - timedelta(seconds=35), "note", "a colleague's")))
    reopened = await take(store, told(30, "One more thing"))
    assert [each.status for each in (closed, late, noted, reopened)] == [InteractionStatus.CLOSED] * 3 + [InteractionStatus.OPEN]
    assert [each.outcome for each in (closed, late, noted, reopened)] == ["sold", "sold", "sold", ""]


async def test_a_clock_that_is_ahead_does_not_win_for_ever(store: Store) -> None:
    """A time ahead of ours is taken for the time of arrival, so that what comes after it counts."""
    await store.take_in([told(-86400, "from tomorrow", title="ahead", form={"a": "1"})], now=NOW)
    later = NOW + timedelta(minutes=1)
    intake = replace(told(0, "now", event_id="now", title="behind", form={"a": "2"}), at=later)
    taken = await store.take_in([intake], now=later)
    kept = await store.get_interaction(taken[0].interaction_id)
    assert kept is not None
    assert (kept.title, kept.form, kept.updated_at) == ("behind", {"a": "2"}, later)


async def test_what_is_kept_of_a_conversation_is_bounded(store: Store) -> None:
    """The newest messages stay; one that is older than all of them, told again, changes nothing a screen shows."""
    many = [told(MAX_KEPT + 20 - number, f"m{number}", event_id=f"e{number}") for number in range(MAX_KEPT + 20)]
    kept = await take(store, *many)
    events = await store.interaction_events(kept.interaction_id, MAX_KEPT * 2)
    assert [event.text for event in events] == [f"m{number}" for number in reversed(range(20, MAX_KEPT + 20))]
    assert kept.events == tuple(events[:MAX_EVENTS])
    again = await take(store, many[0])
    assert again == kept
    assert await store.interaction_events(kept.interaction_id, MAX_KEPT * 2) == events


async def test_identifiers_that_lead_to_one_customer_make_it_his(store: Store) -> None:
    """Then a call from any of his numbers brings it up; what its source says goes before."""
    his = Identifier(IdentifierKind.PHONE, "+380501112233")
    await store.put_customers([Customer("K1", "Ірина", identifiers=(his, TELEGRAM))])
    led = await take(store, told(5, identifiers=(TELEGRAM,)))
    said = await take(store, told(5, identifiers=(TELEGRAM,), customer_id="K9", external_id="other"))
    assert led.customer_id == "K1"
    assert said.customer_id == "K9"
    assert await found_by(store, his) == (led,)


async def test_whoever_changes_an_older_revision_is_told_the_current_one(store: Store) -> None:
    """Of two who saw the same one wins, and the other gets what it is now; nothing of his is kept."""
    seen = await take(store, told(5, form={"amount": "1", "city": "Kyiv"}))
    first = await store.amend_interaction(seen.interaction_id, told(0, "", form={"amount": "2"}), seen.revision, now=NOW)
    second = await store.amend_interaction(seen.interaction_id, told(0, "", form={"amount": "3"}), seen.revision, now=NOW)
    assert first is not None
    assert second is not None
    assert (first.done, first.interaction.revision, first.interaction.form) == (True, 2, {"amount": "2", "city": "Kyiv"})
    assert (second.done, second.interaction) == (False, first.interaction)
    assert await store.get_interaction(seen.interaction_id) == first.interaction
    assert await store.amend_interaction("nobody", told(0), None, now=NOW) is None


async def test_a_change_counts_over_all_that_was_seen_whatever_the_clocks(store: Store) -> None:
    """A source whose clock is a little ahead does not undo what an operator writes over it; what is told after that does."""
    seen = await take(store, told(-50, "", form={"amount": "1"}, status=InteractionStatus.CLOSED, outcome="sold"))
    change = told(0, "", form={"amount": "2"}, status=InteractionStatus.OPEN)
    amended = await store.amend_interaction(seen.interaction_id, change, seen.revision, now=NOW)
    assert amended is not None
    assert (amended.interaction.form, amended.interaction.status) == ({"amount": "2"}, InteractionStatus.OPEN)
    late = await take(store, told(5, "", form={"amount": "old"}))
    assert late.form == {"amount": "2"}
    newer = await take(store, told(-59, "", form={"amount": "3"}))
    assert newer.form == {"amount": "3"}


async def test_what_came_whole_can_be_told_more(store: Store) -> None:
    """An imported interaction keeps its events, and what is told of the time before its last one changes nothing."""
    at = NOW - timedelta(minutes=10)
    whole = Interaction(
        "I1", "K1", Medium.WEB, "credit", "Credit", InteractionStatus.OPEN, at, at, form={"a": "1"},
        events=(InteractionEvent(at, "message", "first"),), source="chat", external_id="c1", revision=7,
    )  # fmt: skip
    await store.put_interactions([whole])
    assert await store.interaction_events("I1", 5) == list(whole.events)
    late = await take(store, told(700, "older", form={"a": "0", "b": "x"}))
    assert (late.interaction_id, late.form, late.customer_id, late.revision) == ("I1", {"a": "1", "b": "x"}, "K1", 8)
    assert [event.text for event in await store.interaction_events("I1", 5)] == ["first", "older"]
    await store.put_interactions([replace(whole, title="Anew")])
    anew = await store.get_interaction("I1")
    assert anew is not None
    assert (anew.title, anew.revision) == ("Anew", 8)


async def test_many_who_tell_at_once_lose_nothing(store: Store) -> None:
    """Batches that run side by side, in any order of conversations, are all there afterwards."""
    batches = [[told(n, f"{n}", external_id=f"c{(n + turn) % 3}", event_id=f"{turn}-{n}") for n in range(6)] for turn in range(6)]
    results = await asyncio.gather(*(store.take_in(batch, now=NOW) for batch in batches))
    ids = {each.interaction_id for result in results for each in result}
    assert len(ids) == 3
    assert sum([len(await store.interaction_events(one, 50)) for one in ids]) == 36
    assert sum(each.new for result in results for each in result) == 3


@pytest.mark.parametrize("text", ["\0", "\ud800", "'; DROP TABLE interactions; --", "<script>", "=1+1", "\u202e x", "ї" * 9000])
async def test_any_text_is_kept_as_text(store: Store, text: str) -> None:
    """Whatever people write anywhere is kept within bounds; half of a surrogate pair becomes a question mark."""
    intake = told(
        5, text or " ", topic=text, title=text, owner=text, form={text: text}, flags=(text,), external_id=text, event_id=text, outcome=text
    )
    kept = await take(store, intake)
    clean = text.encode(errors="replace").decode()
    assert kept.title == (clean if len(clean) < 200 else clean[:199] + "…")
    assert list(kept.form) == [kept.title]
    assert await store.find_interaction("chat", text.encode(errors="replace").decode()) == kept
    assert (await store.take_in([intake], now=NOW))[0].repeated


async def test_a_message_without_a_conversation_is_one_of_its_own(store: Store) -> None:
    """Two such messages are never taken for one conversation, and each is known when it is told again."""
    taken = await store.take_in([told(5, external_id=""), told(4, external_id=""), told(5, external_id="")], now=NOW)
    assert [each.new for each in taken] == [True, True, False]
    assert taken[0].interaction_id == taken[2].interaction_id != taken[1].interaction_id


async def test_a_customers_interactions_are_listed_open_ones_first(store: Store) -> None:
    """Also closed ones of any age, and no more than is asked."""
    for number, status in enumerate((InteractionStatus.CLOSED, InteractionStatus.OPEN, InteractionStatus.WAITING)):
        await take(store, told(number * 10, "", external_id=f"c{number}", customer_id="K1", status=status))
    listed = await store.interactions_of("K1", 10)
    assert [each.external_id for each in listed] == ["c1", "c2", "c0"]
    assert await store.interactions_of("K1", 1) == listed[:1]
    assert await store.interactions_of("K2", 10) == []


async def test_retention_and_erasure_leave_nothing_of_them(store: Store) -> None:
    """What was told goes with its interaction: told again after that, it is news."""
    old = await take(store, told(9, status=InteractionStatus.CLOSED))
    await store.purge(Cuts(interactions=NOW), 100)
    assert await store.get_interaction(old.interaction_id) is None
    assert await store.interaction_events(old.interaction_id, 5) == []
    back = await take(store, told(9, status=InteractionStatus.CLOSED))
    await store.erase(Subject(identifiers=(PHONE,)), None)
    assert await store.get_interaction(back.interaction_id) is None
    assert (await store.take_in([told(9)], now=NOW))[0].new
