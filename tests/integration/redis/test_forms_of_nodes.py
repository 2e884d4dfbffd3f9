"""A form on the pops of two nodes: whatever changes it on one is on the screens of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctiroute.demo.company import CAMPAIGN_CALLER, YOU
from ctiroute.model import Identifier, IdentifierKind, Intake, Medium
from tests.integration.redis.test_nodes import CALL, acquainted, two_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.redis import RealRedis


def form_of(message: dict[str, Any]) -> dict[str, str] | None:
    """Return the form of the interaction that was told during the call; None: the pop has none."""
    context = message["pop"]["context"]
    return next((it["form"] for it in context["interactions"] if it["source"] == "form"), None) if context else None


async def test_a_form_is_live_on_every_node(tmp_path: Path, redis: RealRedis) -> None:
    """It begins on one node during the call, is edited on the other, and both show it; who is late is shown what it is now."""
    async with two_nodes(tmp_path, redis.url) as both:
        here, there = await both.one.browser(YOU), await both.two.browser(YOU)
        await acquainted(both)
        both.arrives()
        await both.one.route(CALL)
        both.rings("1001")
        pop_id = (await here.until("pop"))["pop"]["offer"]["pop_id"]
        await there.until("pop.update", lambda it: it["pop"]["rule"] is not None)
        who = Identifier(IdentifierKind.PHONE, CAMPAIGN_CALLER)
        told = Intake("form", "f-1", both.one.clock(), Medium.WEB, identifiers=(who,), customer_id="C-1001", form={"income": ""})
        (taken,) = await both.one.service.store.take_in([told], now=both.one.clock())
        both.one.service.forms.changed([taken.interaction_id])
        await here.until("pop.update", lambda it: form_of(it) == {"income": ""})
        await there.until("pop.update", lambda it: form_of(it) == {"income": ""})
        edit = {"pop_id": pop_id, "interaction_id": taken.interaction_id, "revision": taken.revision}
        await there.say("form", **edit, fields={"income": "12000"})
        assert (await there.until("form"))["saved"] is True
        await here.until("pop.update", lambda it: form_of(it) == {"income": "12000"})
        await here.say("form", **edit, fields={"income": "1"})
        late = await here.until("form")
        assert (late["saved"], late["interaction"]["form"]) == (False, {"income": "12000"})
