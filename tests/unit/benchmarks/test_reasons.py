"""Likely reasons are right as often as they say, on a small centre of which the truth is known."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.contact_centre import simulate
from benchmarks.reasons import MAX_ERROR, MIN_HITS, plot, run

pytestmark = pytest.mark.lengthy


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_said_comes_true_as_often_as_it_is_said(seed: int) -> None:
    """Calibrated, and the first reason is the right one, from the first day of a centre that knew nothing."""
    outcome = run(simulate(people=500, days=35, seed=seed), seed)
    assert outcome.everything.with_reason > 300
    assert outcome.everything.error <= MAX_ERROR
    assert outcome.first.error <= MAX_ERROR
    assert outcome.everything.hits >= MIN_HITS
    assert outcome.curves.calls > 300
    picture = ET.fromstring(plot(outcome.everything, outcome.by_priors))  # noqa: S314 - our own text
    assert picture.tag.endswith("svg")
