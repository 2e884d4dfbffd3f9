"""How long to wait before the next try to reach another side. Knows no clock and no loop; randomness is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

FIRST_S = 0.5  # a side that only restarted is back at once
LONGEST_S = 30.0  # one that comes back is seen within half a minute


class Backoff:
    """Doubles the wait from `first_s` to `longest_s`, each time spread over its upper half so that many nodes do not come at once."""

    __slots__ = ("_first_s", "_longest_s", "_rng", "_top_s")

    def __init__(self, rng: Random, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._rng = rng
        self._first_s = first_s
        self._longest_s = longest_s
        self._top_s = first_s

    def next_s(self) -> float:
        """Return the seconds to wait now: never under `first_s`, never over `longest_s`."""
        top = self._top_s
        self._top_s = min(top * 2, self._longest_s)
        return max(self._first_s, self._rng.uniform(top / 2, top))

    def reset(self) -> None:
        """Begin anew: the link was well for a while."""
        self._top_s = self._first_s
