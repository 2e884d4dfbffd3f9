"""Hot and cold prices come out of runs at two paces, and the time in which a service goes cold out of runs at several."""

from __future__ import annotations

from math import exp

import pytest

from benchmarks.constants import usual
from benchmarks.constants_runs import LEAST, Ran, at, fit, prices

WARM_S = 0.002
PAUSES_S = (0.001, 0.002, 0.004, 0.008, 0.02)


def _us(hot: float, cold: float, pause_s: float, warm_s: float = WARM_S) -> float:
    return hot + (cold - hot) * (1 - exp(-pause_s / warm_s))


def test_a_fit_finds_what_the_runs_were_made_with() -> None:
    """Hot, cold, and how quickly one becomes the other."""
    hot, cold, warm_s = fit([Ran(_us(30, 110, pause_s, 0.0023), pause_s) for pause_s in PAUSES_S])
    assert (hot, cold) == pytest.approx((30, 110), rel=0.01)
    assert warm_s == pytest.approx(0.0023, rel=0.05)


def test_two_paces_give_two_prices() -> None:
    """And what else both runs did is taken off."""
    slow, quick = (Ran(_us(400, 700, pause_s) + 50, pause_s) for pause_s in (0.02, 0.001))
    assert prices(slow, quick, WARM_S, lambda _cold: 50.0) == {"hot": pytest.approx(400, abs=0.2), "cold": pytest.approx(700, abs=0.2)}


def test_noise_makes_nothing_free_and_nothing_cheaper_when_cold() -> None:
    """A slow run that came out too dear does not make the hot price absurd; one that came out too cheap is no discount."""
    dear = prices(Ran(5_000, 0.02), Ran(500, 0.002), WARM_S)
    assert dear["hot"] == pytest.approx(500 * LEAST, abs=0.1)
    cheap = prices(Ran(300, 0.02), Ran(500, 0.002), WARM_S)
    assert cheap["hot"] == cheap["cold"] == 500


def test_of_several_passes_the_median_counts() -> None:
    """Figure by figure: one slow minute of the machine spoils one of them, not a whole pass."""
    passes = [
        {"idle_us": 4.0, "call": {"hot": 300.0, "cold": 1_000.0}},
        {"idle_us": 9.0, "call": {"hot": 400.0, "cold": 900.0}},
        {"idle_us": 5.0, "call": {"hot": 900.0, "cold": 1_100.0}},
    ]
    assert usual(passes) == {"idle_us": 5.0, "call": {"hot": 400.0, "cold": 1_000.0}}


def test_a_price_lies_between_hot_and_cold() -> None:
    """In proportion."""
    assert [at({"hot": 100, "cold": 300}, cold) for cold in (0, 0.5, 1)] == [100, 200, 300]
