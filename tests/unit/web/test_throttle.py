"""Token buckets for sign-ins and messages, on a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctiroute.web.throttle import MAX_KEYS, Bucket, SignInLimits, SignInThrottle, network_of

LIMITS = SignInLimits(user_burst=3, user_refill_s=10, address_burst=5, address_refill_s=2)


def fail(throttle: SignInThrottle, user: str, address: str, times: int, now: float = 0.0) -> list[float]:
    """Try with a wrong password."""
    return [throttle.attempt(user, address, now) for _ in range(times)]


def test_a_user_may_fail_a_few_times_and_then_waits() -> None:
    """The wait is exactly the time until one more try is allowed, and trying meanwhile does not prolong it."""
    throttle = SignInThrottle(LIMITS)
    assert fail(throttle, "olena", "192.0.2.1", 5) == [0, 0, 0, 10, 10]
    assert throttle.attempt("olena", "192.0.2.1", 4) == 6
    assert throttle.attempt("olena", "192.0.2.1", 10) == 0
    assert throttle.attempt("olena", "192.0.2.1", 10) == 10


def test_guessing_from_many_addresses_does_not_help() -> None:
    """The user's budget is one for all addresses that are not familiar."""
    throttle = SignInThrottle(LIMITS)
    assert [throttle.attempt("olena", f"192.0.2.{number}", 0) for number in range(4)] == [0, 0, 0, 10]


def test_guessing_at_many_users_does_not_help() -> None:
    """The address's budget is one for all names."""
    throttle = SignInThrottle(LIMITS)
    assert [throttle.attempt(f"op{number}", "192.0.2.1", 0) for number in range(6)] == [0] * 5 + [2]


def test_a_right_password_costs_nothing() -> None:
    """A floor that signs in from one address at the start of a shift is not slowed down."""
    throttle = SignInThrottle(LIMITS)
    for number in range(500):
        assert throttle.attempt(f"op{number}", "192.0.2.1", 0) == 0
        throttle.succeeded(f"op{number}", "192.0.2.1", 0)


def test_a_stranger_cannot_lock_a_user_out_of_his_own_place() -> None:
    """Where the user has signed in before, he has a budget of his own."""
    throttle = SignInThrottle(LIMITS)
    throttle.attempt("olena", "192.0.2.1", 0)
    throttle.succeeded("olena", "192.0.2.1", 0)
    assert fail(throttle, "olena", "203.0.113.9", 4)[-1] == 10
    assert throttle.attempt("olena", "192.0.2.1", 0) == 0


def test_a_subscriber_of_ipv6_is_one_address() -> None:
    """Walking through one's own /64 does not give a new budget; a mapped IPv4 address is that address."""
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""


def test_memory_is_bounded() -> None:
    """Made-up names push out old entries, and never the address that makes them up."""
    throttle = SignInThrottle(LIMITS)
    for number in range(MAX_KEYS + 50):
        throttle.attempt(f"made-up-{number}", "192.0.2.1", float(2 * number))
    assert len(throttle._buckets) == MAX_KEYS
    assert ("address", "192.0.2.1") in throttle._buckets


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_a_bucket_never_gives_more_than_its_burst_and_its_refill(steps: list[tuple[float, bool]]) -> None:
    """Over any time, at most burst + elapsed / refill tokens; and `wait_s` of 0 means that `take` gives one."""
    bucket, now, taken = Bucket.full(5, 2.0, 0.0), 0.0, 0
    for pause, _ in steps:
        now += pause
        ready = bucket.wait_s(now) == 0
        assert bucket.take(now) is ready
        taken += ready
        assert taken <= 5 + now / 2 + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """Time that runs backwards refills no bucket."""
    bucket = Bucket.full(1, 1.0, 100.0)
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
