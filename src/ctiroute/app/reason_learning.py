"""Learning why people call: from calls as they are kept to numbers in the store, step by step, and from these to curves.

Any node may take the next step, and one does: a step is kept only where the last one ended (`ReasonStore.add_reasons`). Knows no clock
and no schedule; `app.reasons` has these, and so has the command line.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import CallerContext
from ctiroute.reasons import Counts, fitted, pattern_of
from ctiroute.reasons.grid import HORIZON
from ctiroute.reasons.tally import period_of
from ctiroute.store.places import place_of
from ctiroute.store.reasons import Learnt

if TYPE_CHECKING:
    from ctiroute.reasons import Curves
    from ctiroute.store.base import Store
    from ctiroute.store.places import CallPlace

log = logging.getLogger(__name__)

LAG = timedelta(seconds=90)  # a call is counted once its record is surely written
STEP = timedelta(days=1)  # of the past is learnt at once: after a start, or when no node ran
FIRST = timedelta(days=30)  # how far back learning begins where it never began
FINE = timedelta(hours=2)  # touches sent so lately are told apart by seconds
KEPT = timedelta(weeks=52)  # numbers older than this weigh next to nothing
PAGE = 200  # calls read at once
AT_ONCE = 20  # of these read before others get their turn: under a ms
ANSWERS = 1_000  # of operators, counted in one step


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is read of a call as it was kept."""

    context: CallerContext


_read = msgspec.json.Decoder(_Snapshot).decode


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of learning did."""

    calls: int = 0  # that were counted
    is_last: bool = True  # False: there is more of the past to learn from


async def learn(store: Store, now: datetime) -> int:
    """Count all that happened since learning got so far; return how many calls were counted. Raises `StoreError`."""
    calls = 0
    while not (step := await learn_some(store, now)).is_last:
        calls += step.calls
    return calls + step.calls


async def learn_some(store: Store, now: datetime) -> Step:
    """Count what happened since learning got so far, or the first day of it: that may take seconds of the store. Raises `StoreError`."""
    since, end = await store.reasons_learnt_until(), now - LAG
    start = since if since is not None else await _first_call_at(store, end)
    if start is None or start >= end:
        return Step()
    until = min(start + STEP, end)
    calls, learnt = await _step(store, since, start, until)
    if not await store.add_reasons(learnt):
        log.info("another node has learnt from the calls since %s", start)
        return Step()
    return Step(calls, is_last=until >= end)


async def _first_call_at(store: Store, end: datetime) -> datetime | None:
    """Return when the first call came that we know of, None: none did. Before that it was not we who would have seen a touch answered."""
    first = await store.calls_between(end - FIRST, end, None, 1)
    return place_of(first[0])[0] if first else None


async def read_curves(store: Store, now: datetime) -> Curves:
    """Return the curves of all that was counted. Raises `StoreError`."""
    tallies = {(one.period, one.what): one.amount for one in await store.reason_tallies()}
    return await asyncio.to_thread(fitted, tallies, now)


async def _step(store: Store, since: datetime | None, start: datetime, until: datetime) -> tuple[int, Learnt]:
    counts = Counts()
    calls = await _count_calls(store, counts, start, until)
    answers = await store.reasons_to_count(ANSWERS)
    counted: dict[str, int] = {}
    for answer in answers:
        try:
            counts.confirmed(answer)
        except (ValueError, msgspec.MsgspecError):  # written by a newer version: it is not counted, and not looked at again
            log.warning("what an operator said of %s cannot be counted", answer.call_id)
        counted[answer.call_id] = answer.choice
    exposure = await store.reason_exposure(start - HORIZON, until - FINE)
    counts.exposure(exposure.groups, exposure.people, start, until)
    return calls, Learnt(since, until, dict(counts.amounts), counted, period_of(until - KEPT))


async def _count_calls(store: Store, counts: Counts, start: datetime, until: datetime) -> int:
    after: CallPlace | None = None
    calls = 0
    while page := await store.calls_between(start, until, after, PAGE):
        after = place_of(page[-1])
        for number, record in enumerate(page):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if record.snapshot is None or record.status is None:  # nothing is known of it, or it is one we placed ourselves
                continue
            try:
                context = _read(record.snapshot).context
            except msgspec.MsgspecError:
                continue
            at = context.gathered_at or context.request.received_at
            found = None if context.request.is_trial else pattern_of(context, at)
            if found is not None:
                counts.call(found[0], at)
                calls += 1
    return calls
