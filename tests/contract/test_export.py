"""Everything can be taken out of a store page by page, and put into another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.errors import StoreUnavailable
from ctiroute.model import (
    ApiKey,
    AttributedBy,
    Attribution,
    CallbackAttempt,
    CallbackOrder,
    CallRecord,
    Campaign,
    Confirm,
    ConfirmedReason,
    Customer,
    Delivery,
    DeliveryState,
    Fate,
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
    ProposalFate,
    ReasonKind,
    ReasonTally,
    Role,
    RulesVersion,
    Scope,
    Status,
    Touch,
    TouchStatus,
    WrapUp,
)
from ctiroute.store import open_store
from ctiroute.store.copying import Item, Kind, Step, copy_store, key_of
from ctiroute.store.folding import EventRow
from ctiroute.store.interactions import Tellings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
MANY = 6
TEXTS = ("", "nul\0", "Олена", "'; DROP TABLE touches; --", "\u202eright to left", "\ufdd00")


def identifiers(number: int) -> tuple[Identifier, ...]:
    """Return identifiers of every sort."""
    return (
        Identifier(IdentifierKind.PHONE, f"+38067{number:07d}"),
        Identifier(IdentifierKind.VISITOR, f"v {number} {TEXTS[number % len(TEXTS)]}"),
        Identifier(IdentifierKind.PHONE, f"short {number}"),
    )


async def fill(store: Store) -> None:
    """Put some of everything into a store."""
    for number in range(MANY):
        text, at = TEXTS[number % len(TEXTS)], NOW - timedelta(hours=number)
        key = f"{text} {number}" if number else ""
        keys = identifiers(number)
        await store.put_campaigns([Campaign(f"c {key}", text, Medium.EMAIL)])
        await store.put_customers([Customer(key, text, text or None, {f"k {text}": text}, keys)])
        offer = OfferTerms(text, text, text, {text: text})
        await store.put_touches(
            [
                Touch(f"{place} {key}", f"c {key}", text, Medium.CHAT, who, at, TouchStatus.READ, offer, at, key, at)
                for place, who in enumerate(keys)
            ]
        )
        events = (InteractionEvent(at, text, text),)
        await store.put_interactions(
            [
                Interaction(
                    key,
                    key,
                    Medium.WEB,
                    text,
                    text,
                    InteractionStatus.CLOSED,
                    at,
                    at,
                    text,
                    text,
                    {text: text},
                    events,
                    keys[number % 3],
                    text,
                    key,
                    3,
                    (text,),
                )
            ]
        )
        await store.put_tellings([Tellings(key, '{"medium":1}', (EventRow(b"\0", 1, text, text),))])
        await store.record_calls(
            [CallRecord(key, text, keys[number % 3].value, text, text, at, Status.ROUTED, text, snapshot=b"\0", outcome=Outcome.ANSWERED)]
        )
        await store.change_identity(Confirm(keys[0], key), at, text, text)
        await store.record_missed(MissedCall(key, text, key, text, text, text, at, 1.5))
        await store.put_wrap_up(WrapUp(key, text, text, at, text))
        await store.confirm_reason(ConfirmedReason(key, text, at, ReasonKind.NONE, text, text, 1, "2026-11-16", 2))
        await store.put_reason_tallies([ReasonTally(f"p{number}" if number else "", text, 1.5)])
        await store.put_proposal_fates([ProposalFate(key, text, Fate.REFUSED, at, text, text)])
        matter, tried = f"{text} {number}", (CallbackAttempt(text, text, at),)
        await store.put_callback(
            CallbackOrder(
                f"cb{number}", f"+38067{number:07d}", at, at, at, at, text, matter, text, text, key, keys[1], note=text, attempts=tried
            )
        )
        did = Attribution(
            key, AttributedBy.WINDOW, at, at, 2, key, key, text, at, key, at, Outcome.ANSWERED, text, text, text, skipped_menu=True
        )
        await store.put_attributions([did])
        told = Delivery(text, key, text, text, at, text.encode(), (text, key), 0, DeliveryState.DEAD, 3, at, at, 400, text)
        await store.put_deliveries([told])
        await store.put_operator(Operator(key, text, (text,), text, text, text, Role.SUPERVISOR, text), "$argon2" if number % 2 else None)
        await store.put_api_key(ApiKey(key, text, frozenset({Scope.TOUCHES}), at, at, None, at), b"h")
        await store.put_rules_version(RulesVersion(f"v{number}", at, text, "save", text, {f"{text}.yml": text}))


async def everything(store: Store, limit: int = 100) -> dict[Kind, list[Item]]:
    """Return all of a store, read in pages."""
    found: dict[Kind, list[Item]] = {}
    for kind in Kind:
        items = found[kind] = []
        while page := await store.export(kind, key_of(items[-1]) if items else (), limit):
            assert len(page) <= limit
            items += page
    return found


def without_numbers(found: dict[Kind, list[Item]]) -> dict[Kind, list[Item]]:
    """Return the same without the numbers that a store gives deliveries: their order is what counts."""
    numbered = {
        kind: [replace(item, delivery_id=0) if isinstance(item, Delivery) else item for item in items] for kind, items in found.items()
    }
    return {**found, Kind.DELIVERIES: numbered[Kind.DELIVERIES]}


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Store]:
    """Give another empty store, whatever the first one is."""
    opened = open_store(f"sqlite://{tmp_path / 'other.db'}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize("limit", [1, 4])
async def test_pages_of_any_size_hold_everything_once(store: Store, limit: int) -> None:
    """Also an item whose key is empty, which comes before all."""
    await fill(store)
    found = await everything(store, limit)
    assert {kind: len(items) for kind, items in found.items()} == {kind: MANY * (3 if kind is Kind.TOUCHES else 1) for kind in Kind}
    assert {kind: await store.count(kind) for kind in Kind} == {kind: len(items) for kind, items in found.items()}
    for items in found.values():
        keys = [key_of(item) for item in items]
        assert len(set(keys)) == len(keys)


async def test_a_copy_is_the_same_in_either_direction(store: Store, other: Store, tmp_path: Path) -> None:
    """Everything, to the last field, there and back; done again, nothing changes."""
    await fill(other)
    compared = await copy_store(other, store, tmp_path / "there.json", lambda _: None)
    assert all(each.source == each.target > 0 for each in compared)
    assert without_numbers(await everything(store)) == without_numbers(await everything(other))
    await copy_store(store, other, tmp_path / "back.json", lambda _: None)
    assert without_numbers(await everything(store)) == without_numbers(await everything(other))


async def test_a_copy_that_is_cut_off_goes_on_from_there(store: Store, other: Store, tmp_path: Path) -> None:
    """What is written is not read a second time."""
    await fill(other)
    place = tmp_path / "copy.json"
    seen: list[Step] = []

    def cut(step: Step) -> None:
        if step.kind is Kind.INTERACTIONS:
            raise StoreUnavailable("cut off")

    with pytest.raises(StoreUnavailable):
        await copy_store(other, store, place, cut)
    assert place.exists()
    compared = await copy_store(other, store, place, seen.append)
    assert not place.exists(), "all is done"
    assert [step for step in seen if step.kind is Kind.TOUCHES] == [Step(Kind.TOUCHES, 3 * MANY, 3 * MANY)]
    assert all(each.source == each.target for each in compared)
    assert without_numbers(await everything(store)) == without_numbers(await everything(other))
