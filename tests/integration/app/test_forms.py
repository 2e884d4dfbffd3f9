"""A half-filled form on the pop of a whole running service: edited, contested, live on every tab, and carried from medium to medium."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from ctiroute.demo.company import COLLEAGUE, FORM_CALLER, YOU
from ctiroute.model import Scope
from ctiroute.web.api.keys import new_key
from tests.unit.app.office import Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.app.office import Browser

CALL = "lab:7.1"
FORM = "I-1"


@asynccontextmanager
async def ringing(tmp_path: Path) -> AsyncIterator[tuple[Office, Browser, dict[str, Any]]]:
    """Start a service; the customer with the half-filled form calls, and his pop stands on an operator's screen."""
    async with office(tmp_path) as room:
        browser = await room.browser(YOU)
        room.arrives(CALL, FORM_CALLER)
        await room.route(CALL, FORM_CALLER)
        room.rings(CALL, "1001")
        yield room, browser, (await browser.until("pop"))["pop"]


@asynccontextmanager
async def program(room: Office, *scopes: Scope) -> AsyncIterator[aiohttp.ClientSession]:
    """Give one of the company's other programs, with a key."""
    key, token, secret_hash = new_key("form", scopes or tuple(Scope), room.clock(), None)
    await room.service.store.put_api_key(key, secret_hash)
    async with aiohttp.ClientSession(room.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def form_of(pop: dict[str, Any]) -> tuple[dict[str, str], int]:
    """Return the form as a pop shows it, and its revision."""
    (it,) = [it for it in pop["context"]["interactions"] if it["interaction_id"] == FORM]
    return it["form"], it["revision"]


async def test_what_an_operator_writes_is_saved_and_live_on_his_other_tab(tmp_path: Path) -> None:
    """The answer comes to the tab that asked, the pop's next revision to all; the timeline says who wrote."""
    async with ringing(tmp_path) as (room, browser, pop):
        other = await room.browser(YOU)
        form, revision = form_of(pop)
        await browser.say("form", pop_id=pop["offer"]["pop_id"], interaction_id=FORM, revision=revision, fields={"income": "12000"})
        answer = await browser.until("form")
        assert answer["saved"] is True
        assert answer["interaction"]["form"] == form | {"income": "12000"}
        updated = (await other.until("pop.update"))["pop"]
        assert form_of(updated) == (form | {"income": "12000"}, revision + 1)
        kept = await room.service.store.get_interaction(FORM)
        assert kept is not None
        assert (kept.form["income"], kept.revision, kept.events[0].kind) == ("12000", revision + 1, "edit")
        assert not [message for message in await other.all_so_far() if message["type"] == "form"]


async def test_an_edit_of_an_older_revision_changes_nothing_and_shows_what_it_is_now(tmp_path: Path) -> None:
    """The customer goes on in his browser meanwhile: the pop follows at once, and the operator's late edit is answered with both."""
    async with ringing(tmp_path) as (room, browser, pop), program(room) as web:
        form, revision = form_of(pop)
        async with web.patch(f"/api/v1/interactions/{FORM}", json={"form": {"income": "9000"}, "revision": revision}) as answer:
            assert answer.status == 200
        assert form_of((await browser.until("pop.update"))["pop"]) == (form | {"income": "9000"}, revision + 1)
        await browser.say("form", pop_id=pop["offer"]["pop_id"], interaction_id=FORM, revision=revision, fields={"income": "1"})
        refused = await browser.until("form")
        assert (refused["saved"], refused["interaction"]["form"]["income"]) == (False, "9000")
        await browser.say("form", pop_id=pop["offer"]["pop_id"], interaction_id=FORM, revision=revision + 1, fields={"income": "1"})
        assert (await browser.until("form"))["interaction"]["form"]["income"] == "1"


async def test_a_form_is_edited_only_from_a_pop_it_stands_on(tmp_path: Path) -> None:
    """Not from a colleague's pop, not another customer's form, not a field it does not have."""
    async with ringing(tmp_path) as (room, browser, pop):
        colleague = await room.browser(COLLEAGUE)
        pop_id, (_, revision) = pop["offer"]["pop_id"], form_of(pop)
        for who, edit in (
            (colleague, {"interaction_id": FORM, "fields": {"income": "1"}}),
            (browser, {"interaction_id": "I-3", "fields": {"income": "1"}}),
            (browser, {"interaction_id": "nobody", "fields": {"income": "1"}}),
            (browser, {"interaction_id": FORM, "fields": {"password": "1"}}),
        ):
            await who.say("form", pop_id=pop_id, revision=revision, **edit)
            assert (await who.until("error"))["code"] == "not-yours"
        await browser.say("form", pop_id=pop_id, interaction_id=FORM, revision=revision, fields={"income": "x" * 2001})
        assert (await browser.until("error"))["code"] == "bad-message"
        kept = await room.service.store.get_interaction(FORM)
        assert kept is not None
        assert (kept.revision, kept.form["income"]) == (revision, "")


async def test_what_begins_in_another_medium_during_the_call_appears_on_the_pop(tmp_path: Path) -> None:
    """A chat of the same customer stands on the pop at once; a stranger's does not."""
    async with ringing(tmp_path) as (room, browser, _), program(room) as chat:
        told = {"medium": "chat", "source": "chat", "identifiers": [{"kind": "phone", "value": FORM_CALLER}], "title": "A question"}
        stranger = told | {"identifiers": [{"kind": "phone", "value": "+380679999999"}], "external_id": "s"}
        for body in (stranger, told | {"external_id": "c-1"}):
            async with chat.post("/api/v1/interactions", json=body) as answer:
                assert answer.status == 201
        updated = (await browser.until("pop.update"))["pop"]
        assert [it["external_id"] for it in updated["context"]["interactions"] if it["source"] == "chat"] == ["c-1"]


async def test_a_form_travels_from_the_web_over_a_chat_to_the_call_and_back(tmp_path: Path) -> None:
    """Begun on the web, filled further by a bot, by the operator on the pop, and found whole by whoever looks at it afterwards."""
    async with office(tmp_path) as room, program(room) as company:
        who = [{"kind": "phone", "value": "+380631112233"}]
        begun = {
            "medium": "web",
            "source": "form",
            "external_id": "f-9",
            "identifiers": who,
            "topic": "credit",
            "form": {"a": "1", "b": "", "c": ""},
        }
        async with company.post("/api/v1/interactions", json=begun) as answer:
            interaction_id = (await answer.json())["interaction_id"]
        async with company.post("/api/v1/route", json={"medium": "chat", "identifier": who[0]}) as answer:
            (seen,) = (await answer.json())["context"]["interactions"]
        edit = {"form": {"b": "2"}}
        async with company.patch(
            f"/api/v1/interactions/{seen['interaction_id']}", json=edit, headers={"If-Match": f'"{seen["revision"]}"'}
        ) as answer:
            assert answer.status == 200
        browser = await room.browser(YOU)
        room.arrives(CALL, "+380631112233")
        await room.route(CALL, "+380631112233")
        room.rings(CALL, "1001")
        pop = (await browser.until("pop"))["pop"]
        (shown,) = pop["context"]["interactions"]
        assert shown["form"] == {"a": "1", "b": "2", "c": ""}
        await browser.say(
            "form", pop_id=pop["offer"]["pop_id"], interaction_id=interaction_id, revision=shown["revision"], fields={"c": "3"}
        )
        assert (await browser.until("form"))["saved"] is True
        async with company.get(f"/api/v1/interactions/{interaction_id}") as answer:
            assert (await answer.json())["form"] == {"a": "1", "b": "2", "c": "3"}
