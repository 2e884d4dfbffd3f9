"""Every store keeps what became of proposals, and forgets it with the person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctiroute.model import ConfirmedReason, Customer, Cuts, Fate, Identifier, IdentifierKind, ProposalFate, ReasonKind, Subject

if TYPE_CHECKING:
    from ctiroute.store.base import Store

NOW = datetime(2026, 11, 18, 12, 0, 7, 123456, tzinfo=UTC)
PHONE = "+380670000001"
REFUSED = ProposalFate("customer:c-1", "золото\0", Fate.REFUSED, NOW, "olena", "pbx:1")


async def test_the_latest_fate_of_each_proposal_stays(store: Store) -> None:
    """Of somebody who is known by a customer's key and by a number; others' are theirs."""
    accepted = replace(REFUSED, fate=Fate.ACCEPTED, at=NOW + timedelta(minutes=1), call_id="pbx:2")
    by_phone = replace(REFUSED, subject=f"phone:{PHONE}", proposal="deposit", at=NOW - timedelta(days=1))
    await store.put_proposal_fates([REFUSED, by_phone, replace(REFUSED, subject="customer:c-2")])
    await store.put_proposal_fates([accepted])
    await store.put_proposal_fates([REFUSED])  # told late
    assert await store.proposal_fates(["customer:c-1", f"phone:{PHONE}"]) == [accepted, by_phone]
    assert await store.proposal_fates([]) == []


async def test_fates_that_are_old_go(store: Store) -> None:
    """By when they were noted."""
    await store.put_proposal_fates([REFUSED, replace(REFUSED, proposal="deposit", at=NOW + timedelta(days=2))])
    cuts = Cuts(proposals=NOW + timedelta(days=1))
    assert (await store.count_expired(cuts)).proposals == 1
    assert (await store.purge(cuts, 10)).proposals == 1
    assert [one.proposal for one in await store.proposal_fates(["customer:c-1"])] == ["deposit"]


async def test_who_asks_to_be_forgotten_leaves_no_proposals_and_no_reasons(store: Store) -> None:
    """Neither under the customer's key nor under the number; that a call had a reason stays, and whose it was does not."""
    phone = Identifier(IdentifierKind.PHONE, PHONE)
    await store.put_customers([Customer("c-1", "Олена", identifiers=(phone,)), Customer("c-2", "Oleh")])
    await store.put_proposal_fates([REFUSED, replace(REFUSED, subject=f"phone:{PHONE}"), replace(REFUSED, subject="customer:c-2")])
    await store.confirm_reason(ConfirmedReason("pbx:1", "olena", NOW, ReasonKind.TOUCH, "t-1", "[0,[]]"))
    report = await store.erase(Subject((phone,), call_ids=("pbx:1",)), NOW)
    assert report.proposals == 2
    assert await store.proposal_fates(["customer:c-1", f"phone:{PHONE}"]) == []
    assert len(await store.proposal_fates(["customer:c-2"])) == 1
