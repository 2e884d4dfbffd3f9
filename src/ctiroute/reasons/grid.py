"""The grid of elapsed time: about evenly spaced in its logarithm, at figures that people say. Knows no campaign and no call.

A response is quick and has a long tail: half of an SMS's callers call within the hour, the last ones after weeks. So the stretches are
short where the curve is steep, and every one of them has an end that can stand in a sentence: "within 15 min".
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise

_M, _H, _D = 60, 3600, 86400

# The end of each stretch, seconds. What is older than the last is no candidate any more.
EDGES_S: tuple[float, ...] = (
    1 * _M, 2 * _M, 5 * _M, 10 * _M, 15 * _M, 30 * _M, 1 * _H, 2 * _H, 4 * _H, 8 * _H, 12 * _H,
    1 * _D, 2 * _D, 3 * _D, 5 * _D, 7 * _D, 14 * _D, 30 * _D,
)  # fmt: skip
BINS = len(EDGES_S)
HORIZON = timedelta(seconds=EDGES_S[-1])
WIDTHS_H: tuple[float, ...] = tuple((end - start) / _H for start, end in pairwise((0.0, *EDGES_S)))
CLOCK_SKEW_S = 120.0  # how far the clock of whoever sends may be ahead of ours; what is dated later was not sent yet


def bin_of(age_s: float) -> int | None:
    """Return the stretch an age falls in; None when it is over the horizon, or of something that lies ahead."""
    if not -CLOCK_SKEW_S <= age_s <= EDGES_S[-1]:  # also what is not a number
        return None
    return bisect_left(EDGES_S, age_s)
