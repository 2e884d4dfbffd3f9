"""The closed loop as a whole: a call that followed an SMS ends, and the mailing tool hears of it, once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctiroute.app import attributing
from ctiroute.connectors.announce import courier
from ctiroute.demo.company import CAMPAIGN_CALLER, FORM_CALLER, STRANGER, YOU
from ctiroute.model import AttributedBy, CallerQuery, DeliveryState, Identifier, IdentifierKind, LegEnded, TouchStatus
from ctiroute.settings import ClosedLoopSettings, WebhookSettings, WrapUpCode
from tests.real.receiver import receiving
from tests.unit.app.office import WAIT_S, office

if TYPE_CHECKING:
    from pathlib import Path

    from ctiroute.model import Attribution
    from tests.real.receiver import Receiver
    from tests.unit.app.office import Office

SECRET = "0123456789abcdef"
UNWELL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
LOOP = ClosedLoopSettings(wrap_up_quiet_s=0.2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pauses take milliseconds."""
    for name, value in (("FIRST_S", 0.02), ("LAST_S", 0.05), ("LOOK_S", 0.02)):
        monkeypatch.setattr(courier, name, value)
    monkeypatch.setattr(attributing, "LOOK_S", 0.02)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def hook(receiver: Receiver) -> dict[str, Any]:
    """Return settings with a webhook that leads to a receiver."""
    return {"webhooks": (WebhookSettings("mailer", receiver.url, secret=SECRET),), "closed_loop": LOOP}


async def talk(room: Office, call_id: str, number: str, note: str = "", code: str = "") -> None:
    """Let a caller be routed, answered, noted about, and hang up."""
    browser = await room.browser(YOU)
    await room.route(call_id, number)
    room.arrives(call_id, number)
    room.rings(call_id, "1001")
    pop = (await browser.until("pop"))["pop"]
    pop_id = pop["offer"]["pop_id"]
    room.answers(call_id, "1001")
    if note:
        if code:
            assert code in dict(pop["codes"])
            await browser.say("note", pop_id=pop_id, text=note, code="no such code")
            assert (await browser.until("error"))["code"] == "not-yours"
        await browser.say("note", pop_id=pop_id, text=note, code=code)
        await browser.all_so_far()
    room.hear(LegEnded(call_id, f"{call_id}/2", now(), 16), LegEnded(call_id, call_id, now(), 16))
    await browser.until("pop.close")


def told_of(receiver: Receiver, *kinds: str, code: str) -> bool:
    """Say whether events of these kinds were taken, and the call's end with a wrap-up code."""
    taken = [each.document for each in receiver.taken]
    ended = any(each["type"] == "call.ended" and each["data"]["code"] == code for each in taken)
    return ended and {each["type"] for each in taken} >= set(kinds)


