"""What connectors of messages ask of the rest of the service. `app` implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ctiroute.connectors.webhook.mapping import Brought


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of what was brought."""

    taken: int = 0  # new, and kept now
    repeated: int = 0  # known already: nothing changed
    refused: int = 0  # of no use, now and later


class Taking(Protocol):
    """Keeps what connectors bring."""

    async def take(self, brought: Brought) -> Tally:
        """Return when all of it is durably kept. Telling the same again changes nothing.

        Raises `StoreUnavailable` when it is not kept and later may be; what the store will never take is counted as refused.
        """
