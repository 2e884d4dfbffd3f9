"""What is believed before anything was counted: how many call because of one touch of a medium, and how soon; how often people call anyway.

Rough figures of the trade, made to be overruled: each counts as much as a handful of calls (see `fit`). A response is log-normal in
time: `median_s` is when half of those who ever call have called, `spread` the standard deviation of the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, log, sqrt

from ctiroute.model import Medium, ReasonKind
from ctiroute.reasons.grid import EDGES_S, WIDTHS_H


@dataclass(frozen=True, slots=True)
class Response:
    """How people respond, before anything was counted."""

    calls: float  # of one touch, or of one open conversation, within the horizon
    median_s: float
    spread: float

    def hazards(self) -> tuple[float, ...]:
        """Return calls an hour for each stretch of the grid."""
        before = 0.0
        made: list[float] = []
        for end, width_h in zip(EDGES_S, WIDTHS_H, strict=True):
            after = 0.5 * (1 + erf(log(end / self.median_s) / (self.spread * sqrt(2))))
            made.append(self.calls * (after - before) / width_h)
            before = after
        return tuple(made)


_TOUCHES = {
    Medium.SMS: Response(0.03, 2_400, 1.8),
    Medium.EMAIL: Response(0.015, 21_600, 1.8),
    Medium.TELEGRAM: Response(0.03, 1_800, 1.8),
    Medium.CHAT: Response(0.03, 1_800, 1.8),
    Medium.WEB: Response(0.02, 7_200, 1.8),
    Medium.VOICE: Response(0.10, 900, 1.8),  # a call that was missed is returned soon
}
_INTERACTIONS = {
    Medium.SMS: Response(0.10, 14_400, 2.0),
    Medium.EMAIL: Response(0.12, 86_400, 1.8),
    Medium.TELEGRAM: Response(0.12, 7_200, 2.0),
    Medium.CHAT: Response(0.12, 7_200, 2.0),
    Medium.WEB: Response(0.15, 7_200, 2.2),  # a form that was left half filled
    Medium.VOICE: Response(0.20, 43_200, 2.0),  # a matter that was left open in a call
}

HAZARDS: dict[tuple[str, str], tuple[float, ...]] = {
    **{(ReasonKind.TOUCH.value, medium.value): response.hazards() for medium, response in _TOUCHES.items()},
    **{(ReasonKind.INTERACTION.value, medium.value): response.hazards() for medium, response in _INTERACTIONS.items()},
}
UNHEARD = Response(0.02, 7_200, 2.2).hazards()  # of a medium that is not in the tables

BASE_PER_H = 0.15 / 720  # calls of one person for reasons we know nothing of: 0.15 in 30 days
EVENNESS = 1.0  # of people in that respect (the shape of a gamma distribution): 1 means that many never call and a few call often
OWN_H = 720.0  # how far back a person's own calls are looked at: 30 days


def hazards_of(kind: str, medium: str) -> tuple[float, ...]:
    """Return what is believed of a kind of reason in a medium, calls an hour for each stretch of the grid."""
    return HAZARDS.get((kind, medium), UNHEARD)
