"""Remembers requests that were taken, so that the same one is not taken for another. Bounded; `now` is an argument.

Of one node and until it restarts: beyond that, the store knows conversations and messages again by their ids.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

MAX_REMEMBERED = 20_000  # requests; about 4 MB


class Remembered:
    """What is unique of each request (its signature or nonce), and a digest of what it held."""

    def __init__(self, max_remembered: int = MAX_REMEMBERED) -> None:
        self._max = max_remembered
        self._known: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()

    def seen(self, unique: str, held: bytes, now: datetime) -> bool | None:
        """Return None for a request that is new, True for the very same again, False for another under the name of an old one."""
        known = self._known.get(unique)
        if known is None or now >= known[1]:
            return None
        return known[0] == held

    def keep(self, unique: str, held: bytes, now: datetime, tolerance: timedelta) -> None:
        """Remember a request that was taken, for as long as its signed time would be believed."""
        self._known[unique] = (held, now + 2 * tolerance)
        self._known.move_to_end(unique)
        while self._known and (len(self._known) > self._max or now >= next(iter(self._known.values()))[1]):
            self._known.popitem(last=False)
