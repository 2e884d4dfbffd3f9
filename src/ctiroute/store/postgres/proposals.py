"""What became of proposals, in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import Fate, ProposalFate
from ctiroute.store.postgres import rows
from ctiroute.store.postgres.faults import readable
from ctiroute.store.postgres.ways import PostgresWays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.postgres.rows import Row


class Proposals(PostgresWays):
    """The part of a `Store` that is about proposals."""

    async def put_proposal_fates(self, fates: Sequence[ProposalFate]) -> None:
        """Keep what became of proposals; the latest stays."""
        ordered = sorted(fates, key=lambda one: (one.subject, one.proposal, one.at))  # two writers take the rows in one order
        values = [
            (
                rows.to_text(one.subject), rows.to_text(one.proposal), one.fate.value, rows.to_time(one.at), rows.to_text(one.operator_id),
                rows.to_text(one.call_id),
            )
            for one in ordered
        ]  # fmt: skip
        await self._write("keep what became of a proposal", lambda link: link.run_many("put_proposal_fate", values))

    async def proposal_fates(self, subjects: Sequence[str]) -> list[ProposalFate]:
        """Return what became of all proposals to these, the latest first."""
        found = await self._read("proposal_fates", [rows.to_text(subject) for subject in subjects])
        with readable():
            return [fate_of(tuple(row)) for row in found]


def fate_of(row: Row) -> ProposalFate:
    """Return what a row says."""
    subject, proposal, fate, at, operator_id, call_id = row
    texts = map(rows.from_text, (subject, proposal, operator_id, call_id))
    subject, proposal, operator_id, call_id = texts
    return ProposalFate(subject, proposal, Fate(fate), at, operator_id, call_id)
