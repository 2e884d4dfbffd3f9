"""What every store can do with interactions: take in what sources tell of them, change one, read it with all that is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ctiroute.model import Interaction
from ctiroute.store.folding import EventRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ctiroute.model import Intake, InteractionEvent, Taken

MOST = 200  # interactions, or events, read at once


@dataclass(frozen=True, slots=True)
class Amended:
    """What became of a change that somebody made to the state of an interaction that he saw."""

    interaction: Interaction  # as it is now
    done: bool  # False: it had changed since that revision, and stays as it is


@dataclass(frozen=True, slots=True)
class Tellings:
    """What is kept of an interaction's making, for `db copy`: a copy goes on taking in as the store it was made from would."""

    interaction_id: str
    clocks: str  # JSON, see `folding.Clocks`
    events: tuple[EventRow, ...]


class InteractionStore(Protocol):
    """The part of a `Store` that is about conversations. Off the call path."""

    async def take_in(self, intakes: Sequence[Intake], *, now: datetime | None = None) -> list[Taken]:
        """Keep what sources tell of their conversations, and say what became of each. One transaction.

        Idempotent by (source, external_id, event_id), and the same in whatever order it is told: see `folding`. `now` (aware) is what times
        ahead of it are taken for; None: the clock's.
        """

    async def amend_interaction(
        self, interaction_id: str, intake: Intake, revision: int | None, *, now: datetime | None = None
    ) -> Amended | None:
        """Change an interaction as somebody wants it who saw `revision` of it (None: whichever it is now); None: there is no such.

        Nothing is done when it has another revision by now. Source and external id of `intake` say nothing here.
        """

    async def tell_interaction(self, interaction_id: str, intake: Intake, *, now: datetime | None = None) -> Taken | None:
        """Do as `take_in` with one telling of an interaction that is known by its id; None: there is no such."""

    async def get_interaction(self, interaction_id: str) -> Interaction | None:
        """Return one interaction, or None."""

    async def find_interaction(self, source: str, external_id: str) -> Interaction | None:
        """Return what became of a source's conversation, or None."""

    async def interaction_events(self, interaction_id: str, limit: int) -> list[InteractionEvent]:
        """Return what is kept of what happened in one interaction, the newest first."""

    async def interactions_of(self, customer_id: str, limit: int) -> list[Interaction]:
        """Return the interactions that name a customer: open ones first, of each the newest event first."""

    async def put_tellings(self, tellings: Sequence[Tellings]) -> None:
        """Keep how interactions that are there were made. Idempotent. One transaction."""
