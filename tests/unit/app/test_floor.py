"""The floor between desk, engine, screens and store: all of them real, the browsers too."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from ctiroute.app import floor as floor_module
from ctiroute.demo.company import CAMPAIGN_CALLER, COLLEAGUE, FAMILY, OPERATORS, STRANGER, VIP, YOU
from ctiroute.demo.show import RULES
from ctiroute.model import (
    BlindTransferred,
    LegEnded,
    LiveLeg,
    Member,
    MissedCall,
    OfferMissed,
    OfferStarted,
    Operator,
    Outcome,
    QueueAbandoned,
    QueueJoined,
    Status,
    SwitchLost,
    SwitchSnapshot,
)
from tests.unit.app.office import PBX, T0, Clock, Office, office, request_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CALL = "lab:1.1"
LEG = f"{CALL}/2"


@pytest.fixture
def clock() -> Clock:
    """Return the test's own time."""
    return Clock()


@pytest.fixture
async def room(tmp_path: Path, clock: Clock) -> AsyncIterator[Office]:
    """Return a running office."""
    async with office(tmp_path, clock=clock) as running:
        yield running


async def test_a_ring_shows_the_offer_that_was_sent(room: Office) -> None:
    """The main job: who was sent an SMS is routed, and the operator whose phone rings reads which offer it was."""
    olena, taras = await room.browser(YOU), await room.browser(COLLEAGUE)
    room.arrives(CALL)
    decision = await room.route(CALL)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    assert (decision.rule, pop["rule"]) == ("autumn-sms-callers", "autumn-sms-callers")
    assert pop["headline"] == "Calls back about “Autumn instalments”, SMS sent 12 min ago"
    assert pop["caller_number"] == "+380 67 123 4567"
    assert pop["context"]["identity"]["customers"][0]["name"] == "Iryna Bondar"
    assert pop["fields"] == [
        ["Offer", "Autumn instalments"],
        ["Terms", "0 % for 24 months, no first payment, until 30 November"],
        ["Limit", "120 000 UAH"],
    ]
    assert [(rule["rule"], rule["matched"]) for rule in pop["rules"]] == [("autumn-sms-callers", True)]
    assert (pop["chip"], pop["offer"]["queue"], pop["offer"]["revision"]) == ("campaign", "promo", 1)
    assert not [message for message in await taras.all_so_far() if message["type"] == "pop"]


async def test_the_life_of_a_pop_and_its_record(room: Office) -> None:
    """From ring to hang-up each step reaches the screen with a higher revision, and the store has the whole of it afterwards."""
    olena = await room.browser(YOU)
    room.arrives(CALL)
    await room.route(CALL)
    room.hear(QueueJoined(CALL, "promo", room.clock()))
    room.rings(CALL, "1001")
    room.answers(CALL, "1001")
    room.hear(LegEnded(CALL, LEG, room.clock()), LegEnded(CALL, CALL, room.clock()))
    shown = await olena.all_so_far()
    pops = [(it["type"], it["pop"]["offer"]["state"], it["pop"]["offer"]["revision"]) for it in shown if it["type"].startswith("pop")]
    assert pops == [("pop", "ringing", 1), ("pop.update", "talking", 2), ("pop.close", "ended", 3)]
    record = await room.kept(CALL)
    assert (record.status, record.rule, record.queue) == (Status.ROUTED, "autumn-sms-callers", "promo")
    assert (record.outcome, record.operator_id, record.touch_id, record.customer_id) == (Outcome.ANSWERED, YOU, "T-1", "C-1001")
    assert record.ended_at == T0
    assert record.snapshot is not None


async def test_what_is_over_is_forgotten(room: Office) -> None:
    """After the last leg nothing of the call stays in the memory of files and heard legs, but the store has its context."""
    room.arrives(CALL)
    await room.route(CALL)
    floor = room.service.floor
    assert floor.snapshot_bytes(CALL) is not None
    assert CALL in floor._heard
    room.hear(LegEnded(CALL, CALL, room.clock()))
    assert floor.snapshot_bytes(CALL) is None
    assert CALL not in floor._heard
    assert (await room.kept(CALL)).snapshot is not None


