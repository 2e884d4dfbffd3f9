"""Callbacks promised from an operator's screen and from a waiting caller's key, in the whole service."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.demo.company import CAMPAIGN_CALLER, DIALED, YOU
from ctiroute.model import CallbackFilter, CallbackOrder, Caller, Decision, Medium, RouteRequest, Status
from tests.unit.app.office import PBX, T0, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.app.office import Office

CALL = f"{PBX}:1.1"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Office]:
    """Give a running service with the demo's company."""
    async with office(tmp_path) as running:
        yield running


async def orders(room: Office) -> list[CallbackOrder]:
    """Return all orders that are kept."""
    return await room.service.store.find_callbacks(CallbackFilter())


async def press(room: Office, phone: str | None, *args: str, deadline_s: float = 5.0) -> Decision:
    """Ask as the dialplan does when a waiting caller presses the key."""
    caller = Caller(phone or "anonymous", phone, withheld=phone is None)
    request = RouteRequest(CALL, Medium.VOICE, caller, DIALED, room.clock(), PBX, args=args)
    handler = room.service.fastagi.handler
    assert handler.decide(request) is None
    answered: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
    handler.begin(request, asyncio.get_running_loop().time() + deadline_s, answered.set_result)
    async with asyncio.timeout(10):
        return await answered


async def test_promised_on_the_pop(room: Office) -> None:
    """What is known of the call is in the order, and every tab of the operator is told; promised again, it is moved."""
    olena = await room.browser(YOU)
    await room.route(CALL)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    due = T0 + timedelta(hours=1)
    message: dict[str, Any] = {"type": "promise", "pop_id": pop["offer"]["pop_id"], "due_at": due.isoformat(), "note": "24 parts"}
    await olena.socket.send_json(message)
    told = await olena.until("promised")
    (order,) = await orders(room)
    assert (told["callback_id"], told["pop_id"]) == (order.callback_id, message["pop_id"])
    assert (order.phone, order.owner, order.queue, order.note, order.due_at) == (
        CAMPAIGN_CALLER,
        YOU,
        pop["offer"]["queue"],
        "24 parts",
        due,
    )
    assert (order.touch_id, order.call_id, order.source) == (pop["touch_id"], CALL, "operator")
    later = due + timedelta(hours=1)
    await olena.socket.send_json({**message, "due_at": later.isoformat(), "note": "and insurance", "myself": False})
    await olena.until("promised")
    (moved,) = await orders(room)
    assert (moved.callback_id, moved.due_at, moved.note) == (order.callback_id, later, "and insurance")


async def test_what_cannot_be_promised_is_refused_in_words(room: Office) -> None:
    """A withheld number; a pop that is a colleague's, or nobody's."""
    olena = await room.browser(YOU)
    room.arrives(CALL, "")
    room.rings(CALL, "1001", queue="promo")
    pop = (await olena.until("pop.update"))["pop"]
    await olena.socket.send_json({"type": "promise", "pop_id": pop["offer"]["pop_id"]})
    refusal = await olena.until("error")
    assert (refusal["code"], "withheld" in refusal["detail"]) == ("refused", True)
    await olena.socket.send_json({"type": "promise", "pop_id": "somebody else's"})
    assert (await olena.until("error"))["code"] == "not-yours"
    assert await orders(room) == []


async def test_a_key_pressed_in_the_queue(room: Office) -> None:
    """The order is kept before the caller is told so; pressed again it is the same order."""
    for _ in range(2):
        decision = await press(room, CAMPAIGN_CALLER, "callback", "queue=promo")
        assert (decision.status, decision.variables["CALLBACK"]) == (Status.ROUTED, "ordered")
    (order,) = await orders(room)
    assert (order.phone, order.queue, order.source, order.call_id, order.matter) == (CAMPAIGN_CALLER, "promo", "queue", CALL, "queue:promo")


@pytest.mark.parametrize(
    ("phone", "args"), [(None, ("callback", "queue=promo")), (CAMPAIGN_CALLER, ("callback",)), (CAMPAIGN_CALLER, ("callback", "queue=a,b"))]
)
async def test_whoever_cannot_be_rung_back_goes_on_waiting(room: Office, phone: str | None, args: tuple[str, ...]) -> None:
    """No number, or no queue to ring for him: he is not told that it was ordered."""
    decision = await press(room, phone, *args)
    assert (decision.status, dict(decision.variables)) == (Status.DEFAULT, {})
    assert await orders(room) == []


async def test_a_store_that_is_too_slow_lets_him_wait_on(room: Office) -> None:
    """The answer comes by the deadline in any case."""
    decision = await press(room, CAMPAIGN_CALLER, "callback", "queue=promo", deadline_s=-1)
    assert "CALLBACK" not in decision.variables


async def test_other_questions_go_to_the_router(room: Office) -> None:
    """Also one that has further arguments."""
    caller = Caller(CAMPAIGN_CALLER, CAMPAIGN_CALLER)
    request = RouteRequest(CALL, Medium.VOICE, caller, DIALED, room.clock(), PBX, args=("attest=A",))
    decision = room.service.fastagi.handler.decide(request)
    assert decision is not None
    assert decision.status is Status.ROUTED
    assert await orders(room) == []
