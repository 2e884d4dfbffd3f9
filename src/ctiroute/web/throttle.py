"""How often somebody may try: token buckets for sign-ins and for a browser's messages. Pure: `now` is an argument, in seconds.

Knows neither HTTP nor passwords. Sign-ins are counted by user and by address; an address from which the user has signed in
before has a budget of its own, so that a stranger who guesses at somebody's name cannot lock that person out.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")

MAX_KEYS = 10_000  # remembered users and addresses; the longest untouched is forgotten first


@dataclass(slots=True)
class Bucket:
    """A budget that refills evenly."""

    burst: float  # tokens of a full bucket
    refill_s: float  # seconds until one token is back
    tokens: float
    at: float  # when `tokens` was right

    @classmethod
    def full(cls, burst: float, refill_s: float, now: float) -> Bucket:
        """Return a bucket nothing was taken from."""
        return cls(burst, refill_s, burst, now)

    def wait_s(self, now: float) -> float:
        """Return the seconds until a token is there; 0.0: one is."""
        self._refill(now)
        return max(0.0, (1.0 - self.tokens) * self.refill_s)

    def take(self, now: float) -> bool:
        """Take one token; False when there is none."""
        self._refill(now)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def _refill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.at) / self.refill_s)
        self.at = now


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """Failures allowed at once, and how long one failure weighs."""

    user_burst: float = 5
    user_refill_s: float = 30.0
    address_burst: float = 50  # a whole office signs in from one address
    address_refill_s: float = 5.0


class SignInThrottle:
    """Counts failed sign-ins. A failure is charged before the password is looked at, and given back when it was right."""

    def __init__(self, limits: SignInLimits | None = None) -> None:
        self._limits = limits or SignInLimits()
        self._buckets: OrderedDict[tuple[str, ...], Bucket] = OrderedDict()
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    def attempt(self, user: str, address: str, now: float) -> float:
        """Charge one try to both; returns 0.0, or the seconds to wait when the try is refused (then nothing is charged)."""
        buckets = self._of(user, address, now)
        wait_s = max(bucket.wait_s(now) for bucket in buckets)
        if wait_s == 0.0:
            for bucket in buckets:
                bucket.take(now)
        return wait_s

    def succeeded(self, user: str, address: str, now: float) -> None:
        """Give back what the right password was charged, and know this user at this address from now on."""
        for bucket in self._of(user, address, now):
            bucket.tokens = min(bucket.burst, bucket.tokens + 1.0)
        _remember(self._familiar, (user, network_of(address)), None)

    def _of(self, user: str, address: str, now: float) -> tuple[Bucket, Bucket]:
        network = network_of(address)
        limits = self._limits
        by_user = ("user", user, network) if (user, network) in self._familiar else ("user", user)
        return (
            self._bucket(by_user, limits.user_burst, limits.user_refill_s, now),
            self._bucket(("address", network), limits.address_burst, limits.address_refill_s, now),
        )

    def _bucket(self, key: tuple[str, ...], burst: float, refill_s: float, now: float) -> Bucket:
        bucket = self._buckets.get(key) or Bucket.full(burst, refill_s, now)
        _remember(self._buckets, key, bucket)
        return bucket


def network_of(address: str) -> str:
    """Return what an address is counted as: itself, or its /64, which one IPv6 subscriber owns whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_KEYS:
        kept.popitem(last=False)
