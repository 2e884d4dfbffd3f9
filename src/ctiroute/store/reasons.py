"""What every store can keep of why people call: what operators said, and the numbers that response curves are learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ctiroute.reasons import Exposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctiroute.model import ConfirmedReason, ReasonTally

COARSE_S = 600  # touches of some time ago are counted together when they were sent within the same ten minutes
FINE_S = 10  # those sent lately, when within the same ten seconds: the first minutes after a mailing are what matters


@dataclass(frozen=True, slots=True)
class Exposure:
    """What may have made people call: how many touches and open conversations there are, by when they were sent or moved last."""

    groups: tuple[Exposed, ...] = ()
    people: int = 0  # who have at least one of them


@dataclass(frozen=True, slots=True)
class Learnt:
    """One step of learning, to be kept whole or not at all."""

    since: datetime | None  # aware, UTC; how far learning must have got, or another node was here before; None: nowhere yet
    until: datetime  # aware, UTC; how far it gets by this
    amounts: Mapping[tuple[str, str], float]  # by (period, what): to be added to what is kept
    counted: Mapping[str, int] = field(default_factory=dict)  # call_id -> the operator's choice as it is counted in `amounts`
    drop_before: str = ""  # periods before this one go


class ReasonStore(Protocol):
    """The part of a `Store` that is about why people call. Off the call path."""

    async def confirm_reason(self, confirmed: ConfirmedReason) -> None:
        """Keep what an operator found the reason of a call to be; of several the latest counts (by `noted_at`).

        What has been learnt from an earlier answer stays known (`counted`), so that it can be taken back.
        """

    async def confirmed_reason(self, call_id: str) -> ConfirmedReason | None:
        """Return what an operator found the reason of a call to be, or None."""

    async def reasons_to_count(self, limit: int) -> list[ConfirmedReason]:
        """Return answers that have not been learnt from as they are now, the oldest first."""

    async def reason_exposure(self, since: datetime, fine_since: datetime) -> Exposure:
        """Count touches sent since a time, and conversations open now that moved since then. Takes a scan of these.

        Those since `fine_since` are put together by FINE_S, the others by COARSE_S.
        """

    async def reasons_learnt_until(self) -> datetime | None:
        """Return how far learning got; None: nowhere yet."""

    async def reason_tallies(self) -> list[ReasonTally]:
        """Return all numbers that curves are learnt from, but for how far learning got."""

    async def add_reasons(self, learnt: Learnt) -> bool:
        """Keep one step of learning; False, with nothing kept, when learning had not got to `since` but elsewhere."""

    async def put_reason_tallies(self, tallies: Sequence[ReasonTally]) -> None:
        """Insert or replace numbers as they are."""
