"""Interactions in the embedded store: what sources tell is folded into them on the writer's thread, one transaction for each batch."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import InteractionEvent, Taken
from ctiroute.store import folding
from ctiroute.store.folding import Clocks, EventRow, Known
from ctiroute.store.interactions import MOST, Amended, Tellings
from ctiroute.store.sqlite import rows
from ctiroute.store.sqlite.faults import mapped, readable
from ctiroute.store.sqlite.identities import link_identifiers
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ctiroute.model import Intake, Interaction

_EVER = -(2**63)
_to_clocks = msgspec.json.Decoder(Clocks).decode


class Interactions(SqliteWays):
    """The part of a `Store` that is about conversations."""

    async def take_in(self, intakes: Sequence[Intake], *, now: datetime | None = None) -> list[Taken]:
        """Keep what sources tell of their conversations."""
        told = [folding.cleaned(intake) for intake in intakes]
        at = now or datetime.now(UTC)
        return await self._write("take in what was told", lambda connection: [_take_in(connection, intake, at) for intake in told])

    async def amend_interaction(
        self, interaction_id: str, intake: Intake, revision: int | None, *, now: datetime | None = None
    ) -> Amended | None:
        """Change an interaction, unless it has another revision by now."""
        told, at = folding.cleaned(intake), now or datetime.now(UTC)
        return await self._write("change an interaction", lambda connection: amend(connection, interaction_id, told, revision, at))

    async def tell_interaction(self, interaction_id: str, intake: Intake, *, now: datetime | None = None) -> Taken | None:
        """Take in more of an interaction that is known by its id."""
        told, at = folding.cleaned(intake), now or datetime.now(UTC)
        return await self._write("take in what was told", lambda connection: _tell(connection, interaction_id, told, at))

    async def get_interaction(self, interaction_id: str) -> Interaction | None:
        """Return one interaction, or None."""
        return self._one("get_interaction", interaction_id)

    async def find_interaction(self, source: str, external_id: str) -> Interaction | None:
        """Return what became of a source's conversation, or None."""
        return self._one("interaction_of_source", source, folding.name_of(external_id))

    async def interaction_events(self, interaction_id: str, limit: int) -> list[InteractionEvent]:
        """Return what is kept of what happened in one interaction, the newest first."""
        found = self._read("interaction_events", interaction_id, min(limit, MOST))
        if found:
            return [InteractionEvent(rows.from_microseconds(at), kind, text) for at, kind, text in found]
        known = self._one("get_interaction", interaction_id)  # it may have come whole
        return [] if known is None else list(known.events[:limit])

    async def interactions_of(self, customer_id: str, limit: int) -> list[Interaction]:
        """Return the interactions that name a customer."""
        found = self._read("find_interactions_of_customer", customer_id, _EVER, min(limit, MOST))
        with readable():
            return [rows.interaction_of(row) for row in found]

    async def put_tellings(self, tellings: Sequence[Tellings]) -> None:
        """Keep how interactions that are there were made."""
        await self._write("keep what was told", lambda connection: _put_tellings(connection, tellings))

    def _one(self, name: str, *key: str) -> Interaction | None:
        found = self._read(name, *key)
        with readable():
            return rows.interaction_of(found[0][:-2]) if found else None


def export_tellings(path: Path, after: str, limit: int) -> list[Tellings]:
    """Return how the next interactions were made, beginning with `after` itself."""
    with mapped("read tellings"), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute(SQL["export_tellings"], (after, limit)).fetchall()
        return [
            Tellings(interaction_id, clocks, tuple(EventRow(*row) for row in connection.execute(SQL["get_event_rows"], (number,))))
            for interaction_id, clocks, number in found
        ]


def _take_in(connection: sqlite3.Connection, intake: Intake, now: datetime) -> Taken:
    found = connection.execute(SQL["interaction_of_source"], (intake.source, intake.external_id)).fetchone()
    interaction_id = folding.interaction_id_of(intake.source, intake.external_id)
    before = None if found is None else _known(connection, found)
    after = folding.fold(before, intake, now, interaction_id=interaction_id)
    after = folding.owned(after, _customer_of(connection, intake))
    if after is not before:
        _keep(connection, after)
    interaction = after.interaction
    return Taken(interaction.interaction_id, interaction.revision, new=before is None, repeated=after is before)


def amend(connection: sqlite3.Connection, interaction_id: str, intake: Intake, revision: int | None, now: datetime) -> Amended | None:
    """Change an interaction, unless it has another revision by now. For any transaction."""
    found = connection.execute(SQL["get_interaction"], (interaction_id,)).fetchone()
    if found is None:
        return None
    known = _known(connection, found)
    if revision is not None and revision != known.interaction.revision:
        return Amended(known.interaction, done=False)
    after = folding.amend(known, intake, now)
    if after is not known:
        _keep(connection, after)
    return Amended(after.interaction, done=True)


def _tell(connection: sqlite3.Connection, interaction_id: str, intake: Intake, now: datetime) -> Taken | None:
    found = connection.execute(SQL["get_interaction"], (interaction_id,)).fetchone()
    if found is None:
        return None
    known = _known(connection, found)
    after = folding.owned(folding.fold(known, intake, now), _customer_of(connection, intake))
    if after is not known:
        _keep(connection, after)
    return Taken(interaction_id, after.interaction.revision, repeated=after is known)


def _known(connection: sqlite3.Connection, found: rows.Row) -> Known:
    *row, clocks, number = found
    interaction = rows.interaction_of(tuple(row))
    kept = dict(connection.execute(SQL["get_event_keys"], (number,)).fetchall())
    return Known(interaction, _to_clocks(clocks) if clocks else folding.derived(interaction), kept)


def _keep(connection: sqlite3.Connection, known: Known) -> None:
    interaction = known.interaction
    if interaction.identifier is not None:
        connection.execute(SQL["add_identifier"], rows.identifier_values(interaction.identifier))
    connection.execute(SQL["put_interaction"], rows.interaction_values(interaction, folding.to_json(known.clocks)))
    number = connection.execute(SQL["interaction_key"], (interaction.interaction_id,)).fetchone()[0]
    connection.executemany(SQL["add_event_row"], [(number, row.key, row.at, row.kind, row.text) for row in known.added])
    connection.executemany(SQL["drop_event_row"], [(number, key) for key in known.dropped])


def _customer_of(connection: sqlite3.Connection, intake: Intake) -> str | None:
    """Link the identifiers that were told together; return the one customer whose they are, None: nobody's, or one of several's."""
    theirs = link_identifiers(connection, intake.identifiers, intake.customer_id, folding.claim_of(intake), intake.name)
    return theirs[0] if len(theirs) == 1 else None


def _put_tellings(connection: sqlite3.Connection, tellings: Sequence[Tellings]) -> None:
    for each in tellings:
        found = connection.execute(SQL["interaction_key"], (each.interaction_id,)).fetchone()
        if found is not None:
            connection.execute(SQL["put_clocks"], (each.interaction_id, each.clocks))
            connection.executemany(SQL["add_event_row"], [(found[0], row.key, row.at, row.kind, row.text) for row in each.events])
