"""What other media bring is flagged by the rules in use on its way into the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ctiroute.app.intake import Keeping
from ctiroute.app.urgency import Urgency
from ctiroute.connectors.webhook.mapping import Brought
from ctiroute.model import Identifier, InteractionEvent, Medium
from ctiroute.model.intake import Intake
from ctiroute.rules import load_ruleset
from ctiroute.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
RULES = load_ruleset(
    [
        (
            "m.yml",
            """
messages:
  - {name: legal, flag: urgent, when: {says: "*lawyer*"}}
  - {name: again, flag: waiting, when: {repeated: {count: 3, within: 1h}}}
default: {menu: main}
""",
        )
    ]
)
NONE = load_ruleset([("n.yml", "default: {menu: main}\n")])


def said(number: int, text: str, conversation: str = "c-1") -> Intake:
    """Return a message, each a minute after the one before."""
    at = NOW + timedelta(minutes=number)
    event = InteractionEvent(at, "message", text)
    who = (Identifier("telegram", "77"),)
    return Intake("chat", conversation, at, Medium.CHAT, event_id=f"m{number}", identifiers=who, event=event)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Open an empty store."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    yield store
    await store.close()


async def test_a_message_raises_its_flag_on_the_conversation_it_belongs_to(store: SqliteStore) -> None:
    """And the flag stays when the next message is a calm one."""
    keeping = Keeping(store, lambda: NOW + timedelta(hours=1), urgency=Urgency(store, lambda: RULES))
    assert (await keeping.take(Brought(intakes=(said(1, "I will call my lawyer"),)))).taken == 1
    await keeping.take(Brought(intakes=(said(2, "all is well"),)))
    found = await store.find_interaction("chat", "c-1")
    assert found is not None
    assert found.flags == ("urgent",)


async def test_who_writes_again_and_again_is_seen_over_all_conversations(store: SqliteStore) -> None:
    """Three messages within the hour, by three ways."""
    keeping = Keeping(store, lambda: NOW + timedelta(hours=1), urgency=Urgency(store, lambda: RULES))
    for number, conversation in enumerate(("c-1", "c-2", "c-3"), 1):
        await keeping.take(Brought(intakes=(said(number, "hello", conversation),)))
    flags = [one.flags for name in ("c-1", "c-2", "c-3") if (one := await store.find_interaction("chat", name)) is not None]
    assert flags == [(), (), ("waiting",)]


async def test_without_such_rules_nothing_is_read_and_nothing_changes(store: SqliteStore) -> None:
    """Nor is anything when the store is away: the message comes again, and says so itself."""
    told = [said(1, "lawyer"), replace(said(2, "x"), flags=("own",))]
    assert await Urgency(store, lambda: NONE).flagged(told) == told
    await store.close()
    flagged = await Urgency(store, lambda: RULES).flagged(told)
    assert [one.flags for one in flagged] == [("urgent",), ("own",)]
