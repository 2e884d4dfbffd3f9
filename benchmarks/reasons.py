"""Are likely reasons right as often as they say? Learnt on a simulated centre, step by step as a node does, and held against the truth.

`make bench-reasons [ARGS="--people 3000 --days 90 --seed 1"]`: prints calibration, hits and the price of a ranking, and draws
docs/images/reason-calibration.svg.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from time import process_time
from timeit import repeat
from typing import TYPE_CHECKING

from benchmarks.contact_centre import START, Centre, Happened, simulate
from ctiroute.model import UNKNOWN, Caller, CallerContext, Medium, ReasonKind, RouteRequest
from ctiroute.reasons import PRIORS, Counts, Curves, Exposed, fitted, pattern_of, ranked

if TYPE_CHECKING:
    from datetime import datetime

STEP = timedelta(days=1)  # of counting and fitting; a node does both every two minutes, and knows the more
BINS = 10
PLOT = Path("docs/images/reason-calibration.svg")
MAX_ERROR, MIN_HITS = 0.05, 0.85


@dataclass(slots=True)
class Score:
    """How often what was said came true."""

    said: list[float] = field(default_factory=lambda: [0.0] * BINS)  # sums of confidences
    true: list[int] = field(default_factory=lambda: [0] * BINS)
    count: list[int] = field(default_factory=lambda: [0] * BINS)
    with_reason: int = 0  # calls that really came because of something known
    first_right: int = 0  # of these, where it stood first

    def add(self, confidence: float, *, true: bool) -> None:
        """Take one candidate."""
        place = min(BINS - 1, int(confidence * BINS))
        self.said[place] += confidence
        self.true[place] += true
        self.count[place] += 1

    @property
    def error(self) -> float:
        """Expected calibration error: by how much what is said differs from what is, on the average over candidates."""
        return sum(abs(said - true) for said, true in zip(self.said, self.true, strict=True)) / max(1, sum(self.count))

    @property
    def hits(self) -> float:
        """How often the first reason was the right one, of calls that came because of something known."""
        return self.first_right / max(1, self.with_reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run."""

    calls: int
    everything: Score  # every candidate, and "none of these"
    first: Score  # the likeliest answer alone, which may be "none of these"
    by_priors: Score  # every candidate, with what is believed before anything is counted
    curves: Curves


def run(centre: Centre, seed: int, confirmed: float = 0.1) -> Outcome:
    """Live through the centre's months: rank every call by what was learnt before it, then learn from it."""
    rng = Random(seed)  # noqa: S311 - a dice of a game
    everything, first, by_priors = Score(), Score(), Score()
    curves, counted_to = PRIORS, START
    counts = Counts()
    for call in centre.happened:
        while call.at >= counted_to + STEP:
            _expose(centre, counts, counted_to, counted_to + STEP)
            counted_to += STEP
            curves = fitted(counts.amounts, counted_to)
        if not call.touches and not call.interactions:
            continue
        _judge(call, curves, everything, first)
        _judge(call, PRIORS, by_priors, Score())
        context = CallerContext(_REQUEST, UNKNOWN, call.touches, call.interactions, call.calls)
        found = pattern_of(context, call.at, call.cause)
        if found is not None:
            told = rng.random() < confirmed and (found[1] >= 0 or not call.cause)
            counts.call(found[0], call.at, found[1] if told else None)
    return Outcome(len(centre.happened), everything, first, by_priors, curves)


def _expose(centre: Centre, counts: Counts, since: datetime, until: datetime) -> None:
    """Count the time that touches and conversations spent at each age, as the store does."""
    oldest = since - timedelta(days=30)
    people = sum(
        any(oldest < touch.sent_at < until for touch in person.touches)
        or any(one.updated_at < until and closed > since for one, closed in person.conversations)
        for person in centre.people
    )
    sent = Counter(
        (one.campaign, one.medium.value, one.sent_at.replace(second=0, microsecond=0))
        for one in centre.sent
        if oldest < one.sent_at < until
    )
    groups = [Exposed(ReasonKind.TOUCH, key, medium, at, count) for (key, medium, at), count in sent.items()]
    counts.exposure(groups, people, since, until)
    for one, closed in centre.talked:
        if one.updated_at < until and closed > since:
            group = Exposed(ReasonKind.INTERACTION, one.topic, one.medium.value, one.updated_at, 1)
            counts.exposure([group], 0, since, min(until, closed))


