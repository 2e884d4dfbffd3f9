"""Interactions in the database: what sources tell is folded into them under a lock of the conversation, one transaction for each batch."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ctiroute.model import InteractionEvent, Taken
from ctiroute.store import folding
from ctiroute.store.folding import Clocks, EventRow, Known
from ctiroute.store.interactions import MOST, Amended, Tellings
from ctiroute.store.postgres import rows, writing
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.identities import link_identifiers
from ctiroute.store.postgres.ways import PostgresWays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.model import Intake, Interaction
    from ctiroute.store.postgres.link import Link

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_to_clocks = msgspec.json.Decoder(Clocks).decode


class Interactions(PostgresWays):
    """The part of a `Store` that is about conversations."""

    async def take_in(self, intakes: Sequence[Intake], *, now: datetime | None = None) -> list[Taken]:
        """Keep what sources tell of their conversations."""
        told = [folding.cleaned(intake) for intake in intakes]
        at = now or datetime.now(UTC)
        return await self._write("take in what was told", lambda link: _take_in(link, told, at))

    async def amend_interaction(
        self, interaction_id: str, intake: Intake, revision: int | None, *, now: datetime | None = None
    ) -> Amended | None:
        """Change an interaction, unless it has another revision by now."""
        told, at = folding.cleaned(intake), now or datetime.now(UTC)
        return await self._write("change an interaction", lambda link: amend(link, interaction_id, told, revision, at))

    async def tell_interaction(self, interaction_id: str, intake: Intake, *, now: datetime | None = None) -> Taken | None:
        """Take in more of an interaction that is known by its id."""
        told, at = folding.cleaned(intake), now or datetime.now(UTC)
        return await self._write("take in what was told", lambda link: _tell(link, interaction_id, told, at))

    async def get_interaction(self, interaction_id: str) -> Interaction | None:
        """Return one interaction, or None."""
        return await self._one("get_interaction", rows.to_text(interaction_id))

    async def find_interaction(self, source: str, external_id: str) -> Interaction | None:
        """Return what became of a source's conversation, or None."""
        return await self._one("interaction_of_source", rows.to_text(source), rows.to_text(folding.name_of(external_id)))

    async def interaction_events(self, interaction_id: str, limit: int) -> list[InteractionEvent]:
        """Return what is kept of what happened in one interaction, the newest first."""
        found = await self._read("interaction_events", rows.to_text(interaction_id), min(limit, MOST))
        if found:
            return [
                InteractionEvent(_EPOCH + timedelta(microseconds=at), rows.from_text(kind), rows.from_text(text))
                for at, kind, text in found
            ]
        known = await self.get_interaction(interaction_id)  # it may have come whole
        return [] if known is None else list(known.events[:limit])

    async def interactions_of(self, customer_id: str, limit: int) -> list[Interaction]:
        """Return the interactions that name a customer."""
        found = await self._read("interactions_of", rows.to_text(customer_id), min(limit, MOST))
        with readable():
            return [rows.interaction_of(tuple(row)) for row in found]

    async def put_tellings(self, tellings: Sequence[Tellings]) -> None:
        """Keep how interactions that are there were made."""
        await self._write("keep what was told", lambda link: _put_tellings(link, tellings))

    async def _one(self, name: str, *key: str) -> Interaction | None:
        found = await self._read(name, *key)
        with readable():
            return rows.interaction_of(tuple(found[0])) if found else None


async def export_tellings(link: Link, after: str, limit: int) -> list[Tellings]:
    """Return how the next interactions were made, beginning with `after` itself."""
    found = await link.run("export_tellings", rows.to_text(after), limit)
    events: defaultdict[str, list[EventRow]] = defaultdict(list)
    for interaction_id, key, at, kind, text in await link.run("get_event_rows", [row[0] for row in found]):
        events[interaction_id].append(EventRow(key, at, rows.from_text(kind), rows.from_text(text)))
    return [Tellings(rows.from_text(interaction_id), clocks, tuple(events[interaction_id])) for interaction_id, clocks in found]


