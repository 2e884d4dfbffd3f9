"""`make bench-context`: what a customer with a long history costs more than one with a short one.

The rich customer has 5 identifiers, 20 touches and 50 interactions, each to any of the identifiers; the plain one has one of each. Both
are asked for in turn, in rounds of 200 of which the quietest counts, on the embedded store and on PostgreSQL (one it starts itself),
among customers like either.

context   `GET /api/v1/context?phone=...`, as any program asks: key, look-up, candidates weighed, one line of time, JSON. The bound: p50 of
          the rich one at most twice that of the plain one, the look-up in one round trip.
store     of that the look-up alone, without a bound: on the embedded store there is nothing to travel over, so it is the price of making 40
          records (a look-up gives 20 of each kind, as a call's does) against that of making two.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ctiroute.model import (
    CallerQuery,
    Customer,
    Identifier,
    Interaction,
    InteractionEvent,
    InteractionStatus,
    Medium,
    OfferTerms,
    Scope,
    Touch,
    TouchStatus,
)
from ctiroute.store import open_store
from ctiroute.store.postgres.link import Link
from tests.integration.web.house import house
from tests.integration.web.test_api import key_of
from tests.real.postgres import psql, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctiroute.model import CallerFacts
    from ctiroute.store.base import Store
    from ctiroute.store.sqlite import SqliteStore

BOUND = 2.0
NOW = datetime.now(UTC).replace(microsecond=0)
RICH, PLAIN = (5, 20, 50), (1, 1, 1)  # identifiers, touches, interactions
LIMIT = 20  # of each kind, as `engine.gather` asks
_PAGE = 500
_ROUND = 200  # look-ups of each sort


@dataclass(slots=True)
class Measured:
    """One store."""

    store: str
    what: str  # "context" or "store"
    plain_us: float  # p50
    rich_us: float
    trips: int  # of one look-up of the rich customer; 0: there is nothing to travel over

    @property
    def ratio(self) -> float:
        """How much more the rich one costs."""
        return self.rich_us / self.plain_us


def main() -> int:
    """Measure, print; exit code 1 when the bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2_000, help="of each sort (default: 2,000)")
    parser.add_argument("--look-ups", type=int, default=4_000, help="of each sort (default: 4,000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with running() as server, tempfile.TemporaryDirectory() as folder:
        psql(server, "CREATE DATABASE context")
        urls = (f"sqlite://{Path(folder) / 'context.db'}", server.url("context"))
        runs = [asyncio.run(_measure(url, Path(folder), options.customers, options.look_ups)) for url in urls]
    found = [each for run in runs for each in run]
    kept = all((each.ratio <= BOUND or each.what != "context") and each.trips <= 1 for each in found)
    if options.json:
        print(json.dumps([asdict(each) | {"ratio": round(each.ratio, 3)} for each in found]))
    else:
        for each in found:
            trips = f"{each.trips} round trip" if each.trips else "in the process"
            times = f"plain {each.plain_us:7.1f} us   rich {each.rich_us:7.1f} us   {each.ratio:.2f} times"
            print(f"{each.what:8} {each.store:11} {times}   {trips}")
        print("the bound of twice for a context is kept" if kept else "the bound of twice for a context is NOT kept")
    return 0 if kept else 1


async def _measure(url: str, folder: Path, customers: int, look_ups: int) -> list[Measured]:
    name = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    async with house(folder, store=cast("SqliteStore", open_store(url))) as here:  # it asks nothing that is SQLite's own
        store: Store = here.store
        await _fill(store, customers)
        trips, client = await _trips(store), here.browser()
        client.headers.update(await key_of(here, Scope.CUSTOMERS_READ))
        for sort in ("plain", "rich"):
            _check(sort, await _look_up(store, sort, 0))
        gc.collect()
        gc.freeze()

        async def context(sort: str, number: int) -> None:
            async with client.get("/api/v1/context", params={"phone": _identifiers(sort, number)[0].value}) as answer:
                if answer.status != HTTPStatus.OK:
                    raise SystemExit(await answer.text())
                await answer.read()

        async def look_up(sort: str, number: int) -> None:
            await _look_up(store, sort, number)

        found = []
        for what, ask in (("context", context), ("store", look_up)):
            taken: dict[str, list[float]] = {"plain": [], "rich": []}
            for number in range(look_ups):
                for sort, times in taken.items():  # in turn, so that whatever else the machine does is done to both
                    started = time.perf_counter_ns()
                    await ask(sort, number % customers)
                    times.append(time.perf_counter_ns() - started)
            plain, rich = map(_quietest, taken.values())
            found.append(Measured(name, what, plain, rich, trips))
        return found


def _quietest(times: list[float]) -> float:
    """Return the p50 in us of the round in which the machine had least else to do."""
    rounds = [times[start : start + _ROUND] for start in range(0, len(times), _ROUND)]
    return round(min(statistics.median(each) for each in rounds) / 1000, 1)


async def _look_up(store: Store, sort: str, number: int) -> CallerFacts:
    ago = timedelta(days=90)
    return await store.find_caller(CallerQuery(_identifiers(sort, number)[0], NOW - ago, NOW - ago, NOW - ago, LIMIT))


async def _trips(store: Store) -> int:
    """Return how many statements a look-up of the rich customer sends: each is a round trip."""
    if store.find_now is not None:
        return 0
    sent: list[str] = []
    run = Link.run

    async def counted(link: Link, name: str, *values: object) -> list[object]:
        sent.append(name)
        return await run(link, name, *values)

    Link.run = counted  # type: ignore[method-assign,assignment]
    try:
        await _look_up(store, "rich", 0)
    finally:
        Link.run = run  # type: ignore[method-assign]
    return len(sent)


def _check(sort: str, facts: CallerFacts) -> None:
    """See to it that the whole is looked up, not a part."""
    identifiers, touches, interactions = RICH if sort == "rich" else PLAIN
    found = len(facts.customers[0].identifiers), len(facts.touches), len(facts.interactions)
    if found != (identifiers, min(touches, LIMIT), min(interactions, LIMIT)):
        raise SystemExit(f"the {sort} customer was found with {found}")


async def _fill(store: Store, customers: int) -> None:
    for start in range(0, customers, _PAGE):
        some = [(sort, number) for number in range(start, min(start + _PAGE, customers)) for sort in ("plain", "rich")]
        await store.put_customers([_customer(*each) for each in some])
        await store.put_touches([touch for each in some for touch in _touches(*each)])
        await store.put_interactions([interaction for each in some for interaction in _interactions(*each)])


def _identifiers(sort: str, number: int) -> tuple[Identifier, ...]:
    phone = Identifier("phone", f"+38067{1 if sort == 'rich' else 2}{number:06d}")
    more = ("email", "telegram", "visitor", "loyalty-card")
    return (phone, *(Identifier(kind, f"{kind}-{number}@example.com") for kind in more)) if sort == "rich" else (phone,)


def _customer(sort: str, number: int) -> Customer:
    return Customer(f"{sort}-{number}", "Olena Koval", "uk", {"segment": "vip", "city": "Kyiv"}, _identifiers(sort, number))


def _touches(sort: str, number: int) -> Iterator[Touch]:
    identifiers = _identifiers(sort, number)
    terms = OfferTerms("Autumn instalments", "Come in and see", "0 %, 24 months", {"amount": "50000"})
    for place in range((RICH if sort == "rich" else PLAIN)[1]):
        to, sent_at = identifiers[place % len(identifiers)], NOW - timedelta(hours=place + 1)
        yield Touch(f"{sort}-{number}-{place}", "autumn", "Autumn", Medium.SMS, to, sent_at, TouchStatus.DELIVERED, terms, sent_at)


def _interactions(sort: str, number: int) -> Iterator[Interaction]:
    identifiers, customer_id = _identifiers(sort, number), f"{sort}-{number}"
    for place in range((RICH if sort == "rich" else PLAIN)[2]):
        at = NOW - timedelta(hours=place + 1)
        status = InteractionStatus.OPEN if place < 3 else InteractionStatus.CLOSED
        events = (InteractionEvent(at, "message", "Good day, I would like to know more"),)
        names = f"{sort}-{number}-{place}", customer_id if place % 2 == 0 else None
        yield Interaction(
            *names,
            Medium.CHAT,
            "credit",
            "Credit",
            status,
            at,
            at,
            None,
            "",
            {"amount": "50000"},
            events,
            identifiers[place % len(identifiers)],
        )


if __name__ == "__main__":
    sys.exit(main())