async def attributed(room: Office, call_id: str) -> Attribution:
    """Return how a call was attributed, once it was."""
    async with asyncio.timeout(WAIT_S):
        while (found := await room.service.store.get_attribution(call_id)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the store tells nobody of its changes
    return found


async def test_the_mailing_tool_hears_once_that_the_touch_was_answered(tmp_path: Path) -> None:
    """The receiver fails twice, then takes each event; touch, report and events agree; a restart repeats nothing."""
    call_id = "lab:1.1"
    async with receiving(UNWELL, UNWELL) as receiver:
        codes = {"promo": (WrapUpCode("sold", {"en": "Sold", "uk": "Продано"}),), "*": (WrapUpCode("done", {"": "Done"}),)}
        async with office(tmp_path, clock=now, wrap_up=codes, **hook(receiver)) as room:
            await talk(room, call_id, CAMPAIGN_CALLER, "wants 24 parts", "sold")
            while not told_of(receiver, "wrap_up", "touch.answered", code="sold"):
                await receiver.got(taken=len(receiver.taken) + 1)
            store = room.service.store
            found = await attributed(room, call_id)
            assert found.code == "sold"
            assert (found.by, found.skipped_menu, found.operator_id) == (AttributedBy.DECISION, True, YOU)
            assert found.touch_id is not None
            long_ago = now() - timedelta(days=9)
            caller = Identifier(IdentifierKind.PHONE, CAMPAIGN_CALLER)
            facts = await store.find_caller(CallerQuery(caller, long_ago, long_ago, long_ago))
            assert {one.touch_id: one.status for one in facts.touches}[found.touch_id] is TouchStatus.ANSWERED
            report = await store.campaign_report(found.campaign or "", now() - timedelta(days=1), now(), timedelta(hours=1))
            assert report is not None
            assert (report.calls, report.answered, report.skipped_menu) == (1, 1, 1)
        async with office(tmp_path, clock=now, **hook(receiver)) as room:
            assert await room.service.store.next_ended_call_at() is None
            assert not [each for each in await room.service.store.get_deliveries() if each.state is not DeliveryState.DELIVERED]
    seen = Counter(each.event_id for each in receiver.taken)
    assert set(seen.values()) == {1}
    told = {each.document["type"]: each.document["data"] for each in receiver.taken}
    assert set(told) == {"call.ended", "touch.answered", "wrap_up"}
    assert told["touch.answered"]["touch"]["touch_id"] == found.touch_id
    revisions = [each.document["data"]["revision"] for each in receiver.taken if each.document["type"] == "call.ended"]
    assert revisions in ([1], [1, 2]), "the note may have been quiet by the time the call was looked at"
    assert (told["call.ended"]["outcome"], told["call.ended"]["code"]) == ("answered", "sold")
    assert (told["wrap_up"]["note"], told["wrap_up"]["code"]) == ("wants 24 parts", "sold")


async def test_what_was_not_told_before_a_stop_is_told_after_it(tmp_path: Path) -> None:
    """The receiver is away for all of the first run; nothing is lost, and nothing told twice."""
    async with receiving(*[UNWELL] * 3) as receiver:
        away: dict[str, Any] = {"webhooks": (WebhookSettings("mailer", "http://127.0.0.1:9/", secret=SECRET),), "closed_loop": LOOP}
        async with office(tmp_path, clock=now, **away) as room:
            await talk(room, "lab:1.1", CAMPAIGN_CALLER)
            await attributed(room, "lab:1.1")
        async with office(tmp_path, clock=now, **hook(receiver)):
            await receiver.got(taken=2)
    assert sorted(each.document["type"] for each in receiver.taken) == ["call.ended", "touch.answered"]


async def test_the_interaction_learns_of_the_call_about_it(tmp_path: Path) -> None:
    """Who began a form on the web and then called: the form's timeline holds the call and what the operator noted."""
    async with receiving() as receiver, office(tmp_path, clock=now, **hook(receiver)) as room:
        await talk(room, "lab:1.1", FORM_CALLER, "fills it in tonight")
        await receiver.got(taken=4)
        found = await attributed(room, "lab:1.1")
        assert found.interaction_id is not None
        interaction = await room.service.store.get_interaction(found.interaction_id)
    assert interaction is not None
    told = {event.kind: event.text for event in interaction.events}
    assert told["call"].startswith(f"answered by {YOU}, 0:0")
    assert told["wrap_up"] == "fills it in tonight"
    kinds = Counter(each.document["type"] for each in receiver.taken)
    assert kinds == {"call.ended": 1, "wrap_up": 1, "interaction.changed": 2}


async def test_a_call_about_nothing_is_told_as_such(tmp_path: Path) -> None:
    """A stranger's call belongs to no campaign."""
    async with receiving() as receiver, office(tmp_path, clock=now, **hook(receiver)) as room:
        await talk(room, "lab:1.1", STRANGER)
        await receiver.got(taken=1)
        assert (await attributed(room, "lab:1.1")).by is AttributedBy.NOTHING
    assert receiver.taken[0].document["data"]["touch"] is None


async def test_without_a_webhook_calls_are_attributed_all_the_same(tmp_path: Path) -> None:
    """Reports need no listener, and an outbox without one stays empty."""
    async with office(tmp_path, clock=now, closed_loop=replace(LOOP, touch_hours=1)) as room:
        await talk(room, "lab:1.1", CAMPAIGN_CALLER)
        assert (await attributed(room, "lab:1.1")).campaign is not None
        assert await room.service.store.get_deliveries() == []
