"""A running service forgets who was erased by another process: on screens, in memory, and in what it had yet to write."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.app import forgetting
from ctiroute.app.forgetting import Forgetter
from ctiroute.demo.company import CAMPAIGN_CALLER, FAMILY, YOU
from ctiroute.errors import StoreUnavailable
from ctiroute.model import (
    CallRecord,
    Erasure,
    ErasureMarker,
    Identifier,
    IdentifierKind,
    Member,
    MissedCall,
    OfferMissed,
    Subject,
    WrapUp,
)
from ctiroute.store.sqlite import SqliteStore
from tests.unit.app.office import PBX, T0, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

PHONE = Identifier(IdentifierKind.PHONE, CAMPAIGN_CALLER)
CALL = f"{PBX}:1"


@asynccontextmanager
async def another_process(folder: Path) -> AsyncIterator[SqliteStore]:
    """Give the same store as a command opens it."""
    store = SqliteStore(folder / "ctiroute.db")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def test_a_live_call_is_forgotten_and_shown_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's pop says no more than the switch does; what is kept of the call is that there was one."""
    monkeypatch.setattr(forgetting, "LOOK_S", 0.02)
    async with office(tmp_path) as running, another_process(tmp_path) as store:
        browser = await running.browser(YOU)
        await running.route(CALL)
        running.arrives(CALL)
        running.rings(CALL, "1001")
        assert (await browser.until("pop"))["pop"]["context"]["touches"]
        await running.kept(CALL)
        await store.erase(Subject((PHONE,)), T0)
        await browser.until("pop.update", lambda message: (message["pop"]["context"] or {}).get("identity", {}).get("kind") == "unknown")
        record = await running.kept(CALL)
        assert (record.caller_phone, record.caller_raw, record.customer_id, record.snapshot) == (None, None, None, None)
        assert record.rule == "autumn-sms-callers"


async def test_what_waits_to_be_written_is_made_anonymous(tmp_path: Path) -> None:
    """A record, a missed call and a note of before the erasure do not bring the person back, whenever they reach the store."""
    async with office(tmp_path) as running, another_process(tmp_path) as store:
        recorder, forgetter = running.service._recorder, running.service._forgetter
        call, later = CallRecord(CALL, caller_phone=PHONE.value, caller_raw="067", rule="r"), f"{PBX}:2"
        await store.erase(Subject((PHONE,), call_ids=(CALL,)), T0)
        recorder.record(call)
        recorder.missed(MissedCall("p1", YOU, CALL, "067", "Iryna", "Calls back", T0, 3.0))
        recorder.note(WrapUp(CALL, YOU, "Iryna will call again", T0))
        await forgetter.look()
        assert (await running.kept(CALL)) == CallRecord(CALL, rule="r")
        await store.record_calls(
            [CallRecord(later, caller_phone=PHONE.value, received_at=T0)]
        )  # was on its way while the person was erased
        await forgetter.look()
        assert (await running.kept(later)) == CallRecord(later, received_at=T0)
        assert [(one.caller_number, one.caller_name, one.headline) for one in await store.missed_since(YOU, T0)] == [("", "", "")]
        assert (await store.find_erasable(Subject((PHONE,), call_ids=(CALL, later), erased_at=T0))).total == 0


async def test_a_colleague_who_was_named_beside_is_forgotten_and_the_call_stays(tmp_path: Path) -> None:
    """One of two who share a number is erased: the other's record keeps its number, and what was known of both is dropped."""
    async with office(tmp_path) as running, another_process(tmp_path) as store:
        await running.route(CALL, FAMILY)
        before = await running.kept(CALL)
        assert before.snapshot is not None
        assert b"Maria" in before.snapshot
        running.service._recorder.record(CallRecord(CALL), with_snapshot=True)
        await store.erase(Subject(customer_ids=("C-1003",)), T0)
        await running.service._forgetter.look()
        await running.service._forgetter.look()
        kept = await running.kept(CALL)
        assert (kept.caller_phone, kept.snapshot) == (FAMILY, None)


