"""How long a link to another side waits before it tries again."""

from __future__ import annotations

from random import Random

from ctiroute.connectors.backoff import Backoff

RNG = Random(7)  # noqa: S311 - spreads waits, keeps no secret


def test_backoff_grows_spreads_and_begins_anew() -> None:
    """Waits are from half a second to thirty, differ between nodes, and are short again after health."""
    backoff = Backoff(RNG)
    waits = [backoff.next_s() for _ in range(200)]
    assert min(waits) >= 0.5
    assert min(waits[10:]) >= 15.0
    assert max(waits) <= 30.0
    assert len(set(waits[10:])) > 150
    backoff.reset()
    assert backoff.next_s() == 0.5
