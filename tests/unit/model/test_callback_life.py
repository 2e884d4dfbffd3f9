"""What may happen to a callback order, step by step and in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ctiroute.errors import CallbackRefused
from ctiroute.model import AttemptOutcome, CallbackOrder, CallbackState
from ctiroute.model import callback_life as life

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE, PAUSE = 120 * SECOND, 900 * SECOND
FAILURES = [outcome for outcome in AttemptOutcome if outcome is not AttemptOutcome.TALKED]


def order(most_attempts: int = 3) -> CallbackOrder:
    """Return an order that is due."""
    until = NOW + timedelta(hours=4)
    return CallbackOrder("cb1", "+380671234567", NOW, until, NOW, NOW, queue="promo", most_attempts=most_attempts)


def ringing(of: CallbackOrder, at: datetime = NOW) -> CallbackOrder:
    """Return an order whose next attempt rings."""
    return life.ring(life.take(of, "one", at, at + LEASE), f"pbx:{of.revision}", at, at + LEASE)


def test_the_straight_way() -> None:
    """Claimed, rung, talked, done; each step is a revision, and nobody holds it at the end."""
    talking = life.name_operator(life.talk(ringing(order()), NOW + LEASE), "olena")
    done = life.finish(talking, NOW + LEASE)
    assert (done.state, done.closed_at, done.node, done.lease_until, done.ripe_at) == (CallbackState.DONE, NOW + LEASE, "", None, None)
    assert done.revision == 6
    (attempt,) = done.attempts
    assert (attempt.outcome, attempt.operator_id, attempt.node) == (AttemptOutcome.TALKED, "olena", "one")


def test_a_failed_attempt_is_tried_again_after_the_pause() -> None:
    """Until there have been as many as there may be."""
    now, current = NOW, order(most_attempts=2)
    current = life.fail(ringing(current), AttemptOutcome.BUSY, now, now + PAUSE)
    assert (current.state, current.due_at, current.node) == (CallbackState.ORDERED, now + PAUSE, "")
    with pytest.raises(CallbackRefused):
        life.take(current, "one", now, now + LEASE)
    current = life.fail(ringing(current, now + PAUSE), AttemptOutcome.NO_ANSWER, now + PAUSE, now + 2 * PAUSE)
    assert current.state is CallbackState.GIVEN_UP
    assert [each.outcome for each in current.attempts] == [AttemptOutcome.BUSY, AttemptOutcome.NO_ANSWER]


def test_beyond_its_window_it_is_given_up() -> None:
    """Although attempts are left."""
    current = order()
    assert life.fail(ringing(current), AttemptOutcome.BUSY, NOW, current.until).state is CallbackState.ORDERED
    assert life.fail(ringing(current), AttemptOutcome.BUSY, NOW, current.until + SECOND).state is CallbackState.GIVEN_UP


def test_what_the_switch_refused_is_no_attempt() -> None:
    """No phone rang, so the customer still gets his attempts; but not for ever."""
    now, current = NOW, order(most_attempts=1)
    current = life.fail(ringing(current), AttemptOutcome.REFUSED, now, now)
    assert current.state is CallbackState.ORDERED
    while current.state is CallbackState.ORDERED:
        current = life.fail(ringing(current), AttemptOutcome.REFUSED, now, now)
    assert len(current.attempts) == life.MAX_ATTEMPTS + life.MAX_REFUSED


@pytest.mark.parametrize("seconds", [0, 119])
def test_a_lease_that_runs_cannot_be_taken(seconds: int) -> None:
    """Whoever asks too early is refused, whatever the state."""
    claimed = life.take(order(), "one", NOW, NOW + LEASE)
    at = NOW + seconds * SECOND
    for held in (claimed, life.ring(claimed, "pbx:1", NOW, NOW + LEASE), life.talk(ringing(order()), NOW + LEASE)):
        with pytest.raises(CallbackRefused):
            life.take(held, "two", at, at + LEASE)


def test_of_a_node_that_died_what_may_have_rung_counts() -> None:
    """Claimed only: due at once. Ringing: uncertain, and again after the pause. Talking: done."""
    late = NOW + LEASE
    claimed = life.take(order(), "one", NOW, late)
    assert life.recover(life.take(claimed, "two", late, late + LEASE), late, late + PAUSE).due_at == NOW
    rang = life.recover(life.take(ringing(order()), "two", late, late + LEASE), late, late + PAUSE)
    assert (rang.state, rang.due_at, rang.attempts[0].outcome) == (CallbackState.ORDERED, late + PAUSE, AttemptOutcome.UNCERTAIN)
    talked = life.take(life.talk(ringing(order()), late), "two", late, late + LEASE)
    assert life.recover(talked, late, late + PAUSE).state is CallbackState.DONE


def test_what_rings_cannot_be_called_off() -> None:
    """Nor moved; a claimed one can still be cancelled, and then the node's next step is refused."""
    for late in (ringing(order()), life.talk(ringing(order()), NOW + LEASE)):
        with pytest.raises(CallbackRefused, match=late.state.value):
            life.cancel(late, NOW)
        with pytest.raises(CallbackRefused):
            life.reschedule(late, NOW, NOW)
    cancelled = life.cancel(life.take(order(), "one", NOW, NOW + LEASE), NOW)
    with pytest.raises(CallbackRefused, match="cancelled"):
        life.ring(cancelled, "pbx:1", NOW, NOW + LEASE)


