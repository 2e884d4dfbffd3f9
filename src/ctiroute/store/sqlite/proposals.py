"""What became of proposals, in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctiroute.model import Fate, ProposalFate
from ctiroute.store.sqlite.faults import readable
from ctiroute.store.sqlite.rows import from_microseconds
from ctiroute.store.sqlite.statements import SQL
from ctiroute.store.sqlite.ways import SqliteWays
from ctiroute.store.touch_rows import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.store.sqlite.rows import Row


class Proposals(SqliteWays):
    """The part of a `Store` that is about proposals."""

    async def put_proposal_fates(self, fates: Sequence[ProposalFate]) -> None:
        """Keep what became of proposals; the latest stays."""
        values = [(one.subject, one.proposal, one.fate.value, to_microseconds(one.at), one.operator_id, one.call_id) for one in fates]
        await self._write("keep what became of a proposal", lambda connection: connection.executemany(SQL["put_proposal_fate"], values))

    async def proposal_fates(self, subjects: Sequence[str]) -> list[ProposalFate]:
        """Return what became of all proposals to these, the latest first."""
        found = [row for subject in dict.fromkeys(subjects) for row in self._read("proposal_fates", subject)]
        with readable():
            return sorted(map(fate_of, found), key=lambda one: one.at, reverse=True)


def fate_of(row: Row) -> ProposalFate:
    """Return what a row says."""
    subject, proposal, fate, at, operator_id, call_id = row
    return ProposalFate(subject, proposal, Fate(fate), from_microseconds(at), operator_id, call_id)
