"""A seeded week of calls for the sessions of docs/how-to/try-rules.md: in the store as the service leaves it, with a candidate on trial."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ctiroute.app.rule_files import read_rules
from ctiroute.app.shadow import Shadow, ShadowMetrics
from ctiroute.engine.decide import decide
from ctiroute.store import open_store
from tests.unit.app.history import DAY, FIRST, context_of, plain_calls, record_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.app.history import Plain

CALLS = 600
FRIDAY = FIRST + 4 * DAY
OPEN_S, CLOSED_S = 8 * 3600, 13 * 3600  # 10:00 to 15:00 in Kyiv
WAIT_S = 10.0


def settle(folder: Path) -> None:
    """Make settings, a candidate beside the shipped rules, and a store with a working week of calls, the last day of them on trial."""
    settings = f"rules: rules\nshadow: rules.new\nstore: sqlite://{folder / 'data' / 'ctiroute.db'}\n"
    (folder / "ctiroute.yml").write_text(settings, encoding="utf-8")
    shutil.copytree(folder / "rules", folder / "rules.new")
    changed = folder / "rules.new" / "10-campaigns.yml"
    text = changed.read_text(encoding="utf-8").replace("within: 15m", "within: 20m").replace("within: 1d", "within: 1h")
    changed.write_text(text, encoding="utf-8")
    (folder / "data").mkdir()
    asyncio.run(_fill(folder, [_in_the_week(call, place) for place, call in enumerate(plain_calls(CALLS))]))


def _in_the_week(call: Plain, place: int) -> Plain:
    """Return a call at a time when the company works."""
    since = OPEN_S + place * 7919 % (CLOSED_S - OPEN_S)
    return replace(call, at=FIRST + place * 5 // CALLS * DAY + timedelta(seconds=since))


async def _fill(folder: Path, calls: list[Plain]) -> None:
    live = read_rules(folder / "rules")
    store = open_store(f"sqlite://{folder / 'data' / 'ctiroute.db'}")
    await store.open()
    await store.record_calls([record_of(call, live) for call in calls])
    metrics = ShadowMetrics(CollectorRegistry())
    clock = [FRIDAY + timedelta(seconds=OPEN_S)]
    shadow = Shadow(folder / "rules.new", store, metrics, "pbx1", lambda: clock[0], lambda _: live, dict)
    await shadow.read()
    friday = sorted((call for call in calls if call.at >= FRIDAY), key=lambda call: call.at)
    for call in friday:
        context = context_of(call)
        shadow.ask(context, decide(context.request, context, live, call.at, {}))
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
        task = group.create_task(shadow.run(), name="shadow")
        while sum(shadow.findings().calls.values()) < len(friday):  # noqa: ASYNC110 - counts have no event
            await asyncio.sleep(0)
        task.cancel()
    clock[0] = FRIDAY + timedelta(seconds=CLOSED_S)
    await shadow.tell()
    await store.close()
