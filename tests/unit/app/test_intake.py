"""What connectors bring is kept: counts, repeats, and one that the store will not have among others."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.intake import Keeping, read_mappings
from ctiroute.connectors.webhook.mapping import Brought
from ctiroute.connectors.webhook.ports import Tally
from ctiroute.errors import MappingError, StoreConflict
from ctiroute.model import Identifier, Intake, InteractionEvent, Medium, OfferTerms, Receipt, Touch, TouchStatus
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from ctiroute.model import Taken
    from ctiroute.store.base import Store

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PHONE = Identifier("phone", "+380671234567")
TOUCH = Touch("c:m-1", "c", "", Medium.SMS, PHONE, NOW, TouchStatus.SENT, OfferTerms("Offer"))


def intake(conversation: str, event_id: str = "1") -> Intake:
    """Return one message."""
    return Intake("chat", conversation, NOW, Medium.CHAT, event_id, (PHONE,), event=InteractionEvent(NOW, "message", "Hello"))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    """Open an embedded store."""
    store = open_store(f"sqlite://{folder / 'ctiroute.db'}")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def test_everything_of_an_arrival_is_kept_and_counted(tmp_path: Path) -> None:
    """Touches before their receipts; a receipt of no touch is refused; all of it again changes nothing."""
    brought = Brought(
        (intake("a"), intake("b")),
        (Receipt("c:m-1", TouchStatus.DELIVERED, NOW), Receipt("c:m-9", TouchStatus.READ, NOW)),
        (TOUCH,),
    )
    async with opened(tmp_path) as store:
        keeping = Keeping(store, lambda: NOW)
        assert await keeping.take(brought) == Tally(taken=4, refused=1)
        assert await keeping.take(Brought(brought.intakes, (), (TOUCH,))) == Tally(repeated=3)
        assert await keeping.take(Brought()) == Tally()


async def test_one_that_the_store_will_not_have_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused for good, as telling it again would not help."""
    async with opened(tmp_path) as store:
        take_in = store.take_in

        async def picky(intakes: Sequence[Intake], *, now: datetime | None = None) -> list[Taken]:
            if any(one.external_id == "b" for one in intakes):
                raise StoreConflict("no")
            return await take_in(intakes, now=now)

        monkeypatch.setattr(store, "take_in", picky)
        tally = await Keeping(store, lambda: NOW).take(Brought((intake("a"), intake("b"), intake("c"))))
        assert tally == Tally(taken=2, refused=1)
        assert await store.find_interaction("chat", "c") is not None


def test_mistakes_of_all_mappings_are_named_at_once(tmp_path: Path) -> None:
    """A service that does not start says everything it needs."""
    (tmp_path / "a.yml").write_text("about: a\n", encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        read_mappings([str(tmp_path / "a.yml"), "telegram", "no-such", "telegram"])
    assert {fault.file for fault in caught.value.faults} == {str(tmp_path / "a.yml"), "no-such"}
