"""Folding what is told into an interaction: any order, any repetition, the same outcome; bounds that always hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ctiroute.model import Identifier, Intake, InteractionEvent, InteractionStatus, Medium
from ctiroute.store import folding
from ctiroute.store.folding import MAX_EVENTS, MAX_FIELDS, MAX_FLAGS, MAX_KEPT, Known

if TYPE_CHECKING:
    from random import Random

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WORDS = st.sampled_from(["", "a", "b", "ї"])


@st.composite
def intakes(draw: st.DrawFn) -> Intake:
    """Return one telling. Few times and few values, so that they meet."""
    at = NOW - timedelta(seconds=draw(st.integers(-3, 6)))
    kind = draw(st.sampled_from(["", "message", "form", "note"]))
    return Intake(
        source="chat",
        external_id="c",
        event_id=draw(st.sampled_from(["", "1", "2", "3"])) and f"{draw(st.integers(0, 5))}",
        at=at,
        medium=draw(st.sampled_from([Medium.CHAT, Medium.WEB])),
        identifiers=tuple(Identifier("visitor", value) for value in draw(st.lists(st.sampled_from("xyz"), max_size=2))),
        customer_id=draw(st.sampled_from([None, "K1", "K2"])),
        topic=draw(WORDS),
        title=draw(WORDS),
        status=draw(st.sampled_from([None, *InteractionStatus])),
        outcome=draw(WORDS),
        owner=draw(st.sampled_from([None, "olha", "petro"])),
        form=draw(st.dictionaries(st.sampled_from(["f", "g"]), WORDS, max_size=2)),
        event=InteractionEvent(at, kind, draw(WORDS) or "text") if kind else None,
        flags=tuple(draw(st.lists(st.sampled_from(["urgent", "late"]), max_size=2))),
    )


def folded(told: list[Intake]) -> Known:
    """Fold one after the other."""
    known: Known | None = None
    for intake in told:
        known = folding.fold(known, folding.cleaned(intake), NOW, interaction_id="i")
    assert known is not None
    return known


def same(known: Known) -> tuple[object, ...]:
    """Return what must not depend on the order: all but how often it changed."""
    return replace(known.interaction, revision=1), known.clocks, dict(known.kept)


@settings(max_examples=100, deadline=None)
@given(st.lists(intakes(), min_size=1, max_size=8, unique_by=folding.event_key), st.randoms(use_true_random=False))
def test_any_order_comes_to_the_same(told: list[Intake], random: Random) -> None:
    """Different tellings in any order, some of them again, leave one and the same interaction."""
    shuffled = told + random.sample(told, random.randint(0, len(told)))
    random.shuffle(shuffled)
    assert same(folded(shuffled)) == same(folded(told))


@settings(max_examples=50, deadline=None)
@given(st.lists(intakes(), min_size=1, max_size=8))
def test_a_telling_again_is_no_change_and_revisions_only_grow(told: list[Intake]) -> None:
    """The same object comes back for what was told; every change has the next revision."""
    known: Known | None = None
    for intake in told:
        clean = folding.cleaned(intake)
        before = known
        known = folding.fold(before, clean, NOW, interaction_id="i")
        assert folding.fold(known, clean, NOW) is known
        if before is not None and known is not before:
            assert known.interaction.revision == before.interaction.revision + 1
    assert known is not None
    assert known.interaction.outcome == "" or known.interaction.status is InteractionStatus.CLOSED


@settings(max_examples=50, deadline=None)
@given(st.lists(intakes(), min_size=1, max_size=6), intakes())
def test_a_change_by_who_has_seen_it_always_counts(told: list[Intake], change: Intake) -> None:
    """Whatever was told before, and whatever the clocks: what is said of this state is what it is afterwards."""
    known = folded(told)
    wanted = folding.cleaned(replace(change, event_id="", event=None))
    after = folding.amend(known, wanted, NOW).interaction
    assert all(after.form[name] == value for name, value in wanted.form.items())
    assert wanted.status in {None, after.status}
    assert wanted.owner in {None, after.owner}
    for name in ("title", "topic"):
        assert getattr(wanted, name) in {"", getattr(after, name)}


def test_bounds_hold_whatever_is_told() -> None:
    """Messages, fields and flags: the newest, and never more than their bound."""
    known: Known | None = None
    for number in range(MAX_KEPT * 2):
        at = NOW - timedelta(seconds=(number * 7919) % 5000)
        intake = Intake(
            "chat", "c", at, Medium.CHAT, event_id=f"{number}", form={f"field {number % 150}": f"{number}"}, flags=(f"flag{number}",),
            event=InteractionEvent(at, "message", f"{number}"),
        )  # fmt: skip
        known = folding.fold(known, folding.cleaned(intake), NOW, interaction_id="i")
    assert known is not None
    it = known.interaction
    assert (len(known.kept), len(it.events), len(it.form), len(it.flags)) == (MAX_KEPT, MAX_EVENTS, MAX_FIELDS, MAX_FLAGS)
    assert it.events[0].at == max(NOW - timedelta(seconds=(number * 7919) % 5000) for number in range(MAX_KEPT * 2))
    assert set(known.clocks.form) == set(it.form)
    assert len(known.added) == MAX_KEPT


def test_an_id_tells_nothing_and_is_of_one_source() -> None:
    """The same on every node; two sources that use the same name have two conversations, wherever the names are cut."""
    assert folding.interaction_id_of("chat", "+380671234567") == folding.interaction_id_of("chat", "+380671234567")
    assert "380671234567" not in folding.interaction_id_of("chat", "+380671234567")
    assert len({folding.interaction_id_of(*pair) for pair in (("a", "b:c"), ("a:b", "c"), ("ab", "c"), ("", "abc"))}) == 4
    longest = "x" * 1000
    assert folding.name_of(longest) != folding.name_of(longest + "y")
    assert len(folding.name_of(longest)) < 400