@given(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_a_moved_order_has_a_window(due: int, until: int) -> None:
    """One that would end before its time is refused; the note stays unless another is given."""
    at, end = NOW + due * SECOND, NOW + until * SECOND
    if until < due:
        with pytest.raises(CallbackRefused):
            life.reschedule(order(), at, end)
    else:
        moved = life.reschedule(order(), at, end, "soon")
        assert (moved.due_at, moved.until, moved.note, life.reschedule(moved, at, end).note) == (at, end, "soon", "soon")


class Lives(RuleBasedStateMachine):
    """Every history of one order, by nodes that may die at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.order = order()
        self.rang: list[tuple[datetime, datetime]] = []  # from when to when a phone may ring

    def _do(self, step: CallbackOrder) -> None:
        assert step.revision == self.order.revision + 1
        self.order = step

    @rule(seconds=st.integers(1, 4000))
    def time_passes(self, seconds: int) -> None:
        """Let the clock go on."""
        self.now += seconds * SECOND

    @precondition(lambda self: self.order.ripe_at is not None and self.order.ripe_at <= self.now)
    @rule(node=st.sampled_from(["one", "two"]))
    def claim(self, node: str) -> None:
        """Take it, and recover what another node left."""
        before = self.order
        self._do(life.take(before, node, self.now, self.now + LEASE))
        assert self.order.fence == before.fence + 1
        if self.order.state in {CallbackState.RINGING, CallbackState.TALKING}:
            self._do(life.recover(self.order, self.now, self.now + PAUSE))

    @precondition(lambda self: self.order.state is CallbackState.CLAIMED and self.order.lease_until > self.now)
    @rule()
    def ring(self) -> None:
        """Ring phones, for no longer than the lease."""
        self._do(life.ring(self.order, f"pbx:{self.order.fence}", self.now, self.now + LEASE))
        self.rang.append((self.now, self.now + LEASE))

    @precondition(lambda self: self.order.state is CallbackState.RINGING)
    @rule(outcome=st.sampled_from(FAILURES))
    def fails(self, outcome: AttemptOutcome) -> None:
        """End an attempt that came to nothing."""
        self._do(life.fail(self.order, outcome, self.now, self.now + PAUSE))

    @precondition(lambda self: self.order.state is CallbackState.RINGING)
    @rule()
    def talk(self) -> None:
        """Bring the two together."""
        self._do(life.talk(self.order, self.now + LEASE))

    @precondition(lambda self: self.order.state is CallbackState.TALKING)
    @rule()
    def finish(self) -> None:
        """Let them hang up."""
        self._do(life.finish(self.order, self.now))

    @precondition(lambda self: self.order.state in {CallbackState.ORDERED, CallbackState.CLAIMED})
    @rule()
    def cancel(self) -> None:
        """Cancel it."""
        self._do(life.cancel(self.order, self.now))

    @invariant()
    def what_is_held_has_a_holder(self) -> None:
        """Hold a node and a lease exactly while it is live, a time of closing exactly when it is over."""
        held = self.order.state.is_live
        assert (bool(self.order.node), self.order.lease_until is not None) == (held, held)
        assert (self.order.closed_at is not None) is self.order.state.is_over

    @invariant()
    def attempts_do_not_overlap(self) -> None:
        """At most one is open, the last; there are never more than allowed."""
        assert all(each.outcome is not None for each in self.order.attempts[:-1])
        counted = [each for each in self.order.attempts if each.outcome is not AttemptOutcome.REFUSED]
        assert len(counted) <= self.order.most_attempts

    @invariant()
    def never_rung_twice_within_a_lease_unless_the_first_try_had_ended(self) -> None:
        """Two stretches of ringing overlap only where the first was told to be over."""
        for (_, end), (start, _), attempt in zip(self.rang, self.rang[1:], self.order.attempts, strict=False):
            if attempt.outcome is AttemptOutcome.UNCERTAIN:
                assert start >= end or attempt.ended_at is not None
                assert start >= (attempt.ended_at or start) + PAUSE


TestLives = Lives.TestCase
