"""What became of a campaign, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ctiroute.model.attribution import AttributedBy
from ctiroute.model.outreach import TouchStatus
from ctiroute.model.value import Value


class HourOfReport(Value, frozen=True):
    """Calls so many hours after the touch."""

    hour: int  # 0: within the first hour
    calls: int
    answered: int


class CampaignReport(Value, frozen=True):
    """What was sent of a campaign in a stretch of time, and the calls that are attributed to it and came soon enough after the touch."""

    campaign: str
    title: str
    since: datetime  # aware, UTC; touches sent from then on
    until: datetime  # aware, UTC; and before that
    window_s: float  # a call counts that came within so many seconds after its touch
    touches: Mapping[TouchStatus, int]  # how far they got
    calls: int
    callers: int  # touches that led to a call, one or more
    answered: int  # calls that somebody picked up
    skipped_menu: int  # calls that a rule sent past the menu
    waited_p50_s: float | None  # half of the answered callers waited no longer, whole seconds; None: nobody was answered
    waited_p90_s: float | None  # nine of ten
    talked_mean_s: float | None  # of answered calls, holding included
    outcomes: Mapping[str, int]  # technical end of the call -> calls; "none": not ours to judge
    codes: Mapping[str, int]  # wrap-up code -> calls that have one
    attributed_by: Mapping[AttributedBy, int]  # what says that they belong to the campaign
    hours: tuple[HourOfReport, ...]  # hours with calls, the first first

    @property
    def sent(self) -> int:
        """All touches."""
        return sum(self.touches.values())
