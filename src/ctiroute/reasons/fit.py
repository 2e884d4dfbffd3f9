"""Counts -> response curves: which of several causes a call is to be laid to, and how many calls each makes at which age.

Touches, conversations and the rest of life are taken for independent Poisson processes whose sum is what people call. Which of them
made a call is not seen (but where an operator said so), so the rates are found by expectation and maximisation (Dempster, Laird, Rubin
1977): lay every call to its causes in proportion to their rates, count, take the counts for the rates, again. Every count starts from
what is believed before (a gamma distribution, of a few calls' weight): a new campaign from what others of its medium made, these from
`priors`. So there is an answer from the first call on, and it moves as fast as there is something to learn from.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nlargest
from typing import TYPE_CHECKING

from ctiroute.model import ReasonKind
from ctiroute.reasons import priors
from ctiroute.reasons.curves import LEAST, MAX_OWN, MOST, Curves, Table, own_rates, table_of
from ctiroute.reasons.grid import BINS
from ctiroute.reasons.tally import Totals, totals_of

if TYPE_CHECKING:
    from collections.abc import Mapping


HALF_LIFE = timedelta(weeks=8)  # customs change: what is this old weighs half
ROUNDS = 40  # of laying and counting, at most; it moves little after ten
ENOUGH = 1e-3  # rates that change by no more than this part of them do not change
MAX_PATTERNS = 20_000  # those of most calls; the rest are seldom ones of a few calls each

# How many calls' weight has what is believed before.
BASE_CALLS = 5.0  # of how often people call at all
LEVEL_CALLS = 3.0  # of how strongly a campaign is answered, next to others of its medium
SHAPE_CALLS = 2.0  # of each stretch of its curve
MEDIUM_CALLS = 4.0  # of each stretch of the curve of a medium

_Group = tuple[str, str, str]  # kind, campaign or topic, medium


@dataclass(slots=True)
class _Curve:
    """One curve while it is being found."""

    hours: list[float] = field(default_factory=lambda: [0.0] * BINS)
    laid: list[float] = field(default_factory=lambda: [0.0] * BINS)  # calls laid to each stretch in this round
    hazards: list[float] = field(default_factory=lambda: [0.0] * BINS)
    confirmed: float = 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """Calls of one pattern."""

    causes: tuple[tuple[_Curve, int], ...]
    own: int
    count: float
    choice: int | None  # None: nobody said


def fitted(tallies: Mapping[tuple[str, str], float], now: datetime) -> Curves:
    """Return the curves of the numbers that are kept, by (period, what), at a time (aware): what is long ago weighs less.

    Takes up to seconds of a processor where there are very many patterns: not for an event loop's thread.
    """
    fit = _Fit(tallies, now)
    for _ in range(ROUNDS):
        if fit.round() <= ENOUGH:
            break
    return fit.made()


class _Fit:
    """One fit of curves."""

    def __init__(self, tallies: Mapping[tuple[str, str], float], now: datetime) -> None:
        totals = totals_of(tallies, now, HALF_LIFE)
        self._groups: dict[_Group, _Curve] = {}
        for (kind, key, medium, place), hours in totals.hours.items():
            self._curve((kind, key, medium)).hours[place] = hours
        self._seen = self._patterns(totals)
        self._people_h = totals.people_h
        self._base = priors.BASE_PER_H
        self._media: defaultdict[tuple[str, str], list[_Curve]] = defaultdict(list)
        for (kind, _, medium), curve in self._groups.items():
            self._media[kind, medium].append(curve)
            curve.hazards = list(priors.hazards_of(kind, medium))
        self._pooled: dict[tuple[str, str], list[float]] = {}

    def round(self) -> float:
        """Lay every call to its causes and count; return by how much a rate has moved, as a part of it."""
        before, laid_to_none = self._base, 0.0
        for curve in self._groups.values():
            curve.laid = [0.0] * BINS
        own = own_rates(self._base)
        for seen in self._seen:
            laid_to_none += _lay(seen, own)
        moved = self._maximise(laid_to_none)
        return max(moved, abs(self._base - before) / before)

    def _patterns(self, totals: Totals) -> list[_Seen]:
        found: list[_Seen] = []
        for (pattern, choice), count in nlargest(MAX_PATTERNS, totals.calls.items(), key=lambda one: one[1]):
            if count <= 0:  # said by an operator of a call that is not counted yet; the other half comes
                continue
            causes = tuple((self._curve(cause[:3]), cause[3]) for cause in pattern.causes)
            if choice is not None and choice >= 0:
                causes[choice][0].confirmed += count
            found.append(_Seen(causes, min(max(pattern.own, 0), MAX_OWN), count, choice))
        return found

    def _curve(self, group: _Group) -> _Curve:
        return self._groups.setdefault(group, _Curve())

    def _maximise(self, laid_to_none: float) -> float:
        """Take what was laid for the rates; return by how much the ways of all curves have moved, as a part."""
        self._base = _gamma(laid_to_none, self._people_h, priors.BASE_PER_H, BASE_CALLS)
        moved = 0.0
        for (kind, medium), curves in self._media.items():
            believed = priors.hazards_of(kind, medium)
            hours = [sum(curve.hours[place] for curve in curves) for place in range(BINS)]
            laid = [sum(curve.laid[place] for curve in curves) for place in range(BINS)]
            pooled = _curve_of(laid, hours, believed, MEDIUM_CALLS)
            self._pooled[kind, medium] = pooled
            for curve in curves:
                new = _curve_of(curve.laid, curve.hours, pooled, SHAPE_CALLS)
                moved = max(moved, _change(curve.hazards, new))
                curve.hazards = new
        return moved

    def made(self) -> Curves:
        """Return the curves as they are now."""
        tables: defaultdict[str, defaultdict[str, dict[str, Table]]] = defaultdict(lambda: defaultdict(dict))
        for (kind, key, medium), curve in self._groups.items():
            tables[kind][key][medium] = table_of(tuple(curve.hazards), sum(curve.laid), curve.confirmed)
        media = {
            (kind, medium): table_of(tuple(self._pooled.get((kind, medium), hazards))) for (kind, medium), hazards in priors.HAZARDS.items()
        }
        return Curves(
            touches=dict(tables[ReasonKind.TOUCH]),
            interactions=dict(tables[ReasonKind.INTERACTION]),
            touch_media={medium: table for (kind, medium), table in media.items() if kind == ReasonKind.TOUCH},
            interaction_media={medium: table for (kind, medium), table in media.items() if kind == ReasonKind.INTERACTION},
            own=own_rates(self._base),
            base=self._base,
            calls=sum(seen.count for seen in self._seen),
            confirmed=sum(seen.count for seen in self._seen if seen.choice is not None),
        )


def _lay(seen: _Seen, own: tuple[float, ...]) -> float:
    """Lay the calls of one pattern to their causes, and return what is left for none of them."""
    if seen.choice is not None:
        if seen.choice < 0:
            return seen.count
        curve, place = seen.causes[seen.choice]
        curve.laid[place] += seen.count
        return 0.0
    none = own[seen.own]
    part = seen.count / (none + sum(curve.hazards[place] for curve, place in seen.causes))
    for curve, place in seen.causes:
        curve.laid[place] += part * curve.hazards[place]
    return part * none


def _curve_of(laid: list[float], hours: list[float], believed: tuple[float, ...] | list[float], weight: float) -> list[float]:
    """Return the rates of one curve: first how strong it is next to what is believed, then its shape."""
    expected = sum(hour * hazard for hour, hazard in zip(hours, believed, strict=True))
    level = (LEVEL_CALLS + sum(laid)) / (LEVEL_CALLS + expected)
    return [_gamma(calls, hour, level * hazard, weight) for calls, hour, hazard in zip(laid, hours, believed, strict=True)]


def _gamma(calls: float, hours: float, believed: float, weight: float) -> float:
    """Return the rate after `calls` in `hours`, where `believed` has the weight of so many calls (mean of a gamma distribution)."""
    believed = min(MOST, max(LEAST, believed))
    return min(MOST, max(LEAST, (weight + calls) / (weight / believed + hours)))


def _change(before: list[float], after: list[float]) -> float:
    return max(abs(new - old) / (old + LEAST) for old, new in zip(before, after, strict=True))
