"""When a source is left alone, and when it is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctiroute.engine.breaker import Breaker, BreakerPolicy, BreakerState, Permit

POLICY = BreakerPolicy(slow_s=0.5, window=10, failures=5, first_wait_s=0.25, longest_wait_s=1.5, spread=0.2)
CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


class Clocked:
    """A breaker with its clock, and what it told."""

    def __init__(self, chance: float = 0.5) -> None:
        self.now = 100.0
        self.told: list[BreakerState] = []
        self.breaker = Breaker(POLICY, lambda: chance, self.told.append)

    def ask(self) -> Permit:
        """Ask, and be allowed to."""
        permit = self.breaker.permit(self.now)
        assert permit is not None
        return permit

    def refused(self) -> bool:
        """Ask, and tell whether it was refused."""
        return self.breaker.permit(self.now) is None

    def fail(self, times: int = 1) -> None:
        """Ask and be told that there is no answer."""
        for _ in range(times):
            self.breaker.failed(self.ask(), self.now)

    def succeed(self, times: int = 1) -> None:
        """Ask and be answered."""
        for _ in range(times):
            self.breaker.answered(self.ask(), self.now)


def test_half_of_the_last_look_ups_open_it() -> None:
    """Older ones are forgotten, and fewer are borne."""
    it = Clocked()
    it.succeed(30)
    it.fail(4)
    it.succeed(6)
    it.fail(4)
    assert it.breaker.state is CLOSED
    it.fail()
    assert it.breaker.state is OPEN
    assert it.refused()
    assert it.told == [OPEN]


def test_silence_counts_while_it_lasts() -> None:
    """Look-ups that are never answered open it half a second after the fifth, without any of them ending."""
    it = Clocked()
    for _ in range(5):
        it.ask()
        it.now += 0.01
    it.now += 0.4
    it.ask()
    assert it.breaker.state is CLOSED
    it.now += 0.1
    assert it.refused()
    assert it.breaker.state is OPEN


def test_slowness_is_a_failure_and_its_late_answer_counts_no_second_time() -> None:
    """A source that answers everything after five seconds is as good as one that answers nothing."""
    it = Clocked()
    permits = [it.ask() for _ in range(4)]
    it.now += 5
    for permit in permits:
        it.breaker.answered(permit, it.now)
    assert it.breaker.state is CLOSED
    it.fail()
    assert it.breaker.state is OPEN


def test_after_its_wait_one_at_a_time_may_try_and_success_closes_it() -> None:
    """Everybody else is refused while one tries."""
    it = Clocked()
    it.fail(5)
    it.now += 0.24
    assert it.refused()
    it.now += 0.02
    probe = it.ask()
    assert probe.is_probe
    assert it.breaker.state is HALF_OPEN
    assert it.refused()
    it.breaker.answered(probe, it.now + 0.4)
    assert it.breaker.state is CLOSED
    assert not it.ask().is_probe
    assert it.told == [OPEN, HALF_OPEN, CLOSED]
    it.fail(4)
    assert it.breaker.state is CLOSED  # it begins afresh


@pytest.mark.parametrize("silent", [True, False])
def test_waits_double_up_to_their_limit(silent: bool) -> None:
    """A probe that fails, or is not answered in time, waits longer; a long outage is asked about every second or two."""
    it = Clocked()
    it.fail(5)
    waits = []
    for _ in range(6):
        since = it.now
        while (permit := it.breaker.permit(it.now)) is None:
            it.now += 0.01
            assert it.now < since + 5
        waits.append(it.now - since)
        if not silent:
            it.breaker.failed(permit, it.now)
    expected = [0.25, 0.5, 1.0, 1.5, 1.5, 1.5]
    if silent:
        expected = [expected[0], *(wait + POLICY.slow_s for wait in expected[1:])]
    assert waits == pytest.approx(expected, abs=0.06)


def test_who_hangs_up_while_trying_lets_the_next_one_try() -> None:
    """A cancelled probe says nothing of the source, and does not stay in the way."""
    it = Clocked()
    it.fail(5)
    it.now += 1
    it.breaker.forgotten(it.ask(), it.now)
    assert it.breaker.state is OPEN
    assert it.ask().is_probe


def test_callers_who_hang_up_count_only_what_they_have_seen() -> None:
    """Leaving at once says nothing; leaving after half a second of silence does."""
    it = Clocked()
    for _ in range(20):
        it.breaker.forgotten(it.ask(), it.now)
    assert it.breaker.state is CLOSED
    permits = [it.ask() for _ in range(5)]
    it.now += 0.6
    for permit in permits:
        it.breaker.forgotten(permit, it.now)
    assert it.breaker.state is OPEN


def test_what_was_asked_before_it_opened_decides_nothing_after() -> None:
    """An answer from before the outage is no sign that it is over."""
    it = Clocked()
    old = it.ask()
    it.fail(5)
    it.breaker.answered(old, it.now)
    assert it.breaker.state is OPEN
    it.now += 1
    probe = it.ask()
    it.breaker.failed(old, it.now)
    assert it.breaker.state is HALF_OPEN
    it.breaker.answered(probe, it.now)
    assert it.breaker.state is CLOSED


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 0.2), (0.999, 0.3)])
def test_waits_are_spread(chance: float, wait: float) -> None:
    """Nodes that lost the same store together do not knock together."""
    it = Clocked(chance)
    it.fail(5)
    it.now += wait - 0.01
    assert it.refused()
    it.now += 0.02
    assert it.ask().is_probe


@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "answered", "failed", "forgotten"]), st.integers(0, 3), st.floats(0, 3)),
        max_size=60,
    )
)
def test_in_any_history_it_tries_again_in_time(steps: list[tuple[str, int, float]]) -> None:
    """Never more than one probe at once, and whatever has happened, two seconds and a half of quiet let somebody ask."""
    it = Clocked(0.9)
    out: list[Permit] = []
    for what, which, passed in steps:
        it.now += passed
        if what == "ask":
            if (permit := it.breaker.permit(it.now)) is not None:
                out.append(permit)
            assert sum(permit.is_probe for permit in it.breaker._asked) <= 1
            assert len(it.breaker._asked) <= len(out)
        elif out:
            getattr(it.breaker, what)(out.pop(which % len(out)), it.now)
    it.breaker.permit(it.now)
    it.now += 2.5
    assert it.breaker.permit(it.now) is not None
