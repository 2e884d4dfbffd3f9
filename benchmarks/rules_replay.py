"""How many stored calls are decided twice in a second of one core: read, decided by both rule sets, compared and counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import TYPE_CHECKING

from ctiroute.app.call_files import CallFile, to_bytes
from ctiroute.app.replay import Judge, Replay
from ctiroute.engine.decide import decide
from ctiroute.model import (
    CallerContext,
    CallRecord,
    Identifier,
    IdentifierKind,
    Identity,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Outcome,
    PastCall,
    Touch,
    TouchStatus,
)
from ctiroute.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.rules import Ruleset

DAY = timedelta(days=1)
STORED = 10_000  # calls in the store that is read page by page
_TEXT = "Olena, instalments at 0 % for 24 months until 30 November. Call us, or answer this message and we will call back."
_ASKED = "I would like to know whether my application was approved"


def replays_a_second(before: Ruleset, after: Ruleset, records: Sequence[CallRecord]) -> float:
    """Return the calls a second of processor time, best of several rounds."""
    found = []
    for _ in range(7):
        replay = Replay(Judge(after, {}), Judge(before, {}), datetime.min, datetime.max)  # noqa: DTZ901 - nothing is asked by time here
        began = process_time()
        for _ in range(10):
            for record in records:
                replay.judge(record)
        found.append(10 * len(records) / (process_time() - began))
        assert replay.tally.judged == 10 * len(records)
    return max(found)


def replays_a_second_from_store(before: Ruleset, after: Ruleset, records: Sequence[CallRecord], now: datetime) -> float:
    """Return the same with the reading of the store (SQLite), in processor time of all threads."""
    return asyncio.run(_from_store(before, after, records, now))


async def _from_store(before: Ruleset, after: Ruleset, records: Sequence[CallRecord], now: datetime) -> float:
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite://{Path(folder) / 'ctiroute.db'}")
        await store.open()
        times = (now - DAY + timedelta(seconds=number) for number in range(STORED))
        calls = [replace(records[number % len(records)], call_id=f"pbx:{number}", received_at=at) for number, at in enumerate(times)]
        for start in range(0, STORED, 500):
            await store.record_calls(calls[start : start + 500])
        found = []
        for _ in range(5):
            replay = Replay(Judge(after, {}), Judge(before, {}), now - DAY, now)
            began = process_time()
            assert await replay.run(store, None, lambda _: True)
            found.append(STORED / (process_time() - began))
            assert replay.tally.judged == STORED
        await store.close()
        return max(found)


def records_of(contexts: Sequence[CallerContext], ruleset: Ruleset) -> list[CallRecord]:
    """Return calls as `ruleset` decided them and the store keeps them."""
    made = []
    for context in contexts:
        at = context.request.received_at
        decision = decide(context.request, context, ruleset, at, {})
        made.append(
            CallRecord(
                context.request.call_id,
                received_at=at,
                status=decision.status,
                rule=decision.rule,
                queue=getattr(decision.destination, "queue", None),
                outcome=Outcome.ANSWERED,
                answered_at=at + timedelta(seconds=30),
                snapshot=to_bytes(CallFile.of(context, decision, worded=False)),
            )
        )
    return made


def mean_bytes(records: Sequence[CallRecord]) -> float:
    """Return how large snapshots are on average."""
    return sum(len(record.snapshot or b"") for record in records) / len(records)


def with_a_past(context: CallerContext) -> CallerContext:
    """Return the context of a customer of many years: earlier touches, two open conversations, four calls. Some 4 KiB when stored."""
    customer, now = context.identity.customers[0], context.request.received_at
    who = customer.identifiers[0]
    keys = (who, Identifier(IdentifierKind.EMAIL, "olena@example.com"), Identifier(IdentifierKind.TELEGRAM, "12345678"))
    customer = replace(customer, attributes={**customer.attributes, "city": "Kyiv", "manager": "olena", "since": "2019"}, identifiers=keys)
    offer = OfferTerms("Autumn instalments", _TEXT, "0 %, 24 months, until 30 November", {"amount": "12000", "product": "phone"})
    touches = [replace(touch, offer=offer, customer_id=customer.customer_id, delivered_at=touch.sent_at) for touch in context.touches]
    touches += [_old_touch(context.request.call_id, place, who, now - (1 + place) * DAY, offer) for place in range(3 - len(touches))]
    return replace(
        context,
        identity=Identity.of((customer,)),
        touches=tuple(touches),
        interactions=tuple(_conversation(f"{context.request.call_id}-{place}", customer.customer_id, who, now) for place in range(2)),
        calls=tuple(
            PastCall(f"pbx:past-{place}", now - (1 + place) * DAY, Outcome.ANSWERED, "r7", "promo", "olena", customer.customer_id)
            for place in range(4)
        ),
    )


def _old_touch(call_id: str, place: int, who: Identifier, at: datetime, offer: OfferTerms) -> Touch:
    return Touch(f"{call_id}-old-{place}", f"summer-{place}", "Summer", Medium.SMS, who, at, TouchStatus.DELIVERED, offer, at)


def _conversation(name: str, customer_id: str, who: Identifier, now: datetime) -> Interaction:
    form = {"amount": "100000", "term": "24", "income": ""}
    events = tuple(InteractionEvent(now - DAY - timedelta(minutes=minute), "message", _ASKED) for minute in range(3))
    return Interaction(
        name,
        customer_id,
        Medium.CHAT,
        "credit-application",
        "Application for credit",
        InteractionStatus.OPEN,
        now - 2 * DAY,
        now - DAY,
        "olena",
        form=form,
        events=events,
        identifier=who,
    )


def figures(before: Ruleset, after: Ruleset, contexts: Sequence[CallerContext], now: datetime) -> dict[str, float]:
    """Return the figures by name."""
    small, large = records_of(contexts, before), records_of([with_a_past(context) for context in contexts], before)
    return {
        f"replay, {mean_bytes(small) / 1024:.1f} KiB a call, calls/s a core": replays_a_second(before, after, small),
        f"replay, {mean_bytes(large) / 1024:.1f} KiB a call, calls/s a core": replays_a_second(before, after, large),
        "the same out of SQLite, calls/s a core": replays_a_second_from_store(before, after, large, now),
    }
