"""What every store can keep of proposals: what became of them, so that nobody is asked twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.model import ProposalFate


class ProposalStore(Protocol):
    """The part of a `Store` that is about proposals. Off the call path."""

    async def put_proposal_fates(self, fates: Sequence[ProposalFate]) -> None:
        """Keep what became of proposals; of one proposal to one person the latest stays (by `at`)."""

    async def proposal_fates(self, subjects: Sequence[str]) -> list[ProposalFate]:
        """Return what became of all proposals to these (see `subjects_of`), the latest first."""