async def test_an_operators_list_of_missed_calls_forgets(tmp_path: Path) -> None:
    """The line stays, and says nothing of who called."""
    async with office(tmp_path) as running, another_process(tmp_path) as store:
        await running.route(CALL)
        running.arrives(CALL)
        running.rings(CALL, "1001")
        running.hear(OfferMissed(CALL, f"{CALL}/2", Member("PJSIP/1001"), T0, "promo", 15.0))
        (missed,) = (await running.service.floor.snapshot(YOU)).missed
        assert missed.caller_name == "Iryna Bondar"
        await running.kept(CALL)
        await store.erase(Subject((PHONE,)), T0)
        await running.service._forgetter.look()
        (missed,) = (await running.service.floor.snapshot(YOU)).missed
        assert (missed.caller_number, missed.caller_name, missed.headline) == ("", "", "")


async def test_erasures_of_before_the_start_are_none_of_its_business(tmp_path: Path) -> None:
    """A node that starts holds nothing in memory; each erasure is acted on in two looks, and then no more."""
    async with another_process(tmp_path) as store:
        await store.erase(Subject((PHONE,)), T0)
        forgotten: list[Subject] = []

        async def forget(subject: Subject) -> None:
            forgotten.append(subject)

        forgetter = Forgetter(store, forget, lambda: T0)
        await forgetter.begin()
        await forgetter.look()
        assert forgotten == []
        await store.erase(Subject(customer_ids=("K1",)), T0)
        for _ in range(4):
            await forgetter.look()
        assert [subject.customer_ids for subject in forgotten] == [("K1",), ("K1",)]


async def test_a_store_that_is_away_at_the_start_brings_no_old_erasure_back(tmp_path: Path) -> None:
    """What was erased before is passed over when the store is there; what was erased since is carried out."""
    store = Shaky(tmp_path / "ctiroute.db")
    await store.open()
    forgotten: list[Subject] = []

    async def forget(subject: Subject) -> None:
        forgotten.append(subject)

    await store.erase(Subject((PHONE,)), T0 - timedelta(days=2))
    await store.record_calls([CallRecord(CALL, caller_phone=PHONE.value, received_at=T0 - timedelta(days=1))])
    forgetter = Forgetter(store, forget, lambda: T0)
    store.away = True
    with pytest.raises(StoreUnavailable):
        await forgetter.begin()
    store.away = False
    await store.erase(Subject(customer_ids=("K1",)), T0 - timedelta(seconds=5))
    for _ in range(3):
        await forgetter.look()
    assert [subject.customer_ids for subject in forgotten] == [("K1",), ("K1",)]
    kept = await store.get_call(CALL)
    assert kept is not None
    assert kept.caller_phone == PHONE.value
    await store.close()


async def test_a_store_that_is_away_costs_no_erasure(tmp_path: Path) -> None:
    """The look that failed is made again."""
    store = Shaky(tmp_path / "ctiroute.db")
    await store.open()
    forgotten: list[Subject] = []

    async def forget(subject: Subject) -> None:
        forgotten.append(subject)

    forgetter = Forgetter(store, forget, lambda: T0)
    await forgetter.begin()
    await store.erase(Subject(customer_ids=("K1",)), T0)
    await forgetter.look()
    store.away = True
    with pytest.raises(StoreUnavailable):
        await forgetter.look()
    store.away = False
    await store.record_calls([CallRecord(CALL, caller_phone=PHONE.value, customer_id="K1", received_at=T0)])
    await forgetter.look()
    assert (await store.find_erasable(Subject(customer_ids=("K1",)))).calls == 0
    await forgetter.look()
    assert len(forgotten) == 3
    await store.close()


class Shaky(SqliteStore):
    """The real store, which can be away."""

    away = False

    async def erase(self, subject: Subject, mark_at: datetime | None) -> Erasure:
        """Erase unless away."""
        if self.away:
            raise StoreUnavailable("the disk is full")
        return await super().erase(subject, mark_at)

    async def erasures_after(self, erasure_id: int) -> list[ErasureMarker]:
        """Read unless away."""
        if self.away:
            raise StoreUnavailable("the disk is full")
        return await super().erasures_after(erasure_id)
