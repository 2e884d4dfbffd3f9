"""A call that we place for an order, as the operator sees it and as it is kept: a pop like any other, and no call of the customer's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.callback_scene import CallbackScene
from ctiroute.demo.company import CAMPAIGN_CALLER, YOU
from ctiroute.model import CallbackAttempt, CallbackOrder, CallerQuery, Identifier, IdentifierKind, LegEnded, LegStarted, Member
from tests.unit.app.office import PBX, T0, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.app.office import Office

CALL = f"{PBX}:cbx1"
ORDER = CallbackOrder(
    "x", CAMPAIGN_CALLER, T0, T0 + timedelta(hours=1), T0, T0, ordered_by="Olena", note="Asks for <b>24</b> {parts}", queue="promo",
    attempts=(CallbackAttempt(CALL, "n", T0),),
)  # fmt: skip


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Office]:
    """Give a running service with the demo's company."""
    async with office(tmp_path) as running:
        yield running


def scene_of(room: Office) -> CallbackScene:
    """Return the surroundings a placer would have in this service."""
    service = room.service
    return CallbackScene(PBX, service.floor, service.queues, service._look_up, room.clock)


def placed(room: Office) -> None:
    """Let the switch tell of the call's first channel, and the operator's phone ring."""
    room.hear(LegStarted(CALL, CALL, "Local/operator@ctiroute-callback", "", "operator", room.clock()))
    room.rings(CALL, "1001")


async def test_the_pop_stands_there_with_the_promise_and_the_context(room: Office) -> None:
    """Who promised what, and for when; the customer with what he was sent; the note as text, whatever is in it."""
    olena = await room.browser(YOU)
    await scene_of(room).expect(ORDER, CALL)
    placed(room)
    pop = (await olena.until("pop"))["pop"]
    assert pop["callback"]["note"] == "Asks for <b>24</b> {parts}"
    assert (pop["callback"]["attempt"], pop["callback"]["customer_waits"]) == (1, False)
    assert "Olena" in pop["headline"]
    assert pop["context"]["request"]["caller"]["phone"] == CAMPAIGN_CALLER
    assert pop["context"]["touches"]


async def test_a_call_we_place_is_no_call_of_the_customers(room: Office) -> None:
    """It is kept by the number that was dialled: at his next call it does not count as one of his."""
    await scene_of(room).expect(ORDER, CALL)
    placed(room)
    kept = await room.kept(CALL)
    assert (kept.dialed, kept.caller_phone) == (CAMPAIGN_CALLER, None)
    phone = Identifier(IdentifierKind.PHONE, CAMPAIGN_CALLER)
    facts = await room.service.store.find_caller(CallerQuery(phone, T0, T0, T0))
    assert CALL not in {call.call_id for call in facts.calls}


async def test_one_of_several_customers_is_meant(room: Office) -> None:
    """The one the order names, although the number is not his alone."""
    store = room.service.store
    phone = Identifier(IdentifierKind.PHONE, "+380509999999")
    facts = await store.find_caller(CallerQuery(Identifier(IdentifierKind.PHONE, CAMPAIGN_CALLER), T0, T0, T0))
    known = facts.customers[0]
    await store.put_customers([replace(known, customer_id=name, name=name, identifiers=(phone,)) for name in ("first", "second")])
    olena = await room.browser(YOU)
    await scene_of(room).expect(replace(ORDER, phone=phone.value, customer_id="second"), CALL)
    placed(room)
    pop = (await olena.until("pop"))["pop"]
    assert pop["context"]["identity"]["customers"][0]["customer_id"] == "second"


async def test_a_call_that_was_not_placed_leaves_nothing(room: Office) -> None:
    """And what goes on is told by the switch alone: that we expect a call does not make it live."""
    scene = scene_of(room)
    await scene.expect(ORDER, CALL)
    assert not scene.is_live(CALL)
    placed(room)
    assert scene.is_live(CALL)
    room.hear(LegEnded(CALL, CALL, room.clock()), LegEnded(CALL, f"{CALL}/2", room.clock()))
    assert not scene.is_live(CALL)
    await scene.expect(ORDER, f"{CALL}1")
    scene.unexpect(f"{CALL}1")
    assert not scene.is_live(f"{CALL}1")


async def test_whose_phone_it_is(room: Office) -> None:
    """By interface, as queues and dialling name it; a stranger's is nobody's."""
    scene = scene_of(room)
    assert scene.interface_of(YOU) == "PJSIP/1001"
    assert scene.interface_of("nobody") == ""
    assert scene.operator_at(Member("PJSIP/1001")) == YOU
    assert scene.operator_at(Member("PJSIP/9999")) is None
    assert scene.free() == {}
