"""Whatever is in the store, and whatever is asked: the copy says what the store says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ctiroute.model import (
    CallerQuery,
    Campaign,
    Customer,
    Identifier,
    IdentifierKind,
    Medium,
)
from ctiroute.store import open_store
from ctiroute.store.redis import HotCopy, open_link
from tests.integration.history import keep_history
from tests.integration.redis.truth import RNG, Reach, Truth, phone, relay_of, utc_now

if TYPE_CHECKING:
    from tests.real.redis import RealRedis

POOL = (phone(1), phone(2), phone(3), Identifier(IdentifierKind.EMAIL, "a@example.com"), Identifier(IdentifierKind.TELEGRAM, "777"))
NOBODY = phone(99)
MINUTES = 8 * 24 * 60  # of history; the rules look back five days

some_identifiers = st.lists(st.sampled_from(POOL), min_size=1, max_size=3, unique=True).map(tuple)
customers = st.lists(some_identifiers, max_size=4).map(
    lambda keys: [Customer(f"C-{number}", f"Name {number}", "uk", {"segment": "vip"}, each) for number, each in enumerate(keys)]
)
minutes = st.integers(1, MINUTES)
history = st.lists(
    st.tuples(minutes, st.sampled_from(["touch", "touch", "interaction", "call"]), st.sampled_from(POOL), st.integers(0, 5), st.booleans()),
    max_size=70,
    unique_by=lambda it: it[0],  # of two things of the same moment either may come first
)
queries = st.lists(
    st.tuples(
        st.sampled_from([*POOL, NOBODY]), st.integers(0, MINUTES), st.integers(0, MINUTES), st.integers(0, MINUTES), st.integers(1, 20)
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking a population would take minutes
)
@given(customers=customers, history=history, asked=queries)
def test_the_copy_answers_as_the_store_does(
    redis_server: RealRedis, customers: list[Customer], history: list[Any], asked: list[Any]
) -> None:
    """Customers who share numbers, other identifiers, windows and limits of any kind, nobody at all."""
    asyncio.run(_compare(redis_server, customers, history, asked))


async def _compare(server: RealRedis, customers: list[Customer], history: list[Any], asked: list[Any]) -> None:
    await server.ask("FLUSHALL")
    now = utc_now()
    link = open_link(server.url, "test", RNG)
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite://{folder}/ctiroute.db")
        await store.open()
        try:
            await store.put_campaigns([Campaign("c", "Title", Medium.SMS)])
            await store.put_customers(customers)
            await keep_history(store, customers, history, now)
            copy = HotCopy(link, link, utc_now)
            truth = Truth(store, set(POOL))
            relay, _ = relay_of(copy, truth)
            await relay.watch()
            await relay.fill()
            for identifier, touches, calls, interactions, limit in asked:
                age = [min(timedelta(minutes=each), timedelta(days=5) - timedelta(minutes=1)) for each in (touches, calls, interactions)]
                query = CallerQuery(identifier, now - age[0], now - age[1], now - age[2], limit)
                assert replace(await copy.find_caller(query), read_at=None) == await store.find_caller(query)
        finally:
            await store.close()
            await link.close()


def test_the_reach_of_these_tests_is_five_days() -> None:
    """The queries above stay within it."""
    assert Reach().touches == timedelta(days=5)
