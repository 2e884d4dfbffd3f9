"""What calls did for touches and interactions, in the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ctiroute.model import EndedCall, TouchStatus, WrapUp
from ctiroute.store.attribution_rows import attribution_of, attribution_values, report_of
from ctiroute.store.attributions import SentTouch
from ctiroute.store.delivery_rows import from_number
from ctiroute.store.folding import cleaned
from ctiroute.store.sqlite import rows, writing
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.interactions import amend
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.webhooks import Webhooks, put_deliveries
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ctiroute.model import Attribution, CampaignReport
    from ctiroute.store.attributions import Settlement


class Attributions(Webhooks):
    """The part of a `Store` that is about what calls did for touches and interactions."""

    async def lend_ended_calls(self, now: datetime, until: datetime, limit: int) -> list[EndedCall]:
        """Return calls to attribute, which nobody else gets until a time."""
        return await self._write("lend calls that ended", lambda connection: _lend(connection, now, until, limit))

    async def next_ended_call_at(self) -> datetime | None:
        """Return when a call is due to be attributed; None: none is."""
        at = self._read("next_ended_call_at")[0][0]
        return None if at is None else from_number(at)

    async def settle(self, *settlements: Settlement) -> None:
        """Keep what follows from calls."""

        def settle_all(connection: sqlite3.Connection) -> None:
            for each in settlements:
                _settle(connection, each)

        await self._write("attribute calls", settle_all)

    async def get_attribution(self, call_id: str) -> Attribution | None:
        """Return how a call was attributed, or None."""
        found = self._read("get_attribution", call_id)
        with readable():
            return attribution_of(found[0]) if found else None

    async def sent_touch(self, touch_id: str) -> SentTouch | None:
        """Return when a touch was sent and for what, or None."""
        found = self._read("sent_touch", touch_id)
        return SentTouch(found[0][0], found[0][1], from_number(found[0][2])) if found else None

    async def put_attributions(self, attributions: Sequence[Attribution]) -> None:
        """Insert or replace attributions; nothing follows from it."""
        values = [attribution_values(each) for each in attributions]

        def put(connection: sqlite3.Connection) -> None:
            connection.executemany(SQL["put_attribution"], values)
            connection.executemany(SQL["drop_ended_call"], [each[:1] for each in values])

        await self._write("keep attributions", put)

    async def campaign_report(self, campaign: str, since: datetime, until: datetime, window: timedelta) -> CampaignReport | None:
        """Count what became of a campaign, on a connection of its own that only reads."""

        def count() -> CampaignReport | None:
            address = f"{self.path.as_uri()}?mode=ro"
            with mapped("count a campaign"), readable(), closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
                connection.execute("BEGIN")  # all that is read is of one moment
                return _report(connection, campaign, since, until, window)

        return await self._look(count)


def _lend(connection: sqlite3.Connection, now: datetime, until: datetime, limit: int) -> list[EndedCall]:
    lent = []
    found = connection.execute(SQL["lend_ended_calls"], (to_microseconds(now), to_microseconds(until), limit)).fetchall()
    for (call_id,) in found:
        call = connection.execute(SQL["get_call"], (call_id,)).fetchone()
        if call is None:
            connection.execute(SQL["drop_ended_call"], (call_id,))
            continue
        notes = connection.execute(SQL["wrap_ups_of_call"], (call_id,)).fetchall()
        attribution = connection.execute(SQL["get_attribution"], (call_id,)).fetchone()
        with readable():
            lent.append(
                EndedCall(
                    rows.call_of(call),
                    tuple(WrapUp(row[0], row[1], row[2], from_number(row[3]), row[4]) for row in notes),
                    None if attribution is None else attribution_of(attribution),
                    until,
                )
            )
    return lent


def _settle(connection: sqlite3.Connection, settlement: Settlement) -> None:
    lent, call_id = settlement.lent, settlement.lent.record.call_id
    if settlement.attribution is not None:
        connection.execute(SQL["put_attribution"], attribution_values(settlement.attribution))
    writing.add_receipts(connection, settlement.receipts)
    if settlement.interaction_id is not None:
        for intake in settlement.happened:
            amend(connection, settlement.interaction_id, cleaned(intake), None, intake.at)
    put_deliveries(connection, settlement.deliveries)
    until = 0 if lent.lent_until is None else to_microseconds(lent.lent_until)
    if settlement.again_at is None:
        connection.execute(SQL["end_ended_call"], (call_id, until))
    else:
        connection.execute(SQL["put_off_ended_call"], (call_id, until, to_microseconds(settlement.again_at)))


def _report(connection: sqlite3.Connection, campaign: str, since: datetime, until: datetime, window: timedelta) -> CampaignReport | None:
    title = connection.execute(SQL["report_title"], (campaign,)).fetchone()
    if title is None:
        return None
    span = campaign, to_microseconds(since), to_microseconds(until)
    within = *span, int(window.total_seconds() * 1_000_000)
    return report_of(
        campaign,
        title[0],
        (since, until),
        window,
        [(TouchStatus(status), count) for status, count in connection.execute(SQL["report_touches"], span)],
        connection.execute(SQL["report_callers"], within).fetchone()[0],
        connection.execute(SQL["report_calls"], within).fetchall(),
        connection.execute(SQL["report_waits"], within).fetchall(),
    )