async def _take_in(link: Link, intakes: Sequence[Intake], now: datetime) -> list[Taken]:
    places = sorted(
        range(len(intakes)), key=lambda place: (intakes[place].source, intakes[place].external_id)
    )  # no two wait for each other
    # Before any conversation is locked: who links identifiers holds the lock of customers, and must not wait for one of these.
    customers = [await _customer_of(link, intake) for intake in intakes]
    taken: dict[int, Taken] = {}
    for place in places:
        taken[place] = await _take_in_one(link, intakes[place], customers[place], now)
    return [taken[place] for place in range(len(intakes))]


async def _take_in_one(link: Link, intake: Intake, customer_id: str | None, now: datetime) -> Taken:
    source, external_id = rows.to_text(intake.source), rows.to_text(intake.external_id)
    interaction_id = folding.interaction_id_of(intake.source, intake.external_id)
    await link.run("lock_conversation", interaction_id)
    before = await _known(link, await link.run("interaction_of_source", source, external_id))
    after = folding.fold(before, intake, now, interaction_id=interaction_id)
    after = folding.owned(after, customer_id)
    if after is not before:
        await _keep(link, after)
    interaction = after.interaction
    return Taken(interaction.interaction_id, interaction.revision, new=before is None, repeated=after is before)


async def amend(link: Link, interaction_id: str, intake: Intake, revision: int | None, now: datetime) -> Amended | None:
    """Change an interaction, unless it has another revision by now. For any transaction."""
    known = await _known(link, await link.run("get_interaction", rows.to_text(interaction_id)))
    if known is None:
        return None
    if revision is not None and revision != known.interaction.revision:
        return Amended(known.interaction, done=False)
    after = folding.amend(known, intake, now)
    if after is not known:
        await _keep(link, after)
    return Amended(after.interaction, done=True)


async def _tell(link: Link, interaction_id: str, intake: Intake, now: datetime) -> Taken | None:
    customer_id = await _customer_of(link, intake)
    known = await _known(link, await link.run("get_interaction", rows.to_text(interaction_id)))
    if known is None:
        return None
    after = folding.owned(folding.fold(known, intake, now), customer_id)
    if after is not known:
        await _keep(link, after)
    return Taken(interaction_id, after.interaction.revision, repeated=after is known)


async def _known(link: Link, found: Sequence[rows.Row]) -> Known | None:
    """Return an interaction that is there, and have nobody else change it. Read again once it is locked: somebody may have been ahead."""
    if not found:
        return None
    interaction_id = found[0][8]
    locked = await link.run("lock_interaction", interaction_id)
    if not locked:  # erased just now
        return None
    clocks = locked[0][0]
    with readable():
        interaction = rows.interaction_of(tuple((await link.run("get_interaction", interaction_id))[0]))
    kept = {row[0]: row[1] for row in await link.run("get_event_keys", interaction_id)}
    return Known(interaction, _to_clocks(clocks) if clocks else folding.derived(interaction), kept)


async def _keep(link: Link, known: Known) -> None:
    interaction = known.interaction
    key = await writing.key_of(link, interaction.identifier)
    values = rows.interaction_values(interaction, key, folding.to_json(known.clocks))
    interaction_id = values[0]
    before = await link.run("keys_of_interactions", [interaction_id])
    await link.run("put_interaction", *values)
    await link.run_many(
        "add_event_row", [(interaction_id, row.key, row.at, rows.to_text(row.kind), rows.to_text(row.text)) for row in known.added]
    )
    if known.dropped:
        await link.run("drop_event_rows", interaction_id, list(known.dropped))
    after = await link.run("keys_of_interactions", [interaction_id])
    await writing.mark(link, [row[0] for row in before] + [row[0] for row in after])


async def _customer_of(link: Link, intake: Intake) -> str | None:
    """Link the identifiers that were told together; return the one customer whose they are, None: nobody's, or one of several's."""
    theirs = await link_identifiers(link, intake.identifiers, intake.customer_id, folding.claim_of(intake), intake.name)
    return theirs[0] if len(theirs) == 1 else None


async def _put_tellings(link: Link, tellings: Sequence[Tellings]) -> None:
    for each in tellings:
        interaction_id = rows.to_text(each.interaction_id)
        await link.run("put_clocks", interaction_id, each.clocks)
        await link.run_many(
            "add_event_row", [(interaction_id, row.key, row.at, rows.to_text(row.kind), rows.to_text(row.text)) for row in each.events]
        )