async def test_what_was_only_heard_is_bounded(room: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls we only heard of take bounded room: the oldest goes first."""
    monkeypatch.setattr(floor_module, "MAX_HEARD", 3)
    for number in range(5):
        room.arrives(f"lab:{number}.0")
    assert list(room.service.floor._heard) == ["lab:2.0", "lab:3.0", "lab:4.0"]


async def test_a_late_source_completes_the_pop(room: Office) -> None:
    """What a slow source brings after the decision appears on the pop that rings, as its next revision."""
    olena = await room.browser(YOU)
    room.arrives(CALL)
    await room.route(CALL)
    room.rings(CALL, "1001")
    before = (await olena.until("pop"))["pop"]
    file = room.service.floor._files.get(CALL)
    assert file is not None
    room.service.floor.completed(replace(file.context, touches=file.context.touches[:1], interactions=()))
    after = (await olena.until("pop.update"))["pop"]
    assert (before["offer"]["revision"], after["offer"]["revision"]) == (1, 2)
    assert len(before["context"]["interactions"]) == 1
    assert after["context"]["interactions"] == []
    assert after["rule"] == "autumn-sms-callers"


async def test_a_late_source_of_a_call_that_is_over_is_nobodys_business(room: Office) -> None:
    """A context that comes after the end opens nothing again."""
    await room.route(CALL)
    file = room.service.floor._files.get(CALL)
    assert file is not None
    room.hear(LegEnded(CALL, CALL, room.clock()))
    room.service.floor.completed(file.context)
    assert room.service.floor.snapshot_bytes(CALL) is None


async def test_a_call_dialled_directly_is_looked_up(room: Office) -> None:
    """A call nobody asked us to route rings with a skeleton at once; its context follows as a revision, worded as the rules would."""
    olena = await room.browser(YOU)
    room.arrives(CALL, VIP)
    room.rings(CALL, "1001", queue=None)
    skeleton = (await olena.until("pop"))["pop"]
    assert (skeleton["context"], skeleton["headline"]) == (None, "")
    found = (await olena.until("pop.update"))["pop"]
    assert found["offer"]["revision"] == 2
    assert found["context"]["identity"]["customers"][0]["name"] == "Nadiia Tkachenko"
    assert (found["caller_number"], found["chip"]) == ("+380 67 456 7890", "vip")
    assert found["headline"] == "Nadiia Tkachenko, a VIP customer of Taras Melnyk"
    assert (found["rule"], found["rules"]) == (None, [])  # no rule sent it here


async def test_a_withheld_caller_who_dialled_directly_is_not_looked_up(room: Office) -> None:
    """Without a number there is nothing to ask: the pop says withheld, and no customer is guessed."""
    olena = await room.browser(YOU)
    room.arrives(CALL, "")
    room.rings(CALL, "1001", queue=None)
    found = (await olena.until("pop.update"))["pop"]
    assert found["context"]["identity"] == {"kind": "withheld", "customers": [], "candidates": []}
    assert found["caller_number"] == ""


@pytest.mark.parametrize("same_rules", [True, False])
async def test_after_a_restart_the_store_has_the_file(same_rules: bool, tmp_path: Path, clock: Clock) -> None:
    """A call that rings on over a restart has its pop again, the trace worded anew while the rules are the same ones."""
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    async with office(tmp_path, clock=clock, rules=rules) as before:
        before.arrives(CALL)
        await before.route(CALL)
        await before.kept(CALL)
    if not same_rules:
        file = next(rules.glob("*.yml"))
        file.write_text(file.read_text(encoding="utf-8").replace("priority: 10", "priority: 11"), encoding="utf-8")
    clock.move(minutes=30)
    async with office(tmp_path, clock=clock, rules=rules) as after:
        olena = await after.browser(YOU)
        legs = (LiveLeg(CALL, CALL, "PJSIP/trunk", up=True), LiveLeg(CALL, LEG, "PJSIP/1001", up=False))
        after.hear(SwitchSnapshot(PBX, legs, clock(), ((CALL, "promo"),)))
        pop = (await olena.until("pop.update", lambda it: it["pop"]["context"] is not None))["pop"]
        assert (pop["rule"], pop["touch_id"], pop["chip"]) == ("autumn-sms-callers", "T-1", "campaign")
        assert [rule["rule"] for rule in pop["rules"]] == (["autumn-sms-callers"] if same_rules else [])


async def test_new_rules_do_not_take_the_reasons_from_a_call_in_hand(tmp_path: Path, clock: Clock) -> None:
    """A call decided just before a save rings with the trace of the rules that decided it."""
    rules = tmp_path / "rules"
    shutil.copytree(RULES, rules)
    async with office(tmp_path, clock=clock, rules=rules) as room:
        olena = await room.browser(YOU)
        room.arrives(CALL)
        await room.route(CALL)
        file = next(rules.glob("*.yml"))
        file.write_text(file.read_text(encoding="utf-8").replace("priority: 10", "priority: 11"), encoding="utf-8")
        assert await room.service.rules.reload()
        room.rings(CALL, "1001")
        pop = (await olena.until("pop"))["pop"]
        assert [(rule["rule"], rule["matched"]) for rule in pop["rules"]] == [("autumn-sms-callers", True)]


async def test_a_file_we_cannot_read_is_no_file(room: Office) -> None:
    """A snapshot of another version's making leaves a skeleton, or what a new look-up finds; never a broken screen."""
    olena = await room.browser(YOU)
    await room.route(CALL)
    await room.kept(CALL)
    with sqlite3.connect(room.service.settings.data_dir / "ctiroute.db") as connection:
        connection.execute("UPDATE calls SET snapshot = ?", (b'{"context": 1}',))
    connection.close()
    room.service.floor._files.forget(CALL)
    room.arrives(CALL)
    room.rings(CALL, "1001")
    assert (await olena.until("pop"))["pop"]["context"] is None
    found = (await olena.until("pop.update"))["pop"]
    assert (found["rule"], found["context"]["request"]["caller"]["phone"]) == (None, CAMPAIGN_CALLER)


async def test_a_note_is_kept_and_goes_with_the_call(room: Office) -> None:
    """What an operator typed is stored, and stands on the screen of the colleague to whom the caller is sent on."""
    olena, taras = await room.browser(YOU), await room.browser(COLLEAGUE)
    room.arrives(CALL)
    await room.route(CALL)
    room.rings(CALL, "1001")
    room.answers(CALL, "1001")
    pop_id = (await olena.until("pop"))["pop"]["offer"]["pop_id"]
    await olena.say("note", pop_id=pop_id, text="asks for January")
    await olena.all_so_far()
    room.hear(BlindTransferred(CALL, LEG, "1002", room.clock()))
    room.rings(CALL, "1002", leg="3", queue=None)
    passed = (await taras.until("pop"))["pop"]
    assert passed["offer"]["transferred_from"] == YOU
    assert (passed["offer"]["note"]["operator_name"], passed["offer"]["note"]["text"]) == ("Olena Koval", "asks for January")
    await olena.say("note", pop_id=pop_id, text="asks for January, promised")
    written = await taras.until("pop.update")
    assert written["pop"]["offer"]["note"]["text"] == "asks for January, promised"
    await room.kept(CALL)
    with sqlite3.connect(room.service.settings.data_dir / "ctiroute.db") as connection:
        kept = connection.execute("SELECT call_id, operator_id, note FROM wrap_ups").fetchall()
    connection.close()
    assert kept == [(CALL, YOU, "asks for January, promised")]


async def test_the_operator_says_which_candidate_calls(room: Office) -> None:
    """With several customers at one number the choice makes the identity known, on the screen, in the store, and only from the list."""
    olena = await room.browser(YOU)
    room.arrives(CALL, FAMILY)
    await room.route(CALL, FAMILY)
    room.rings(CALL, "1001")
    pop = (await olena.until("pop"))["pop"]
    assert pop["context"]["identity"]["kind"] == "ambiguous"
    pop_id = pop["offer"]["pop_id"]
    await olena.say("choose", pop_id=pop_id, customer_id="C-1001")
    assert (await olena.until("error"))["code"] == "not-yours"
    await olena.say("choose", pop_id=pop_id, customer_id="C-1004")
    chosen = (await olena.until("pop.update"))["pop"]
    assert chosen["context"]["identity"]["kind"] == "known"
    assert chosen["context"]["identity"]["customers"][0]["name"] == "Andrii Savchenko"
    assert (await room.kept(CALL)).customer_id == "C-1004"


async def test_nobody_touches_a_colleagues_pop(room: Office) -> None:
    """Another operator's ack, note and choice change nothing, whatever pop id they name."""
    olena, taras = await room.browser(YOU), await room.browser(COLLEAGUE)
    room.arrives(CALL, FAMILY)
    await room.route(CALL, FAMILY)
    room.rings(CALL, "1001")
    pop_id = (await olena.until("pop"))["pop"]["offer"]["pop_id"]
    await taras.say("ack", pop_id=pop_id, revision=1, stage="seen")
    await taras.say("note", pop_id=pop_id, text="mine now")
    assert (await taras.until("error"))["code"] == "not-yours"
    await taras.say("choose", pop_id=pop_id, customer_id="C-1003")
    assert (await taras.until("error"))["code"] == "not-yours"
    assert room.metric("ctiroute_pops_total", stage="seen") == 0
    await olena.say("ack", pop_id=pop_id, revision=1, stage="seen")
    assert not [it for it in await olena.all_so_far() if it["type"] == "pop.update"]
    assert room.metric("ctiroute_pops_total", stage="seen") == 1


async def test_missed_calls_of_before_and_after_a_restart(room: Office, clock: Clock) -> None:
    """The list of a screen holds what the store knows and what was missed just now, newest first, each once, no older than a day."""
    for hours, pop_id in ((2, "stored"), (30, "too old")):
        line = MissedCall(pop_id, YOU, "lab:0.9", "+380 44", "", "", clock() - timedelta(hours=hours), 8.0)
        await room.service.store.record_missed(line)
    room.arrives(CALL)
    await room.route(CALL)
    room.rings(CALL, "1001")
    clock.move(seconds=18)
    room.hear(OfferMissed(CALL, LEG, Member("PJSIP/1001"), clock(), "promo", 18.0))
    await room.kept(CALL)
    missed = (await room.service.floor.snapshot(YOU)).missed
    assert [call.pop_id for call in missed] == [f"{CALL}~{YOU}~{LEG}", "stored"]
    assert (missed[0].caller_name, missed[0].rang_s) == ("Iryna Bondar", 18.0)
    assert missed[0].headline == "Calls back about “Autumn instalments”, SMS sent 12 min ago"


async def test_a_screen_without_a_store_shows_what_memory_has(room: Office) -> None:
    """While the store is away a browser that connects sees its pops and the calls missed since the start."""
    room.arrives(CALL)
    await room.route(CALL)
    room.rings(CALL, "1001")
    await room.service.store.close()
    try:
        snapshot = await room.service.floor.snapshot(YOU)
        assert [pop.offer.call_id for pop in snapshot.pops] == [CALL]
        assert snapshot.missed == ()
    finally:
        await room.service.store.open()


async def test_screens_are_told_when_the_switch_is_lost(room: Office, clock: Clock) -> None:
    """A link that goes down or comes back is on every screen, once for each change, and in the snapshot of who comes later."""
    olena = await room.browser(YOU)
    room.hear(SwitchSnapshot(PBX, (), clock()), SwitchSnapshot(PBX, (), clock()))
    clock.move(seconds=5)
    room.hear(SwitchLost(PBX, clock()))
    told = [it["switch"] for it in await olena.all_so_far() if it["type"] == "switch"]
    assert [(it["name"], it["up"]) for it in told] == [(PBX, True), (PBX, False)]
    assert datetime.fromisoformat(told[1]["since"]) == clock()
    (state,) = (await room.service.floor.snapshot(YOU)).switches
    assert (state.name, state.up) == (PBX, False)


async def test_one_odd_event_does_not_deafen_us(room: Office, caplog: pytest.LogCaptureFixture) -> None:
    """An event that breaks the handling is logged, and the next ring pops as ever."""
    olena = await room.browser(YOU)
    room.arrives(CALL)
    with caplog.at_level(logging.ERROR):
        room.hear(OfferStarted(CALL, LEG, cast("Member", None), room.clock()))
    assert "an event could not be handled: OfferStarted" in caplog.text
    room.rings(CALL, "1001")
    assert (await olena.until("pop"))["pop"]["offer"]["call_id"] == CALL


async def test_a_trial_is_nobodys_call(room: Office) -> None:
    """Trying the rules leaves a record with its reasons, but no live call, and it does not count as a call of that number."""
    decision = await room.route("lab:trial.1", args=("trial",))
    assert decision.rule == "autumn-sms-callers"
    record = await room.kept("lab:trial.1")
    assert (record.caller_phone, record.snapshot is not None) == (None, True)
    assert room.service.floor._desk.live_calls == ()


async def test_who_hung_up_before_the_decision_is_recorded(room: Office) -> None:
    """A caller who was gone before the answer is an abandoned call, without any pop."""
    room.service.router.abandoned(request_of(CALL, STRANGER, T0))
    record = await room.kept(CALL)
    assert (record.outcome, record.caller_phone, record.ended_at) == (Outcome.ABANDONED, STRANGER, T0)


async def test_who_gives_up_waiting_after_a_restart_is_abandoned(room: Office) -> None:
    """A caller we did not see come in, who waits and leaves unoffered, has an end in the record all the same."""
    room.hear(SwitchSnapshot(PBX, (LiveLeg(CALL, CALL, "PJSIP/trunk", up=True),), room.clock(), ((CALL, "promo"),)))
    room.hear(QueueAbandoned(CALL, "promo", room.clock()), LegEnded(CALL, CALL, room.clock()))
    assert (await room.kept(CALL)).outcome is Outcome.ABANDONED


async def test_an_operator_added_a_moment_ago_has_a_screen(room: Office) -> None:
    """Who was added after the last look at the store may sign in at once, and his phone pops from then on."""
    await room.service.store.put_operator(Operator("new", "New One", ("PJSIP/1003",)), None)
    browser = await room.browser("new")
    room.arrives(CALL)
    room.rings(CALL, "1003")
    assert (await browser.until("pop"))["pop"]["offer"]["operator_id"] == "new"


async def test_who_gets_a_colleagues_phone_takes_it_over(room: Office) -> None:
    """An operator who is given another's extension while both are connected has its calls, and the other is told."""
    olena, taras = await room.browser(YOU), await room.browser(COLLEAGUE)
    room.service.floor.set_operators((OPERATORS[0], replace(OPERATORS[1], interfaces=("PJSIP/1001",), extension="1001")))
    assert (await olena.until("extension"))["taken_by"] == "Taras Melnyk"
    room.arrives(CALL)
    room.rings(CALL, "1001")
    assert (await taras.until("pop"))["pop"]["offer"]["operator_id"] == COLLEAGUE


async def test_pops_are_in_the_operators_language(tmp_path: Path, clock: Clock) -> None:
    """Two phones ring for one call, and each screen reads its own language."""
    ukrainian = replace(OPERATORS[1], language="uk")
    async with office(tmp_path, clock=clock, operators=(OPERATORS[0], ukrainian)) as room:
        olena, taras = await room.browser(YOU), await room.browser(COLLEAGUE)
        room.arrives(CALL)
        await room.route(CALL)
        room.rings(CALL, "1001")
        room.rings(CALL, "1002", leg="3")
        assert (await olena.until("pop"))["pop"]["headline"].startswith("Calls back about")
        assert (await taras.until("pop"))["pop"]["headline"].startswith("Телефонує щодо «Autumn instalments»")


async def test_what_is_not_confirmed_is_counted(room: Office) -> None:
    """A ring without a browser, and a pop that no browser ever acknowledged, both show in the metrics."""
    room.arrives(CALL)
    room.rings(CALL, "1001")
    assert room.metric("ctiroute_pops_total", stage="no_browser") == 1
    room.hear(LegEnded(CALL, LEG, room.clock()), LegEnded(CALL, CALL, room.clock()))
    assert room.metric("ctiroute_pops_total", stage="unconfirmed") == 1


async def test_quiet_calls_are_let_go(room: Office, clock: Clock) -> None:
    """A call of which nothing was heard for a day is over, and its outcome is that we do not know."""
    room.arrives(CALL)
    await room.route(CALL)
    clock.move(hours=25)
    room.service.floor.expire()
    assert (await room.kept(CALL)).outcome is Outcome.UNKNOWN
    assert room.service.floor.snapshot_bytes(CALL) is None


async def test_many_pops_about_one_unknown_call_ask_the_store_once(room: Office) -> None:
    """Ten phones that ring for a call without a file start one search."""
    room.arrives(CALL, VIP)
    for number in range(10):
        room.rings(CALL, "1001", leg=str(number), queue=None)
    searches = [task for task in asyncio.all_tasks() if task.get_name() == f"find {CALL}"]
    assert len(searches) == 1
    await asyncio.wait_for(searches[0], 5)
    assert room.service.floor.snapshot_bytes(CALL) is not None