def _judge(call: Happened, curves: Curves, everything: Score, first: Score) -> None:
    reasons = ranked(call.touches, call.interactions, call.calls, curves, call.at)
    rest = 1.0 - sum(one.confidence for one in reasons)
    for one in reasons:
        everything.add(one.confidence, true=one.about_id == call.cause)
    named = {one.about_id for one in reasons}
    everything.add(rest, true=call.cause not in named)
    if reasons and reasons[0].confidence >= rest:
        first.add(reasons[0].confidence, true=reasons[0].about_id == call.cause)
    else:
        first.add(rest, true=call.cause not in named)
    if call.cause:
        everything.with_reason += 1
        everything.first_right += bool(reasons) and reasons[0].about_id == call.cause


_REQUEST = RouteRequest("bench:1", Medium.VOICE, Caller("", None), "", START)


def price() -> float:
    """Return what ranking a typical caller costs, µs: two touches, one open conversation, three earlier calls."""
    centre = simulate(400, 60, 1)
    typical = min(centre.happened, key=lambda call: abs(len(call.touches) - 2) + abs(len(call.interactions) - 1) + abs(len(call.calls) - 3))
    number = 5_000
    took = min(
        repeat(
            lambda: ranked(typical.touches, typical.interactions, typical.calls, PRIORS, typical.at),
            number=number,
            repeat=9,
            timer=process_time,
        )
    )
    return took / number * 1e6


def main() -> int:
    """Run, print, draw; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=3_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, default=PLOT)
    options = parser.parse_args()
    outcome = run(simulate(options.people, options.days, options.seed), options.seed)
    judged = outcome.everything
    print(f"{options.people:,} customers, {options.days} days, {outcome.calls:,} calls, {judged.with_reason:,} of them for a known reason")
    print("  said     true     candidates")
    for said, true, count in zip(judged.said, judged.true, judged.count, strict=True):
        if count:
            print(f"  {said / count:6.1%}  {true / count:6.1%}  {count:8,}")
    print(f"expected calibration error  {judged.error:.3f} (before learning {outcome.by_priors.error:.3f})")
    print(f"  of the first answer alone  {outcome.first.error:.3f}")
    print(f"first reason is the right one  {judged.hits:.1%} of calls that have one (by priors {outcome.by_priors.hits:.1%})")
    print(f"ranking a typical caller  {price():.1f} µs")
    if options.plot.parent.is_dir():
        options.plot.write_text(plot(judged, outcome.by_priors), encoding="utf-8")
        print(f"drawn: {options.plot}")
    return 0 if judged.error <= MAX_ERROR and outcome.first.error <= MAX_ERROR and judged.hits >= MIN_HITS else 1


def plot(learnt: Score, by_priors: Score) -> str:
    """Return an SVG of how often what was said came true: on the diagonal, as often as it was said."""
    size, left, top = 360, 60, 30
    most = max(learnt.count)

    def points(score: Score) -> list[tuple[float, float, int]]:
        return [(said / count, true / count, count) for said, true, count in zip(score.said, score.true, score.count, strict=True) if count]

    def x(value: float) -> str:
        return f"{left + value * size:.1f}"

    def y(value: float) -> str:
        return f"{top + (1 - value) * size:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + size + 40} {top + size + 80}"',
        ' font-family="sans-serif" font-size="12">',
        "<title>Calibration of likely reasons</title>",
        f'<rect width="{left + size + 40}" height="{top + size + 80}" fill="#fff"/>',
    ]
    for step in range(0, 11, 2):
        value = step / 10
        parts.append(f'<path d="M{x(value)} {y(0)}V{y(1)}M{x(0)} {y(value)}H{x(1)}" stroke="#ddd"/>')
        parts.append(f'<text x="{x(value)}" y="{top + size + 18}" text-anchor="middle">{value:.0%}</text>')
        parts.append(f'<text x="{left - 8}" y="{float(y(value)) + 4:.1f}" text-anchor="end">{value:.0%}</text>')
    parts.append(f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="#888" stroke-dasharray="4 4"/>')
    for score, colour in ((by_priors, "#c90"), (learnt, "#06c")):
        line = points(score)
        parts.append(
            f'<path d="M{"L".join(f"{x(said)} {y(true)}" for said, true, _ in line)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        parts += [
            f'<circle cx="{x(said)}" cy="{y(true)}" r="{3 + 7 * (count / most) ** 0.5:.1f}" fill="{colour}" fill-opacity="0.7"/>'
            for said, true, count in line
        ]
    parts += [
        f'<text x="{left + size / 2}" y="{top + size + 38}" text-anchor="middle">confidence that was said</text>',
        f'<text transform="translate(16 {top + size / 2}) rotate(-90)" text-anchor="middle">how often it was so</text>',
        f'<text x="{left}" y="{top + size + 64}" fill="#06c">● learnt: error {learnt.error:.3f}</text>',
        f'<text x="{left + 180}" y="{top + size + 64}" fill="#c90">● before learning: error {by_priors.error:.3f}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
