"""What calls did for touches and interactions, in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ctiroute.model import EndedCall, WrapUp
from ctiroute.store.attribution_rows import attribution_of, attribution_values, report_of
from ctiroute.store.attributions import SentTouch
from ctiroute.store.delivery_rows import from_number
from ctiroute.store.folding import cleaned
from ctiroute.store.postgres import records, rows, writing
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.interactions import amend
from ctiroute.store.postgres.webhooks import Webhooks, put_deliveries
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from ctiroute.model import Attribution, CampaignReport
    from ctiroute.store.attributions import Settlement
    from ctiroute.store.postgres.link import Link


class Attributions(Webhooks):
    """The part of a `Store` that is about what calls did for touches and interactions."""

    async def lend_ended_calls(self, now: datetime, until: datetime, limit: int) -> list[EndedCall]:
        """Return calls to attribute, which nobody else gets until a time."""
        return await self._write("lend calls that ended", lambda link: _lend(link, now, until, limit))

    async def next_ended_call_at(self) -> datetime | None:
        """Return when a call is due to be attributed; None: none is."""
        at = (await self._read("next_ended_call_at"))[0][0]
        return None if at is None else from_number(at)

    async def settle(self, *settlements: Settlement) -> None:
        """Keep what follows from calls."""

        async def settle_all(link: Link) -> None:
            for each in settlements:
                await _settle(link, each)
            await put_deliveries(link, [delivery for each in settlements for delivery in each.deliveries])

        await self._write("attribute calls", settle_all)

    async def get_attribution(self, call_id: str) -> Attribution | None:
        """Return how a call was attributed, or None."""
        found = await self._read("get_attribution", rows.to_text(call_id))
        with readable():
            return attribution_of(rows.texts_back(found[0])) if found else None

    async def sent_touch(self, touch_id: str) -> SentTouch | None:
        """Return when a touch was sent and for what, or None."""
        found = await self._read("sent_touch", rows.to_text(touch_id))
        return SentTouch(*rows.texts_back(found[0])) if found else None

    async def put_attributions(self, attributions: Sequence[Attribution]) -> None:
        """Insert or replace attributions; nothing follows from it."""
        values = [rows.texts(attribution_values(each)) for each in attributions]

        async def put(link: Link) -> None:
            await link.run_many("put_attribution", values)
            await link.run_many("drop_ended_call", [each[:1] for each in values])

        await self._write("keep attributions", put)

    async def campaign_report(self, campaign: str, since: datetime, until: datetime, window: timedelta) -> CampaignReport | None:
        """Count what became of a campaign."""
        return await self._write("count a campaign", lambda link: _report(link, campaign, since, until, window))


async def _lend(link: Link, now: datetime, until: datetime, limit: int) -> list[EndedCall]:
    lent = []
    for (call_id,) in await link.run("lend_ended_calls", to_microseconds(now), to_microseconds(until), limit):
        call = await link.run("get_call", call_id)
        if not call:
            await link.run("drop_ended_call", call_id)
            continue
        notes = [rows.texts_back(row) for row in await link.run("wrap_ups_of_call", call_id)]
        attribution = await link.run("get_attribution", call_id)
        with readable():
            lent.append(
                EndedCall(
                    records.call_of(tuple(call[0])),
                    tuple(WrapUp(row[0], row[1], row[2], row[3].astimezone(UTC), row[4]) for row in notes),
                    attribution_of(rows.texts_back(attribution[0])) if attribution else None,
                    until,
                )
            )
    return lent


async def _settle(link: Link, settlement: Settlement) -> None:
    lent, call_id = settlement.lent, rows.to_text(settlement.lent.record.call_id)
    if settlement.attribution is not None:
        await link.run("put_attribution", *rows.texts(attribution_values(settlement.attribution)))
    if settlement.receipts:
        await writing.add_receipts(link, settlement.receipts)
    if settlement.interaction_id is not None:
        for intake in settlement.happened:
            await amend(link, settlement.interaction_id, cleaned(intake), None, intake.at)
    until = 0 if lent.lent_until is None else to_microseconds(lent.lent_until)
    if settlement.again_at is None:
        await link.run("end_ended_call", call_id, until)
    else:
        await link.run("put_off_ended_call", call_id, until, to_microseconds(settlement.again_at))
    await put_deliveries(link, settlement.deliveries)


async def _report(link: Link, campaign: str, since: datetime, until: datetime, window: timedelta) -> CampaignReport | None:
    await link.run("allow_scans", "on", "1s", "60s")
    key = rows.to_text(campaign)
    title = await link.run("report_title", key)
    if not title:
        return None
    within = key, to_microseconds(since), to_microseconds(until), int(window.total_seconds() * 1_000_000)
    statuses = await link.run("report_touches", title[0][1], rows.to_time(since), rows.to_time(until))
    return report_of(
        campaign,
        rows.from_text(title[0][0]),
        (since, until),
        window,
        [(rows.status_of(row[0]), row[1]) for row in statuses],
        (await link.run("report_callers", *within))[0][0],
        [rows.texts_back(row) for row in await link.run("report_calls", *within)],
        [(row[0], row[1]) for row in await link.run("report_waits", *within)],
    )
