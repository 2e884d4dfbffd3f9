"""What operators find out of who calls is written back, and tells the next call better."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.matches import without
from ctiroute.demo.company import CAMPAIGN_CALLER, FAMILY, YOU
from ctiroute.engine.identify import identity_of
from ctiroute.model import CallerContext, CallerFacts, ChangeKind, Customer, Identifier, IdentityChange, PastCall
from tests.unit.app.office import WAIT_S, Clock, Office, office, request_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CALL, NEXT = "lab:1.1", "lab:2.2"


@pytest.fixture
def clock() -> Clock:
    """Return the test's own time."""
    return Clock()


@pytest.fixture
async def room(tmp_path: Path, clock: Clock) -> AsyncIterator[Office]:
    """Return a running office."""
    async with office(tmp_path, clock=clock) as running:
        yield running


async def audited(room: Office, count: int) -> list[IdentityChange]:
    """Wait until so many changes are in the audit, and return them, the earliest first."""
    async with asyncio.timeout(WAIT_S):
        while len(found := await room.service.store.identity_changes(None, None, 100)) < count:  # noqa: ASYNC110 - in the store, no event tells
            await asyncio.sleep(0.01)
    return found[::-1]


async def test_a_choice_ranks_first_at_the_next_call(room: Office, clock: Clock) -> None:
    """Who was chosen is confirmed by whom and when; the next call from that number shows the likelier one first, and still asks."""
    olena = await room.browser(YOU)
    room.arrives(CALL, FAMILY)
    await room.route(CALL, FAMILY)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    first, second = pop["context"]["identity"]["candidates"]
    assert first["confidence"] >= second["confidence"] > 0
    assert first["claims"] == [{"source": "import", "verified_at": None, "seen_at": None, "by": ""}]
    await olena.say("choose", pop_id=pop["offer"]["pop_id"], customer_id=second["customer_id"])
    chosen = (await olena.until("pop.update"))["pop"]["context"]["identity"]
    assert [each["customer_id"] for each in chosen["candidates"]] == [second["customer_id"], first["customer_id"]]
    (change,) = await audited(room, 1)
    assert (change.kind, change.customer_id, change.by, change.at) == (ChangeKind.CONFIRM, second["customer_id"], YOU, clock())
    room.arrives(NEXT, FAMILY)
    await room.route(NEXT, FAMILY)
    room.rings(NEXT, "1001", leg="7")
    identity = (await olena.until("pop", lambda it: it["pop"]["offer"]["call_id"] == NEXT))["pop"]["context"]["identity"]
    assert identity["kind"] == "ambiguous"
    assert identity["customers"][0]["customer_id"] == second["customer_id"]
    confirmed, other = identity["candidates"]
    assert confirmed["claims"][0]["source"] == "operator"
    assert confirmed["claims"][0]["by"] == YOU
    assert confirmed["confidence"] > 5 * other["confidence"]


async def test_a_choice_that_is_mended_takes_the_slip_back(room: Office) -> None:
    """Chosen the one, then the other: only the other is confirmed in the end."""
    olena = await room.browser(YOU)
    room.arrives(CALL, FAMILY)
    await room.route(CALL, FAMILY)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    slip, meant = [each["customer_id"] for each in pop["context"]["identity"]["candidates"]]
    for customer_id in (slip, meant):
        await olena.say("choose", pop_id=pop["offer"]["pop_id"], customer_id=customer_id)
        await olena.until("pop.update")
    first, second = await audited(room, 2)
    assert (first.customer_id, first.undone_by) == (slip, YOU)
    assert (second.customer_id, second.undone_at) == (meant, None)


async def test_a_wrong_match_is_gone_from_the_pop_and_from_the_next_call(room: Office) -> None:
    """The number is not that customer's any more: nothing of hers is shown, nobody's name stands there, and it is audited."""
    olena = await room.browser(YOU)
    room.arrives(CALL)
    await room.route(CALL)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    customer_id = pop["context"]["identity"]["customers"][0]["customer_id"]
    await olena.say("wrong", pop_id=pop["offer"]["pop_id"], customer_id="C-nobody")
    assert (await olena.until("error"))["code"] == "not-yours"
    await olena.say("wrong", pop_id=pop["offer"]["pop_id"], customer_id=customer_id)
    mended = (await olena.until("pop.update"))["pop"]["context"]
    assert (mended["identity"]["kind"], mended["identity"]["customers"]) == ("unknown", [])
    (change,) = await audited(room, 1)
    assert (change.kind, change.customer_id, change.by, change.identifiers) == (
        ChangeKind.DENY,
        customer_id,
        YOU,
        (Identifier("phone", CAMPAIGN_CALLER),),
    )
    await room.route(NEXT)
    room.arrives(NEXT)
    room.rings(NEXT, "1001", leg="7")
    again = (await olena.until("pop", lambda it: it["pop"]["offer"]["call_id"] == NEXT))["pop"]["context"]
    assert again["identity"]["kind"] == "unknown"


async def test_a_choice_outlives_a_store_that_is_away_for_a_moment(room: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pop shows the choice at once; it is written as soon as the store is back."""
    monkeypatch.setattr("ctiroute.app.matches.RETRY_S", (0.01,) * 200)
    olena = await room.browser(YOU)
    room.arrives(CALL, FAMILY)
    await room.route(CALL, FAMILY)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    await room.service.store.close()
    await olena.say("choose", pop_id=pop["offer"]["pop_id"], customer_id=pop["context"]["identity"]["candidates"][1]["customer_id"])
    assert (await olena.until("pop.update"))["pop"]["context"]["identity"]["kind"] == "known"
    await room.service.store.open()
    (change,) = await audited(room, 1)
    assert change.kind is ChangeKind.CONFIRM


def test_what_only_a_wrong_match_led_to_goes_with_it(clock: Clock) -> None:
    """Of two candidates one is not who calls: her calls go, the other's stay, and he is known now."""
    phone = Identifier("phone", FAMILY)
    one, other = Customer("C1", "One", identifiers=(phone,)), Customer("C2", "Other", identifiers=(phone,))
    calls = (PastCall("a", clock(), None, customer_id="C1"), PastCall("b", clock(), None, customer_id="C2"), PastCall("c", clock(), None))
    facts = CallerFacts((one, other), calls=calls)
    context = CallerContext(request_of(CALL, FAMILY, clock()), identity_of(facts, clock()), calls=calls)
    left = without(context, "C1")
    assert (left.identity.customer, [each.call_id for each in left.calls]) == (other, ["b", "c"])
    assert without(context, "C9") == context
    known = replace(context, identity=replace(context.identity, kind=left.identity.kind, customers=(other, one)))
    assert without(known, "C1").identity.customer == other
