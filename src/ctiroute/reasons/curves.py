"""Response curves as the call path uses them: tables of numbers, made once, looked up for each call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType

from ctiroute.model import Evidence, ReasonKind
from ctiroute.reasons import priors
from ctiroute.reasons.grid import BINS, EDGES_S, WIDTHS_H

LEAST, MOST = 1e-12, 1e6  # calls an hour: beyond these nothing is meant, and no arithmetic fails within
MAX_OWN = 9  # earlier calls of a person that make a difference

Point = tuple[float, Evidence]  # calls an hour, and what is said of them
Table = tuple[Point, ...]  # one for each stretch of the grid


@dataclass(frozen=True, slots=True)
class Curves:
    """All that has been learnt, ready to be looked up. Immutable: a refresh takes the place of the whole."""

    touches: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)  # by campaign and medium
    interactions: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)  # by topic and medium
    touch_media: Mapping[str, Table] = field(default_factory=dict)  # of a campaign that is new
    interaction_media: Mapping[str, Table] = field(default_factory=dict)  # of a topic that is new
    own: tuple[float, ...] = ()  # calls an hour for no known reason, of somebody who called so often lately; MAX_OWN + 1 of them
    base: float = priors.BASE_PER_H  # the same of people at large
    calls: float = 0.0  # counted calls it was learnt from
    confirmed: float = 0.0  # of these, by operators


def table_of(hazards: tuple[float, ...], calls: float = 0.0, confirmed: float = 0.0) -> Table:
    """Return the table of one curve, with what is said of each stretch of it."""
    safe = [min(MOST, max(LEAST, hazard)) if isfinite(hazard) else LEAST for hazard in hazards]
    expected = [hazard * width for hazard, width in zip(safe, WIDTHS_H, strict=True)]
    whole, so_far = sum(expected), 0.0
    points: list[Point] = []
    for place in range(BINS):
        so_far += expected[place]
        share = round(min(1.0, so_far / whole), 3)
        points.append((safe[place], Evidence(EDGES_S[place], share, round(calls), round(confirmed))))
    return tuple(points)


def own_rates(base: float) -> tuple[float, ...]:
    """Return calls an hour of somebody with 0, 1, 2, ... earlier calls, where people at large make `base`.

    The mean of a gamma distribution given what was seen of one person: who has not called for a month is expected to call less than
    people at large, who has called five times more.
    """
    even = priors.EVENNESS
    return tuple(base * (even + own) / (even + base * priors.OWN_H) for own in range(MAX_OWN + 1))


def _media(kind: ReasonKind) -> Mapping[str, Table]:
    return MappingProxyType({medium: table_of(hazards) for (of, medium), hazards in priors.HAZARDS.items() if of == kind})


UNHEARD = table_of(priors.UNHEARD)  # of a medium that is in no table
PRIORS = Curves(
    touch_media=_media(ReasonKind.TOUCH), interaction_media=_media(ReasonKind.INTERACTION), own=own_rates(priors.BASE_PER_H)
)  # before anything was counted
